"""The numbers of finders, and which of them are compiled in."""

from __future__ import annotations

from collections.abc import Iterable

AMD_CODE, RELOCATIONS, SYMBOLS, POINTERS, FRAMES, SEARCH_TABLE, JUMP_TABLES = range(1, 8)
GO_FUNCTIONS, GO_TYPES, WASM_CODE, WASM_TABLES, WASM_WORDS, ARM_CODE = range(8, 14)
PE_CODE, PE_FUNCTIONS, PE_POINTERS = range(14, 17)
MACHO_AMD_CODE, MACHO_ARM_CODE, MACHO_POINTERS, MACHO_SYMBOLS = range(17, 21)
MACHO_FRAMES, MACHO_FUNCTIONS, MACHO_NAMES = range(21, 24)
WASM_LOCALS, GO_INLINED, GO_TYPE_NAMES, AMD_FIXED, NAMES = range(24, 29)
# What finds in the images of a universal file what finders from MACHO_AMD_CODE on find in one.
FAT_AMD_CODE, FAT_ARM_CODE, FAT_POINTERS, FAT_SYMBOLS = range(29, 33)
FAT_FRAMES, FAT_FUNCTIONS, FAT_NAMES = range(33, 36)
IN_IMAGES = FAT_AMD_CODE - MACHO_AMD_CODE
I386_CODE, I386_GOT, I386_TABLES, PE_LISTED = range(36, 40)
ARM32_CODE, ARM32_POOLS, ARM32_UNWIND, RISCV_CODE = range(40, 44)
CLR_TABLES, CLR_CODE = 46, 47
GO_TABLE, GO_UNITS, GO_INLINED_BEHIND, GO_IMAGE_TYPES = range(49, 53)
CALL_SITES, TYPES, OBJECT_RELOCATIONS, OBJECT_SYMBOLS, PE_UNWINDING = range(53, 58)
DWARF_ENTRIES, DWARF_LOCATIONS, DWARF_RANGES = range(58, 61)
DATABASE, DATABASE_CELLS, DWARF_LINES = range(61, 64)
LAST_FINDER = DWARF_LINES

# Sets of finders: a bit for each. CHOSEN are those that are compiled in; a decoder for one plan has
# those of the plan alone.
CHOSEN = -1
MODULES = 1 << WASM_CODE | 1 << WASM_TABLES | 1 << WASM_WORDS | 1 << WASM_LOCALS
GO = 1 << GO_TABLE | 1 << GO_UNITS | 1 << GO_INLINED_BEHIND | 1 << GO_IMAGE_TYPES
WINDOWS = (
    1 << PE_CODE | 1 << PE_FUNCTIONS | 1 << PE_POINTERS | 1 << I386_CODE | 1 << PE_LISTED
    | 1 << PE_UNWINDING | GO
)  # fmt: skip
_OF_MACHO = (
    1 << MACHO_AMD_CODE | 1 << MACHO_ARM_CODE | 1 << MACHO_POINTERS | 1 << MACHO_SYMBOLS
    | 1 << MACHO_FRAMES | 1 << MACHO_FUNCTIONS | 1 << MACHO_NAMES
)  # fmt: skip
MACHO, FAT = _OF_MACHO | GO, _OF_MACHO << IN_IMAGES
CLR = 1 << CLR_TABLES | 1 << CLR_CODE
_LINES = -(1 << DWARF_LINES)  # the highest bit of a number of 64 bits
DWARF = 1 << DWARF_ENTRIES | 1 << DWARF_LOCATIONS | 1 << DWARF_RANGES | _LINES
ROWS = 1 << DATABASE | 1 << DATABASE_CELLS
OBJECTS = 1 << OBJECT_RELOCATIONS | 1 << OBJECT_SYMBOLS
KNOWN_FINDERS = (1 << RISCV_CODE + 1) - 2 | CLR | -(1 << GO_TABLE)
IN_CODE = (
    AMD_CODE, ARM_CODE, JUMP_TABLES, AMD_FIXED, I386_CODE, I386_GOT, I386_TABLES, RISCV_CODE,
    ARM32_CODE, ARM32_POOLS, ARM32_UNWIND,
)  # fmt: skip
OF_TABLE = (GO_TABLE, GO_UNITS, GO_INLINED_BEHIND)


def chosen_for(finders: Iterable[int]) -> int:
    """The value of CHOSEN for a decoder that has these finders."""
    chosen = sum(_LINES if finder == DWARF_LINES else 1 << finder for finder in finders)
    return chosen | (chosen & FAT) >> IN_IMAGES


def are_short(finders: Iterable[int]) -> bool:
    """Whether rows may be records where these finders run: others change rows, or count them."""
    chosen = chosen_for(finders)
    return chosen & (FAT | OBJECTS | 1 << I386_TABLES) == 0

"""What a decoder calls: the sites of a blob (spec/iprog-finders.md)."""

from __future__ import annotations

from collections.abc import Iterable

from pcpu.iprog.finders.aarch64 import KNOWN, arm_sites
from pcpu.iprog.finders.archive import in_archive, is_archive
from pcpu.iprog.finders.arm32 import arm32_sites
from pcpu.iprog.finders.arm32_pools import arm32_pools
from pcpu.iprog.finders.arm_exidx import exidx_sites
from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.btf import btf
from pcpu.iprog.finders.call_sites import call_sites
from pcpu.iprog.finders.clr import CLR, read_clr
from pcpu.iprog.finders.clr_sites import clr_code, clr_tables
from pcpu.iprog.finders.dwarf import dwarf, dwarf_room
from pcpu.iprog.finders.eh_frame import common_room, frames, search_table
from pcpu.iprog.finders.elf import AARCH64, ARM32, ELF, I386, RISCV, X86_64, machine_of, read_elf
from pcpu.iprog.finders.elf_data import pointers, relocations, symbols
from pcpu.iprog.finders.elf_names import names
from pcpu.iprog.finders.elf_objects import object_relocations, object_symbols
from pcpu.iprog.finders.fat import IMAGES, displace, fat_room, image_in, is_fat, read_part
from pcpu.iprog.finders.go import function_table, types
from pcpu.iprog.finders.go_data import inlined, type_names
from pcpu.iprog.finders.go_images import (
    elf_table,
    macho_table,
    macho_types,
    pe_table,
    pe_types,
    table_functions,
    table_inlined,
    table_units,
)  # fmt: skip
from pcpu.iprog.finders.jump_tables import jump_tables, read_tables, tables_room
from pcpu.iprog.finders.macho import (
    AMD64,
    ARM64,
    macho_amd_code,
    macho_arm_code,
    macho_frames,
    macho_functions,
    macho_names,
    macho_pointers,
    macho_room,
    macho_symbols,
    read_macho,
)  # fmt: skip
from pcpu.iprog.finders.macho import machine_of as macho_machine
from pcpu.iprog.finders.pe import (
    is_wide,
    pe_code,
    pe_functions,
    pe_pointers,
    pe_relocations,
    read_pe,
)  # fmt: skip
from pcpu.iprog.finders.pe_unwinding import pe_unwinding
from pcpu.iprog.finders.riscv import riscv_sites
from pcpu.iprog.finders.rows import tag
from pcpu.iprog.finders.sort import NUMBERS
from pcpu.iprog.finders.sqlite import database, has_rows, owners_room
from pcpu.iprog.finders.wasm import CODE, LOCALS, TABLES, WORDS, find_in_module, is_module
from pcpu.iprog.finders.x86_64 import amd_sites
from pcpu.iprog.finders.x86_absolute import fixed_sites
from pcpu.iprog.finders.x86_got import got_of, got_sites
from pcpu.iprog.sites import OTHER_IMAGE

AMD_CODE, RELOCATIONS, SYMBOLS, POINTERS, FRAMES, SEARCH_TABLE, JUMP_TABLES = range(1, 8)
BYTES_A_SITE = 4  # at least, or nothing is found
GO_FUNCTIONS, GO_TYPES, ARM_CODE = 8, 9, 13
WASM_CODE, WASM_TABLES, WASM_WORDS, WASM_LOCALS = CODE, TABLES, WORDS, LOCALS
PE_CODE, PE_FUNCTIONS, PE_POINTERS = range(14, 17)
MACHO_AMD_CODE, MACHO_ARM_CODE, MACHO_POINTERS, MACHO_SYMBOLS = range(17, 21)
MACHO_FRAMES, MACHO_FUNCTIONS, MACHO_NAMES = range(21, 24)
GO_INLINED, GO_TYPE_NAMES, AMD_FIXED, NAMES = range(25, 29)
# What finds in the images of a universal file what finders from MACHO_AMD_CODE on find in one.
FAT_AMD_CODE, FAT_ARM_CODE, FAT_POINTERS, FAT_SYMBOLS = range(29, 33)
FAT_FRAMES, FAT_FUNCTIONS, FAT_NAMES = range(33, 36)
I386_CODE, I386_GOT, I386_TABLES, PE_LISTED = range(36, 40)
ARM32_CODE, ARM32_POOLS, ARM32_UNWIND, RISCV_CODE = range(40, 44)
_IN_IMAGES = FAT_AMD_CODE - MACHO_AMD_CODE
GO_TABLE, GO_UNITS, GO_INLINED_BEHIND, GO_IMAGE_TYPES = range(49, 53)
CALL_SITES = 53
CLR_TABLES, CLR_CODE = 46, 47
TYPES, OBJECT_RELOCATIONS, OBJECT_SYMBOLS = 54, 55, 56
PE_UNWINDING = 57
DWARF_ENTRIES, DWARF_LOCATIONS, DWARF_RANGES = 58, 59, 60
DATABASE, DATABASE_CELLS, DWARF_LINES = 61, 62, 63
LAST_FINDER = DWARF_LINES

# A bit for each finder that is compiled in. A decoder for one plan has those of the plan alone.
CHOSEN = -1
TAGS = 1  # 0 leaves out who found a site, which decoders do not ask for
_MODULES = 1 << WASM_CODE | 1 << WASM_TABLES | 1 << WASM_WORDS | 1 << WASM_LOCALS
_GO = 1 << GO_TABLE | 1 << GO_UNITS | 1 << GO_INLINED_BEHIND | 1 << GO_IMAGE_TYPES
_WINDOWS = (
    1 << PE_CODE | 1 << PE_FUNCTIONS | 1 << PE_POINTERS | 1 << I386_CODE | 1 << PE_LISTED
    | 1 << PE_UNWINDING | _GO
)  # fmt: skip
_MACHO = sum(1 << finder for finder in range(MACHO_AMD_CODE, MACHO_NAMES + 1))
_FAT = _MACHO << _IN_IMAGES
_MACHO |= _GO
_CLR = 1 << CLR_TABLES | 1 << CLR_CODE
_LINES = -(1 << DWARF_LINES)  # the highest bit of a number of 64 bits
_DWARF = 1 << DWARF_ENTRIES | 1 << DWARF_LOCATIONS | 1 << DWARF_RANGES | _LINES
_ROWS = 1 << DATABASE | 1 << DATABASE_CELLS
_OBJECTS = 1 << OBJECT_RELOCATIONS | 1 << OBJECT_SYMBOLS
# A bit for each.
KNOWN_FINDERS = (1 << RISCV_CODE + 1) - 2 | _CLR | -(1 << GO_TABLE)
_IN_CODE = (
    AMD_CODE, ARM_CODE, JUMP_TABLES, AMD_FIXED, I386_CODE, I386_GOT, I386_TABLES, RISCV_CODE,
    ARM32_CODE, ARM32_POOLS, ARM32_UNWIND,
)  # fmt: skip
_OF_TABLE = (GO_TABLE, GO_UNITS, GO_INLINED_BEHIND)


def chosen_for(finders: Iterable[int]) -> int:
    """The value of CHOSEN for a decoder that has these finders."""
    chosen = sum(_LINES if finder == DWARF_LINES else 1 << finder for finder in finders)
    return chosen | (chosen & _FAT) >> _IN_IMAGES


def are_short(finders: Iterable[int]) -> bool:
    """Whether rows may be records where these finders run: others change rows, or count them."""
    chosen = chosen_for(finders)
    return chosen & (_FAT | _OBJECTS | 1 << I386_TABLES) == 0


def find_room(b: Bytes) -> int:
    """How many numbers ``find_sites`` needs as ``scratch``."""
    common = common_room(b)
    if CHOSEN & _MACHO != 0:
        common = max(common, macho_room(b))
    if CHOSEN & _FAT != 0:
        common = max(common, fat_room(b))
    if CHOSEN & _CLR != 0:
        common = max(common, CLR)
    if CHOSEN & _DWARF != 0:
        common = max(common, dwarf_room(b))
    if CHOSEN & _ROWS != 0:
        common = max(common, owners_room(b))
    return ELF + max(KNOWN, common) + tables_room(b)


def find_sites(b: Bytes, finders: Ints, rows: Ints, room: int, scratch: Ints) -> int:
    """Write the sites that finders find, in their order, to rows, of which there are ``room``; how
    many sites there are. Their forms have the finders' numbers too (TAG)."""
    elf = scratch[0:ELF]
    loaded = read_elf(b, elf)
    module = loaded == 0 and is_module(b)
    windows = CHOSEN & _WINDOWS != 0 and loaded == 0 and read_pe(b, elf) > 0
    mac = CHOSEN & _MACHO != 0 and loaded == 0 and not windows and read_macho(b, elf) > 0
    fat = CHOSEN & _FAT != 0 and loaded == 0 and not windows and not mac and is_fat(b)
    clr = scratch[ELF : ELF + (CLR if CHOSEN & _CLR != 0 else 0)]
    assembly = CHOSEN & _CLR != 0 and loaded == 0 and not mac and not fat and read_clr(b, clr)
    rows_of = CHOSEN & _ROWS != 0 and loaded == 0 and has_rows(b)
    archive = CHOSEN & _OBJECTS != 0 and loaded == 0 and is_archive(b)
    known = module or windows or mac or fat or assembly or rows_of or archive
    if loaded == 0 and not known:
        return 0
    tables = scratch[len(scratch) - tables_room(b) : len(scratch)]
    tables[0] = 0
    if loaded > 0 and (
        (machine_of(b) == X86_64 and _wants(finders, JUMP_TABLES))
        or (machine_of(b) == I386 and _wants(finders, I386_TABLES))
    ):
        read_tables(b, elf, tables)
    count = 0
    for n in range(len(finders)):
        first = count
        if CHOSEN & _DWARF != 0 and _DWARF >> finders[n] & 1 != 0:
            if module or (loaded > 0 and machine_of(b) != 0):
                about, what = scratch[ELF : len(scratch)], finders[n] - DWARF_ENTRIES
                count = dwarf(b, elf, about, what, rows, room, count)
        elif CHOSEN & _MODULES != 0 and module:
            count = find_in_module(b, finders[n], rows, room, count)
        elif CHOSEN & _CLR != 0 and assembly and finders[n] in (CLR_TABLES, CLR_CODE):
            count = _in_assembly(b, clr, finders[n], rows, room, count)
        elif CHOSEN & _WINDOWS != 0 and windows:
            count = _in_windows(b, elf, finders[n], scratch, tables, rows, room, count)
        elif CHOSEN & _MACHO != 0 and mac:
            count = _in_macho(b, elf, finders[n], scratch, tables, rows, room, count)
        elif CHOSEN & _FAT != 0 and fat:
            count = _in_images(b, elf, finders[n], scratch, tables, rows, room, count)
        elif CHOSEN & _ROWS != 0 and rows_of:
            if finders[n] in (DATABASE, DATABASE_CELLS):
                about, cells = scratch[ELF : len(scratch)], finders[n] == DATABASE_CELLS
                count = database(b, about, cells, rows, room, count)
        elif CHOSEN & _OBJECTS != 0 and archive:
            count = in_archive(b, elf, finders[n] - OBJECT_RELOCATIONS, rows, room, count)
        elif finders[n] in _IN_CODE:
            count = _in_code(b, elf, finders, n, scratch, tables, rows, room, count)
        elif machine_of(b) != 0:
            count = _in_data(b, elf, finders[n], scratch, rows, room, count)
        if TAGS:
            tag(rows, first, min(count, room), finders[n])
    # Where rows are records a site has up to two: who keeps them counts the sites.
    return count if count <= len(b) // BYTES_A_SITE * (4 // NUMBERS) else 0


def _in_code(
    b: Bytes, elf: Ints, finders: Ints, n: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What finder ``n`` finds in the code of an image, or in tables that are for code."""
    machine = machine_of(b)
    if machine == AARCH64 and _is(finders[n], ARM_CODE):
        count = arm_sites(b, elf, scratch[ELF : ELF + KNOWN], rows, room, count)
    elif machine == RISCV and _is(finders[n], RISCV_CODE):
        count = riscv_sites(b, elf, rows, room, count)
    elif machine == X86_64 and _is(finders[n], AMD_CODE):
        count = amd_sites(b, elf, tables, rows, room, count)
    elif machine == X86_64 and _is(finders[n], AMD_FIXED):
        count = fixed_sites(b, elf, rows, room, count)
    elif machine == X86_64 and _is(finders[n], JUMP_TABLES):
        if not _wants(finders[0:n], AMD_CODE):
            amd_sites(b, elf, tables, rows, 0, 0)  # for the marks that it leaves
        count = jump_tables(b, elf, 0, tables, rows, room, count)
    elif machine == ARM32:
        count = _in_arm32(b, elf, finders[n], scratch, rows, room, count)
    elif machine == I386:
        count = _in_x86_code(b, elf, finders, n, tables, rows, room, count)
    return count


def _in_arm32(
    b: Bytes, elf: Ints, finder: int, scratch: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The same of an image for 32-bit ARM."""
    if _is(finder, ARM32_CODE):
        count = arm32_sites(b, elf, rows, room, count)
    elif _is(finder, ARM32_POOLS):
        count = arm32_pools(b, elf, scratch[ELF : ELF + KNOWN], rows, room, count)
    elif _is(finder, ARM32_UNWIND):
        count = exidx_sites(b, elf, rows, room, count)
    return count


def _in_x86_code(
    b: Bytes, elf: Ints, finders: Ints, n: int, tables: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The same of an image for x86."""
    if _is(finders[n], I386_CODE):
        count = amd_sites(b, elf, tables, rows, room, count)
    elif _is(finders[n], AMD_FIXED):
        count = fixed_sites(b, elf, rows, room, count)
    elif _is(finders[n], I386_GOT):
        count = got_sites(b, elf, tables, rows, room, count)
    elif _is(finders[n], I386_TABLES) and got_of(b) > 0:
        if not _wants(finders[0:n], I386_GOT):
            got_sites(b, elf, tables, rows, 0, 0)  # for the marks that it leaves
        count = jump_tables(b, elf, got_of(b), tables, rows, room, count)
    return count


def _in_windows(
    b: Bytes, image: Ints, finder: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in a PE image."""
    if (_is(finder, PE_CODE) and is_wide(b)) or (_is(finder, I386_CODE) and not is_wide(b)):
        count = pe_code(b, image, scratch[ELF : ELF + KNOWN], tables, rows, room, count)
    elif _is(finder, PE_FUNCTIONS):
        count = pe_functions(b, image, rows, room, count)
    elif _is(finder, PE_UNWINDING):
        count = pe_unwinding(b, image, rows, room, count)
    elif _is(finder, PE_POINTERS):
        count = pe_pointers(b, image, rows, room, count)
    elif _is(finder, PE_LISTED):
        count = pe_relocations(b, image, rows, room, count)
    elif _is(finder, GO_IMAGE_TYPES):
        count = pe_types(b, image, rows, room, count)
    elif CHOSEN & _GO != 0 and finder in _OF_TABLE:
        p, stop, address = pe_table(b, image)
        count = _in_go_table(b, image, finder, p, stop, address, rows, room, count)
    return count


def _in_assembly(
    b: Bytes, clr: Ints, finder: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """What a finder finds in an assembly."""
    if _is(finder, CLR_TABLES):
        count = clr_tables(b, clr, rows, room, count)
    elif _is(finder, CLR_CODE):
        count = clr_code(b, clr, rows, room, count)
    return count


def _in_macho(
    b: Bytes, image: Ints, finder: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in a Mach-O image."""
    machine = macho_machine(b)
    if machine == AMD64 and _is(finder, MACHO_AMD_CODE):
        count = macho_amd_code(b, image, tables, rows, room, count)
    elif machine == ARM64 and _is(finder, MACHO_ARM_CODE):
        count = macho_arm_code(b, image, scratch[ELF : ELF + KNOWN], rows, room, count)
    elif _is(finder, MACHO_POINTERS):
        count = macho_pointers(b, image, rows, room, count)
    elif _is(finder, MACHO_SYMBOLS):
        count = macho_symbols(b, image, rows, room, count)
    elif _is(finder, MACHO_FRAMES):
        count = macho_frames(b, scratch[ELF : len(scratch)], rows, room, count)
    elif _is(finder, MACHO_FUNCTIONS):
        count = macho_functions(b, image, rows, room, count)
    elif _is(finder, MACHO_NAMES):
        count = macho_names(b, image, rows, room, count)
    elif _is(finder, GO_IMAGE_TYPES):
        count = macho_types(b, image, rows, room, count)
    elif CHOSEN & _GO != 0 and finder in _OF_TABLE:
        p, stop, address = macho_table(b)
        count = _in_go_table(b, image, finder, p, stop, address, rows, room, count)
    return count


def _in_images(
    b: Bytes, image: Ints, finder: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in the images of a universal file."""
    if not FAT_AMD_CODE <= finder <= FAT_NAMES:
        return count
    for n in range(IMAGES):
        start, stop = image_in(b, n)
        part, first = b[start:stop], count
        if read_part(part, n, image):
            count = _in_macho(
                part, image, finder - _IN_IMAGES, scratch, tables, rows, room, count
            )  # fmt: skip
            displace(rows, min(first, room), min(count, room), start, n * OTHER_IMAGE)
    return count


def _in_data(
    b: Bytes, elf: Ints, finder: int, scratch: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """What a finder finds in the tables of an image."""
    if _is(finder, RELOCATIONS):
        count = relocations(b, elf, rows, room, count)
    elif _is(finder, SYMBOLS):
        count = symbols(b, elf, rows, room, count)
    elif _is(finder, POINTERS):
        count = pointers(b, elf, rows, room, count)
    elif _is(finder, FRAMES):
        count = frames(b, scratch[ELF : len(scratch)], rows, room, count)
    elif _is(finder, SEARCH_TABLE):
        count = search_table(b, rows, room, count)
    elif _is(finder, GO_FUNCTIONS):
        count = function_table(b, rows, room, count)
    elif _is(finder, GO_TYPES):
        count = types(b, elf, rows, room, count)
    elif _is(finder, NAMES):
        count = names(b, elf, rows, room, count)
    elif _is(finder, TYPES):
        count = btf(b, rows, room, count)
    elif _is(finder, OBJECT_RELOCATIONS):
        count = object_relocations(b, elf, rows, room, count)
    elif _is(finder, OBJECT_SYMBOLS):
        count = object_symbols(b, elf, rows, room, count)
    elif _is(finder, GO_INLINED):
        count = inlined(b, rows, room, count)
    elif _is(finder, CALL_SITES):
        count = call_sites(b, rows, room, count)
    elif _is(finder, GO_TYPE_NAMES):
        count = type_names(b, rows, room, count)
    elif CHOSEN & _GO != 0 and finder in (GO_UNITS, GO_INLINED_BEHIND):
        p, stop, address = elf_table(b)
        count = _in_go_table(b, elf, finder, p, stop, address, rows, room, count)
    return count


def _in_go_table(
    b: Bytes, image: Ints, finder: int, p: int, stop: int, address: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in Go's table of functions, or behind it."""
    if _is(finder, GO_TABLE):
        count = table_functions(b, image, p, stop, address, rows, room, count)
    elif _is(finder, GO_UNITS):
        count = table_units(b, p, stop, rows, room, count)
    elif _is(finder, GO_INLINED_BEHIND):
        count = table_inlined(b, p, stop, address, rows, room, count)
    return count


def _is(finder: int, number: int) -> bool:
    """Whether a finder has this number, one of those that are compiled in."""
    return CHOSEN >> number & 1 != 0 and finder == number


def _wants(finders: Ints, finder: int) -> bool:
    n = 0
    while n < len(finders) and finders[n] != finder:
        n += 1
    return n < len(finders)

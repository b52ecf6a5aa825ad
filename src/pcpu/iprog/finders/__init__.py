"""Finders of sites, each with a number that plans name it by (spec/iprog-finders.md).

read_image(blob) -> Image; FINDERS: number -> Finder; find_sites(blob, numbers) -> Sites

Finders are kernels (pcpu.kernel): the same are compiled into decoders and for this machine. They
take arrays of bytes and of numbers, and neither allocate nor fail. ``find.find_sites`` is the one
that decoders call, and ``rows.sort_sites`` the one that follows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog.finders import find, rows
from pcpu.iprog.finders import numbered as N
from pcpu.iprog.finders.image import (
    AMD,
    ARCHIVE,
    ARM,
    ARM32,
    CATALOG,
    CLR,
    FAT,
    I386,
    MACHO_AMD,
    MACHO_ARM,
    PE,
    PE_ARM,
    PE_I386,
    RISCV,
    SQLITE,
    WASM,
    WIDE_ELF,
    Image,
    octets,
    read_image,
)  # fmt: skip
from pcpu.iprog.finders.sort import NUMBERS, sort_room
from pcpu.iprog.memory import Room
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Sites, narrow_type

__all__ = ["FINDERS", "Finder", "Image", "find_sites", "read_image"]


@dataclass(frozen=True)
class Finder:
    """It finds something in images of one of ``kinds``."""

    number: int
    name: str
    doc: str
    kinds: tuple[str, ...]


_PIECE = 1 << 12  # rows that become columns at a time
_FORMS = (1 << rows.TAG) - 1
_ELF = (AMD, ARM, ARM32, I386, RISCV, WIDE_ELF)
_WIDE = (AMD, ARM, RISCV, WIDE_ELF)  # of 64 bits
_OBJECTS = (*_WIDE, ARCHIVE)
_DWARF = (*_ELF, WASM)
_WIDE_PE = (PE, PE_ARM)
_PE = (*_WIDE_PE, PE_I386)
_MACHO = (MACHO_AMD, MACHO_ARM)
_FAT = (FAT,)
_TABLES = (SQLITE, CATALOG)
_GO_IMAGES = (*_MACHO, *_PE)

# In the order in which they run, which decides where sites overlap.
FINDERS: Mapping[int, Finder] = MappingProxyType({
    finder.number: finder
    for finder in (
        Finder(N.AMD_CODE, "x86-64-code", "calls, jumps and operands", (AMD,)),
        Finder(N.OBJECT_RELOCATIONS, "object-places", "relocations of objects", _OBJECTS),
        Finder(N.OBJECT_SYMBOLS, "object-symbols", "symbols of objects", _OBJECTS),
        Finder(N.RELOCATIONS, "elf-relocations", "relocations with addends", _ELF),
        Finder(N.SYMBOLS, "elf-symbols", "values of symbols", _ELF),
        Finder(N.POINTERS, "elf-pointers", "words of data that are addresses", _ELF),
        Finder(N.FRAMES, "eh-frame", "unwinding: functions and records", _ELF),
        Finder(N.SEARCH_TABLE, "eh-frame-hdr", "unwinding: the search table", _ELF),
        Finder(N.JUMP_TABLES, "x86-64-tables", "jump tables", (AMD,)),
        Finder(N.GO_FUNCTIONS, "go-functions", "Go: the table of functions", _ELF),
        Finder(N.GO_TYPES, "go-types", "Go: methods and links of types", _ELF),
        Finder(N.GO_INLINED, "go-inlined", "Go: names of functions that were inlined", _ELF),
        Finder(N.GO_TYPE_NAMES, "go-type-names", "Go: names and methods of types", _ELF),
        Finder(N.AMD_FIXED, "x86-fixed", "addresses in code at a fixed place", (AMD, I386)),
        Finder(N.NAMES, "elf-names", "where names are, and numbers of symbols", _ELF),
        Finder(N.TYPES, "btf", "BTF: types and places of names", _ELF),
        Finder(N.WASM_CODE, "wasm-code", "what instructions name", (WASM,)),
        Finder(N.WASM_TABLES, "wasm-tables", "functions and types that tables name", (WASM,)),
        Finder(N.ARM_CODE, "aarch64-code", "branches and pages", (ARM,)),
        Finder(N.WASM_WORDS, "wasm-words", "words of data that are addresses", (WASM,)),
        Finder(N.WASM_LOCALS, "wasm-locals", "local variables", (WASM,)),
        Finder(N.ARM32_CODE, "arm32-code", "calls and jumps", (ARM32,)),
        Finder(N.ARM32_POOLS, "arm32-pools", "words among instructions", (ARM32,)),
        Finder(N.ARM32_UNWIND, "arm32-unwind", "unwinding: functions and records", (ARM32,)),
        Finder(N.RISCV_CODE, "riscv64-code", "jumps and parts of distances", (RISCV,)),
        Finder(N.PE_CODE, "pe-code", "calls, jumps and operands", _WIDE_PE),
        Finder(N.PE_FUNCTIONS, "pe-functions", "unwinding: functions", _WIDE_PE),
        Finder(N.PE_UNWINDING, "pe-unwinding", "unwinding: what it goes by", _WIDE_PE),
        Finder(N.PE_POINTERS, "pe-pointers", "words of data that are addresses", _PE),
        Finder(N.PE_LISTED, "pe-relocations", "places that relocations name", _PE),
        Finder(N.I386_CODE, "x86-code", "calls and jumps", (I386, PE_I386)),
        Finder(N.I386_GOT, "x86-got", "operands that count from the offset table", (I386,)),
        Finder(N.I386_TABLES, "x86-tables", "jump tables", (I386,)),
        Finder(N.GO_TABLE, "go-table", "Go: the table of functions", _GO_IMAGES),
        Finder(N.GO_UNITS, "go-units", "Go: files of functions", (*_ELF, *_GO_IMAGES)),
        Finder(
            N.GO_INLINED_BEHIND, "go-inlined-behind", "Go: names of functions, inlined",
            (*_ELF, *_GO_IMAGES),
        ),
        Finder(N.CALL_SITES, "call-sites", "unwinding: call sites", _ELF),
        Finder(N.DWARF_ENTRIES, "dwarf-entries", "debugging: entries and strings", _DWARF),
        Finder(N.DWARF_LOCATIONS, "dwarf-locations", "debugging: where values are", _DWARF),
        Finder(N.DWARF_RANGES, "dwarf-ranges", "debugging: what is where", _DWARF),
        Finder(N.DWARF_LINES, "dwarf-lines", "debugging: which lines code is from", _DWARF),
        Finder(N.DATABASE, "sqlite", "SQLite: numbers of rows and pages", _TABLES),
        Finder(N.DATABASE_CELLS, "sqlite-cells", "SQLite: where rows are in pages", (SQLITE,)),
        Finder(N.GO_IMAGE_TYPES, "go-image-types", "Go: names, methods of types", _GO_IMAGES),
        Finder(N.MACHO_AMD_CODE, "macho-x86-64", "calls, jumps and operands", (MACHO_AMD,)),
        Finder(N.MACHO_ARM_CODE, "macho-aarch64", "branches and pages", (MACHO_ARM,)),
        Finder(N.MACHO_POINTERS, "macho-pointers", "words of data that are addresses", _MACHO),
        Finder(N.MACHO_SYMBOLS, "macho-symbols", "values of symbols", _MACHO),
        Finder(N.MACHO_FRAMES, "macho-eh-frame", "unwinding: functions and records", _MACHO),
        Finder(N.MACHO_FUNCTIONS, "macho-unwind", "unwinding: functions and data", _MACHO),
        Finder(N.MACHO_NAMES, "macho-names", "where the names of symbols are", _MACHO),
        Finder(N.FAT_AMD_CODE, "fat-x86-64", "calls, jumps and operands", _FAT),
        Finder(N.FAT_ARM_CODE, "fat-aarch64", "branches and pages", _FAT),
        Finder(N.FAT_POINTERS, "fat-pointers", "words of data that are addresses", _FAT),
        Finder(N.FAT_SYMBOLS, "fat-symbols", "values of symbols", _FAT),
        Finder(N.FAT_FRAMES, "fat-eh-frame", "unwinding: functions and records", _FAT),
        Finder(N.FAT_FUNCTIONS, "fat-unwind", "unwinding: functions and data", _FAT),
        Finder(N.FAT_NAMES, "fat-names", "where the names of symbols are", _FAT),
        Finder(N.CLR_TABLES, "clr-tables", ".NET: rows and places in heaps", (CLR, *_PE)),
        Finder(N.CLR_CODE, "clr-code", ".NET: tokens in code", (CLR, *_PE)),
    )
})  # fmt: skip


def find_sites(blob: Bytes, numbers: Sequence[int]) -> Sites:
    """What the finders with these numbers find in ``blob`` (G24). Raises UnsupportedPlanError."""
    unknown = [number for number in numbers if number not in FINDERS]
    if unknown:
        raise UnsupportedPlanError(f"the plan needs a finder of sites number {unknown[0]}")
    from pcpu.iprog.native import call  # what it is compiled from includes this package

    b, finders = octets(blob), np.array(numbers, np.int64)
    scratch = np.empty(call("pcpu_find_room", b), np.int64)
    # Room for all that may be there, so that finders run once: what is not written takes no memory.
    room = len(b) // find.BYTES_A_SITE
    memory = Room(8 * NUMBERS * room)
    found = np.frombuffer(memory, np.int64, NUMBERS * room)
    count = call("pcpu_find_sites", b, finders, found, room, scratch)
    del scratch
    kept = call("pcpu_sort_sites", found, count, np.empty(sort_room(count), np.int64))
    return _columns(found[: NUMBERS * kept].reshape(-1, NUMBERS), len(b), memory)


def _columns(found: npt.NDArray[np.int64], size: int, memory: Room) -> Sites:
    """The columns of rows of a blob of ``size`` bytes; their memory is given back on the way, as
    columns take much, too."""
    count = len(found)
    extras = found[:, rows.EXTRA]
    extra_type = narrow_type(int(extras.min(initial=0)), int(extras.max(initial=0)))
    # Each of its own: targets are not kept as long as places.
    place, extra = np.empty(count, narrow_type(0, size)), np.empty(count, extra_type)
    target = np.empty(count, np.int64)
    form, finder = np.empty((2, count), np.uint8)
    for first in range(0, count, _PIECE):
        own = slice(first, min(first + _PIECE, count))
        place[own], forms, target[own], extra[own] = found[own].T
        form[own] = forms & _FORMS
        finder[own] = forms >> rows.TAG
        memory.forget(8 * NUMBERS * own.start, 8 * NUMBERS * own.stop)
    return Sites(place, form, target, extra, finder)

"""What a decoder calls: the sites of a blob (spec/iprog-finders.md)."""

from __future__ import annotations

from pcpu.iprog.finders import numbered as N
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
    macho_code,
    macho_frames,
    macho_functions,
    macho_names,
    macho_pointers,
    macho_room,
    macho_symbols,
    read_macho,
)  # fmt: skip
from pcpu.iprog.finders.macho import machine_of as macho_machine
from pcpu.iprog.finders.numbered import CHOSEN, IN_CODE, OF_TABLE
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
from pcpu.iprog.finders.wasm import find_in_module, is_module
from pcpu.iprog.finders.x86_64 import amd_sites
from pcpu.iprog.finders.x86_absolute import fixed_sites
from pcpu.iprog.finders.x86_got import got_of, got_sites
from pcpu.iprog.sites import OTHER_IMAGE

BYTES_A_SITE = 4  # at least, or nothing is found
TAGS = 1  # 0 leaves out who found a site, which decoders do not ask for
# What a file is: a bit for each kind.
_IMAGE, _MODULE, _PE, _MACHO_IMAGE, _UNIVERSAL, _ASSEMBLY = (1 << n for n in range(6))
_DATABASE, _ARCHIVE = 1 << 6, 1 << 7


def find_room(b: Bytes) -> int:
    """How many numbers ``find_sites`` needs as ``scratch``."""
    common = common_room(b)
    if CHOSEN & N.MACHO != 0:
        common = max(common, macho_room(b))
    if CHOSEN & N.FAT != 0:
        common = max(common, fat_room(b))
    if CHOSEN & N.CLR != 0:
        common = max(common, CLR)
    if CHOSEN & N.DWARF != 0:
        common = max(common, dwarf_room(b))
    if CHOSEN & N.ROWS != 0:
        common = max(common, owners_room(b))
    return ELF + max(KNOWN, common) + tables_room(b)


def find_sites(b: Bytes, finders: Ints, rows: Ints, room: int, scratch: Ints) -> int:
    """Write the sites that finders find, in their order, to rows, of which there are ``room``; how
    many sites there are. Their forms have the finders' numbers too (TAG)."""
    elf = scratch[0:ELF]
    clr = scratch[ELF : ELF + (CLR if CHOSEN & N.CLR != 0 else 0)]
    kind = _kind_of(b, elf, clr)
    if kind == 0:
        return 0
    tables = scratch[len(scratch) - tables_room(b) : len(scratch)]
    tables[0] = 0
    if kind == _IMAGE and (
        (machine_of(b) == X86_64 and _wants(finders, N.JUMP_TABLES))
        or (machine_of(b) == I386 and _wants(finders, N.I386_TABLES))
    ):
        read_tables(b, elf, tables)
    count = 0
    for n in range(len(finders)):
        first = count
        count = _found(b, kind, finders, n, scratch, tables, rows, room, count)
        if TAGS:
            tag(rows, first, min(count, room), finders[n])
    # Where rows are records a site has up to two: who keeps them counts the sites.
    return count if count <= len(b) // BYTES_A_SITE * (4 // NUMBERS) else 0


def _kind_of(b: Bytes, elf: Ints, clr: Ints) -> int:
    """What a file is, as bits, of which there are two for an assembly in a PE image; what is known
    of an image goes to ``elf``, of an assembly to ``clr``."""
    if read_elf(b, elf) > 0:
        return _IMAGE
    kind = _MODULE if is_module(b) else 0
    if CHOSEN & N.WINDOWS != 0 and read_pe(b, elf) > 0:
        kind = _PE
    elif CHOSEN & N.MACHO != 0 and read_macho(b, elf) > 0:
        return _MACHO_IMAGE
    elif CHOSEN & N.FAT != 0 and is_fat(b):
        return _UNIVERSAL
    if CHOSEN & N.CLR != 0 and read_clr(b, clr):
        kind |= _ASSEMBLY
    if CHOSEN & N.ROWS != 0 and has_rows(b):
        kind |= _DATABASE
    if CHOSEN & N.OBJECTS != 0 and is_archive(b):
        kind = _ARCHIVE
    return kind


def _found(
    b: Bytes, kind: int, finders: Ints, n: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What finder ``n`` finds."""
    finder, elf, rest = finders[n], scratch[0:ELF], scratch[ELF : len(scratch)]
    if CHOSEN & N.DWARF != 0 and N.DWARF >> finder & 1 != 0:
        if kind == _MODULE or (kind == _IMAGE and machine_of(b) != 0):
            count = dwarf(b, elf, rest, finder - N.DWARF_ENTRIES, rows, room, count)
    elif CHOSEN & N.MODULES != 0 and kind == _MODULE:
        count = find_in_module(b, finder, rows, room, count)
    elif CHOSEN & N.CLR != 0 and kind & _ASSEMBLY != 0 and finder in (N.CLR_TABLES, N.CLR_CODE):
        count = _in_assembly(b, rest[0:CLR], finder, rows, room, count)
    elif CHOSEN & N.WINDOWS != 0 and kind & _PE != 0:
        count = _in_windows(b, elf, finder, rest[0:KNOWN], tables, rows, room, count)
    elif CHOSEN & N.MACHO != 0 and kind == _MACHO_IMAGE:
        count = _in_macho(b, elf, finder, scratch, tables, rows, room, count)
    elif CHOSEN & N.FAT != 0 and kind == _UNIVERSAL:
        count = _in_images(b, elf, finder, scratch, tables, rows, room, count)
    elif CHOSEN & N.ROWS != 0 and kind & _DATABASE != 0:
        if finder in (N.DATABASE, N.DATABASE_CELLS):
            count = database(b, rest, finder == N.DATABASE_CELLS, rows, room, count)
    elif CHOSEN & N.OBJECTS != 0 and kind == _ARCHIVE:
        count = in_archive(b, elf, finder - N.OBJECT_RELOCATIONS, rows, room, count)
    elif finder in IN_CODE:
        count = _in_code(b, elf, finders, n, scratch, tables, rows, room, count)
    elif machine_of(b) != 0:
        count = _in_data(b, elf, finder, scratch, rows, room, count)
    return count


def _in_code(
    b: Bytes, elf: Ints, finders: Ints, n: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What finder ``n`` finds in the code of an image, or in tables that are for code."""
    machine = machine_of(b)
    if machine == AARCH64 and _is(finders[n], N.ARM_CODE):
        count = arm_sites(b, elf, scratch[ELF : ELF + KNOWN], rows, room, count)
    elif machine == RISCV and _is(finders[n], N.RISCV_CODE):
        count = riscv_sites(b, elf, rows, room, count)
    elif machine == X86_64 and _is(finders[n], N.AMD_CODE):
        count = amd_sites(b, elf, tables, rows, room, count)
    elif machine == X86_64 and _is(finders[n], N.AMD_FIXED):
        count = fixed_sites(b, elf, rows, room, count)
    elif machine == X86_64 and _is(finders[n], N.JUMP_TABLES):
        if not _wants(finders[0:n], N.AMD_CODE):
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
    if _is(finder, N.ARM32_CODE):
        count = arm32_sites(b, elf, rows, room, count)
    elif _is(finder, N.ARM32_POOLS):
        count = arm32_pools(b, elf, scratch[ELF : ELF + KNOWN], rows, room, count)
    elif _is(finder, N.ARM32_UNWIND):
        count = exidx_sites(b, elf, rows, room, count)
    return count


def _in_x86_code(
    b: Bytes, elf: Ints, finders: Ints, n: int, tables: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The same of an image for x86."""
    if _is(finders[n], N.I386_CODE):
        count = amd_sites(b, elf, tables, rows, room, count)
    elif _is(finders[n], N.AMD_FIXED):
        count = fixed_sites(b, elf, rows, room, count)
    elif _is(finders[n], N.I386_GOT):
        count = got_sites(b, elf, tables, rows, room, count)
    elif _is(finders[n], N.I386_TABLES) and got_of(b) > 0:
        if not _wants(finders[0:n], N.I386_GOT):
            got_sites(b, elf, tables, rows, 0, 0)  # for the marks that it leaves
        count = jump_tables(b, elf, got_of(b), tables, rows, room, count)
    return count


def _in_windows(
    b: Bytes, image: Ints, finder: int, known: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in a PE image."""
    if (_is(finder, N.PE_CODE) and is_wide(b)) or (_is(finder, N.I386_CODE) and not is_wide(b)):
        count = pe_code(b, image, known, tables, rows, room, count)
    elif _is(finder, N.PE_FUNCTIONS):
        count = pe_functions(b, image, rows, room, count)
    elif _is(finder, N.PE_UNWINDING):
        count = pe_unwinding(b, image, rows, room, count)
    elif _is(finder, N.PE_POINTERS):
        count = pe_pointers(b, image, rows, room, count)
    elif _is(finder, N.PE_LISTED):
        count = pe_relocations(b, image, rows, room, count)
    elif _is(finder, N.GO_IMAGE_TYPES):
        count = pe_types(b, image, rows, room, count)
    elif CHOSEN & N.GO != 0 and finder in OF_TABLE:
        p, stop, address = pe_table(b, image)
        count = _in_go_table(b, image, finder, p, stop, address, rows, room, count)
    return count


def _in_assembly(
    b: Bytes, clr: Ints, finder: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """What a finder finds in an assembly."""
    if _is(finder, N.CLR_TABLES):
        count = clr_tables(b, clr, rows, room, count)
    elif _is(finder, N.CLR_CODE):
        count = clr_code(b, clr, rows, room, count)
    return count


def _in_macho(
    b: Bytes, image: Ints, finder: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in a Mach-O image."""
    machine = macho_machine(b)
    known = scratch[ELF : ELF + KNOWN]
    if machine == AMD64 and _is(finder, N.MACHO_AMD_CODE):
        count = macho_code(b, image, False, known, tables, rows, room, count)
    elif machine == ARM64 and _is(finder, N.MACHO_ARM_CODE):
        count = macho_code(b, image, True, known, tables, rows, room, count)
    elif _is(finder, N.MACHO_POINTERS):
        count = macho_pointers(b, image, rows, room, count)
    elif _is(finder, N.MACHO_SYMBOLS):
        count = macho_symbols(b, image, rows, room, count)
    elif _is(finder, N.MACHO_FRAMES):
        count = macho_frames(b, scratch[ELF : len(scratch)], rows, room, count)
    elif _is(finder, N.MACHO_FUNCTIONS):
        count = macho_functions(b, image, rows, room, count)
    elif _is(finder, N.MACHO_NAMES):
        count = macho_names(b, image, rows, room, count)
    elif _is(finder, N.GO_IMAGE_TYPES):
        count = macho_types(b, image, rows, room, count)
    elif CHOSEN & N.GO != 0 and finder in OF_TABLE:
        p, stop, address = macho_table(b)
        count = _in_go_table(b, image, finder, p, stop, address, rows, room, count)
    return count


def _in_images(
    b: Bytes, image: Ints, finder: int, scratch: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in the images of a universal file."""
    if not N.FAT_AMD_CODE <= finder <= N.FAT_NAMES:
        return count
    for n in range(IMAGES):
        start, stop = image_in(b, n)
        part, first = b[start:stop], count
        if read_part(part, n, image):
            count = _in_macho(
                part, image, finder - N.IN_IMAGES, scratch, tables, rows, room, count
            )  # fmt: skip
            displace(rows, min(first, room), min(count, room), start, n * OTHER_IMAGE)
    return count


def _in_data(
    b: Bytes, elf: Ints, finder: int, scratch: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """What a finder finds in the tables of an image."""
    if _is(finder, N.RELOCATIONS):
        count = relocations(b, elf, rows, room, count)
    elif _is(finder, N.SYMBOLS):
        count = symbols(b, elf, rows, room, count)
    elif _is(finder, N.POINTERS):
        count = pointers(b, elf, rows, room, count)
    elif _is(finder, N.FRAMES):
        count = frames(b, scratch[ELF : len(scratch)], rows, room, count)
    elif _is(finder, N.SEARCH_TABLE):
        count = search_table(b, rows, room, count)
    elif _is(finder, N.GO_FUNCTIONS):
        count = function_table(b, rows, room, count)
    elif _is(finder, N.GO_TYPES):
        count = types(b, elf, rows, room, count)
    elif _is(finder, N.NAMES):
        count = names(b, elf, rows, room, count)
    elif _is(finder, N.TYPES):
        count = btf(b, rows, room, count)
    elif _is(finder, N.OBJECT_RELOCATIONS):
        count = object_relocations(b, elf, rows, room, count)
    elif _is(finder, N.OBJECT_SYMBOLS):
        count = object_symbols(b, elf, rows, room, count)
    elif _is(finder, N.GO_INLINED):
        count = inlined(b, rows, room, count)
    elif _is(finder, N.CALL_SITES):
        count = call_sites(b, rows, room, count)
    elif _is(finder, N.GO_TYPE_NAMES):
        count = type_names(b, rows, room, count)
    elif CHOSEN & N.GO != 0 and finder in (
        N.GO_UNITS,
        N.GO_INLINED_BEHIND,
    ):
        p, stop, address = elf_table(b)
        count = _in_go_table(b, elf, finder, p, stop, address, rows, room, count)
    return count


def _in_go_table(
    b: Bytes, image: Ints, finder: int, p: int, stop: int, address: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """What a finder finds in Go's table of functions, or behind it."""
    if _is(finder, N.GO_TABLE):
        count = table_functions(b, image, p, stop, address, rows, room, count)
    elif _is(finder, N.GO_UNITS):
        count = table_units(b, p, stop, rows, room, count)
    elif _is(finder, N.GO_INLINED_BEHIND):
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

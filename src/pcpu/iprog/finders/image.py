"""The program in a blob or a file, as the planner wants to know it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pcpu.iprog.finders import arm32, clr, elf, fat, macho, pe
from pcpu.iprog.finders.archive import is_archive
from pcpu.iprog.finders.catalog import is_catalog
from pcpu.iprog.finders.elf import ELF
from pcpu.iprog.finders.sqlite import is_database
from pcpu.iprog.finders.wasm import is_module
from pcpu.iprog.format import Transform
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.sites import OTHER_IMAGE, Octets, Places

AMD, ARM, PE, WASM = "elf-x86-64", "elf-aarch64", "pe-x86-64", "wasm"
I386, PE_I386, ARM32, RISCV = "elf-x86", "pe-x86", "elf-arm", "elf-riscv64"
PE_ARM = "pe-aarch64"
MACHO_AMD, MACHO_ARM, FAT = "macho-x86-64", "macho-aarch64", "macho-universal"
CLR, SQLITE, ARCHIVE, CATALOG = "clr", "sqlite", "archive", "gettext"
WITHOUT_SECTIONS = (SQLITE, ARCHIVE, CATALOG)
WIDE_ELF = "elf-wide"  # for a machine whose code no finder knows
_KINDS = {
    elf.X86_64: (AMD, Transform.X86_64), elf.AARCH64: (ARM, Transform.AARCH64),
    elf.ARM32: (ARM32, Transform.ARM32), elf.I386: (I386, Transform.X86),
    elf.RISCV: (RISCV, Transform.RISCV),
}  # fmt: skip
_PE = {
    pe.AMD64: (PE, Transform.X86_64), pe.ARM64: (PE_ARM, Transform.AARCH64),
    pe.I386: (PE_I386, Transform.X86),
}  # fmt: skip
_MACHO = {
    macho.AMD64: (MACHO_AMD, Transform.X86_64), macho.ARM64: (MACHO_ARM, Transform.AARCH64),
}  # fmt: skip

Section = tuple[
    int, int, int, RegionKind | bool
]  # place, size, bias (G42), whether it is code, or what


@dataclass(frozen=True)
class Image:
    """``kind`` says which finders are for it; ``span`` is the first of its addresses and the one
    behind the last; ``regions`` say where its places lie among its addresses (G9); ``transform``
    makes its literals more alike."""

    kind: str
    span: tuple[int, int]
    regions: tuple[Region, ...]
    transform: Transform


def octets(data: Bytes) -> Octets:
    """The bytes as kernels take them, which are compiled for arrays that nobody writes to."""
    found = np.frombuffer(data, np.uint8)
    found.flags.writeable = False
    return found


def read_image(data: Bytes) -> Image | None:
    """The program in ``data``; None where there is none that finders know."""
    b, numbers = octets(data), np.zeros(ELF, np.int64)
    if elf.read_elf(b, numbers):
        machine = elf.machine_of(b)
        other = WIDE_ELF if machine else "elf"
        kind, transform = _KINDS.get(machine, (other, Transform.NONE))
        regions = _regions(_elf_sections(b, numbers))
        if transform is Transform.ARM32 and not _is_arm(b, numbers):
            transform = Transform.THUMB
        return Image(kind, _span(numbers), regions, transform)
    if assembly := _read_assembly(b):
        return assembly
    if pe.read_pe(b, numbers):
        kind, transform = _PE[pe.machine_of(b)]
        return Image(kind, _span(numbers), _regions(_pe_sections(b, numbers)), transform)
    if macho.read_macho(b, numbers):
        kind, transform = _MACHO[macho.machine_of(b)]
        return Image(kind, _span(numbers), _regions(_macho_sections(b)), transform)
    if fat.is_fat(b):
        return _read_fat(b, numbers)
    if is_database(b):
        return Image(SQLITE, (0, 0), (), Transform.NONE)
    if is_catalog(b):
        return Image(CATALOG, (0, 0), (), Transform.NONE)
    if is_archive(b):
        return Image(ARCHIVE, (0, 0), (), Transform.NONE)
    return Image(WASM, (0, 0), (), Transform.NONE) if is_module(b) else None


def _read_assembly(b: Octets) -> Image | None:
    """An assembly without code for a processor, or for one that is not known."""
    numbers = np.zeros(clr.CLR, np.int64)
    if not clr.read_clr(b, numbers):
        return None
    if not numbers[clr.ONLY] and pe.read_pe(b, np.zeros(ELF, np.int64)):
        return None
    base = int(numbers[clr.BASE])
    entries = range(int(numbers[clr.FIRST]), int(numbers[clr.LAST]), pe.ENTRY)
    sections = [
        (int(pe.content_of(b, s)), int(pe.length_of(b, s)), base + int(pe.offset_of(b, s)))
        for s in entries
        if pe.length_of(b, s)
    ]
    low, high = min(s[2] for s in sections), max(s[2] + s[1] for s in sections)
    regions = _regions((start, size, at - start, False) for start, size, at in sections)
    return Image(CLR, (low, high), regions, Transform.NONE)


def fat_images(b: Octets) -> Iterator[tuple[int, int, Octets]]:
    """The images of a universal file: number, place and bytes."""
    numbers = np.zeros(ELF, np.int64)
    for n in range(fat.IMAGES):
        start, stop = fat.image_in(b, n)
        if fat.read_part(b[start:stop], n, numbers):
            yield n, int(start), b[start:stop]


def _read_fat(b: Octets, numbers: Places) -> Image | None:
    """The image that the images of a universal file are together; the span is that of the one for
    x86-64, which alone has a transform that goes by it."""
    span, sections = (0, 0), []
    for n, start, part in fat_images(b):
        if not n:
            macho.read_macho(part, numbers)
            span = _span(numbers)
        for place, size, bias, code in _macho_sections(part):
            sections.append((start + place, size, bias - start + n * OTHER_IMAGE, code))
    return Image(FAT, span, _regions(sections), Transform.BY_IMAGE) if sections else None


def _span(numbers: Places) -> tuple[int, int]:
    return int(numbers[elf.LOW]), int(numbers[elf.HIGH])


def _elf_sections(b: Octets, numbers: Places) -> Iterator[Section]:
    for n in range(int(numbers[elf.COUNT])):
        s = int(elf.section(numbers, n))
        if elf.is_loaded(b, s) and elf.type_of(b, s) != elf.NOBITS:
            start = elf.start_of(b, s)
            yield start, elf.size_of(b, s), elf.address_of(b, s) - start, _elf_kind(b, s)


def _elf_kind(b: Octets, s: int) -> RegionKind:
    """What a section holds, whose literals are told best by it."""
    if elf.flags_of(b, s) & elf.EXEC:
        return RegionKind.CODE
    if elf.is_named(b, s, elf.RODATA):  # with jump tables
        return RegionKind.WORDS
    if elf.is_named(b, s, elf.CALL_SITES):
        return RegionKind.CALLS
    return RegionKind.PAIRS if elf.is_named(b, s, elf.EH_FRAME_HDR) else RegionKind.OTHER


def _is_arm(b: Octets, numbers: Places) -> bool:
    """Whether the code of an image for 32-bit ARM is ARM instructions, and not Thumb, for the most
    part."""
    words = found = 0
    for start, size, bias, code in _elf_sections(b, numbers):
        if code:
            first = int(start) + -int(start + bias) % 4
            highest = b[first + 3 : int(start + size) : 4]
            words, found = words + len(highest), found + int(np.count_nonzero(highest >> 4 == 14))
    return bool(16 * found >= arm32.SIXTEENTHS * words)


def _pe_sections(b: Octets, numbers: Places) -> Iterator[Section]:
    for s in range(int(numbers[elf.FIRST]), int(numbers[elf.LAST]), pe.ENTRY):
        size, start = pe.length_of(b, s), pe.content_of(b, s)
        if size:
            yield start, size, pe.base_of(b) + pe.offset_of(b, s) - start, pe.has_code(b, s)


def macho_commands(b: Octets) -> Iterator[tuple[int, list[int]]]:
    """The commands of a Mach-O image, and the sections that each lists and that have content."""
    c, end = macho.FIRST_COMMAND, int(macho.commands_end(b))
    while c < end:
        listed = range(c + macho.SEGMENT, int(macho.sections_end(b, c)), macho.ENTRY)
        yield c, [s for s in listed if macho.length_of(b, s)]
        c += int(macho.command_size(b, c))


def _macho_sections(b: Octets) -> Iterator[Section]:
    for s in (s for _, listed in macho_commands(b) for s in listed):
        start = macho.content_of(b, s)
        bias = macho.address_of(b, s) - start
        yield start, macho.length_of(b, s), bias, macho.has_code(b, s)


def _regions(sections: Iterable[Section]) -> tuple[Region, ...]:
    """Where the places of the file lie in memory."""
    found: list[Region] = []
    numbers = ((int(a), int(b), int(c), RegionKind(d)) for a, b, c, d in sections)  # from numpy's
    for start, size, bias, kind in sorted(numbers, key=lambda section: section[0]):
        _add(found, Region(start, bias, kind))
        if kind is not RegionKind.OTHER:
            _add(found, Region(start + size, bias, RegionKind.OTHER))
    return tuple(found)


def _add(regions: list[Region], region: Region) -> None:
    """Add a region unless the last one goes on; one that begins where it does takes its place."""
    while regions and regions[-1].start >= region.start:
        regions.pop()
    last = regions[-1] if regions else Region(0, 0, RegionKind.OTHER)
    if (last.bias, last.kind) != (region.bias, region.kind):
        regions.append(region)

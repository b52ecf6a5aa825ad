"""What a program is divided into: for people, and for hints. Finders read images for themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog.finders import clr, elf, macho, pe
from pcpu.iprog.finders.image import (
    CLR,
    FAT,
    MACHO_AMD,
    MACHO_ARM,
    PE,
    PE_ARM,
    PE_I386,
    WASM,
    WITHOUT_SECTIONS,
    Image,
    fat_images,
    macho_commands,
    octets,
)  # fmt: skip
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.sites import Octets

T = TypeVar("T")

_MAGIC = 8  # bytes before the sections of a module
_CODE = 10  # its section of functions
_WRITABLE = 0x80  # in the last byte of the flags of a section of PE


@dataclass(frozen=True)
class Part:
    """A section: ``type`` is its number in a module; ``name``, ``flags`` and ``address`` are those
    of ELF, or what they would be there. ``start`` is its place in the file. ``image`` names that
    which holds it, where a file holds several."""

    name: bytes
    type: int
    flags: int
    address: int
    start: int
    size: int
    image: str = ""

    @property
    def stop(self) -> int:
        return self.start + self.size

    @property
    def is_code(self) -> bool:
        return self.flags & (elf.EXEC | elf.ALLOC) == elf.EXEC | elf.ALLOC

    @property
    def is_loaded(self) -> bool:
        return bool(self.flags & elf.ALLOC)

    @property
    def is_writable(self) -> bool:
        return bool(self.flags & elf.WRITE)


def parts_of(image: Image, data: Bytes) -> tuple[Part, ...]:
    """The sections of a program that have content, in the order of the file's table."""
    if image.kind in WITHOUT_SECTIONS:
        return ()
    if image.kind == WASM:
        return tuple(_until_wrong(_of_module(Numbers(memoryview(data), "a module", _MAGIC))))
    return tuple(_IMAGES.get(image.kind, _of_elf)(data))


def machine_of(image: Image, data: Bytes) -> int:
    """The machine of an image, as ELF numbers them; 0 where it is for several, or for none."""
    if image.kind in (FAT, CLR, *WITHOUT_SECTIONS):
        return 0
    return _MACHINES.get(image.kind) or int(elf.machine_of(octets(data)))


def function_bodies(data: Bytes) -> list[tuple[int, int]]:
    """Where the instructions of a module's functions begin and end."""
    numbers = Numbers(memoryview(data), "a module", _MAGIC)
    code = [part for part in _until_wrong(_of_module(numbers)) if part.type == _CODE]
    return [body for part in code for body in _until_wrong(_bodies(data, part))]


def _of_elf(data: Bytes) -> Iterator[Part]:
    b = octets(data)
    table, size = int(elf.table_of(b)), int(elf.entry_size(b))
    names = int(elf.names_of(b))
    first, room = int(elf.start_of(b, names)), int(elf.size_of(b, names))
    content = bytes(memoryview(data)[first : first + room])
    for s in range(table, table + size * int(elf.entry_count(b)), size):
        if elf.is_section(b, s) and elf.type_of(b, s) != elf.NOBITS:
            at = int.from_bytes(b[s : s + 4].tobytes(), "little")
            yield Part(
                content[at:].split(b"\0", 1)[0], int(elf.type_of(b, s)), int(elf.flags_of(b, s)),
                int(elf.address_of(b, s)), int(elf.start_of(b, s)), int(elf.size_of(b, s)),
            )  # fmt: skip


def _of_pe(data: Bytes) -> Iterator[Part]:
    b, image = octets(data), np.zeros(elf.ELF, np.int64)
    pe.read_pe(b, image)
    for s in range(int(image[elf.FIRST]), int(image[elf.LAST]), pe.ENTRY):
        size = int(pe.length_of(b, s))
        if size:
            executable, writable = pe.has_code(b, s), bool(int(b[s + 39]) & _WRITABLE)
            flags = elf.ALLOC | elf.EXEC * executable | elf.WRITE * writable
            name, address = b[s : s + 8].tobytes().rstrip(b"\0"), pe.base_of(b) + pe.offset_of(b, s)
            yield Part(name, elf.PROGBITS, flags, address, int(pe.content_of(b, s)), size)


def _of_clr(data: Bytes) -> Iterator[Part]:
    b, numbers = octets(data), np.zeros(clr.CLR, np.int64)
    clr.read_clr(b, numbers)
    for s in range(int(numbers[clr.FIRST]), int(numbers[clr.LAST]), pe.ENTRY):
        size, name = int(pe.length_of(b, s)), b[s : s + 8].tobytes().rstrip(b"\0")
        if size:  # what is code for processors is the least of it
            address = int(numbers[clr.BASE] + pe.offset_of(b, s))
            yield Part(name, elf.PROGBITS, elf.ALLOC, address, int(pe.content_of(b, s)), size)


def _of_macho(data: Bytes) -> Iterator[Part]:
    """Sections, and segments that have none: symbols and what else the linker leaves."""
    b = octets(data)
    for c, listed in macho_commands(b):
        for s in listed:
            executable, writable = macho.has_code(b, s), macho.is_writable(b, c)
            flags = elf.ALLOC | elf.EXEC * executable | elf.WRITE * writable
            start, size = int(macho.content_of(b, s)), int(macho.length_of(b, s))
            yield Part(
                _name(b, s), elf.PROGBITS, flags, int(macho.address_of(b, s)), start, size
            )  # fmt: skip
        start, size = map(int, macho.segment_content(b, c))
        if size and macho.sections_end(b, c) == c + macho.SEGMENT:
            yield Part(_name(b, c + 8), elf.PROGBITS, 0, 0, start, size)


def _of_fat(data: Bytes) -> Iterator[Part]:
    """Those of each image, one behind the other."""
    for n, start, image in fat_images(octets(data)):
        for part in _of_macho(image.data):
            yield replace(part, start=start + part.start, image=("x86-64", "aarch64")[n])


def _name(b: Octets, at: int) -> bytes:
    return b[at : at + macho.NAME].tobytes().rstrip(b"\0")


_MACHINES = MappingProxyType({
    PE: elf.X86_64, PE_ARM: elf.AARCH64, PE_I386: elf.I386, MACHO_AMD: elf.X86_64,
    MACHO_ARM: elf.AARCH64,
})  # fmt: skip
_IMAGES: Mapping[str, Callable[[Bytes], Iterator[Part]]] = MappingProxyType({
    PE: _of_pe, PE_ARM: _of_pe, PE_I386: _of_pe, MACHO_AMD: _of_macho, MACHO_ARM: _of_macho,
    FAT: _of_fat, CLR: _of_clr,
})  # fmt: skip


def _of_module(numbers: Numbers) -> Iterator[Part]:
    while numbers.left:
        number, size = numbers.take(1)[0], numbers.varint()
        start = numbers.at
        numbers.skip(size)
        yield Part(b"", number, 0, 0, start, size)


def _bodies(data: Bytes, part: Part) -> Iterator[tuple[int, int]]:
    numbers = Numbers(memoryview(data)[: part.stop], "functions", part.start)
    for _ in range(numbers.varint()):
        size = numbers.varint()
        start = numbers.at
        numbers.skip(size)
        body = Numbers(memoryview(data)[: numbers.at], "a function", start)
        for _ in range(body.varint()):
            body.varint()
            body.skip(1)
        yield body.at, numbers.at


def _until_wrong(items: Iterator[T]) -> Iterator[T]:
    try:
        yield from items
    except DamagedPlanError:
        return

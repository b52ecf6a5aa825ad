"""ELF images of 64 bits, little-endian (spec/iprog-finders.md G41, G42)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pcpu.iprog.format import Region, Transform
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Places, words_at

X86_64, AARCH64 = 62, 183  # machines
EXECUTABLE = 2  # a type of file, whose addresses are final
AMD, ARM = "elf-x86-64", "elf-aarch64"
_TRANSFORMS = {X86_64: Transform.X86_64, AARCH64: Transform.AARCH64}
_KINDS = {X86_64: AMD, AARCH64: ARM}
PROGBITS, SYMTAB, RELA, NOBITS, DYNSYM, INIT_ARRAY, FINI_ARRAY = 1, 2, 4, 8, 11, 14, 15

_IDENT = b"\x7fELF\x02\x01"
_SECTION = struct.Struct("<IIQQQQIIQQ")
_MAX_ADDRESS = 1 << 40
_WRITE, _ALLOC, _EXEC = 1, 2, 4


@dataclass(frozen=True)
class Section:
    """``start`` is where it lies in the blob, ``address`` where in memory."""

    name: bytes
    type: int
    flags: int
    address: int
    start: int
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size

    @property
    def end(self) -> int:
        return self.address + self.size

    @property
    def bias(self) -> int:
        return self.address - self.start

    @property
    def is_content(self) -> bool:
        return self.type == PROGBITS

    @property
    def is_code(self) -> bool:
        return bool(self.flags & _EXEC)

    @property
    def writable(self) -> bool:
        return bool(self.flags & _WRITE)


@dataclass(frozen=True)
class Elf:
    data: Bytes
    type: int
    machine: int
    sections: tuple[Section, ...]

    @property
    def kind(self) -> str:
        """What finders choose by."""
        return _KINDS.get(self.machine, "elf")

    @property
    def transform(self) -> Transform:
        """The literal transform for such code."""
        return _TRANSFORMS.get(self.machine, Transform.NONE)

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Where the places of the file lie in memory (G9)."""
        found: list[Region] = []
        for section in sorted(self.loaded, key=lambda s: s.start):
            if section.type != NOBITS:
                _add(found, Region(section.start, section.bias, section.is_code))
                if section.is_code:
                    _add(found, Region(section.stop, section.bias, False))
        return tuple(found)

    @cached_property
    def loaded(self) -> list[Section]:
        """Those that have addresses."""
        return [s for s in self.sections if s.flags & _ALLOC]

    @cached_property
    def code(self) -> list[Section]:
        return [s for s in self.loaded if s.is_code and s.type != NOBITS]

    @cached_property
    def span(self) -> tuple[int, int]:
        """The first address of all and the one behind the last."""
        return _span(self.loaded)

    @cached_property
    def code_span(self) -> tuple[int, int]:
        return _span(self.code)

    def named(self, name: bytes) -> Section | None:
        """The first section with this name that has content."""
        return next((s for s in self.sections if s.name == name and s.type != NOBITS), None)

    def words(self, start: int, count: int, kind: str) -> Places:
        """``count`` numbers from a place in the blob on; ``kind`` is one of numpy's, as ``<u4``."""
        if count <= 0:  # start may lie behind the end then
            return np.empty(0, np.int64)
        return np.frombuffer(self.data, kind, count, start).astype(np.int64)

    def words_at(self, places: Places) -> Places:
        """The u32 at each place."""
        return words_at(self.data, places)

    def holds(self, addresses: Places) -> npt.NDArray[np.bool_]:
        """Which lie where something is loaded; 0 does not."""
        low, high = self.span
        return (addresses >= max(low, 1)) & (addresses < high)


def _span(sections: list[Section]) -> tuple[int, int]:
    if not sections:
        return 0, 0
    return min(s.address for s in sections), max(s.end for s in sections)


def read_elf(data: Bytes) -> Elf | None:
    """The image in ``data``; None where there is none."""
    if len(data) < 64 or data[:6] != _IDENT:
        return None
    type_, machine = struct.unpack_from("<HH", data, 16)
    (table,) = struct.unpack_from("<Q", data, 40)
    entry, count, names = struct.unpack_from("<HHH", data, 58)
    if entry != _SECTION.size or table + entry * count > len(data) or names >= count:
        return None
    raw = [_SECTION.unpack_from(data, table + entry * number) for number in range(count)]
    strings = raw[names]
    if strings[4] + strings[5] > len(data):
        return None
    text = bytes(memoryview(data)[strings[4] : strings[4] + strings[5]])
    sections = tuple(
        Section(_name(text, name), own, flags, address, start, size)
        for name, own, flags, address, start, size, *_ in raw
        if size and address + size <= _MAX_ADDRESS and (own == NOBITS or start + size <= len(data))
    )
    return Elf(data, type_, machine, sections)


def _name(text: bytes, at: int) -> bytes:
    return text[at:].split(b"\0", 1)[0] if at < len(text) else b""


def _add(regions: list[Region], region: Region) -> None:
    """Add a region unless the last one goes on; one that begins where it does takes its place."""
    while regions and regions[-1].start >= region.start:
        regions.pop()
    last = regions[-1] if regions else Region(0, 0, False)
    if (last.bias, last.code) != (region.bias, region.code):
        regions.append(region)

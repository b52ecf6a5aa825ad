"""The parts of a file, and what is in them: what people are told about it, and hints go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pcpu.iprog.finders.elf import DYNSYM, FINI_ARRAY, INIT_ARRAY, REL, RELA, SYMTAB
from pcpu.iprog.finders.image import WASM, WITHOUT_SECTIONS, Image, read_image
from pcpu.iprog.images import Part, parts_of
from pcpu.iprog.numbers import Bytes

STRETCHES = 16  # equal parts of a file of no known format
_STRTAB = 3  # a type of ELF sections
_SOME = 4096  # bytes that tell text from other data
_PACKED = (b"\x1f\x8b", b"PK\3\4", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh", b"\x89PNG")


class Kind(StrEnum):
    """What a section holds."""

    CODE = "code"
    CONSTANTS = "constants"
    DATA = "data"
    RELOCATIONS = "relocations"
    SYMBOLS = "symbols"
    UNWINDING = "unwinding"
    DEBUG = "debug"
    TEXT = "text"
    PACKED = "packed"
    OTHER = "other"


@dataclass(frozen=True)
class Section:
    """``size`` bytes of a file from ``start`` on."""

    name: str
    kind: Kind
    start: int
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size


@dataclass(frozen=True)
class Contents:
    """``format`` names the kind of finders that know the file, or what else it seems to be. The
    sections are in order, without overlaps, and come to the whole file."""

    format: str
    sections: tuple[Section, ...]


def read_contents(data: Bytes) -> Contents:
    """The sections of a program; of anything else stretches of equal size."""
    return contents_of(read_image(data), data)


def contents_of(image: Image | None, data: Bytes) -> Contents:
    """The same for an image that was read from ``data``."""
    if image is None or image.kind in WITHOUT_SECTIONS:
        kind = _guess(data)
        return Contents(kind, tuple(_stretches(len(data), kind)))
    read = _of_module if image.kind == WASM else _of_elf
    own = map(read, parts_of(image, data))
    return Contents(image.kind, tuple(_covering(own, len(data))))


_BY_NAME = MappingProxyType({
    ".eh_frame": Kind.UNWINDING, ".eh_frame_hdr": Kind.UNWINDING,
    ".gcc_except_table": Kind.UNWINDING, ".gopclntab": Kind.UNWINDING,
    ".ARM.exidx": Kind.UNWINDING, ".ARM.extab": Kind.UNWINDING,
    "__eh_frame": Kind.UNWINDING, "__unwind_info": Kind.UNWINDING,
    "__gcc_except_tab": Kind.UNWINDING, "__LINKEDIT": Kind.SYMBOLS,
    ".pdata": Kind.UNWINDING, ".xdata": Kind.UNWINDING, ".reloc": Kind.RELOCATIONS,
    ".gnu.hash": Kind.SYMBOLS, ".hash": Kind.SYMBOLS, ".gnu.version": Kind.SYMBOLS,
})  # fmt: skip
_BY_TYPE = MappingProxyType({
    SYMTAB: Kind.SYMBOLS, DYNSYM: Kind.SYMBOLS, _STRTAB: Kind.SYMBOLS, RELA: Kind.RELOCATIONS,
    REL: Kind.RELOCATIONS,    INIT_ARRAY: Kind.DATA, FINI_ARRAY: Kind.DATA,
})  # fmt: skip


def _of_elf(section: Part) -> Section:
    name = section.name.decode("utf-8", "replace")
    kind = _BY_NAME.get(name) or _BY_TYPE.get(section.type)
    if kind is None and section.is_code:
        kind = Kind.CODE
    elif kind is None and section.is_writable:
        kind = Kind.DATA
    elif kind is None and section.is_loaded:
        kind = Kind.CONSTANTS
    elif kind is None:
        kind = Kind.DEBUG if name.startswith((".debug", ".zdebug")) else Kind.OTHER
    if section.image:
        name = f"{section.image} {name}"
    return Section(name, kind, section.start, section.size)


_MODULE = MappingProxyType({
    0: ("custom", Kind.OTHER), 1: ("types", Kind.SYMBOLS), 2: ("imports", Kind.SYMBOLS),
    3: ("functions", Kind.SYMBOLS), 4: ("tables", Kind.OTHER), 5: ("memories", Kind.OTHER),
    6: ("globals", Kind.OTHER), 7: ("exports", Kind.SYMBOLS), 8: ("start", Kind.OTHER),
    9: ("elements", Kind.RELOCATIONS), 10: ("code", Kind.CODE), 11: ("data", Kind.DATA),
})  # fmt: skip


def _of_module(section: Part) -> Section:
    name, kind = _MODULE.get(section.type, (f"section {section.type}", Kind.OTHER))
    return Section(name, kind, section.start, section.size)


def _covering(sections: Iterable[Section], size: int) -> Iterator[Section]:
    """The sections in order, each cut where the one before it ends, with what lies between them."""
    at = 0
    for section in sorted(sections, key=lambda s: (s.start, s.size)):
        start = max(section.start, at)
        if section.stop <= start:
            continue
        if start > at:
            yield Section("", Kind.OTHER, at, start - at)
        yield Section(section.name, section.kind, start, section.stop - start)
        at = section.stop
    if at < size:
        yield Section("", Kind.OTHER, at, size - at)


def _stretches(size: int, kind: Kind) -> Iterator[Section]:
    count = min(STRETCHES, size)
    for number in range(count):
        start, stop = (size * n // count for n in (number, number + 1))
        yield Section(f"part {number + 1}", kind, start, stop - start)


def _guess(data: Bytes) -> Kind:
    first = bytes(memoryview(data)[:_SOME])
    if first.startswith(_PACKED):
        return Kind.PACKED
    try:
        first[: max(len(first) - 3, 0)].decode()
    except UnicodeDecodeError as error:
        if error.end < len(first) - 3 or not error.start:
            return Kind.OTHER
    return Kind.OTHER if not first or b"\0" in first else Kind.TEXT

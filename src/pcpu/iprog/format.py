"""The layout of a plan: its header, frame groups and limits (spec/iprog.md G5-G12)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from types import MappingProxyType

from crc32c import crc32c

from pcpu.errors import DamagedPlanError, UnsupportedPlanError
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.regions import Region, RegionKind

MAGIC = b"\x89IP"
VERSION = 1
LEAST = 10  # bytes of a plan up to its frames
MAX_HEADER = 1 << 23
MAX_SIZE = 1 << 40  # of the file, and of the reference
MAX_BLOBS = 255
MAX_BLOCKS = 1 << 20
MAX_STREAMS = 1 << 24  # bytes of the streams of a group together
MAX_ADAPTIVE = 1 << 16  # bytes of a frame that holds adaptive bits
MAX_FORESEEN = 1 << 16  # bytes of a foreseen frame, and of its prefix
PAGE_BITS = 8  # of the size of pages, in which spans of its prefix are told
MIN_PREFIX, MAX_PREFIX = 8, 1 << 26
MAX_SPANS = 1 << 16  # of a prefix
MAX_FINDERS = 32
MAX_REGIONS = 4096
BIAS_LIMIT = 1 << 62  # which biases lie below, whatever their sign
MAX_NAME = 255
WINDOW_BITS = range(12, 23)

STREAMS = ("index", "gaps", "lengths", "turns", "steps", "fixes", "literals")
MAP_STREAMS = ("starts", "shifts")
CHECK, HASH = 4, 32  # bytes
# Of streams whose length is not stated a bit for each that is as long as the one before it.
ALIKE = 0b0101110
# Of the header's flags.
WINDOW_FLAGS, NAMES, BLOBS, MOVES, BLOCKS, RENAMES = 15, 16, 32, 64, 128, 256
CODECS = 8  # that fit beside the number of streams

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f/]")


class Codec(IntEnum):
    """How a frame's content is stored."""

    RAW = 0
    ZSTD = 1
    ZSTD_PREFIX = 2
    ADAPTIVE = 3
    FORESEEN = 4
    MATCHED = 5


# What has a prefix whose spans are told in bytes.
OF_BYTES = (Codec.ZSTD_PREFIX, Codec.MATCHED)
_MOST = MappingProxyType({Codec.ADAPTIVE: MAX_ADAPTIVE, Codec.FORESEEN: MAX_FORESEEN})


class Transform(IntEnum):
    """What was done to literals (G28)."""

    NONE = 0
    X86_64 = 1
    AARCH64 = 2
    BY_IMAGE = 3
    X86 = 6
    ARM32 = 7
    RISCV = 8
    THUMB = 9


@dataclass(frozen=True)
class Content:
    """A file or a blob: ``sha256`` is a digest of 32 bytes."""

    size: int
    sha256: bytes
    name: str = ""


@dataclass(frozen=True)
class Frame:
    """``streams`` streams of a group as ``stored`` bytes; ``prefix`` has starts and lengths of
    spans of the reference. ``at`` is where in the plan the stored bytes lie, as they follow."""

    streams: int
    codec: Codec
    stored: int
    prefix: tuple[tuple[int, int], ...] | None = None
    at: int = 0


@dataclass(frozen=True)
class Group:
    """Streams of ``sizes`` bytes, in frames."""

    sizes: tuple[int, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Block:
    """``checks_at`` is where in the plan the checks of its windows lie, before its frames."""

    windows: int
    group: Group
    checks_at: int = 0


@dataclass(frozen=True)
class Relocation:
    """What G9 says; ``sites`` is how many there are."""

    blob: int
    finders: tuple[int, ...]
    sites: int
    transform: Transform
    base: int
    span: int
    regions: tuple[Region, ...]
    map: Group


@dataclass(frozen=True)
class Header:
    file: Content
    window_bits: int
    blobs: tuple[Content, ...]
    relocation: Relocation | None
    blocks: tuple[Block, ...]
    renames: bool = False  # names are foreseen (G124)

    @property
    def window_size(self) -> int:
        return 1 << self.window_bits

    @property
    def windows(self) -> int:
        """How many windows the file has."""
        return -(-self.file.size // self.window_size)

    def window_length(self, number: int) -> int:
        """The bytes of a window; the last one may have fewer than others."""
        return min(self.window_size, self.file.size - (number << self.window_bits))

    @property
    def reference_size(self) -> int:
        return sum(blob.size for blob in self.blobs)

    @property
    def groups(self) -> list[Group]:
        """All of them, in the order of their frames."""
        first = [self.relocation.map] if self.relocation else []
        return first + [block.group for block in self.blocks]


def is_plan(content: Bytes) -> bool:
    """Whether this begins as a plan does (G6)."""
    return content[: len(MAGIC)] == MAGIC


def check(data: Bytes) -> int:
    """The CRC-32C of G4."""
    return crc32c(data)


def read_header(plan: Bytes) -> Header:
    """The header of ``plan``, which is all of it. Raises DamagedPlanError where a rule of its
    layout does not hold, UnsupportedPlanError where its version is not this one."""
    whole = Numbers(plan, "the plan")
    if whole.left <= len(MAGIC) or whole.take(len(MAGIC)) != MAGIC:
        raise DamagedPlanError("this is no plan: it does not begin as one (spec/iprog.md G6)")
    (version,) = whole.take(1)
    content = whole.take(whole.bounded("the header's length", MAX_HEADER))
    if whole.u32() != check(whole.data[: whole.at - CHECK]):
        raise DamagedPlanError("the header's check does not hold: the plan is damaged")
    if version != VERSION:
        raise UnsupportedPlanError(f"the plan has version {version}, and this pCPU reads {VERSION}")
    reader = _HeaderReader(Numbers(content, "the header"), whole.at)
    header = reader.read()
    if reader.at > len(whole.data):
        missing = reader.at - len(whole.data)
        raise DamagedPlanError(f"the plan is cut off: {missing} bytes are missing")
    if reader.at < len(whole.data):
        raise DamagedPlanError(f"{len(whole.data) - reader.at} bytes follow the plan")
    return header


class _HeaderReader:
    def __init__(self, numbers: Numbers, at: int) -> None:
        self.numbers, self.at = numbers, at
        self.flags = self.reference = 0

    def read(self) -> Header:
        numbers = self.numbers
        self.flags = numbers.bounded("the header's flags", 2 * RENAMES - 1)
        window_bits = WINDOW_BITS[0] + (self.flags & WINDOW_FLAGS)
        if window_bits not in WINDOW_BITS:
            raise DamagedPlanError(f"a window has at most 2^{WINDOW_BITS[-1]} bytes")
        size = numbers.bounded("the file's size", MAX_SIZE)
        file = Content(size, numbers.take(HASH), self._name())
        count = numbers.bounded("the number of blobs", MAX_BLOBS) if self.flags & BLOBS else 1
        blobs: list[Content] = []
        for _ in range(count):
            blobs.append(self._blob((blobs or [file])[-1].size))
        self.reference = sum(blob.size for blob in blobs)
        if self.reference > MAX_SIZE:
            raise DamagedPlanError(f"blobs have at most {MAX_SIZE} bytes together")
        relocation = self._relocation(blobs) if self.flags & MOVES else None
        renames = self.flags & RENAMES != 0
        header = Header(file, window_bits, tuple(blobs), relocation, (), renames)
        header = replace(header, blocks=self._blocks(header.windows))
        if numbers.left:
            raise DamagedPlanError(f"{numbers.left} bytes of the header mean nothing")
        return header

    def _blob(self, before: int) -> Content:
        """The one that follows a content of ``before`` bytes."""
        size = before + self.numbers.signed()
        if not 0 <= size <= MAX_SIZE:
            raise DamagedPlanError(f"a blob has {size} bytes, and at most {MAX_SIZE} are possible")
        return Content(size, self.numbers.take(HASH), self._name())

    def _name(self) -> str:
        if not self.flags & NAMES:
            return ""
        raw = self.numbers.take(self.numbers.bounded("a name's length", MAX_NAME))
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise DamagedPlanError("a name is not UTF-8") from None
        if _CONTROL.search(name):
            raise DamagedPlanError("a name has a slash or a control character")
        return name

    def _blocks(self, windows: int) -> tuple[Block, ...]:
        count, left = min(windows, 1), windows
        if self.flags & BLOCKS:
            count = self.numbers.bounded("the number of blocks", MAX_BLOCKS, 1)
        found: list[Block] = []
        for n in range(count):
            own = left
            if n < count - 1:
                own = self.numbers.bounded("the windows of a block", MAX_SIZE, 1)
            left -= own
            if own < 1 or left < 0:
                raise DamagedPlanError(f"the file has {windows} windows, and the blocks others")
            at = self.at
            self.at += CHECK * own
            found.append(Block(own, self._group(len(STREAMS), CHECK * own), at))
        return tuple(found)

    def _group(self, streams: int, checks: int = 0) -> Group:
        sizes = self._sizes(streams)
        if sum(sizes) + checks > MAX_STREAMS:
            raise DamagedPlanError(
                f"streams and checks have at most {MAX_STREAMS} bytes together, "
                f"and the plan says {sum(sizes) + checks}"
            )
        frames: list[Frame] = []
        first = 0
        while any(sizes[first:]):
            frame = self._frame(sizes[first:])
            first += frame.streams
            frames.append(frame)
        return Group(sizes, tuple(frames))

    def _sizes(self, streams: int) -> tuple[int, ...]:
        stated = self.numbers.bounded("which streams are there", (1 << streams) - 1)
        sizes: list[int] = []
        for n in range(streams):
            if stated >> n & 1:
                sizes.append(self.numbers.varint())
            else:
                sizes.append(sizes[-1] if ALIKE >> n & 1 else 0)
        return tuple(sizes)

    def _frame(self, sizes: Sequence[int]) -> Frame:
        numbers = self.numbers
        number = numbers.varint()
        streams, number = number // CODECS + 1, number % CODECS
        if streams > len(sizes):
            raise DamagedPlanError("a frame has more streams than there are")
        if number not in list(Codec):
            raise UnsupportedPlanError(f"the plan has a frame with codec {number}")
        codec, prefix, content = Codec(number), None, sum(sizes[:streams])
        if codec in OF_BYTES:
            prefix = self._prefix(0, MIN_PREFIX, MAX_PREFIX)
        if codec is Codec.FORESEEN:
            prefix = self._prefix(PAGE_BITS, 0, MAX_FORESEEN)
        stored = content if codec is Codec.RAW else numbers.varint()
        if codec is not Codec.RAW and not content:
            raise DamagedPlanError("a frame without content is compressed")
        most = _MOST.get(codec, MAX_STREAMS)
        if content > most:
            raise DamagedPlanError(
                f"an adaptive frame has at most {most} bytes, and the plan says {content}"
            )
        frame = Frame(streams, codec, stored, prefix, self.at)
        self.at += stored
        return frame

    def _prefix(self, bits: int, least: int, most: int) -> tuple[tuple[int, int], ...]:
        """Spans that are told in units of ``2^bits`` bytes; they have ``least`` to ``most`` bytes
        together."""
        numbers = self.numbers
        spans: list[tuple[int, int]] = []
        end = total = 0
        count = numbers.bounded("the number of a prefix's spans", MAX_SPANS, 1 if least else 0)
        for _ in range(count):
            start = end + (numbers.bounded("the start of a span", MAX_SIZE >> bits) << bits)
            length = numbers.bounded("the length of a span", most >> bits, 1) << bits
            if bits:  # the last page of the reference may be shorter
                length = max(0, min(length, self.reference - start))
            end, total = start + length, total + length
            spans.append((start, length))
            if end > self.reference or not length:
                raise DamagedPlanError(f"a prefix leaves the reference of {self.reference} bytes")
            if total > most:
                raise DamagedPlanError(f"a prefix has at most {most} bytes, and the plan says more")
        if total < least:
            raise DamagedPlanError(
                f"a prefix has at least {least} bytes, and the plan says {total}"
            )
        return tuple(spans)

    def _relocation(self, blobs: Sequence[Content]) -> Relocation:
        numbers = self.numbers
        count = numbers.bounded("the number of finders", MAX_FINDERS, 1)
        if not blobs:
            raise DamagedPlanError("the plan relocates a blob and has none")
        several = self.flags & BLOBS
        blob = numbers.bounded("the number of the blob", len(blobs) - 1) if several else 0
        finders = tuple(numbers.varint() for _ in range(count))
        if len(set(finders)) != count:
            raise DamagedPlanError("a finder is named twice")
        sites = numbers.bounded("the number of sites", blobs[blob].size)
        number = numbers.varint()
        if number not in list(Transform):
            raise UnsupportedPlanError(f"the plan has literal transform {number}")
        base = span = 0
        if number:
            base = numbers.bounded("the base of addresses", (1 << 62) - 1)
            span = numbers.bounded("the span of addresses", (1 << 31) - 1)
        regions = self._regions()
        group = self._group(len(MAP_STREAMS))
        return Relocation(blob, finders, sites, Transform(number), base, span, regions, group)

    def _regions(self) -> tuple[Region, ...]:
        found: list[Region] = []
        start = bias = 0
        for _ in range(self.numbers.bounded("the number of regions", MAX_REGIONS)):
            start += self.numbers.bounded("a region's start", MAX_SIZE, 1 if found else 0)
            bias += self.numbers.signed()
            if abs(bias) >= BIAS_LIMIT:
                raise DamagedPlanError(f"a region's bias is {bias}, which no address needs")
            kind = RegionKind(self.numbers.bounded("a region's kind", max(RegionKind)))
            found.append(Region(start, bias, kind))
        return tuple(found)


def plain_name(name: str) -> str:
    """``name`` as a plan can hold it (G5): without what it may not have, and cut."""
    return _CONTROL.sub("_", name).encode(errors="replace")[:MAX_NAME].decode(errors="ignore")

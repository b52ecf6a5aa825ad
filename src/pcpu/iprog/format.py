"""The layout of a plan: its header, frame groups and limits (spec/iprog.md G5-G12)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from crc32c import crc32c

from pcpu.errors import DamagedPlanError, UnsupportedPlanError
from pcpu.iprog.numbers import Bytes, Numbers, signed, varint
from pcpu.iprog.regions import Region, RegionKind

MAGIC = b"\x89IPROG\r\n"
VERSION = 1
MAX_HEADER = 1 << 23
MAX_SIZE = 1 << 40  # of the file, and of the reference
MAX_BLOBS = 255
MAX_BLOCKS = 1 << 20
MAX_STREAMS = 1 << 24  # bytes of the streams of a group together
MAX_ADAPTIVE = 1 << 16  # bytes of a frame that holds adaptive bits
MIN_PREFIX, MAX_PREFIX = 8, 1 << 26
MAX_SPANS = 1 << 16  # of a prefix
MAX_FINDERS = 32
MAX_REGIONS = 4096
BIAS_LIMIT = 1 << 62  # which biases lie below, whatever their sign
MAX_NAME = 255
WINDOW_BITS = range(12, 23)

STREAMS = ("index", "checks", "gaps", "lengths", "turns", "steps", "fixes", "literals")
MAP_STREAMS = ("starts", "shifts")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f/]")


class Codec(IntEnum):
    """How a frame's content is stored."""

    RAW = 0
    ZSTD = 1
    ZSTD_PREFIX = 2
    ADAPTIVE = 3


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
    check: int
    prefix: tuple[tuple[int, int], ...] | None = None
    at: int = 0


@dataclass(frozen=True)
class Group:
    """Streams of ``sizes`` bytes, in frames."""

    sizes: tuple[int, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Block:
    windows: int
    group: Group


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


# Reading


def read_header(plan: Bytes) -> Header:
    """The header of ``plan``, which is all of it. Raises DamagedPlanError where a rule of its
    layout does not hold, UnsupportedPlanError where its version is not this one."""
    whole = Numbers(plan, "the plan")
    if whole.left < len(MAGIC) or whole.take(len(MAGIC)) != MAGIC:
        raise DamagedPlanError("this is no plan: it does not begin as one (spec/iprog.md G6)")
    length = whole.u32()
    if length > MAX_HEADER:
        raise DamagedPlanError(
            f"a header has at most {MAX_HEADER} bytes, and the plan says {length}"
        )
    content = whole.take(length)
    if whole.u32() != check(whole.data[: whole.at - 4]):
        raise DamagedPlanError("the header's check does not hold: the plan is damaged")
    header = _HeaderReader(Numbers(content, "the header"), whole.at).read()
    stored = sum(frame.stored for group in header.groups for frame in group.frames)
    if stored > whole.left:
        raise DamagedPlanError(f"the plan is cut off: {stored - whole.left} bytes are missing")
    if stored < whole.left:
        raise DamagedPlanError(f"{whole.left - stored} bytes follow the plan")
    return header


class _HeaderReader:
    def __init__(self, numbers: Numbers, at: int) -> None:
        self.numbers, self.at = numbers, at

    def read(self) -> Header:
        numbers = self.numbers
        version = numbers.varint()
        if version != VERSION:
            raise UnsupportedPlanError(
                f"the plan has version {version}, and this pCPU reads {VERSION}"
            )
        file = self._content("the file's size")
        window_bits = numbers.bounded("a window's bits", WINDOW_BITS[-1], WINDOW_BITS[0])
        count = numbers.bounded("the number of blobs", MAX_BLOBS)
        blobs = tuple(self._content("a blob's size") for _ in range(count))
        if sum(blob.size for blob in blobs) > MAX_SIZE:
            raise DamagedPlanError(f"blobs have at most {MAX_SIZE} bytes together")
        finders = numbers.bounded("the number of finders", MAX_FINDERS)
        relocation = self._relocation(finders, blobs) if finders else None
        count = numbers.bounded("the number of blocks", MAX_BLOCKS)
        blocks = tuple(self._block() for _ in range(count))
        header = Header(file, window_bits, blobs, relocation, blocks)
        windows = sum(block.windows for block in blocks)
        if windows != header.windows:
            raise DamagedPlanError(
                f"a file of {file.size} bytes has {header.windows} windows, the blocks {windows}"
            )
        if numbers.left:
            raise DamagedPlanError(f"{numbers.left} bytes of the header mean nothing")
        for group in header.groups:
            _check_prefixes(group, header.reference_size)
        return header

    def _content(self, what: str) -> Content:
        size = self.numbers.bounded(what, MAX_SIZE)
        return Content(size, self.numbers.take(32), self._name())

    def _name(self) -> str:
        raw = self.numbers.take(self.numbers.bounded("a name's length", MAX_NAME))
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise DamagedPlanError("a name is not UTF-8") from None
        if _CONTROL.search(name):
            raise DamagedPlanError("a name has a slash or a control character")
        return name

    def _block(self) -> Block:
        windows = self.numbers.bounded("the windows of a block", MAX_SIZE, 1)
        return Block(windows, self._group(len(STREAMS)))

    def _group(self, streams: int) -> Group:
        sizes = tuple(self.numbers.varint() for _ in range(streams))
        if sum(sizes) > MAX_STREAMS:
            raise DamagedPlanError(
                f"streams have at most {MAX_STREAMS} bytes together, and the plan says {sum(sizes)}"
            )
        count = self.numbers.bounded("the number of frames", streams, 1)
        frames: list[Frame] = []
        first = 0
        for _ in range(count):
            frame = self._frame(sizes[first:])
            first += frame.streams
            frames.append(frame)
        if first != streams:
            raise DamagedPlanError(f"frames hold {first} of {streams} streams")
        return Group(sizes, tuple(frames))

    def _frame(self, sizes: Sequence[int]) -> Frame:
        numbers = self.numbers
        streams = numbers.bounded("the streams of a frame", len(sizes), 1)
        number = numbers.varint()
        if number not in list(Codec):
            raise UnsupportedPlanError(f"the plan has a frame with codec {number}")
        codec, prefix, content = Codec(number), None, sum(sizes[:streams])
        if codec is Codec.ZSTD_PREFIX:
            prefix = self._prefix()
        stored = numbers.varint()
        if codec is Codec.RAW and stored != content:
            raise DamagedPlanError(f"a raw frame of {content} bytes is stored as {stored}")
        if codec is not Codec.RAW and not content:
            raise DamagedPlanError("a frame without content is compressed")
        if codec is Codec.ADAPTIVE and content > MAX_ADAPTIVE:
            raise DamagedPlanError(
                f"an adaptive frame has at most {MAX_ADAPTIVE} bytes, and the plan says {content}"
            )
        frame = Frame(streams, codec, stored, numbers.u32(), prefix, self.at)
        self.at += stored
        return frame

    def _prefix(self) -> tuple[tuple[int, int], ...]:
        numbers = self.numbers
        spans: list[tuple[int, int]] = []
        end = total = 0
        for _ in range(numbers.bounded("the number of a prefix's spans", MAX_SPANS, 1)):
            start = end + numbers.bounded("the start of a span", MAX_SIZE)
            length = numbers.bounded("the length of a span", MAX_PREFIX - total, 1)
            end, total = start + length, total + length
            spans.append((start, length))
        if total < MIN_PREFIX:
            raise DamagedPlanError(
                f"a prefix has at least {MIN_PREFIX} bytes, and the plan says {total}"
            )
        return tuple(spans)

    def _relocation(self, count: int, blobs: Sequence[Content]) -> Relocation:
        numbers = self.numbers
        if not blobs:
            raise DamagedPlanError("the plan relocates a blob and has none")
        blob = numbers.bounded("the number of the blob with sites", len(blobs) - 1)
        finders = tuple(numbers.varint() for _ in range(count))
        if len(set(finders)) != count:
            raise DamagedPlanError("a finder is named twice")
        sites = numbers.bounded("the number of sites", blobs[blob].size)
        number = numbers.varint()
        if number not in list(Transform):
            raise UnsupportedPlanError(f"the plan has literal transform {number}")
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


def _check_prefixes(group: Group, reference: int) -> None:
    for frame in group.frames:
        if frame.prefix is not None and sum(frame.prefix[-1]) > reference:
            raise DamagedPlanError(f"a prefix leaves the reference of {reference} bytes")


# Writing


def write_header(header: Header) -> bytes:
    """The plan up to the stored bytes of its frames."""
    content = b"".join([
        varint(VERSION),
        _content(header.file),
        varint(header.window_bits),
        varint(len(header.blobs)),
        *map(_content, header.blobs),
        _relocation(header.relocation) if header.relocation else varint(0),
        varint(len(header.blocks)),
        *(varint(block.windows) + _group(block.group) for block in header.blocks),
    ])  # fmt: skip
    whole = MAGIC + len(content).to_bytes(4, "little") + content
    return whole + check(whole).to_bytes(4, "little")


def _content(content: Content) -> bytes:
    name = content.name.encode()
    return varint(content.size) + content.sha256 + varint(len(name)) + name


def _group(group: Group) -> bytes:
    return b"".join(
        [*map(varint, group.sizes), varint(len(group.frames)), *map(_frame, group.frames)]
    )


def _frame(frame: Frame) -> bytes:
    codec = varint(frame.streams) + varint(frame.codec) + write_prefix(frame.prefix)
    return codec + varint(frame.stored) + frame.check.to_bytes(4, "little")


def write_prefix(spans: tuple[tuple[int, int], ...] | None) -> bytes:
    """What the header says about a prefix."""
    if spans is None:
        return b""
    found, end = varint(len(spans)), 0
    for start, length in spans:
        found += varint(start - end) + varint(length)
        end = start + length
    return found


def _relocation(relocation: Relocation) -> bytes:
    regions = [varint(len(relocation.regions))]
    before = Region(0, 0, RegionKind.OTHER)
    for region in relocation.regions:
        regions.append(varint(region.start - before.start) + signed(region.bias - before.bias))
        regions.append(varint(region.kind))
        before = region
    return b"".join([
        varint(len(relocation.finders)),
        varint(relocation.blob),
        *map(varint, relocation.finders),
        varint(relocation.sites),
        varint(relocation.transform),
        varint(relocation.base),
        varint(relocation.span),
        *regions,
        _group(relocation.map),
    ])  # fmt: skip


def plain_name(name: str) -> str:
    """``name`` as a plan can hold it (G5): without what it may not have, and cut."""
    return _CONTROL.sub("_", name).encode(errors="replace")[:MAX_NAME].decode(errors="ignore")

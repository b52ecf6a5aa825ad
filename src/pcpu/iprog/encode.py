"""From streams to the bytes of a plan: blocks, frames and their codecs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pcpu.iprog import adapting
from pcpu.iprog.align import Covers
from pcpu.iprog.columns import NAMES, Columns, write_varints
from pcpu.iprog.format import (
    MAX_STREAMS,
    MIN_PREFIX,
    STREAMS,
    Block,
    Codec,
    Content,
    Frame,
    Group,
    Header,
    Relocation,
    check,
    write_header,
    write_prefix,
)
from pcpu.iprog.frames import compress
from pcpu.iprog.moved import Moved
from pcpu.iprog.numbers import varint
from pcpu.iprog.prefix import PAGE, Spans, choose_spans
from pcpu.iprog.relocate import ShiftMap
from pcpu.iprog.sites import Places
from pcpu.iprog.subject import Relocatable

_LARGE_BLOCK, _BLOCK = MAX_STREAMS - (1 << 20), 1 << 23  # bytes of a block's streams, about
_LARGE_FILE = 1 << 26  # from here on blocks and prefixes are held small, for their readers' sake
_PREFIX, _SMALL_PREFIX = 1 << 24, 1 << 22
_LOOKED_THROUGH = 1 << 30  # bytes, of all blocks together, that are searched for prefixes
_FEW = 1 << 15  # bytes of streams that all ways of storing and of sharing frames are tried for
_LITERALS = len(STREAMS) - 1
_THREADS = 2


@dataclass(frozen=True)
class Stored:
    """A frame and its stored bytes."""

    frame: Frame
    content: bytes

    @property
    def size(self) -> int:
        """In the plan, with what the header says about it."""
        prefix = write_prefix(self.frame.prefix)
        return len(self.content) + len(varint(self.frame.stored)) + len(prefix) + 6


@dataclass(frozen=True)
class Packer:
    """Stores streams: raw, or compressed; ``prefix`` is spans of the reference, and their bytes."""

    compressed: bool = True
    quick: bool = False
    prefix: tuple[Spans, bytes] | None = None

    def frame(self, streams: Sequence[bytes], *, literals: bool = False) -> Stored:
        """Streams in one frame, in the codec that makes it smallest."""
        content = b"".join(streams)
        found = [_stored(len(streams), Codec.RAW, content)]
        if self.compressed and content:
            if literals and self.prefix is not None:
                spans, prefix = self.prefix
                small = compress(content, prefix, quick=self.quick)
                found.append(_stored(len(streams), Codec.ZSTD_PREFIX, small, spans))
            else:
                small = compress(content, quick=self.quick)
                found.append(_stored(len(streams), Codec.ZSTD, small))
        if self.compressed and not self.quick and 0 < len(content) <= _FEW:
            found.append(_stored(len(streams), Codec.ADAPTIVE, adapting.encode(streams)))
        return min(found, key=lambda stored: stored.size)

    def group(self, streams: Sequence[bytes], literals: int | None = None) -> list[Stored]:
        """The frames of a group; ``literals`` is the number of the stream that has a prefix."""
        count = len(streams)
        if not self.compressed:
            return [self.frame(streams)]
        if self.quick or sum(map(len, streams)) > _FEW:
            return [self.frame([s], literals=n == literals) for n, s in enumerate(streams)]
        # The least for the streams from each one on, whichever share a frame.
        best: list[list[Stored]] = [[] for _ in range(count + 1)]
        for first in reversed(range(count)):
            choices = [
                [self.frame(streams[first:last], literals=first == literals), *best[last]]
                for last in range(first + 1, count + 1)
            ]
            best[first] = min(choices, key=_size)
        return best[0]


def _stored(streams: int, codec: Codec, content: bytes, prefix: Spans | None = None) -> Stored:
    return Stored(Frame(streams, codec, len(content), check(content), prefix), content)


def _size(several: Sequence[Stored]) -> int:
    return sum(stored.size for stored in several)


@dataclass(frozen=True)
class Encoded:
    plan: bytes
    header: Header


def encode(
    moved: Moved,
    columns: Columns,
    bits: int,
    file: Content,
    blobs: Sequence[Content],
    packer: Packer,
) -> Encoded:
    """The plan whose windows have ``2^bits`` bytes. With ``packer.compressed`` literals get a
    prefix from the reference, in each block its own."""
    frames: list[Stored] = []
    about = moved.subject.relocatable
    relocation = None
    if about is not None:
        streams = _map_streams(moved.shifts)
        stored = packer.group(streams)
        frames += stored
        relocation = _relocation(about, _group(streams, stored))
    tasks: list[Callable[[], tuple[Block, list[Stored]]]] = [
        partial(_block, moved, columns, packer, first, last)
        for first, last in _blocks(columns, file.size)
    ]
    blocks: list[Block] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for block, stored in pool.map(lambda task: task(), tasks):
            blocks.append(block)
            frames += stored
    header = Header(file, bits, tuple(blobs), relocation, tuple(blocks))
    plan = write_header(header) + b"".join(stored.content for stored in frames)
    return Encoded(plan, header)


def _blocks(columns: Columns, size: int) -> Iterator[tuple[int, int]]:
    """First windows of blocks, and those behind their last."""
    most = _LARGE_BLOCK if size < _LARGE_FILE else _BLOCK
    used = columns.ends.sum(axis=0)
    first, windows = 0, len(used)
    while first < windows:
        before = used[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(used, before + most, "right")))
        yield first, last
        first = last


def _block(
    moved: Moved, columns: Columns, packer: Packer, first: int, last: int
) -> tuple[Block, list[Stored]]:
    """The block of windows ``first`` up to ``last``."""
    ends = columns.ends[:, first:last]
    begin = columns.ends[:, first - 1] if first else np.zeros(len(NAMES), np.int64)
    slices = [
        columns.data[name][begin[row] : ends[row, -1]].tobytes() for row, name in enumerate(NAMES)
    ]
    parts = np.diff(ends, axis=1, prepend=begin[:, None])
    turns = np.diff(columns.skews[first:last], prepend=0)
    index, _ = write_varints(np.concatenate([*parts, (turns << 1) ^ (turns >> 63)]))
    checks = b"".join(number.to_bytes(4, "little") for number in columns.checks[first:last])
    streams = [index.tobytes(), checks, *slices]
    if packer.compressed and slices[-1]:
        packer = replace(packer, prefix=_prefix(moved, columns, begin[-1], ends[-1, -1]))
    stored = packer.group(streams, _LITERALS)
    return Block(last - first, _group(streams, stored)), stored


def _prefix(moved: Moved, columns: Columns, first: int, last: int) -> tuple[Spans, bytes] | None:
    """What to put before literals ``first`` up to ``last``; nothing where there is none."""
    size = len(moved.subject.reference)
    most = _PREFIX if size < _LARGE_FILE else _SMALL_PREFIX
    literals = columns.data["literals"][first:last]
    near = _beside_literals(columns.covers)
    # Many blocks of literals do not each look through a large reference.
    blocks = -(-len(columns.data["literals"]) // _BLOCK)
    read = moved.prefix if size * blocks < _LOOKED_THROUGH else None
    spans = choose_spans(literals, size, read, near, most)
    content = b"".join(moved.prefix(*span) for span in spans)
    return (spans, content) if len(content) >= MIN_PREFIX else None


def _beside_literals(covers: Covers) -> Places:
    """Places of the reference where literals would lie if the cover before them went on."""
    lengths = covers.start[1:] - covers.stop[:-1]
    pages = -(-lengths // PAGE)
    turns = np.arange(pages.sum()) - np.repeat(np.cumsum(pages) - pages, pages)
    found: Places = np.repeat((covers.stop + covers.skew)[:-1], pages) + PAGE * turns
    return found


def _map_streams(shifts: ShiftMap) -> list[bytes]:
    starts = np.diff(shifts.starts, prepend=0)
    amounts = np.diff(shifts.amounts, prepend=0)
    return [
        write_varints(numbers)[0].tobytes()
        for numbers in (starts, (amounts << 1) ^ (amounts >> 63))
    ]


def _group(streams: Sequence[bytes], stored: Sequence[Stored]) -> Group:
    return Group(tuple(map(len, streams)), tuple(s.frame for s in stored))


def _relocation(about: Relocatable, group: Group) -> Relocation:
    return Relocation(
        about.blob, about.finders, len(about.blob_sites), about.transform, about.base, about.span,
        about.regions, group,
    )  # fmt: skip

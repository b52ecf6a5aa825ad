"""From streams to the bytes of a plan: blocks, frames and their codecs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.columns import NAMES, Columns, window_checks, write_varints
from pcpu.iprog.format import (
    CHECK,
    MIN_PREFIX,
    STREAMS,
    Block,
    Content,
    Group,
    Header,
    Relocation,
)
from pcpu.iprog.frames import tables_size
from pcpu.iprog.index import Octets
from pcpu.iprog.moved import Moved
from pcpu.iprog.numbers import Bytes, signed
from pcpu.iprog.packing import Packer, Prefix, Stored
from pcpu.iprog.prefix import PAGE, Read, Spans, choose_pages, choose_spans
from pcpu.iprog.shift_map import ShiftMap
from pcpu.iprog.sites import Places
from pcpu.iprog.subject import Relocatable, Subject
from pcpu.iprog.threads import THREADS
from pcpu.iprog.writing import write_header

_BLOCK = 1 << 22  # bytes of a block's streams, about: a thread compresses it
_LARGE_FILE = 1 << 26  # from here on prefixes are held small, for their readers' sake
_PREFIX, _SMALL_PREFIX = 1 << 24, 1 << 22
# Literals that may be foreseen, and bytes before them: nothing takes longer to decode, so that they
# are few where all the rest is fast.
_FORESEEN, _OF_FAST = 3 << 13, 1 << 11
_LARGE_TEXT = 1 << 20
_NEAR_PAGES, _EACH = (1 << 9, 1 << 10, 1 << 11), 16  # bytes of pages of it; of it for a literal
_LOOKED_THROUGH = 1 << 30  # bytes, of all blocks together, that are searched for prefixes
_LITERALS = len(STREAMS) - 1
_TURNS = NAMES.index("turns")
_TABLES = 4  # times the file that tables may take where something else is done beside them


Prefixes = deque[Prefix | None]  # one for each block


@dataclass(frozen=True)
class Encoded:
    plan: bytes
    header: Header
    size: int  # of the plan


def encode(
    moved: Moved,
    columns: Columns,
    file: Content,
    blobs: Sequence[Content],
    packer: Packer,
    prefixes: Prefixes | None = None,
    map_frames: Sequence[Stored] | None = None,
) -> Encoded:
    """The plan of all windows, with ``prefixes`` before the literals of its blocks, which are taken
    from there. ``map_frames`` are those of the shift map, where they are known. The plan is nothing
    where the packer only says how large frames would be."""
    about = moved.subject.relocatable
    frames = [*(make_map_frames(moved, packer) if map_frames is None else map_frames)]
    relocation = None if about is None else _relocation(about, moved.shifts, frames)
    checks = [] if packer.literals is not None else window_checks(moved.subject, columns.bits)
    contents = [stored.content for stored in frames]
    spans = [*_blocks(columns)]
    waiting = prefixes or deque([None] * len(spans))
    most = max(map(partial(_tables_size, columns), spans, waiting), default=0)
    packer = replace(packer, beside=most <= _TABLES * file.size)
    # A block has the only hold on its prefix, which is large.
    tasks = (partial(_block, columns, packer, waiting.popleft(), *span) for span in spans)
    blocks: list[Block] = []
    with ThreadPoolExecutor(THREADS if THREADS * most <= _TABLES * file.size else 1) as pool:
        for block, stored in pool.map(lambda task: task(), tasks):
            own = checks[sum(b.windows for b in blocks) :][: block.windows]
            blocks.append(block)
            frames += stored
            contents.append(b"".join(number.to_bytes(CHECK, "little") for number in own))
            contents += [frame.content for frame in stored]
    renames = moved.subject.renames
    header = Header(file, columns.bits, tuple(blobs), relocation, tuple(blocks), renames)
    about_all = write_header(header)
    stored_size = sum(stored.frame.stored for stored in frames) + CHECK * header.windows
    size = len(about_all) + stored_size
    if packer.literals is not None:
        return Encoded(b"", header, size)
    return Encoded(about_all + b"".join(contents), header, size)


def _blocks(columns: Columns) -> Iterator[tuple[int, int]]:
    """First windows of blocks, and those behind their last."""
    used = columns.ends.sum(axis=0)
    first, windows = 0, len(used)
    size = int(used[-1]) if windows else 0
    most = size // max(1, -(-size // _BLOCK))  # all are about as large
    while first < windows:
        before = used[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(used, before + most, "left")) + 1)
        yield first, min(last, windows)
        first = last


def _literals(columns: Columns, first: int, last: int) -> Octets:
    """Those of windows ``first`` up to ``last``."""
    start = int(columns.ends[-1, first - 1]) if first else 0
    return columns.data["literals"][start : columns.ends[-1, last - 1]]


def _tables_size(columns: Columns, span: tuple[int, int], prefix: Prefix | None) -> int:
    """Bytes that are taken to compress the literals of a block, besides these and their prefix."""
    literals = _literals(columns, *span)
    return 0 if prefix is None else tables_size(literals.data, prefix.content)


def _block(
    columns: Columns, packer: Packer, prefix: Prefix | None, first: int, last: int
) -> tuple[Block, list[Stored]]:
    """The block of windows ``first`` up to ``last``."""
    ends = columns.ends[:, first:last]
    begin = columns.ends[:, first - 1] if first else np.zeros(len(NAMES), np.int64)
    slices: list[Bytes] = [
        columns.data[name][begin[row] : ends[row, -1]].data for row, name in enumerate(NAMES)
    ]
    parts = np.diff(ends, axis=1, prepend=begin[:, None])
    skews = columns.skews[first:last].copy()
    if parts[_TURNS, 0]:  # the first window begins with skew 0, so that its first cover has it all
        turn = signed(int(skews[0]))
        slices[_TURNS] = turn + bytes(slices[_TURNS][1:])
        parts[_TURNS, 0] += len(turn) - 1
    skews[0] = 0
    turns = np.diff(skews)
    index, _ = write_varints(np.concatenate([*parts[:, :-1], (turns << 1) ^ (turns >> 63)]))
    streams: list[Bytes] = [index.tobytes(), *slices]
    stored = replace(packer, prefix=prefix).group(streams, _LITERALS)
    return Block(last - first, _group(streams, stored)), stored


def make_prefixes(moved: Moved, columns: Columns) -> Prefixes:
    """What to put before the literals of each block. It takes no more than literals do, about, and
    what it is made from is not needed any more then."""
    blocks = -(-len(columns.data["literals"]) // _BLOCK)

    def make(span: tuple[int, int]) -> Prefix | None:
        literals = _literals(columns, *span)
        return make_prefix(moved, columns.covers, literals, blocks) if len(literals) else None

    with ThreadPoolExecutor(THREADS) as pool:
        return deque(pool.map(make, _blocks(columns)))


def make_prefix(moved: Moved, covers: Covers, literals: Octets, blocks: int = 1) -> Prefix | None:
    """What to put before literals, which many other ``blocks`` have too; nothing where there is
    nothing that helps."""
    size = len(moved.subject.reference)
    most = _PREFIX if size < _LARGE_FILE else _SMALL_PREFIX
    # Many blocks of literals do not each look through a large reference.
    read = _leaving(moved) if size * blocks < _LOOKED_THROUGH else None
    spans = choose_spans(literals, size, read, _beside_literals(covers), most)
    if sum(length for _, length in spans) < MIN_PREFIX:
        return None
    content, at = np.empty(sum(length for _, length in spans), np.uint8), 0
    for start, length in spans:
        moved.prefix(start, length, content[at : at + length])
        moved.subject.leave()
        at += length
    near = () if read is None else _near(moved, literals, read)
    return Prefix(spans, content.data, near)


def most_foreseen(subject: Subject) -> int:
    """How many literals may be foreseen."""
    is_fast = subject.relocatable is not None or len(subject.file) >= _LARGE_TEXT
    return _OF_FAST if is_fast else _FORESEEN


def _near(moved: Moved, literals: Octets, read: Read) -> tuple[tuple[Spans, bytes], ...]:
    """What to put before foreseen literals: one of several, whichever is best."""
    most = most_foreseen(moved.subject)
    if not 0 < len(literals) <= most:
        return ()
    size, most = len(moved.subject.reference), min(most, _EACH * len(literals))
    found = {choose_pages(literals, size, read, most, page) for page in _NEAR_PAGES}
    return tuple((own, b"".join(read(*span).data for span in own)) for own in sorted(found))


def _leaving(moved: Moved) -> Read:
    """What reads the reference from its start on, and leaves it behind."""

    def read(start: int, length: int) -> Octets:
        found = moved.prefix(start, length)
        moved.subject.leave()
        return found

    return read


def _beside_literals(covers: Covers) -> Places:
    """Places of the reference where literals would lie if the cover before them went on."""
    lengths = covers.start[1:] - covers.stop[:-1]
    pages = -(-lengths // PAGE)
    turns = np.arange(pages.sum()) - np.repeat(np.cumsum(pages) - pages, pages)
    found: Places = np.repeat((covers.stop + covers.skew)[:-1], pages) + PAGE * turns
    return found


def make_map_frames(moved: Moved, packer: Packer) -> list[Stored]:
    """The frames of the shift map; none where nothing is relocated."""
    return [] if moved.subject.relocatable is None else packer.group(_map_streams(moved.shifts))


def _map_streams(shifts: ShiftMap) -> list[bytes]:
    starts = np.diff(shifts.starts, prepend=0)
    amounts = np.diff(shifts.amounts, prepend=0)
    return [
        write_varints(numbers)[0].tobytes()
        for numbers in (starts, (amounts << 1) ^ (amounts >> 63))
    ]


def _group(streams: Sequence[Bytes], stored: Sequence[Stored]) -> Group:
    return Group(tuple(map(len, streams)), tuple(s.frame for s in stored))


def _relocation(about: Relocatable, shifts: ShiftMap, frames: Sequence[Stored]) -> Relocation:
    group = _group(_map_streams(shifts), frames)
    return Relocation(
        about.blob, about.finders, about.count, about.transform, about.base, about.span,
        about.regions, group,
    )  # fmt: skip

"""The plain decoder: spec/iprog.md, rule by rule.

    read_header -> Reader -> window(i) -> read(start, stop), pieces(), send(use), rebuild()

Memory: the streams of one block, a prefix and a window, whatever the sizes of file and blobs;
with relocation also the sites of the blob.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pcpu.errors import DamagedPlanError
from pcpu.iprog.format import STREAMS, Block, check, read_header
from pcpu.iprog.frames import read_group
from pcpu.iprog.numbers import Bytes, Numbers, signed_64
from pcpu.iprog.reference import Reference
from pcpu.iprog.renames import Renames, names

if TYPE_CHECKING:
    from pcpu.iprog.relocate import Mover

SLICED = STREAMS[1:]  # the streams of which each window has a part


@dataclass(frozen=True)
class Part:
    """What belongs to a window: its streams by name, its first skew, its check."""

    streams: dict[str, memoryview]
    skew: int
    check: int


@dataclass(frozen=True)
class Cover:
    """``length`` bytes at ``at`` of a window are those at ``source`` of the reference."""

    at: int
    length: int
    source: int


class Reader:
    """Rebuilds the file of ``plan`` from ``blobs``.

    All bytes that it hands out have been compared with the plan's checks. Raises
    DamagedPlanError, UnsupportedPlanError and WrongBlobError.

    Without ``compare`` the hashes of the blobs are not looked at, which is right for who takes
    nothing but the whole file, by ``send`` or ``rebuild`` (G8). They are where it is not the one.
    """

    def __init__(self, plan: Bytes, blobs: Sequence[Bytes], *, compare: bool = True) -> None:
        self.plan = plan
        self.header = read_header(plan)
        self.reference = Reference(blobs, self.header.blobs)
        if compare:
            self.reference.compare()
        self._firsts: list[int] = []  # the number of each block's first window
        first = 0
        for block in self.header.blocks:
            self._firsts.append(first)
            first += block.windows
        self._kept: tuple[int, list[Part]] | None = None  # the block that was read last

    @cached_property
    def mover(self) -> Mover | None:
        """What relocates, where the plan does."""
        if self.header.relocation is None:
            return None
        from pcpu.iprog.relocate import Mover
        from pcpu.iprog.shift_map import read_map

        relocation = self.header.relocation
        return Mover(relocation, read_map(self.plan, relocation, self.reference), self.reference)

    # Windows

    def window(self, number: int) -> bytes:
        """The bytes of a window (G16-G22)."""
        part = self.part(number)
        start = number << self.header.window_bits
        window = bytearray(self.header.window_length(number))
        covers = list(self.covers(part, start, len(window)))
        runs = literal_runs(covers, len(window))
        _place_literals(window, runs, part.streams["literals"])
        for cover in covers:
            stop = cover.at + cover.length
            window[cover.at : stop] = self.reference.read(cover.source, cover.length)
        if self.mover is not None:
            for cover in covers:
                self.mover.move(window, start, cover.at, cover.source, cover.length)
            for at, length in runs:
                self.mover.restore(window, start, at, length)
        _fix(window, part, renames=self.header.renames)
        if self.mover is not None:
            self.mover.restore_calls(window, start)
        if check(window) != part.check:
            raise DamagedPlanError(
                f"the check of window {number} does not hold: the plan is damaged"
            )
        return bytes(window)

    def covers(self, part: Part, start: int, size: int) -> Iterator[Cover]:
        """The covers of a window of ``size`` bytes at ``start`` of the file (G17, G18)."""
        gaps, lengths, turns = (
            Numbers(part.streams[name], f"a window's {name}")
            for name in ("gaps", "lengths", "turns")
        )
        at, skew = 0, part.skew
        while gaps.left:
            at += gaps.varint()
            skew += turns.signed()
            length = lengths.varint() or size - at
            source = signed_64(start + at + skew)
            if length < 1 or at + length > size:
                raise DamagedPlanError("a cover leaves its window")
            if source < 0 or source + length > self.reference.size:
                raise DamagedPlanError("a cover's source leaves the reference")
            yield Cover(at, length, source)
            at += length
        if lengths.left or turns.left:
            raise DamagedPlanError("a window has more lengths or turns than gaps")

    # Blocks

    def part(self, window: int) -> Part:
        block = bisect_right(self._firsts, window) - 1
        if self._kept is None or self._kept[0] != block:
            self._kept = None  # so that there is only one in memory
            self._kept = block, self._read_block(self.header.blocks[block])
        return self._kept[1][window - self._firsts[block]]

    def _read_block(self, block: Block) -> list[Part]:
        """The parts of a block's windows (G14, G15)."""
        streams = dict(zip(STREAMS, read_group(self.plan, block.group, self._prefix), strict=True))
        checks = Numbers(memoryview(self.plan)[block.checks_at :], "the checks")
        index = Numbers(streams["index"], "the index")
        if len(index.data) < (len(SLICED) + 1) * (block.windows - 1):
            raise DamagedPlanError("the index is shorter than its windows need")
        columns = {name: [index.varint() for _ in range(block.windows - 1)] for name in SLICED}
        turns = [0, *(index.signed() for _ in range(block.windows - 1))]
        for name, lengths in columns.items():
            lengths.append(len(streams[name]) - sum(lengths))
        if index.left or any(lengths[-1] < 0 for lengths in columns.values()):
            raise DamagedPlanError("the index does not fit its streams")
        parts: list[Part] = []
        skew, at = 0, dict.fromkeys(SLICED, 0)
        for number in range(block.windows):
            ends = {name: at[name] + columns[name][number] for name in SLICED}
            slices = {name: streams[name][at[name] : ends[name]] for name in SLICED}
            skew, at = signed_64(skew + turns[number]), ends
            parts.append(Part(slices, skew, checks.u32()))
        return parts

    def _prefix(self, start: int, length: int) -> bytes:
        """The bytes before a frame's content (G13)."""
        if self.mover is not None and self.mover.transforms:
            return self.mover.moved(start, length)
        return self.reference.read(start, length)

    # The file

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of the file from ``start`` up to ``stop`` or its end, window by window."""
        bits, stop = self.header.window_bits, min(stop, self.header.file.size)
        if start >= stop:
            return
        for number in range(start >> bits, ((stop - 1) >> bits) + 1):
            before = number << bits
            yield self.window(number)[max(start - before, 0) : stop - before]

    def pieces(self) -> Iterator[bytes]:
        """All windows in order; their hash is compared with the plan's at the end (G23)."""
        found = hashlib.sha256()
        for piece in self.read(0, self.header.file.size):
            found.update(piece)
            yield piece
        self.compare(found.digest())

    def compare(self, digest: bytes) -> None:
        """See that the SHA-256 of what was rebuilt is the file's."""
        if digest != self.header.file.sha256:
            self.reference.compare()
            raise DamagedPlanError("the file that was rebuilt has not the plan's SHA-256")

    def send(self, use: Callable[[memoryview], None]) -> None:
        """Give ``use`` the file, piece by piece. It is the file when this returns, and may be
        anything where it raises."""
        for piece in self.pieces():
            use(memoryview(piece))

    def rebuild(self) -> bytes:
        """The whole file."""
        return b"".join(self.pieces())


def literal_runs(covers: Sequence[Cover], size: int) -> list[tuple[int, int]]:
    """Where the literals lie in a window, and how many (G19)."""
    starts = [0, *(cover.at + cover.length for cover in covers)]
    stops = [*(cover.at for cover in covers), size]
    return [(a, b - a) for a, b in zip(starts, stops, strict=True) if a < b]


def _place_literals(
    window: bytearray, runs: Sequence[tuple[int, int]], literals: memoryview
) -> None:
    if sum(length for _, length in runs) != len(literals):
        raise DamagedPlanError("a window has not as many literals as its covers leave")
    taken = 0
    for at, length in runs:
        window[at : at + length] = literals[taken : taken + length]
        taken += length


def fixes(part: Part, size: int) -> Iterator[tuple[int, int]]:
    """Places in a window of ``size`` bytes, and what is added there."""
    steps, at = Numbers(part.streams["steps"], "a window's steps"), -1
    for fix in part.streams["fixes"]:
        at += steps.varint() + 1
        if at >= size:
            raise DamagedPlanError("a fix leaves its window")
        yield at, fix
    if steps.left:
        raise DamagedPlanError("a window has more steps than fixes")


def _fix(window: bytearray, part: Part, *, renames: bool) -> None:
    """Add the fixes (G21), and foresee names (G124)."""
    spans = [*names(window)] if renames else []
    known, rest = Renames(), fixes(part, len(window))
    following = next(rest, None)
    for start, stop in [*spans, (len(window), len(window))]:
        name = bytes(window[start:stop])
        window[start:stop] = known.foresee(name)
        while following is not None and following[0] < stop:
            place, fix = following
            window[place] = (window[place] + fix) & 255
            following = next(rest, None)
        known.learn(name, bytes(window[start:stop]))

"""From covers to the streams of all windows (spec/iprog.md G14-G21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.format import check
from pcpu.iprog.index import Octets, common
from pcpu.iprog.jit import jit, read_only
from pcpu.iprog.moved import Moved
from pcpu.iprog.regions import RegionKind
from pcpu.iprog.renaming import foresee
from pcpu.iprog.sites import Places
from pcpu.iprog.subject import Relocatable, Subject
from pcpu.iprog.threads import THREADS, each
from pcpu.iprog.transforms import BACK, transform, transform_words

NAMES = ("gaps", "lengths", "turns", "steps", "fixes", "literals")
_PIECE = 1 << 18  # bytes of the file that are looked at at a time, or a window that is larger
_PART = 1 << 18  # bytes of a file that are worth a thread
# What is made of large windows meanwhile is several times the file: so the columns of one trial
# after the other are made, by both threads where there are windows for both.
_ALONE = Lock()
Spans = Sequence[tuple[int, int]]  # of the file: where they begin and end


@dataclass(frozen=True)
class Columns:
    """``data`` is a stream for the whole file; ``ends`` where each window's part of it ends, a row
    for each stream; ``skews`` with which the windows, of ``2^bits`` bytes, begin."""

    data: dict[str, Octets]
    ends: Places
    skews: Places
    covers: Covers
    bits: int

    def sizes(self) -> dict[str, int]:
        return {name: len(self.data[name]) for name in NAMES}


def cut(covers: Covers, bits: int) -> Covers:
    """The same copies, none of which reaches over the end of a window of ``2^bits`` bytes."""
    first, last = covers.start >> bits, (covers.stop - 1) >> bits
    pieces = last - first + 1
    which = np.repeat(np.arange(len(pieces)), pieces)
    turn = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    window = first[which] + turn
    start = np.maximum(covers.start[which], window << bits)
    stop = np.minimum(covers.stop[which], (window + 1) << bits)
    return Covers(start, stop, covers.skew[which])


def make_columns(moved: Moved, covers: Covers, bits: int) -> Columns:
    """What all windows take of each stream. The covers are in order and lie in the file."""
    covers = cut(covers, bits)
    file = moved.subject.file
    with _ALONE:
        data, ends_of_fixes = _all_contents(moved, covers, bits)
    borders, last_cover = _borders(covers, bits, len(file))
    ends = np.empty((len(NAMES), len(borders)), np.int64)
    ends[3:5] = ends_of_fixes
    ends[5] = borders - np.concatenate([[0], np.cumsum(covers.stop - covers.start)])[last_cover]
    skews = _first_skews(covers, last_cover)
    numbers = _cover_numbers(covers, skews, bits, len(file))
    for row, (name, values) in enumerate(zip(NAMES, numbers, strict=False)):
        data[name], stops = write_varints(values)
        ends[row] = np.concatenate([[0], stops])[last_cover]
    return Columns(data, ends, skews, covers, bits)


def window_checks(subject: Subject, bits: int) -> list[int]:
    """The checks of all windows (G4)."""
    found: list[int] = []
    for low in range(0, len(subject.file), 1 << bits):
        found.append(check(subject.file[low : low + (1 << bits)].data))
        if len(found) << bits & _PIECE - 1 == 0:
            subject.leave()
    return found


def sample_columns(moved: Moved, covers: Covers, bits: int, spans: Spans) -> dict[str, Octets]:
    """The streams of the windows in spans of the file, which hold all covers; they begin where
    windows do."""
    covers = cut(covers, bits)
    size = len(moved.subject.file)
    data, _ = _contents(moved, covers, bits, spans)
    skews = _first_skews(covers, _borders(covers, bits, size)[1])
    numbers = _cover_numbers(covers, skews, bits, size)
    return data | {n: write_varints(v)[0] for n, v in zip(NAMES, numbers, strict=False)}


def _borders(covers: Covers, bits: int, size: int) -> tuple[Places, Places]:
    """Where windows end, and how many covers there are before."""
    windows = -(-size // (1 << bits))
    borders = np.minimum((np.arange(windows) + 1) << bits, size)
    return borders, np.searchsorted(covers.start, borders)


def _all_contents(moved: Moved, covers: Covers, bits: int) -> tuple[dict[str, Octets], Places]:
    """The same as of one span, a part of the file in each thread."""
    size = len(moved.subject.file)
    own = -(-max(-(-size // THREADS), _PART) >> bits) << bits
    parts = [(at, min(at + own, size)) for at in range(0, size, own)] or [(0, 0)]
    found = each(lambda span: _contents(moved, covers, bits, [span]), parts)
    data = {name: np.concatenate([part[name] for part, _ in found]) for name in NAMES[3:]}
    before = np.zeros((2, 1), np.int64)
    ends = []
    for _, borders in found:
        ends.append(before + borders)
        before = ends[-1][:, -1:]
    return data, np.concatenate(ends, axis=1)


def _contents(
    moved: Moved, covers: Covers, bits: int, spans: Spans
) -> tuple[dict[str, Octets], Places]:
    """The streams of fixes and literals, and where in steps and fixes the part of each window ends.

    A piece of the file at a time: where nearly all bytes are fixed they take much memory.
    """
    found: dict[str, list[Octets]] = {name: [np.empty(0, np.uint8)] for name in NAMES[3:]}
    ends = [np.zeros((2, 1), np.int64)]
    length = len(moved.subject.file)
    size = min(max(_PIECE, 1 << bits), max(1, -(-length >> bits)) << bits)
    room = [np.empty(times * size, np.uint8) for times in (4, 1, 1)]
    pieces = (
        (low, min(low + size, last)) for first, last in spans for low in range(first, last, size)
    )
    for low, high in pieces:
        first, last = np.searchsorted(covers.start, [low, high])
        own = Covers(*(a[first:last] for a in (covers.start, covers.stop, covers.skew)))
        guess = moved.predicted(own, low, high)
        borders = np.empty((2, -(-(high - low) >> bits)), np.int64)
        start, stop = own.start - low, own.stop - low
        told = read_only(moved.subject.told(low, high, bits))
        stored = _stored(moved.subject.relocatable, told, low, start, stop, bits)
        if moved.subject.renames:
            guess, stored = foresee(told, guess, stored, start, stop, bits)
        steps, fixes, literals = room
        new = _gather_literals(stored, start, stop, literals)
        if moved.subject.renames:  # which may be wrong of literals, too
            start = np.arange(0, high - low, 1 << bits)
            stop = np.minimum(start + (1 << bits), high - low)
        counts = *_gather_fixes(told, guess, start, stop, bits, steps, fixes, borders), new
        for name, written, count in zip(NAMES[3:], room, counts, strict=True):
            found[name].append(written[:count].copy())
        ends.append(ends[-1][:, -1:] + borders)
        moved.subject.leave()
    data = {name: np.concatenate(pieces) for name, pieces in found.items()}
    return data, np.concatenate(ends, axis=1)[:, 1:]


@jit
def _gather_literals(stored: Any, start: Any, stop: Any, literals: Any) -> int:
    """Write what is ``stored`` where there is no copy; how much that is."""
    at = done = 0
    for i in range(len(start) + 1):
        first = start[i] if i < len(start) else len(stored)
        literals[done : done + first - at] = stored[at:first]
        done += first - at
        at = stop[i] if i < len(start) else first
    return done


@jit
def _gather_fixes(
    file: Any, guess: Any, start: Any, stop: Any, bits: Any, steps: Any, fixes: Any, borders: Any
) -> Any:
    """Write the fixes between such places, none of which are of two windows, and what lies between
    fixes; and how many there are of both where each window ends. How many of each."""
    step = fix = window = 0
    before = -1  # the fix before, or what is before the window
    for i in range(len(start) + 1):
        at, last = (start[i], stop[i]) if i < len(start) else (len(file), len(file))
        while window < at >> bits or (i == len(start) and window < borders.shape[1]):
            borders[0, window], borders[1, window] = step, fix
            window += 1
            before = (window << bits) - 1
        while at < last:
            at += common(file, at, guess, at, last - at)
            if at < last:
                value = at - before - 1
                before = at
                while value > 127:
                    steps[step] = value & 127 | 128
                    value >>= 7
                    step += 1
                steps[step] = value
                fixes[fix] = file[at] - guess[at]
                step, fix, at = step + 1, fix + 1, at + 1
    return step, fix


def _first_skews(covers: Covers, last: Places) -> Places:
    """The skew that each window begins with: that of its first cover, else of the window before."""
    first = np.concatenate([[0], last[:-1]])[: len(last)]
    has = last > first
    known = np.where(has, np.arange(len(last)), -1)
    known = np.maximum.accumulate(known) if len(known) else known
    skews = np.append(covers.skew, 0)[np.minimum(first, len(covers.skew))]
    return np.where(known >= 0, skews[known], 0)


def _cover_numbers(
    covers: Covers, skews: Places, bits: int, size: int
) -> tuple[Places, Places, Places]:
    """Gaps, lengths and turns of covers (G14)."""
    window = covers.start >> bits
    new = np.concatenate([[True], window[1:] != window[:-1]])[: len(window)]
    before = np.concatenate([[0], covers.stop[:-1]])[: len(window)]
    gaps = covers.start - np.where(new, window << bits, before)
    ends = np.minimum((window + 1) << bits, size)
    lengths = np.where(covers.stop == ends, 0, covers.stop - covers.start)
    skew_before = np.concatenate([[0], covers.skew[:-1]])[: len(window)]
    turns = covers.skew - np.where(new, skews[window], skew_before)
    return gaps, lengths, (turns << 1) ^ (turns >> 63)


@jit
def _varints(values: Any, to: Any, stops: Any) -> int:
    at = 0
    for i in range(len(values)):
        value = values[i]
        while value > 127:
            to[at] = value & 127 | 128
            value >>= 7
            at += 1
        to[at] = value
        at += 1
        stops[i] = at
    return at


def write_varints(values: Places) -> tuple[Octets, Places]:
    """The varints of numbers, and where each ends."""
    widest = int(values.max()).bit_length() // 7 + 1 if len(values) else 1
    to, stops = np.empty(widest * len(values), np.uint8), np.empty(len(values), np.int64)
    written: Octets = to[: _varints(values, to, stops)].copy()
    return written, stops


def _stored(
    about: Relocatable | None, piece: Octets, low: int, start: Places, stop: Places, bits: int
) -> Octets:
    """A piece of the file, from ``low`` on, with its literals as they are stored (G28): what lies
    between covers, which begin and end at such places of the piece."""
    if about is None or not about.transform or not about.regions:
        return piece
    stored = piece.copy()
    before, behind = np.append(0, stop), np.append(start, len(piece))
    ends = [*(r.start for r in about.regions[1:]), low + len(piece)]
    for region, end in zip(about.regions, ends, strict=True):
        if (region.kind is RegionKind.CODE or region.kind in BACK) and end > low:
            _transform(
                stored, before, behind, max(region.start - low, 0), end - low, bits,
                about.transform.value, region.bias + low, about.base, about.span, low,
                BACK.get(region.kind, 0),
            )  # fmt: skip
    return read_only(stored)


@jit
def _transform(
    data: Any, start: Any, stop: Any, low: Any, high: Any, bits: Any, kind: Any, bias: Any,
    base: Any, span: Any, place: Any, back: Any,
) -> None:  # fmt: skip
    """Transform the parts of runs that lie in ``data[low:high]``, window by window."""
    for i in range(len(start)):
        at, last = max(start[i], low), min(stop[i], high)
        while at < last:
            end = min(last, ((at >> bits) + 1) << bits)
            if back:
                transform_words(data, at, end, at + place, back)
            else:
                transform(kind, data, at, end, bias, base, span)
            at = end

"""From covers to the streams of all windows (spec/iprog.md G14-G21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.align import Covers
from pcpu.iprog.format import check
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import jit
from pcpu.iprog.moving import put_site, value_of, width_of
from pcpu.iprog.relocate import ShiftMap, resolved
from pcpu.iprog.sites import Places
from pcpu.iprog.subject import Relocatable, Subject
from pcpu.iprog.transforms import transform

NAMES = ("gaps", "lengths", "turns", "steps", "fixes", "literals")
_LONGEST = 6  # bytes of a number of a cover: sizes are below 2^40, and a turn has a sign


@dataclass(frozen=True)
class Columns:
    """``data`` is a stream for the whole file; ``ends`` where each window's part of it ends, a row
    for each stream; ``skews`` with which the windows begin; ``checks`` of the windows."""

    data: dict[str, Octets]
    ends: Places
    skews: Places
    checks: list[int]
    covers: Covers

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


def predicted(subject: Subject, covers: Covers, shifts: ShiftMap) -> Octets:
    """What the covers alone give, with zeros between them."""
    found = np.zeros_like(subject.file)
    _copy(found, subject.reference, covers.start, covers.stop, covers.skew)
    about = subject.relocatable
    if about is not None:
        sites = resolved(about.blob_sites, shifts, about.first)
        starts = np.array([0, *(region.start for region in about.regions)])
        biases = np.array([0, *(region.bias for region in about.regions)])
        _move(found, covers.start, covers.stop, covers.skew, *sites.arrays, starts, biases)
    return found


@jit
def _copy(to: Any, source: Any, start: Any, stop: Any, skew: Any) -> None:
    for i in range(len(start)):
        to[start[i] : stop[i]] = source[start[i] + skew[i] : stop[i] + skew[i]]


@jit
def _move(
    to: Any, start: Any, stop: Any, skew: Any, place: Any, form: Any, target: Any, extra: Any,
    region_start: Any, region_bias: Any,
) -> None:  # fmt: skip
    for i in range(len(start)):
        k = np.searchsorted(place, start[i] + skew[i])
        while k < len(place):
            width = width_of(form[k], extra[k])
            if place[k] + width > stop[i] + skew[i]:
                break
            at = place[k] - skew[i]
            region = np.searchsorted(region_start, at, side="right") - 1
            value = value_of(form[k], target[k], extra[k], at + region_bias[region])
            put_site(to, at, form[k], extra[k], value)
            k += 1


def make_columns(subject: Subject, covers: Covers, shifts: ShiftMap, bits: int) -> Columns:
    """What all windows take of each stream. The covers are in order and lie in the file."""
    covers = cut(covers, bits)
    file = subject.file
    windows = -(-len(file) // (1 << bits))
    guess = predicted(subject, covers, shifts)
    copied = np.zeros(len(file), bool)
    _mark(copied, covers.start, covers.stop)
    literals = _literals(subject.relocatable, file, copied, bits)
    fixed = np.flatnonzero(copied & (guess != file))
    fixes = file[fixed] - guess[fixed]
    ends = np.empty((len(NAMES), windows), np.int64)
    borders = np.minimum((np.arange(windows) + 1) << bits, len(file))
    last_cover, last_fix = (np.searchsorted(a, borders) for a in (covers.start, fixed))
    ends[4] = last_fix
    ends[5] = borders - np.concatenate([[0], np.cumsum(covers.stop - covers.start)])[last_cover]
    skews = _first_skews(covers, last_cover)
    data = {"fixes": fixes, "literals": literals}
    numbers = _cover_numbers(covers, skews, bits, len(file))
    steps = (
        fixed - np.maximum(np.concatenate([[-1], fixed[:-1]]), ((fixed >> bits) << bits) - 1) - 1
    )
    for row, (name, values, last) in enumerate((
        ("gaps", numbers[0], last_cover),
        ("lengths", numbers[1], last_cover),
        ("turns", numbers[2], last_cover),
        ("steps", steps[: len(fixed)], last_fix),
    )):  # fmt: skip
        data[name], stops = write_varints(values)
        ends[row] = np.concatenate([[0], stops])[last]
    checks = [check(file[at : at + (1 << bits)].data) for at in range(0, len(file), 1 << bits)]
    return Columns(data, ends, skews, checks, covers)


@jit
def _mark(copied: Any, start: Any, stop: Any) -> None:
    for i in range(len(start)):
        copied[start[i] : stop[i]] = True


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


def _literals(about: Relocatable | None, file: Octets, copied: Any, bits: int) -> Octets:
    """The bytes that no cover gives, with the literal transform (G28)."""
    missing: npt.NDArray[np.bool_] = ~copied
    if about is None or not about.transform:
        return file[missing]
    stored = file.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[True], copied, [True]])))
    for region, stop in zip(
        about.regions, [*(r.start for r in about.regions[1:]), len(file)], strict=True
    ):
        if region.code:
            _transform(
                stored, edges[0::2], edges[1::2], region.start, stop, bits,
                about.transform.value, region.bias, about.base, about.span,
            )  # fmt: skip
    return stored[missing]


@jit
def _transform(
    data: Any, start: Any, stop: Any, low: Any, high: Any, bits: Any, kind: Any, bias: Any,
    base: Any, span: Any,
) -> None:  # fmt: skip
    """Transform the parts of runs that lie in ``data[low:high]``, window by window."""
    for i in range(len(start)):
        at, last = max(start[i], low), min(stop[i], high)
        while at < last:
            end = min(last, ((at >> bits) + 1) << bits)
            transform(kind, data, at, end, bias, base, span, False)
            at = end

"""The decoder again, compiled: what the planner checks its plans with.

Only the inside of a window is another one than in ``apply``; the two are tested against each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.errors import InternalError
from pcpu.iprog.apply import Reader
from pcpu.iprog.format import check
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import i64, jit
from pcpu.iprog.moving import put_site, value_of, width_of
from pcpu.iprog.relocate import Mover, read_map
from pcpu.iprog.sites import Sites
from pcpu.iprog.transforms import transform

_NO_SITES = Sites.none()


class FastReader(Reader):
    """A Reader for plans that are known to be well formed, of one buffer as reference and the
    sites that finders found in its blob."""

    def prepare(self, reference: Octets, sites: Sites | None = None) -> None:
        self._bytes = reference
        about = self.header.relocation
        if about is not None:
            map_ = read_map(self.plan, about, self.reference)
            self.mover = Mover(about, map_, self.reference, sites)
        mover = self.mover
        regions = () if about is None else about.regions
        self._starts = np.array([0, *(r.start for r in regions)])
        self._biases = np.array([0, *(r.bias for r in regions)])
        self._codes = np.array([False, *(r.code for r in regions)])
        self._sites = _NO_SITES if mover is None else mover.sites
        self._space = np.zeros(3, np.int64)
        if about is not None:
            self._space[:] = about.transform, about.base, about.span

    def window(self, number: int) -> bytes:
        """The bytes of a window."""
        part = self.part(number)
        start = number << self.header.window_bits
        window = np.zeros(self.header.window_length(number), np.uint8)
        columns = [np.frombuffer(part.streams[name], np.uint8) for name in (
            "gaps", "lengths", "turns", "steps", "fixes", "literals",
        )]  # fmt: skip
        fill: Any = _window
        used = fill(
            window, start, part.skew, *columns, self._bytes, *self._sites.arrays,
            self._starts, self._biases, self._codes, self._space,
        )  # fmt: skip
        if not used or check(window.data) != part.check:
            raise InternalError(f"window {number} of a new plan does not rebuild")
        return window.tobytes()


@jit
def _number(data: Any, at: Any) -> Any:
    value = shift = i64(0)
    while data[at] > 127:
        value |= i64(data[at] & 127) << shift
        shift += 7
        at += 1
    return value | i64(data[at]) << shift, at + 1


@jit
def _window(
    window: Any, start: int, skew: int, gaps: Any, lengths: Any, turns: Any, steps: Any,
    fixes: Any, literals: Any, reference: Any, place: Any, form: Any, target: Any, extra: Any,
    region_start: Any, region_bias: Any, region_code: Any, space: Any,
) -> bool:  # fmt: skip
    """Fill a window; whether its literals were all used."""
    at = taken = g = t = s = n = 0
    while True:
        length = 0
        stop = len(window)
        if g < len(gaps):
            gap, g = _number(gaps, g)
            length, n = _number(lengths, n)
            turn, t = _number(turns, t)
            skew += (turn >> 1) ^ -(turn & 1)
            stop = at + gap
            if length == 0:
                length = len(window) - stop
        elif at == stop:
            break
        if stop > at:
            window[at:stop] = literals[taken : taken + stop - at]
            taken += stop - at
            _restore(window, start, at, stop, region_start, region_bias, region_code, space)
        source = start + stop + skew
        at = stop + length
        if length:
            window[stop:at] = reference[source : source + length]
            k = np.searchsorted(place, source)
            while k < len(place):
                width = width_of(form[k], extra[k])
                if place[k] + width > source + length:
                    break
                inside = stop + place[k] - source
                region = np.searchsorted(region_start, start + inside, side="right") - 1
                address = start + inside + region_bias[region]
                value = value_of(form[k], target[k], extra[k], address)
                put_site(window, inside, form[k], extra[k], value)
                k += 1
    at = -1
    for fix in fixes:
        step, s = _number(steps, s)
        at += step + 1
        window[at] += fix
    return taken == len(literals)


@jit
def _restore(
    window: Any, start: int, at: int, stop: int, region_start: Any, region_bias: Any,
    region_code: Any, space: Any,
) -> None:  # fmt: skip
    """Undo the transform of a run of literals."""
    kind, base, span = space
    while at < stop:
        region = np.searchsorted(region_start, start + at, side="right") - 1
        end = stop
        if region + 1 < len(region_start):
            end = min(end, region_start[region + 1] - start)
        if region_code[region]:
            transform(kind, window, at, end, start + region_bias[region], base, span, True)
        at = end

"""A reference whose sites are moved by a shift map: what covers give, and what prefixes hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.decoder.transforms import NEAR
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import jit, put
from pcpu.iprog.moving import absolute, put_site, value_of, width_of, write_shown
from pcpu.iprog.regions import Region
from pcpu.iprog.relocate import ShiftMap, resolved
from pcpu.iprog.sites import Form, Places, Sites
from pcpu.iprog.subject import Subject

_WIDTH = 4  # bytes of a relative site


@dataclass(frozen=True)
class Moved:
    """``sites`` are resolved, their places those of the reference."""

    subject: Subject
    shifts: ShiftMap
    sites: Sites
    regions: tuple[Region, ...]

    @staticmethod
    def of(subject: Subject, shifts: ShiftMap) -> Moved:
        about = subject.relocatable
        if about is None:
            return Moved(subject, shifts, Sites.none(), ())
        sites = resolved(about.blob_sites, shifts, about.first)
        return Moved(subject, shifts, sites, about.regions)

    def predicted(self, covers: Covers, low: int, high: int) -> Octets:
        """What covers that lie in ``file[low:high]`` give, with zeros between them."""
        found = np.zeros(high - low, np.uint8)
        starts = np.array([0, *(region.start for region in self.regions)])
        biases = np.array([0, *(region.bias for region in self.regions)])
        _copy(
            found, low, self.subject.reference, covers.start, covers.stop, covers.skew,
            *self.sites.arrays, starts, biases,
        )  # fmt: skip
        return found

    def prefix(self, start: int, length: int) -> bytes:
        """A span of the reference, of the moved one where literals are transformed (G13, G29)."""
        found = self.subject.reference[start : start + length].copy()
        about = self.subject.relocatable
        if about is not None and about.transform:
            first, last = np.searchsorted(self.sites.place, [start, start + length])
            sites = self.sites[int(first) : int(last)]
            sites = sites[sites.end <= start + length]
            values = absolute(sites, about.base)
            write_shown(found, sites.place - start, sites.form, sites.extra, values)
            places, values = _near(sites)
            _write_near(found, places - start, values)
        return found.tobytes()


def _near(sites: Sites) -> tuple[Places, Places]:
    """Places of relative sites that follow one another, and what each holds more than the one
    before, if it is little."""
    relative = sites[sites.form == Form.RELATIVE]
    content = relative.target - relative.extra - relative.place
    more = np.diff(content)
    chosen = (np.diff(relative.place) == _WIDTH) & (more >= -NEAR) & (more < NEAR)
    return relative.place[1:][chosen], more[chosen]


@jit
def _write_near(data: Any, places: Any, values: Any) -> None:
    for i in range(len(places)):
        put(data, places[i], values[i], 4)


@jit
def _copy(
    to: Any, low: int, source: Any, start: Any, stop: Any, skew: Any, place: Any, form: Any,
    target: Any, extra: Any, region_start: Any, region_bias: Any,
) -> None:  # fmt: skip
    """Make covers, whose first byte is that of the file at ``low``, and move their sites."""
    for i in range(len(start)):
        first, last = start[i] + skew[i], stop[i] + skew[i]
        to[start[i] - low : stop[i] - low] = source[first:last]
        k = np.searchsorted(place, first)
        while k < len(place):
            if place[k] + width_of(form[k], extra[k]) > last:
                break
            at = place[k] - skew[i]
            region = np.searchsorted(region_start, at, side="right") - 1
            value = value_of(form[k], target[k], extra[k], at + region_bias[region])
            put_site(to, at - low, form[k], extra[k], value)
            k += 1

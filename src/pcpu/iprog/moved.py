"""A reference whose sites are moved by a shift map: what covers give, and what prefixes hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.decoder.transforms import NEAR
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import jit, put
from pcpu.iprog.moving import put_site, value_of, width_of, write_shown
from pcpu.iprog.regions import Region
from pcpu.iprog.shift_map import ShiftMap
from pcpu.iprog.sites import Form, Places, Sites, narrowed
from pcpu.iprog.subject import Relocatable, Subject

_WIDTH = 4  # bytes of a relative site


@dataclass(frozen=True)
class Moved:
    """``sites`` are resolved, their places those of the reference; the subject has none.

    What does not change they have in common with those of the blob.
    """

    subject: Subject
    shifts: ShiftMap
    sites: Sites
    regions: tuple[Region, ...]

    @staticmethod
    def of(subject: Subject, shifts: ShiftMap) -> Moved:
        about = subject.relocatable
        if about is None:
            return Moved(subject, shifts, Sites.none(), ())
        sites = _resolved(about, shifts)
        return Moved(subject.without_sites(), shifts, sites, about.regions)

    def without_sites(self) -> Moved:
        """The same, when nobody asks for sites for a while: they are large."""
        return replace(self, sites=Sites.none())

    def with_sites(self) -> Moved:
        """The same, with the sites that were left out."""
        return Moved.of(self.subject.with_sites(), self.shifts)

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

    def prefix(self, start: int, length: int, to: Octets | None = None) -> Octets:
        """A span of the reference, of the moved one where literals are transformed (G13, G29);
        written to ``to``, where that is given."""
        found = np.empty(length, np.uint8) if to is None else to
        found[:] = self.subject.reference[start : start + length]
        about = self.subject.relocatable
        if about is not None and about.transform:
            sites = self.sites.between(start, start + length)
            sites = sites[sites.end <= start + length]
            own = sites.place.astype(np.int64) - start
            write_shown(found, own, sites.form, sites.target, sites.extra, about.base)
            places, values = _near(sites)
            _write_near(found, places - start, values)
        return found


def _resolved(about: Relocatable, shifts: ShiftMap) -> Sites:
    """The sites of the blob, moved."""
    sites = about.blob_sites
    amounts = np.append(0, shifts.amounts)
    target = _shifted(shifts.starts, amounts, sites.target)
    extra = sites.extra
    based = np.flatnonzero(sites.form == Form.BASED)
    if len(based):
        moved = extra.astype(np.int64)
        moved[based] = _shifted(shifts.starts, amounts, moved[based])
        extra = narrowed(moved)
        del moved
    place = sites.place
    if about.first:
        place = narrowed(place.astype(np.int64) + about.first)
    return Sites(place, sites.form, target, extra, sites.finder)


@jit
def _shifted(starts: Any, amounts: Any, addresses: Any) -> Any:
    """Addresses, moved: by the first of the amounts before the first start, and so on."""
    found = np.empty(len(addresses), np.int64)
    part = 0
    for i in range(len(addresses)):
        address = addresses[i]
        if (part and starts[part - 1] > address) or (
            part < len(starts) and starts[part] <= address
        ):
            part = np.searchsorted(starts, address, side="right")
        found[i] = address + amounts[part]
    return found


def _near(sites: Sites) -> tuple[Places, Places]:
    """Places of relative sites that follow one another, and what each holds more than the one
    before, if it is little."""
    relative = sites[sites.form == Form.RELATIVE]
    content = relative.target - relative.extra - relative.place
    more = np.diff(content)
    chosen = (np.diff(relative.place) == _WIDTH) & (more >= -NEAR) & (more < NEAR)
    return relative.place[1:][chosen].astype(np.int64), more[chosen]


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

"""What a plan is about: a file and a reference, and what the finders know about both.

In code nearly every address changes when something moves. So the two are compared with all their
sites blanked out, which finds what belongs together; then with targets in place of distances,
those of the reference moved, which shows what a plan has to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.format import Region, Transform
from pcpu.iprog.hints import FINDERS, find_sites, read_image
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import jit
from pcpu.iprog.moving import put_site
from pcpu.iprog.relocate import ShiftMap, resolved
from pcpu.iprog.sites import LEB, Form, Places, Sites

_SPACE = (1 << 40) - 1
_CALL = 0x25  # the highest bits of a branch of AArch64 that is a call
_MAX_SPAN = 1 << 31


@dataclass(frozen=True)
class Relocatable:
    """How a file and a blob, which begins at ``first`` of the reference, are relocated."""

    blob: int
    first: int
    finders: tuple[int, ...]
    regions: tuple[Region, ...]
    base: int
    span: int
    transform: Transform
    file_sites: Sites
    blob_sites: Sites


@dataclass(frozen=True)
class Subject:
    """``file`` and ``reference`` as they are; ``relocatable`` where the finders found something."""

    file: Octets
    reference: Octets
    relocatable: Relocatable | None = None

    def blanked(self) -> tuple[Octets, Octets]:
        """Copies of file and reference with zeros in place of sites."""
        file, reference = self.file.copy(), self.reference.copy()
        for data, sites, first in self._both(file, reference):
            _write(data, sites.place + first, sites.form, sites.extra, np.zeros_like(sites.target))
        return file, reference

    def compared(self, shifts: ShiftMap) -> tuple[Octets, Octets]:
        """Copies of file and reference with targets in place of what depends on where a site lies,
        those of the reference moved."""
        file, reference = self.file.copy(), self.reference.copy()
        for data, sites, first in self._both(file, reference):
            moved = resolved(sites, shifts, first) if data is reference else sites
            _write(data, sites.place + first, moved.form, moved.extra, absolute(moved, 0))
        return file, reference

    def _both(self, file: Octets, reference: Octets) -> list[tuple[Octets, Sites, int]]:
        about = self.relocatable
        if about is None:
            return []
        return [(file, about.file_sites, 0), (reference, about.blob_sites, about.first)]

    def prefix(self, shifts: ShiftMap, start: int, length: int) -> bytes:
        """A span of the reference, which is the moved one where literals are transformed (G13)."""
        found = self.reference[start : start + length].copy()
        about = self.relocatable
        if about is not None and about.transform:
            sites = resolved(about.blob_sites, shifts, about.first - start)
            shown = (sites.form != Form.RELATIVE) & (sites.form != Form.BEHIND)
            sites = sites[shown & (sites.place >= 0) & (sites.end <= length)]
            calls = found[np.minimum(sites.place + 3, length - 1)] >> 2 == _CALL
            sites = sites[(sites.form != Form.BRANCH) | calls]
            values = absolute(sites, about.base)
            _write(found, sites.place, sites.form, sites.extra, values)
        return found.tobytes()

    def observed(self, covers: Covers) -> tuple[Places, Places]:
        """Addresses, and by how much what is there moved, as copied sites show it."""
        about = self.relocatable
        assert about is not None
        old, new = about.blob_sites, about.file_sites
        which, same = _pairs(
            covers.start, covers.stop, covers.skew - about.first, old.place, new.place
        )
        alike = old.form[which] == new.form[same]
        which, same = which[alike], same[alike]
        based = old.form[which] == Form.BASED
        bases = np.stack([old.extra[which][based], new.extra[same][based]], axis=1)
        bases = np.unique(bases, axis=0).reshape(-1, 2)
        addresses = np.concatenate([old.target[which], bases[:, 0]])
        return addresses, np.concatenate([new.target[same], bases[:, 1]]) - addresses


def absolute(sites: Sites, base: int) -> Places:
    """What sites hold where nothing depends on their place; in code targets count from ``base``."""
    values = np.where(np.isin(sites.form, LEB), sites.target & _SPACE, sites.target)
    values = np.where(sites.form == Form.BASED, values - sites.extra, values)
    values = np.where(sites.form == Form.PAGE, values >> 12, values)
    return np.where(sites.form == Form.CODE, values - base, values)


@jit
def _write(data: Any, places: Any, forms: Any, extras: Any, values: Any) -> None:
    """Put numbers at places, written as their forms are."""
    for i in range(len(places)):
        put_site(data, places[i], forms[i], extras[i], values[i])


@jit
def _pairs(start: Any, stop: Any, skew: Any, old: Any, new: Any) -> tuple[Any, Any]:
    """Numbers of sites of the blob, and of sites of the file that they are copied to."""
    which, same = np.empty(len(new), np.int64), np.empty(len(new), np.int64)
    count = j = 0
    for i in range(len(start)):
        k = np.searchsorted(old, start[i] + skew[i])
        while j < len(new) and new[j] < start[i]:
            j += 1
        while k < len(old) and old[k] < stop[i] + skew[i]:
            place = old[k] - skew[i]
            while j < len(new) and new[j] < place:
                j += 1
            if j < len(new) and new[j] == place:
                which[count], same[count] = k, j
                count += 1
            k += 1
    return which[:count], same[:count]


def make_subject(
    file: Octets, blobs: list[Octets], finders: tuple[int, ...] | None = None
) -> Subject:
    """``finders`` are those to use: none, or all where it is None."""
    reference = blobs[0] if len(blobs) == 1 else np.concatenate([np.empty(0, np.uint8), *blobs])
    chosen = tuple(FINDERS) if finders is None else finders
    image = read_image(file.data) if chosen else None
    if image is None:
        return Subject(file, reference)
    used = tuple(n for n in chosen if image.kind in FINDERS[n].kinds)
    low, high = image.span
    for number, blob in enumerate(blobs):
        other = read_image(blob.data)
        if used and other is not None and other.kind == image.kind and high - low < _MAX_SPAN:
            first = sum(map(len, blobs[:number]))
            about = Relocatable(
                number, first, used, image.regions, low, high - low, image.transform,
                find_sites(file.data, used), find_sites(blob.data, used),
            )  # fmt: skip
            return Subject(file, reference, about)
    return Subject(file, reference)

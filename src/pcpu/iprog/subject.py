"""What a plan is about: a file and a reference, and what the finders know about both.

In code nearly every address changes when something moves. So the two are compared with all their
sites blanked out, which finds what belongs together; then with targets in place of distances,
those of the reference moved, which shows what a plan has to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.call_sites import told_by_differences
from pcpu.iprog.finders import FINDERS, find_sites, read_image
from pcpu.iprog.finders.call_sites import DIFFERENCES
from pcpu.iprog.finders.find import CALL_SITES, PE_LISTED, PE_POINTERS, WASM_LOCALS
from pcpu.iprog.format import MAX_REGIONS, Transform
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import jit, read_only
from pcpu.iprog.labels import write_labels
from pcpu.iprog.moving import absolute, write_sites
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.sites import Form, Places, Sites

_MAX_SPAN = 1 << 31
_USUAL_BITS = 16  # the logarithm of a window
_FIXED = 4  # sites that make it worth a piece of the map that nothing moves
# Bytes of modules whose local variables are looked at: they are most of what a module names, and in
# a large one would take more memory than all the rest.
_LOCALS_MOST = 1 << 22


@dataclass(frozen=True)
class Relocatable:
    """How a file is relocated from a blob, the ``size`` bytes from ``first`` on of the reference,
    whose sites are ``blob_sites``. ``regions`` are those of the file, ``blob_regions`` those of the
    blob."""

    blob: int
    first: int
    size: int
    finders: tuple[int, ...]
    regions: tuple[Region, ...]
    blob_regions: tuple[Region, ...]
    base: int
    span: int
    transform: Transform
    blob_sites: Sites


@dataclass(frozen=True)
class Subject:
    """``file`` and ``reference`` as they are; ``relocatable`` where the finders found something."""

    file: Octets
    reference: Octets
    relocatable: Relocatable | None = None

    @cached_property
    def told(self) -> Octets:
        """The file as windows of the usual size say it."""
        return self.told_in(_USUAL_BITS)

    def told_in(self, bits: int) -> Octets:
        """The file as windows of ``2^bits`` bytes say it: some tables by differences (G95)."""
        about = self.relocatable
        return self.file if about is None else told_by_differences(self.file, about.regions, bits)

    def with_finders(self, finders: tuple[int, ...]) -> Subject:
        """The same with fewer finders; without any, nothing is relocated."""
        about = self.relocatable
        if about is None or not finders:
            return Subject(self.file, self.reference)
        if finders == about.finders:
            return self
        last = about.first + about.size
        sites = find_sites(self.reference[about.first : last].data, finders)
        regions = _regions_for(finders, about.regions)
        changed = replace(about, finders=finders, blob_sites=sites, regions=regions)
        return replace(self, relocatable=changed)

    def blank_file(self, sites: Sites) -> Octets:
        """The file, with zeros in place of its sites; itself where nothing is relocated."""
        if self.relocatable is None:
            return self.file
        kept = sites[sites.finder != CALL_SITES]
        found = _blanked(self.told, kept, 0)
        write_labels(found, 0, self.file.data, kept)
        return found

    def blank_reference(self) -> Octets:
        """The same of the reference."""
        about = self.relocatable
        if about is None:
            return self.reference
        sites = about.blob_sites
        found = _blanked(self.reference, sites, about.first)
        own = self.reference[about.first : about.first + about.size]
        write_labels(found, about.first, own.data, sites)
        known = sites[sites.finder == CALL_SITES]
        values = absolute(known, 0)
        write_sites(found, known.place + about.first, known.form, known.extra, values)
        return found

    def file_sites(self) -> Sites:
        """The sites of the file as it is."""
        about = self.relocatable
        return Sites.none() if about is None else find_sites(self.file.data, about.finders)

    @staticmethod
    def fill(file: Octets, new: Sites, reference: Octets, old: Sites) -> None:
        """Put targets into such copies, in place of what depends on where a site lies. ``new`` are
        the sites of the file, ``old`` those of the reference, moved."""
        for data, found in ((file, new), (reference, old)):
            sites = found[found.finder != CALL_SITES]  # which is there already
            write_sites(data, sites.place, sites.form, sites.extra, absolute(sites, 0))

    def observed(self, covers: Covers, new: Sites) -> tuple[Places, Places]:
        """Addresses, and by how much what is there moved, as copied sites show it; ``new`` are the
        sites of the file."""
        about = self.relocatable
        if about is None:
            return new.target, new.target
        old = about.blob_sites[about.blob_sites.finder != CALL_SITES]
        which, same = _pairs(
            covers.start, covers.stop, covers.skew - about.first, old.place, new.place
        )
        alike = old.form[which] == new.form[same]
        which, same = which[alike], same[alike]
        based = old.form[which] == Form.BASED
        bases = np.stack([old.extra[which][based], new.extra[same][based]], axis=1)
        bases = np.unique(bases, axis=0).reshape(-1, 2)
        # Where words lie is listed, too: copies show where they went.
        listed = which if PE_LISTED in about.finders else which[:0]
        words = old.finder[listed] == PE_POINTERS
        places = old.place[listed[words]], new.place[same[: len(listed)][words]]
        # Nothing that is told by differences moves.
        fixed = np.full(_FIXED if CALL_SITES in about.finders else 0, DIFFERENCES)
        addresses = np.concatenate([
            old.target[which], bases[:, 0], _addresses(about.blob_regions, places[0]), fixed
        ])  # fmt: skip
        moved = [new.target[same], bases[:, 1], _addresses(about.regions, places[1]), fixed]
        return addresses, np.concatenate(moved) - addresses


def _addresses(regions: tuple[Region, ...], places: Places) -> Places:
    """The addresses of places (G26)."""
    starts = np.array([0, *(region.start for region in regions)])
    biases = np.array([0, *(region.bias for region in regions)])
    found: Places = places + biases[np.searchsorted(starts, places, "right") - 1]
    return found


def _regions_for(finders: tuple[int, ...], regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """The regions of a file: tables are told by differences if those of the blob are."""
    if CALL_SITES in finders:
        return regions
    plain = RegionKind.CALLS, RegionKind.OTHER
    return tuple(replace(r, kind=plain[1]) if r.kind is plain[0] else r for r in regions)


def _blanked(data: Octets, sites: Sites, first: int) -> Octets:
    """A copy; ``first`` is the place in it that the places of sites count from."""
    found = data.copy()
    nothing = np.zeros_like(sites.target)
    write_sites(found, sites.place + first, sites.form, sites.extra, nothing)
    return found


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
    joined = blobs[0] if len(blobs) == 1 else np.concatenate([np.empty(0, np.uint8), *blobs])
    reference = read_only(joined)
    chosen = tuple(FINDERS) if finders is None else finders
    image = read_image(file.data) if chosen else None
    if image is None or len(image.regions) > MAX_REGIONS:
        return Subject(file, reference)
    low, high = image.span
    suited = tuple(n for n in chosen if image.kind in FINDERS[n].kinds)
    if max(len(file), len(reference)) > _LOCALS_MOST:
        suited = tuple(n for n in suited if n != WASM_LOCALS)
    for number, blob in enumerate(blobs):
        other = read_image(blob.data)
        if other is None or other.kind != image.kind or high - low >= _MAX_SPAN:
            continue
        sites = _found(blob, suited)
        used = tuple(n for n in suited if np.any(sites.finder == n))
        if used:
            first = sum(map(len, blobs[:number]))
            about = Relocatable(
                number, first, len(blob), used, _regions_for(used, image.regions), other.regions,
                low, high - low,
                image.transform, sites,
            )  # fmt: skip
            return Subject(file, reference, about)
    return Subject(file, reference)


def _found(blob: Octets, finders: tuple[int, ...]) -> Sites:
    """What finders find; those before the last ones where all together find too much (G40)."""
    sites = find_sites(blob.data, finders)
    while finders and not len(sites):
        finders = finders[:-1]
        sites = find_sites(blob.data, finders)
    return sites

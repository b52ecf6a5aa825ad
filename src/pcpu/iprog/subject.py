"""What a plan is about: a file and a reference, and what the finders know about both.

In code nearly every address changes when something moves. So the two are compared with all their
sites blanked out, which finds what belongs together; then with targets in place of distances,
those of the reference moved, which shows what a plan has to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pcpu.iprog.align import Covers
from pcpu.iprog.call_sites import told_by_differences
from pcpu.iprog.finders import FINDERS, find_sites, read_image
from pcpu.iprog.finders.call_sites import DIFFERENCES
from pcpu.iprog.finders.numbered import (
    CALL_SITES,
    DATABASE_CELLS,
    PE_LISTED,
    PE_POINTERS,
    WASM_LOCALS,
)
from pcpu.iprog.finders.sqlite import CELLS
from pcpu.iprog.format import MAX_REGIONS, Transform
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import read_only
from pcpu.iprog.labels import write_labels
from pcpu.iprog.moving import blank_sites, write_targets
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.renaming import blanked
from pcpu.iprog.seen import Seen, named_seen, places_seen, seen
from pcpu.iprog.sites import Narrow, Places, Sites

_MAX_SPAN = 1 << 31
_USUAL_BITS = 16  # the logarithm of a window
_FIXED = 4  # sites that make it worth a piece of the map that nothing moves
# Bytes of modules whose local variables are looked at: they are most of what a module names, and in
# a large one would take more memory than all the rest.
_LOCALS_MOST = 1 << 22


@dataclass(frozen=True)
class Relocatable:
    """How a file is relocated from a blob, the ``size`` bytes from ``first`` on of the reference,
    whose sites are ``blob_sites``, or nothing where they are not asked for; ``count`` is how many
    there are. ``regions`` are those of the file, ``blob_regions`` those of the blob."""

    blob: int
    first: int
    size: int
    finders: tuple[int, ...]
    regions: tuple[Region, ...]
    blob_regions: tuple[Region, ...]
    base: int
    span: int
    transform: Transform
    count: int
    blob_sites: Sites


@dataclass(frozen=True)
class Subject:
    """``file`` and ``reference`` as they are; ``relocatable`` where the finders found something;
    ``renames`` where names are foreseen, which only what is not relocated has. ``leave`` gives back
    what both take where they are mapped, until they are looked at again."""

    file: Octets
    reference: Octets
    relocatable: Relocatable | None = None
    leave: Callable[[], None] = lambda: None
    renames: bool = False

    def told(self, low: int = 0, high: int | None = None, bits: int = _USUAL_BITS) -> Octets:
        """The bytes from ``low`` up to ``high`` of the file, where windows of ``2^bits`` bytes
        begin, as these say them: some tables by differences (G95)."""
        about = self.relocatable
        if about is None:
            return self.file[low:high]
        return told_by_differences(self.file, about.regions, bits, low, high)

    def with_finders(self, finders: tuple[int, ...]) -> Subject:
        """The same with fewer finders; without any, nothing is relocated."""
        about = self.relocatable
        if about is None or not finders:
            return replace(self, relocatable=None)
        if finders == about.finders and len(about.blob_sites) == about.count:
            return self
        last = about.first + about.size
        sites = find_sites(self.reference[about.first : last].data, finders)
        regions = _regions_for(finders, about.regions)
        about = replace(about, finders=finders, count=len(sites), blob_sites=sites, regions=regions)
        return replace(self, relocatable=about)

    def with_sites(self) -> Subject:
        """The same, with the blob's sites where they were left out."""
        about = self.relocatable
        return self if about is None else self.with_finders(about.finders)

    def without_sites(self, least: int = 0) -> Subject:
        """The same without the blob's sites, if they take so many bytes at least."""
        about = self.relocatable
        if about is None or about.blob_sites.nbytes < least:
            return self
        return replace(self, relocatable=replace(about, blob_sites=Sites.none()))

    def blank_file(self, sites: Sites) -> Octets:
        """The file, with zeros in place of its sites, or of names that are foreseen; itself where
        there are none."""
        if self.relocatable is None:
            return blanked(self.file) if self.renames else self.file
        found = self.told()
        found = found.copy() if np.may_share_memory(found, self.file) else found
        for own in sites.pieces():
            _blank(found, _unsaid(own), 0)
        write_labels(found, 0, self.file.data, sites)
        self.leave()
        return found

    def blank_reference(self) -> Octets:
        """The same of the reference."""
        about = self.relocatable
        if about is None:
            return blanked(self.reference) if self.renames else self.reference
        sites = about.blob_sites
        found = self.reference.copy()
        _blank(found, sites, about.first)
        own = self.reference[about.first : about.first + about.size]
        write_labels(found, about.first, own.data, sites)
        known = sites[sites.finder == CALL_SITES]
        write_targets(
            found, known.place.astype(np.int64) + about.first, known.form, known.target, known.extra
        )
        self.leave()
        return found

    @property
    def finders(self) -> tuple[int, ...]:
        """Those that find something."""
        return () if self.relocatable is None else self.relocatable.finders

    def file_sites(self, finders: tuple[int, ...] | None = None) -> Sites:
        """The sites of the file as it is; those of some finders only, where they are given."""
        chosen = self.finders if finders is None else finders
        return find_sites(self.file.data, chosen) if chosen else Sites.none()

    def filled_file(self, sites: Sites) -> Octets:
        """The file, with targets in place of what depends on where a site lies."""
        return self.file if self.relocatable is None else _filled(self.blank_file(sites), sites)

    def filled_reference(self, moved: Sites) -> Octets:
        """The same of the reference, whose sites are ``moved``."""
        return (
            self.reference if self.relocatable is None else _filled(self.blank_reference(), moved)
        )

    def seen(self, covers: Covers, new: Sites, left_out: npt.NDArray[np.bool_]) -> Seen:
        """What copied sites show; ``new`` are the sites of the file, of which some are
        ``left_out``."""
        about = self.relocatable
        if about is None:
            return Seen.none()
        left_out = left_out | (new.finder == CALL_SITES)
        old = about.blob_sites
        found = [seen(covers, about.first, old, new, left_out)]
        if PE_LISTED in about.finders:
            # Where words lie is listed, too: copies show where they went.
            pairs = places_seen(covers, about.first, old, new, left_out, PE_POINTERS)
            before, after = (
                _addresses(regions, places)
                for regions, places in zip((about.blob_regions, about.regions), pairs, strict=True)
            )
            found.append(Seen(before, after - before, np.ones_like(before)))
        if DATABASE_CELLS in about.finders:
            found.append(named_seen(covers, about.first, old, new, DATABASE_CELLS, CELLS))
        if CALL_SITES in about.finders:  # nothing that is told by differences moves
            found.append(Seen(*np.array([[DIFFERENCES], [0], [_FIXED]], np.int64)))
        return Seen.joined(found)


def _unsaid(sites: Sites) -> Sites:
    """Those that are not told by differences already."""
    chosen = sites.finder != CALL_SITES
    return sites if chosen.all() else sites[chosen]


def _addresses(regions: tuple[Region, ...], places: Narrow) -> Places:
    """The addresses of places (G26)."""
    starts = np.array([0, *(region.start for region in regions)])
    biases = np.array([0, *(region.bias for region in regions)])
    found: Places = places + biases[np.searchsorted(starts, places, "right") - 1]
    return found


def _regions_for(finders: tuple[int, ...], regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """The regions of a file: tables are told by differences if those of the blob are."""
    if CALL_SITES in finders:
        return regions
    other = RegionKind.OTHER
    return tuple(
        replace(region, kind=other) if region.kind is RegionKind.CALLS else region
        for region in regions
    )


def _blank(data: Octets, sites: Sites, first: int) -> None:
    """Put zeros into sites; ``first`` is the place that theirs count from."""
    blank_sites(data, first, sites.place, sites.form, sites.extra)


def _filled(blanked: Octets, sites: Sites) -> Octets:
    """The same with targets."""
    for own in sites.pieces():
        write_targets(blanked, *_unsaid(own).arrays)
    return blanked


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
                low, high - low, image.transform, len(sites), sites,
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

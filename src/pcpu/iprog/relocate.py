"""Moving sites, and the inverse of the literal transform (spec/iprog.md G24-G29)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog.format import Codec, Region, Relocation, Transform
from pcpu.iprog.frames import read_group
from pcpu.iprog.hints import find_sites
from pcpu.iprog.hints.x86_64 import instruction_end
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.reference import Reference
from pcpu.iprog.sites import WIDTHS, Form, Places, Sites

_U64 = (1 << 64) - 1
_U32 = (1 << 32) - 1
_IN_PREFIX = (Form.CODE, Form.ABSOLUTE, Form.BASED)  # what differs in the moved reference


class ShiftMap:
    """How far the things at addresses moved: ``starts`` ascend; each piece has one shift (G25)."""

    def __init__(self, starts: Places, shifts: Places) -> None:
        self.starts, self.amounts = starts, shifts
        self._shifts = np.concatenate([[0], shifts])

    def __call__(self, addresses: Places) -> Places:
        """The shift of each address."""
        found: Places = self._shifts[np.searchsorted(self.starts, addresses, "right")]
        return found


def read_map(plan: Bytes, relocation: Relocation, reference: Reference) -> ShiftMap:
    """The map of a plan (G25). Raises DamagedPlanError."""
    if any(frame.codec is Codec.ZSTD_PREFIX for frame in relocation.map.frames):
        raise DamagedPlanError("the map has a prefix, and would be needed to read it")
    streams = read_group(plan, relocation.map, reference.read)
    starts, shifts = (Numbers(stream, "the map") for stream in streams)
    firsts: list[int] = []
    amounts: list[int] = []
    start = shift = 0
    while starts.left:
        start += starts.bounded("the start of a piece", (1 << 63) - 1 - start, 1 if firsts else 0)
        shift += shifts.signed()
        if abs(shift) >= 1 << 62:
            raise DamagedPlanError("a shift is too large")
        firsts.append(start)
        amounts.append(shift)
    if shifts.left:
        raise DamagedPlanError("the map has more shifts than starts")
    return ShiftMap(np.array(firsts, np.int64), np.array(amounts, np.int64))


class Addresses:
    """The address of a place in the file (G26)."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = (Region(0, 0, False), *regions)
        self._starts = [region.start for region in self.regions]

    def region(self, place: int) -> Region:
        return self.regions[bisect_right(self._starts, place) - 1]

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, int, Region]]:
        """The places from ``start`` to ``stop``, cut where regions begin."""
        while start < stop:
            number = bisect_right(self._starts, start)
            end = min([stop, *self._starts[number : number + 1]])
            yield start, end, self.regions[number - 1]
            start = end


class Mover:
    """Moves the sites of copies, and restores literals."""

    def __init__(self, relocation: Relocation, shifts: ShiftMap, reference: Reference) -> None:
        self.relocation, self.reference = relocation, reference
        self.addresses = Addresses(relocation.regions)
        sites = find_sites(reference.blobs[relocation.blob], relocation.finders)
        if len(sites) != relocation.sites:
            raise DamagedPlanError(
                f"the plan relocates {relocation.sites} sites, and {len(sites)} are found"
            )
        self.sites = resolved(sites, shifts, reference.starts[relocation.blob])

    @property
    def transforms(self) -> bool:
        return self.relocation.transform is not Transform.NONE

    def _within(self, source: int, length: int) -> Iterator[tuple[int, int, int, int]]:
        """Sites that lie wholly within a span of the reference: place, form, target, extra."""
        first, last = np.searchsorted(self.sites.place, [source, source + length])
        inside = self.sites[first:last]
        for site in zip(*(array.tolist() for array in inside.arrays), strict=True):
            if site[0] + WIDTHS[site[1]] <= source + length:
                yield site

    def move(self, window: bytearray, start: int, at: int, source: int, length: int) -> None:
        """Move the sites of a cover of a window that begins at ``start`` of the file (G24)."""
        for place, form, target, extra in self._within(source, length):
            inside = at + place - source
            width = int(WIDTHS[form])
            address = start + inside + self.addresses.region(start + inside).bias
            value = _content(form, target, extra, address)
            window[inside : inside + width] = (value & _U64).to_bytes(8, "little")[:width]

    def moved(self, start: int, length: int) -> bytes:
        """A span of the moved reference (G29)."""
        found = bytearray(self.reference.read(start, length))
        for place, form, target, extra in self._within(start, length):
            if form in _IN_PREFIX:
                inside, width = place - start, int(WIDTHS[form])
                value = target - self.relocation.base if form == Form.CODE else target - extra
                found[inside : inside + width] = (value & _U64).to_bytes(8, "little")[:width]
        return bytes(found)

    def restore(self, window: bytearray, start: int, at: int, length: int) -> None:
        """Undo the literal transform of a run (G28)."""
        if not self.transforms:
            return
        for begin, end, region in self.addresses.parts(start + at, start + at + length):
            if region.code:
                first = begin + region.bias - self.relocation.base
                part = window[begin - start : end - start]
                restore_x86_64(part, first, self.relocation.span)
                window[begin - start : end - start] = part


def resolved(sites: Sites, shifts: ShiftMap, first: int) -> Sites:
    """Sites of a blob that begins at ``first`` of the reference, with ``T'`` as their target; the
    extra of a based one is ``E'``, of an absolute one 0."""
    extra = np.where(sites.form == Form.BASED, sites.extra + shifts(sites.extra), sites.extra)
    extra = np.where(sites.form == Form.ABSOLUTE, 0, extra)
    return Sites(sites.place + first, sites.form, sites.target + shifts(sites.target), extra)


def _content(form: int, target: int, extra: int, address: int) -> int:
    """What a site holds that is copied to ``address`` (G24)."""
    match form:
        case Form.CODE | Form.RELATIVE:
            return target - (address + extra)
        case Form.BEHIND:
            return address + extra - target
        case _:
            return target - extra


def restore_x86_64(part: bytearray, first: int, span: int) -> None:
    """Undo transform 1 in a part of a run whose first byte lies ``first`` behind the base."""
    floor, at = 0, 1
    while at + 4 <= len(part):
        distance = instruction_end(part, at, floor)
        if distance:
            end = first + at + distance
            value = int.from_bytes(part[at : at + 4], "little", signed=True)
            if 0 <= end <= span and -end <= value < span:
                value += -end if value >= 0 else span
                part[at : at + 4] = (value & _U32).to_bytes(4, "little")
            floor = at + 4
            at += 4
        at += 1

"""Moving sites, and the inverse of the literal transform (spec/iprog.md G24-G29)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog.call_sites import restore_tables
from pcpu.iprog.decoder.transforms import NEAR
from pcpu.iprog.finders import find_sites
from pcpu.iprog.format import Relocation, Transform
from pcpu.iprog.reference import Reference
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.shift_map import ShiftMap
from pcpu.iprog.sites import LEB, SPACE, TAGGED, WIDTHS, Form, Sites
from pcpu.iprog.transforms import BACK, RESTORE, restore_words

_U64 = (1 << 64) - 1
_NUMBER = (1 << SPACE) - 1
_BY_PLACE = (Form.RELATIVE, Form.BEHIND, Form.ARM_PREL)  # what depends on where it lies
_CALL = 0x25  # the highest bits of a branch that is a call


class Addresses:
    """The address of a place in the file (G26)."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = (Region(0, 0, RegionKind.OTHER), *regions)
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
    """Moves the sites of copies, and restores literals. ``sites`` are those of the blob where they
    are known; else they are found."""

    def __init__(
        self,
        relocation: Relocation,
        shifts: ShiftMap,
        reference: Reference,
        sites: Sites | None = None,
    ) -> None:
        self.relocation, self.reference = relocation, reference
        self.addresses = Addresses(relocation.regions)
        if sites is None:
            sites = find_sites(reference.blobs[relocation.blob], relocation.finders)
        if len(sites) != relocation.sites:
            raise DamagedPlanError(
                f"the plan relocates {relocation.sites} sites, and {len(sites)} are found"
            )
        self.sites = resolved(sites, shifts, reference.starts[relocation.blob])
        self._ends = self.sites.end

    @property
    def transforms(self) -> bool:
        return self.relocation.transform is not Transform.NONE

    def _within(self, source: int, length: int) -> Iterator[tuple[int, int, int, int]]:
        """Sites that lie wholly within a span of the reference: place, form, target, extra."""
        first, last = np.searchsorted(self.sites.place, [source, source + length])
        while first < last and self._ends[last - 1] > source + length:
            last -= 1
        inside = self.sites[first:last]
        yield from zip(*(array.tolist() for array in inside.arrays), strict=True)

    def move(self, window: bytearray, start: int, at: int, source: int, length: int) -> None:
        """Move the sites of a cover of a window that begins at ``start`` of the file (G24)."""
        for place, form, target, extra in self._within(source, length):
            inside = at + place - source
            address = start + inside + self.addresses.region(start + inside).bias
            _write(window, inside, form, extra, _content(form, target, extra, address))

    def moved(self, start: int, length: int) -> bytes:
        """A span of the moved reference (G29)."""
        found = bytearray(self.reference.read(start, length))
        before = (-1, 0)  # the end of the last relative site, and what it would hold
        for place, form, target, extra in self._within(start, length):
            at = place - start
            if form == Form.CODE:
                _write(found, at, form, extra, target - self.relocation.base)
            elif form == Form.RELATIVE:
                value = _content(form, target, extra, place)
                if before[0] == place and -NEAR <= value - before[1] < NEAR:
                    _write(found, at, form, extra, value - before[1])
                before = (place + 4, value)
            elif form not in _BY_PLACE and _is_shown(form, found[at : at + 4]):
                address = extra if form >= Form.ARM_BRANCH else 0
                _write(found, at, form, extra, _content(form, target, extra, address))
        return bytes(found)

    def restore(self, window: bytearray, start: int, at: int, length: int) -> None:
        """Undo the literal transform of a run (G28)."""
        if not self.transforms:
            return
        about = self.relocation
        restore = RESTORE[about.transform]
        for begin, end, region in self.addresses.parts(start + at, start + at + length):
            part = window[begin - start : end - start]
            if region.kind is RegionKind.CODE:
                restore(part, begin + region.bias, about.base, about.span)
            elif region.kind in BACK:
                restore_words(part, begin, BACK[region.kind])
            window[begin - start : end - start] = part

    def restore_calls(self, window: bytearray, start: int) -> None:
        """Restore the tables of call sites in a window (G95)."""
        for begin, end, region in self.addresses.parts(start, start + len(window)):
            if region.kind is RegionKind.CALLS:
                part = window[begin - start : end - start]
                restore_tables(part)
                window[begin - start : end - start] = part


def resolved(sites: Sites, shifts: ShiftMap, first: int) -> Sites:
    """Sites of a blob that begins at ``first`` of the reference, with ``T'`` as their target; the
    extra of a based one is ``E'``."""
    place, extra = (numbers.astype(np.int64) for numbers in (sites.place, sites.extra))
    extra = np.where(sites.form == Form.BASED, extra + shifts(extra), extra)
    target = sites.target + shifts(sites.target)
    return Sites(place + first, sites.form, target, extra, sites.finder)


def _is_shown(form: int, content: bytes | bytearray) -> bool:
    """Whether the moved reference has it: of branches those that are calls (G29)."""
    word = int.from_bytes(content, "little")
    if form == Form.BRANCH:
        return word >> 26 == _CALL
    if form == Form.ARM_BRANCH:
        return word >> 24 & 15 == 11 or word >> 28 == 15
    if form == Form.THUMB_BRANCH:
        return word >> 30 & 1 == 1
    return form != Form.RISCV_JUMP or word & 0xF80 == 0x80


def _content(form: int, target: int, extra: int, address: int) -> int:
    """What a site holds that is copied to ``address`` (G24)."""
    if Form.ARM_BRANCH <= form <= Form.RISCV_STORE:
        return target - (address - extra)
    match form:
        case Form.CODE | Form.RELATIVE:
            return target - (address + extra)
        case Form.BEHIND:
            return address + extra - target
        case Form.ABSOLUTE | Form.BASED:
            return target - extra
        case Form.BRANCH:
            return target - address
        case Form.PAGE:
            return (target >> 12) - (address >> 12)
        case Form.IN_PAGE:
            return target % (1 << extra)
        case Form.ENTRY:
            return extra % 16 << 12 | target % 4096
        case _:
            return target & _NUMBER


def _write(data: bytearray, at: int, form: int, extra: int, value: int) -> None:
    """Write a site, unless it is a number that has no room (G24)."""
    if form in TAGGED:
        width, value = int(WIDTHS[form]), (value << extra % 8) + extra // 8
        if value < 1 << 8 * width:
            data[at : at + width] = value.to_bytes(width, "little")
    elif form == Form.ENTRY:
        data[at : at + 2] = value.to_bytes(2, "little")
    elif form == Form.IN_PAGE:
        data[at : at + 2] = value.to_bytes(2, "big")
    elif form == Form.BIG_ENDIAN:
        if value < 1 << (8 * extra - 1):
            data[at : at + extra] = value.to_bytes(extra, "big")
    elif form == Form.ROW:
        if value < 1 << (7 * extra):
            groups = [value >> (7 * n) & 127 | 128 for n in range(extra)]
            groups[0] &= 127
            data[at : at + extra] = bytes(reversed(groups))
    elif form >= Form.BRANCH:
        word = int.from_bytes(data[at : at + 4], "little")
        data[at : at + 4] = _instruction(word, form, extra, value).to_bytes(4, "little")
    elif form not in LEB:
        width = 8 if form == Form.ABSOLUTE else 4
        data[at : at + width] = (value & _U64).to_bytes(8, "little")[:width]
    elif value < 1 << (7 * extra - (form == Form.SIGNED)):
        groups = [value >> (7 * n) & 127 | 128 for n in range(extra)]
        groups[-1] &= 127
        data[at : at + extra] = bytes(groups)


def _instruction(word: int, form: int, extra: int, value: int) -> int:
    """An instruction, or another number, with another part of an address."""
    match form:
        case Form.ARM_BRANCH:
            if word >> 28 == 15:
                word = word & ~0x1000000 | (value - 8 >> 1 & 1) << 24
            return word & ~0xFFFFFF | value - 8 >> 2 & 0xFFFFFF
        case Form.THUMB_BRANCH:
            return _thumb(word, value - 4 if word >> 28 & 1 else value - 2 & ~3)
        case Form.ARM_PREL:
            return word & 0x80000000 | value & 0x7FFFFFFF
        case Form.ARM_POOL:
            return value & 0xFFFFFFFF
        case Form.RISCV_JUMP:
            word = word & 0xFFF | (value >> 20 & 1) << 31 | (value >> 1 & 0x3FF) << 21
            return word | (value >> 11 & 1) << 20 | (value >> 12 & 0xFF) << 12
        case Form.RISCV_HIGH:
            return word & 0xFFF | (value + 0x800 & 0xFFFFFFFF) >> 12 << 12
        case Form.RISCV_LOAD:
            return word & 0xFFFFF | (value & 0xFFF) << 20
        case Form.RISCV_STORE:
            return word & 0x1FFF07F | (value >> 5 & 0x7F) << 25 | (value & 31) << 7
        case Form.BRANCH:
            return word & ~0x3FFFFFF | value >> 2 & 0x3FFFFFF
        case Form.PAGE:
            return word & ~0x60FFFFE0 | (value & 3) << 29 | (value & 0x1FFFFC) << 3
        case Form.SYMBOL:
            return word & 0xFF | (value & 0xFFFFFF) << 8
        case _:
            return word & ~0x3FFC00 | (value & 0xFFF) >> extra << 10


def _thumb(word: int, distance: int) -> int:
    """A Thumb branch that leads so far."""
    sign = distance >> 24 & 1
    first, second = (1 ^ sign ^ (distance >> n & 1) for n in (23, 22))
    parts = sign << 10 | (distance >> 12 & 0x3FF) | (distance >> 1 & 0x7FF) << 16
    return word & ~0x2FFF07FF | parts | first << 29 | second << 27

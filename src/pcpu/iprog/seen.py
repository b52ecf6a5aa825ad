"""What copied sites show: where one was, the file has a site at the same place, whose target shows
how far its own target moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.align import Covers
from pcpu.iprog.jit import jit, spread
from pcpu.iprog.sites import Form, Narrow, Places, Sites


@dataclass(frozen=True)
class Seen:
    """Addresses, by how much what is there moved, and how often that was seen."""

    address: Places
    shift: Places
    often: Places

    @staticmethod
    def none() -> Seen:
        """Nothing."""
        return Seen(*np.empty((3, 0), np.int64))

    @staticmethod
    def joined(parts: Sequence[Seen]) -> Seen:
        """What several have seen."""
        columns = zip(*((part.address, part.shift, part.often) for part in parts), strict=True)
        return Seen(*map(np.concatenate, columns))


def seen(
    covers: Covers, first: int, old: Sites, new: Sites, left_out: npt.NDArray[np.bool_]
) -> Seen:
    """What copies show of the sites ``old`` of a blob that begins at ``first`` of the reference;
    ``new`` are the sites of the file, of which some are ``left_out``."""
    which, same = _copied(covers, first, old, new, left_out)
    based = old.form[which] == Form.BASED
    found = [_counted(which, same, old.target, new.target)]
    if based.any():
        extras = (sites.extra.astype(np.int64) for sites in (old, new))
        found.append(_counted(which[based], same[based], *extras))
        found[-1][:, 2] = 1  # what a base shows, each of its sites does
    address, shift, often = np.concatenate(found).T.copy()
    return Seen(address, shift, often)


def places_seen(
    covers: Covers, first: int, old: Sites, new: Sites, left_out: npt.NDArray[np.bool_],
    finder: int,
) -> tuple[Narrow, Narrow]:  # fmt: skip
    """Where sites of one finder are in the blob, and where in the file that copies them."""
    which, same = _copied(covers, first, old, new, left_out)
    own = old.finder[which] == finder
    return old.place[which[own]], new.place[same[own]]


def named_seen(
    covers: Covers, first: int, old: Sites, new: Sites, finder: int, base: int
) -> Seen:  # fmt: skip
    """Where copies take what the sites of a finder say the places of, which count from ``base`` on
    as addresses."""
    before, after = (np.unique(sites.target[sites.finder == finder]) - base for sites in (old, new))
    which, same = _pairs(
        covers.start, covers.stop, covers.skew - first, before, np.zeros(len(before), np.uint8),
        after, np.zeros(len(after), np.uint8), np.zeros(len(after), np.bool_),
    )  # fmt: skip
    before, after = before[which], after[same]
    return Seen(base + before, after - before, np.ones_like(before))


def _copied(
    covers: Covers, first: int, old: Sites, new: Sites, left_out: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Numbers of sites of the blob, and of those of the file that they are copied to."""
    found: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] = _pairs(
        covers.start, covers.stop, covers.skew - first, old.place, old.form, new.place, new.form,
        left_out,
    )  # fmt: skip
    return found


@jit
def _pairs(
    start: Any, stop: Any, skew: Any, old: Any, old_form: Any, new: Any, new_form: Any,
    left_out: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Numbers of sites of the blob, and of sites of the file that they are copied to and that are
    of one form."""
    which, same = np.empty(len(new), np.int32), np.empty(len(new), np.int32)
    count = j = 0
    for i in range(len(start)):
        k = np.searchsorted(old, start[i] + skew[i])
        while j < len(new) and new[j] < start[i]:
            j += 1
        while k < len(old) and old[k] < stop[i] + skew[i]:
            place = old[k] - skew[i]
            while j < len(new) and new[j] < place:
                j += 1
            if j < len(new) and new[j] == place and old_form[k] == new_form[j] and not left_out[j]:
                which[count], same[count] = k, j
                count += 1
            k += 1
    return which[:count], same[:count]


@jit
def _counted(which: Any, same: Any, old: Any, new: Any) -> Any:
    """Rows of an address, a shift and how often it was seen."""
    bits = 4
    while 1 << (bits - 1) < len(which):
        bits += 1
    table = np.zeros(1 << bits, np.int32)  # 1 and the number of a row
    rows = np.empty((len(which), 3), np.int64)
    count = 0
    for n in range(len(which)):
        address = old[which[n]]
        shift = new[same[n]] - address
        at = spread(address + shift * 31) & (len(table) - 1)
        while table[at]:
            row = table[at] - 1
            if rows[row, 0] == address and rows[row, 1] == shift:
                break
            at = (at + 1) & (len(table) - 1)
        if table[at]:
            rows[table[at] - 1, 2] += 1
        else:
            rows[count, 0], rows[count, 1], rows[count, 2] = address, shift, 1
            count += 1
            table[at] = count
    return rows[:count].copy()

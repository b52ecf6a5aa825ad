"""Entries of tables that belong together.

What tables hold is nearly all addresses, which are blanked out when pieces in common are looked
for, so that tables seem to be alike everywhere. When it is known how things moved, their entries
are found by what they are about: an address that one entry of each table has, and no other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.align import Covers
from pcpu.iprog.finders.find import SEARCH_TABLE
from pcpu.iprog.index import Seeds
from pcpu.iprog.jit import jit
from pcpu.iprog.sites import Form, Places, Sites

_TABLES = (Form.ABSOLUTE, Form.BASED, Form.UNSIGNED, Form.WORD)
_NEAR = 64  # bytes between two entries that support each other


def matched_entries(new: Sites, old: Sites) -> Covers:
    """Stretches of a file that are made of entries of tables, and where these stand in the
    reference; ``new`` are the sites of the file, ``old`` those of the reference, moved."""
    new, old = (sites[np.isin(sites.form, _TABLES)] for sites in (new, old))
    pairs = [_same(new, old, finder) for finder in np.unique(old.finder)]
    none = np.empty(0, np.int64)
    which, same = (np.concatenate([none, *(pair[n] for pair in pairs)]) for n in (0, 1))
    order = np.argsort(new.place[which], kind="stable")
    which, same = which[order], same[order]
    start, stop = new.place[which], new.end[which]
    skew = old.place[same] - start
    first, last = _runs(start, stop, skew)
    alone = last > first
    first, last = first[alone], last[alone]
    return Covers(start[first], stop[last], skew[first])


def _same(new: Sites, old: Sites, finder: int) -> tuple[Places, Places]:
    """Sites of one finder whose target no other has, and their counterparts."""
    ours, theirs = (np.flatnonzero(sites.finder == finder) for sites in (new, old))
    if finder == SEARCH_TABLE:  # of its two columns functions are known, and the other is asked for
        ours, theirs = ours[::2], theirs[::2]
    (targets, a), (others, b) = _single(new.target[ours]), _single(old.target[theirs])
    _, x, y = np.intersect1d(targets, others, assume_unique=True, return_indices=True)
    return ours[a[x]], theirs[b[y]]


def _single(targets: Places) -> tuple[Places, Places]:
    """The numbers that are there once, and where."""
    found, first, counts = np.unique(targets, return_index=True, return_counts=True)
    return found[counts == 1], first[counts == 1]


@jit
def _runs(start: Any, stop: Any, skew: Any) -> tuple[Any, Any]:
    """First and last of those in a row that have one skew and are near to each other."""
    first, last = np.empty(len(start), np.int64), np.empty(len(start), np.int64)
    count = 0
    for n in range(len(start)):
        if count and skew[n] == skew[last[count - 1]] and start[n] - stop[n - 1] < _NEAR:
            last[count - 1] = n
        else:
            first[count] = last[count] = n
            count += 1
    return first[:count], last[:count]


def with_entries(seeds: Seeds, entries: Covers) -> Seeds:
    """Seeds, and those that entries of tables make."""
    start = np.concatenate([seeds.start, entries.start])
    skew = np.concatenate([seeds.skew, entries.skew])
    order = np.argsort(start, kind="stable")
    return Seeds(start[order], skew[order])


def lies_in(entries: Covers, sites: Sites) -> npt.NDArray[np.bool_]:
    """Which sites of the file lie in these stretches of it."""
    before = np.searchsorted(entries.start, sites.place, "right") - 1
    inside: npt.NDArray[np.bool_] = sites.place < np.append(entries.stop, 0)[before]
    return inside

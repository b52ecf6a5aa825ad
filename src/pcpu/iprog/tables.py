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
from pcpu.iprog.finders.find import (
    CALL_SITES,
    FRAMES,
    GO_FUNCTIONS,
    GO_TABLE,
    OBJECT_RELOCATIONS,
    PE_FUNCTIONS,
    PE_LISTED,
    PE_UNWINDING,
    RELOCATIONS,
    SEARCH_TABLE,
)
from pcpu.iprog.index import Seeds
from pcpu.iprog.jit import jit
from pcpu.iprog.sites import SPACE, TAGGED, Form, Places, Sites

_TABLES = (
    Form.ABSOLUTE, Form.BASED, Form.UNSIGNED, Form.WORD, Form.ENTRY, Form.ARM_PREL, *TAGGED,
)  # fmt: skip
# Finders of tables that have little but addresses.
_ALIKE = (
    RELOCATIONS, SEARCH_TABLE, PE_LISTED, OBJECT_RELOCATIONS, PE_FUNCTIONS, PE_UNWINDING,
)  # fmt: skip
_FEW = 4  # entries that may be about one address
_NEAR = 64  # bytes between two entries that support each other


def matched_entries(new: Sites, old: Sites) -> Covers:
    """Stretches of a file that are made of entries of tables, and where these stand in the
    reference; ``new`` are the sites of the file, ``old`` those of the reference, moved."""
    pairs = [_same(new, old, n) for n in np.unique(old.finder) if n != CALL_SITES]
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
    """Sites of one finder whose target few have, and their counterparts."""
    ours, theirs = (_telling(sites, finder) for sites in (new, old))
    (targets, a), (others, b) = _single(new.target[ours]), _single(old.target[theirs])
    _, x, y = np.intersect1d(targets, others, assume_unique=True, return_indices=True)
    return ours[a[x]], theirs[b[y]]


def _telling(sites: Sites, finder: int) -> Places:
    """Numbers of a finder's sites that tell what an entry is about. Where another column says where
    in a table of records something stands, the first one is better known."""
    chosen = sites.finder == finder
    if finder == FRAMES:  # what follows the place of the common record
        chosen[1:] &= (sites.form[:-1] == Form.BEHIND) & (sites.form[1:] == Form.RELATIVE)
    else:
        chosen &= np.isin(sites.form, _TABLES)
    if finder == OBJECT_RELOCATIONS:  # code is better known than what is about it
        chosen &= sites.target < 1 << SPACE
    found: Places = np.flatnonzero(chosen)
    if finder == SEARCH_TABLE:
        return found[::2]
    if finder == PE_FUNCTIONS:
        return found[::3]
    if finder in (GO_FUNCTIONS, GO_TABLE):
        found = found[sites.extra[found] == sites.extra[found[:1]]]
    return found


def _single(targets: Places) -> tuple[Places, Places]:
    """Targets that are there few times, each with a number in the order in which it is found, and
    where that is."""
    order = np.argsort(targets, kind="stable")
    ordered = targets[order]
    first = np.searchsorted(ordered, ordered)
    turn = np.arange(len(ordered)) - first
    few = np.searchsorted(ordered, ordered, "right") - first <= _FEW
    return ordered[few] * _FEW + turn[few], order[few]


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


def is_alike(sites: Sites) -> npt.NDArray[np.bool_]:
    """Which sites lie in tables whose entries are alike without them, so that a copy shows
    nothing."""
    found: npt.NDArray[np.bool_] = np.isin(sites.finder, _ALIKE)
    return found


def lies_in(entries: Covers, sites: Sites) -> npt.NDArray[np.bool_]:
    """Which sites of the file lie in these stretches of it."""
    before = np.searchsorted(entries.start, sites.place, "right") - 1
    inside: npt.NDArray[np.bool_] = sites.place < np.append(entries.stop, 0)[before]
    return inside

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
from pcpu.iprog.finders.numbered import (
    CALL_SITES,
    DATABASE_CELLS,
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
from pcpu.iprog.jit import jit, spread
from pcpu.iprog.sites import SPACE, TAGGED, Form, Places, Sites, widths
from pcpu.iprog.threads import each

_TABLES = (
    Form.ABSOLUTE, Form.BASED, Form.UNSIGNED, Form.WORD, Form.ENTRY, Form.ARM_PREL, *TAGGED,
    Form.BIG_ENDIAN, Form.ROW, Form.IN_PAGE,
)  # fmt: skip
# Finders of tables that have little but addresses.
_ALIKE = (
    RELOCATIONS, SEARCH_TABLE, PE_LISTED, OBJECT_RELOCATIONS, PE_FUNCTIONS, PE_UNWINDING,
    DATABASE_CELLS,
)  # fmt: skip
# By number: what is looked up in a table is found sooner than by np.isin.
_IN_TABLES, _IS_ALIKE = (np.isin(np.arange(256), chosen) for chosen in (_TABLES, _ALIKE))
_FEW = 4  # entries that may be about one address
_NEAR = 64  # bytes between two entries that support each other
FINDERS = 256  # numbers that finders may have


Numbers = npt.NDArray[np.int32]  # of sites


def how_many(sites: Sites) -> Places:
    """How many sites each finder has, by its number."""
    found: Places = _how_many(sites.finder)
    return found


@jit
def _how_many(finder: Any) -> Any:
    counts = np.zeros(FINDERS, np.int64)
    for k in range(len(finder)):
        counts[finder[k]] += 1
    return counts


def matched_entries(new: Sites, old: Sites) -> Covers:
    """Stretches of a file that are made of entries of tables, and where these stand in the
    reference; ``new`` are the sites of the file, ``old`` those of the reference, moved."""
    used = np.flatnonzero(how_many(old)).tolist()
    used = [finder for finder in used if finder != CALL_SITES]
    pairs = each(lambda finder: _same(new, old, finder), used)
    none = np.empty(0, np.int32)
    which, same = (np.concatenate([none, *(pair[n] for pair in pairs)]) for n in (0, 1))
    del pairs  # they are large, as is what follows
    order = np.argsort(new.place[which], kind="stable")
    which, same = which[order], same[order]
    del order
    start = new.place[which].astype(np.int64)
    stop = start + widths(new.form[which], new.extra[which])
    skew = old.place[same] - start
    del which, same
    first, last = _runs(start, stop, skew)
    alone = last > first
    first, last = first[alone], last[alone]
    return Covers(start[first], stop[last], skew[first])


def _same(new: Sites, old: Sites, finder: int) -> tuple[Numbers, Numbers]:
    """Sites of one finder whose target few have, and their counterparts."""
    ours, theirs = (_telling(sites, finder) for sites in (new, old))
    x, y = _few_alike(new.target, ours, old.target, theirs)
    return ours[x], theirs[y]


def _telling(sites: Sites, finder: int) -> Numbers:
    """Numbers of a finder's sites that tell what an entry is about. Where another column says where
    in a table of records something stands, the first one is better known."""
    chosen = sites.finder == finder
    if finder == FRAMES:  # what follows the place of the common record
        chosen[1:] &= (sites.form[:-1] == Form.BEHIND) & (sites.form[1:] == Form.RELATIVE)
    else:
        chosen &= _IN_TABLES[sites.form]
    if finder == OBJECT_RELOCATIONS:  # code is better known than what is about it
        chosen &= sites.target < 1 << SPACE
    found: Numbers = _numbers(chosen)
    if finder == SEARCH_TABLE:
        return found[::2]
    if finder == PE_FUNCTIONS:
        return found[::3]
    if finder in (GO_FUNCTIONS, GO_TABLE):
        found = found[sites.extra[found] == sites.extra[found[:1]]]
    return found


@jit
def _numbers(chosen: Any) -> Any:
    """Which of many are chosen, as numbers of 32 bits: there are fewer sites than that."""
    count = 0
    for n in range(len(chosen)):
        count += chosen[n]
    found = np.empty(count, np.int32)
    count = 0
    for n in range(len(chosen)):
        if chosen[n]:
            found[count] = n
            count += 1
    return found


@jit
def _few_alike(new: Any, ours: Any, old: Any, theirs: Any) -> tuple[Any, Any]:
    """Numbers of ``ours`` and of ``theirs`` that have the same target, in order of the first, as
    long as few have it on either side; what has it first belongs to what has it first."""
    bits = 4
    while 1 << (bits - 1) < len(ours):
        bits += 1
    table = np.zeros(1 << bits, np.int32)  # 1 and the number of a target
    targets = np.empty(len(ours), np.int64)
    here, there = np.zeros(len(ours), np.int8), np.zeros(len(ours), np.int8)
    count = 0
    for n in range(len(ours)):
        at = _slot(table, targets, new[ours[n]])
        if not table[at]:
            targets[count] = new[ours[n]]
            count += 1
            table[at] = count
        here[table[at] - 1] = min(here[table[at] - 1] + 1, _FEW + 1)
    placed = np.empty((count, _FEW), np.int32)  # which of theirs have a target
    for n in range(len(theirs)):
        at = _slot(table, targets, old[theirs[n]])
        if table[at]:
            target = table[at] - 1
            if there[target] < _FEW:
                placed[target, there[target]] = n
            there[target] = min(there[target] + 1, _FEW + 1)
    x, y = np.empty(len(ours), np.int32), np.empty(len(ours), np.int32)
    turn = np.zeros(count, np.int8)
    found = 0
    for n in range(len(ours)):
        target = table[_slot(table, targets, new[ours[n]])] - 1
        if here[target] <= _FEW and turn[target] < there[target] <= _FEW:
            x[found], y[found] = n, placed[target, turn[target]]
            turn[target] += 1
            found += 1
    return x[:found].copy(), y[:found].copy()


@jit
def _slot(table: Any, targets: Any, target: Any) -> Any:
    """Where in a table of numbers a target is, or would be."""
    at = spread(target) & (len(table) - 1)
    while table[at] and targets[table[at] - 1] != target:
        at = (at + 1) & (len(table) - 1)
    return at


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
    found: npt.NDArray[np.bool_] = _IS_ALIKE[sites.finder]
    return found


def lies_in(entries: Covers, sites: Sites) -> npt.NDArray[np.bool_]:
    """Which sites of the file lie in these stretches of it."""
    found: npt.NDArray[np.bool_] = _lies_in(entries.start, entries.stop, sites.place)
    return found


@jit
def _lies_in(start: Any, stop: Any, place: Any) -> Any:
    found = np.zeros(len(place), np.bool_)
    i = 0
    for k in range(len(place)):
        while i < len(start) and stop[i] <= place[k]:
            i += 1
        found[k] = i < len(start) and start[i] <= place[k]
    return found

"""Comparing a file with a reference: the covers that belong together, and what moved."""

from __future__ import annotations

from functools import partial

import numpy as np

from pcpu.iprog.align import Costs, Covers, align
from pcpu.iprog.gains import useful_finders
from pcpu.iprog.index import Octets, Seeds, find_seeds, make_index
from pcpu.iprog.memory import return_freed
from pcpu.iprog.moved import Moved
from pcpu.iprog.seen import Seen
from pcpu.iprog.shift_map import ShiftMap
from pcpu.iprog.shifts import NOTHING_MOVES, fit
from pcpu.iprog.sites import Sites
from pcpu.iprog.tables import is_alike, lies_in, matched_entries, with_entries
from pcpu.iprog.threads import THREADS, both, each
from pcpu.iprog.work import Work

NEW = 1 / 32  # of a file: literals that are many
_PART, _ALIGNED = 1 << 18, 16  # bytes of a file that are worth a thread; low bits of their size
_LARGE = 1 << 20  # bytes from which on sites are rather found again than kept


def align_all(file: Octets, reference: Octets, seeds: Seeds, costs: Costs) -> Covers:
    """The covers of the whole file, a part in each thread."""
    size = max(-(-len(file) // (THREADS << _ALIGNED)) << _ALIGNED, _PART)
    parts = [(at, min(at + size, len(file))) for at in range(0, len(file), size)] or [(0, 0)]
    found = each(lambda span: align(file, reference, seeds, costs, [span]), parts)
    seams = [first for first, _ in parts[1:]]
    return Covers.joined(found).further(seams, file, reference).merged()


def aligned(work: Work) -> tuple[Octets, Octets, Seeds]:
    """File and reference as they are compared: with targets in place of distances, those of the
    reference moved by the shift map; and seeds."""
    file, reference, seeds = compared(work)
    work.tell("aligning", 0.3)
    if work.subject.relocatable is None:
        work.moved = Moved.of(work.subject, NOTHING_MOVES)
        return file, reference, seeds
    covers = align_all(file, reference, seeds, Costs())
    work.much_new = covers.size < (1 - NEW) * len(file)
    del file, reference  # which are had again, and are large too
    sites, entries = _fit_map(work, covers)
    work.subject.leave()
    file = work.subject.filled_file(sites)
    del sites  # they are large
    work.subject.leave()
    reference = work.subject.filled_reference(work.moved.sites)
    work.subject = work.moved.subject
    work.subject.leave()
    return file, reference, with_entries(seeds, entries)


def compared(work: Work) -> tuple[Octets, Octets, Seeds]:
    """File and reference with their sites blanked out, and seeds."""
    work.tell("sorting suffixes", 0.05)
    # What can be had again is not kept: nothing takes as much memory as the index.
    file, reference = both(partial(_blank_file, work), work.subject.blank_reference)
    if len(reference) >= _LARGE:
        work.subject = work.subject.without_sites(len(reference))
    work.subject.leave()
    return_freed()
    index = make_index(reference)
    work.tell("looking for common pieces", 0.2)
    return file, reference, find_seeds(file, index)


def _blank_file(work: Work) -> Octets:
    sites = work.subject.file_sites()
    work.sites = sites if work.file.size < _LARGE else None
    return work.subject.blank_file(sites)


def _fit_map(work: Work, covers: Covers) -> tuple[Sites, Covers]:
    """Find the shift map, and drop finders that are of no use; the file's sites, and entries of
    tables that belong together."""
    sites = _with_sites(work, work.subject.finders)
    first = fit(work.subject.seen(covers, sites, is_alike(sites)))
    entries = _fit(work, first, covers, sites)
    useful = useful_finders(work.moved, (covers, entries))
    if work.subject.relocatable is not None and useful != work.subject.relocatable.finders:
        del sites, work.moved  # they are large
        sites = _with_sites(work, useful)
        entries = _fit(work, first, covers, sites)
    return sites, entries


def _with_sites(work: Work, finders: tuple[int, ...]) -> Sites:
    """The sites of the file that these finders find; in ``work`` then are those of the blob."""
    subject, sites = work.subject, work.sites
    # It is asked for once.
    work.sites, work.subject = None, subject.with_finders(finders)
    if sites is None or finders != subject.finders:
        # In turn: rows of sites, before they are columns, take more than all the rest.
        work.subject.leave()
        sites = subject.file_sites(finders)
    work.subject.leave()
    return sites


def _fit(work: Work, first: ShiftMap, covers: Covers, sites: Sites) -> Covers:
    """Find the map that entries of tables are asked for, too, when a first one is known; these."""
    entries = matched_entries(sites, Moved.of(work.subject, first).sites)
    known = lies_in(entries, sites)
    pairs = ((covers, known), (entries, np.zeros_like(known)))
    shifts = fit(Seen.joined(each(lambda pair: work.subject.seen(pair[0], sites, pair[1]), pairs)))
    work.moved = Moved.of(work.subject, shifts)
    return matched_entries(sites, work.moved.sites)

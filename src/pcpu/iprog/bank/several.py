"""Plans from several blobs of a bank, each of which has what those before it lack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pcpu.iprog.bank.chunks import Level
from pcpu.iprog.bank.rank import from_chunks, from_sketch
from pcpu.iprog.bank.select import READ, Plan, chunks_of, plan_best, plan_from
from pcpu.iprog.bank.sketch import study
from pcpu.iprog.bank.store import Bank, Entry
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.plan import Planned

_WORTH = 0.05  # of what is still missing, that one more blob must have
_SMALLER = 0.98  # times the plan before, at most, for one more blob to be kept


def plan_several(bank: Bank, file: Bytes, plan: Plan, most: int) -> tuple[Planned, list[Entry]]:
    """A plan of a file from up to ``most`` blobs, the best one first; and these.

    One more blob is taken only where it makes the plan smaller by more than the reader will notice.
    """
    entries = bank.entries()
    planned, best = plan_best(bank, file, plan, entries)
    if best is None:
        return planned, []
    chosen, missing = [best.entry], study(file).levels
    while len(chosen) < most:
        missing = _without(missing, chunks_of(bank, chosen[-1]))
        others = [entry for entry in entries if entry not in chosen]
        found = _best_for(bank, missing, others)
        if found is None:
            break
        larger = plan_from(bank, [*chosen, found], plan)
        if len(larger.plan) > _SMALLER * len(planned.plan):
            break
        planned, chosen = larger, [*chosen, found]
    return planned, chosen


def _without(levels: Sequence[Level], blob: Sequence[Level]) -> tuple[Level, ...]:
    """The chunks that a blob does not have."""
    kept = [~np.isin(own.names, other.names) for own, other in zip(levels, blob, strict=True)]
    return tuple(
        Level(level.names[mask], level.lengths[mask])
        for level, mask in zip(levels, kept, strict=True)
    )


def _best_for(bank: Bank, missing: Sequence[Level], others: Sequence[Entry]) -> Entry | None:
    """The blob that has most of what is missing; None where none has enough."""
    likely = sorted(others, key=lambda e: -from_sketch(missing, e.sketch).share)[:READ]
    shares = [from_chunks(missing, chunks_of(bank, entry)).share for entry in likely]
    if not shares or max(shares) < _WORTH:
        return None
    return likely[int(np.argmax(shares))]

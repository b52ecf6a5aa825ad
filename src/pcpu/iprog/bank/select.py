"""Choosing the blob of a bank that gives the smallest plan, without trying all.

Each step looks closer at what the one before it left: all sketches; all chunks of a few blobs; and
plans from the very few that are still near the best, or should cost a plan little (cost.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from pcpu.errors import BankError, UsageError
from pcpu.iprog.bank.chunks import Level, cut
from pcpu.iprog.bank.cost import Costs
from pcpu.iprog.bank.rank import Nearness, from_chunks, from_sketch
from pcpu.iprog.bank.sketch import Sketch, Studied, study
from pcpu.iprog.bank.store import Bank, Entry
from pcpu.iprog.bank.views import blanked
from pcpu.iprog.finders import read_image
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.plan import Planned

READ = 8  # blobs whose chunks are compared at most, of those that are near
_CHEAP = 4  # and of those that should cost a plan little
_DOUBT = 2.5  # times the density of the best one, from sketches, up to which a blob may be better
_TRIED = 3  # plans at most
_CLOSE = 1.25  # as _DOUBT, from all chunks
_FAR, _CLOSE_IF_FAR = 0.002, 2.0  # edits a byte; from here on whole chunks tell less of a plan
_ALIKE, _MAY_BE_ALIKE = 1.3, 2.0  # times the least cost from all chunks, and from sketches
_CHEAPEST = 2  # plans for what they should cost, some of which are made anyway
_QUICK = 8 << 20  # bytes that are planned quickly
_IF_QUICK = 4.0  # as _CLOSE and _ALIKE then
_IN_VAIN = 2  # one after the other, after which no more are made
_LITTLE = 0.02  # of a file, that its blob has too


class Depth(IntEnum):
    """How closely blobs are looked at: their sketches; all chunks of a few; plans of very few."""

    SKETCHES = 0
    BLOBS = 1
    PLANS = 2


@dataclass(frozen=True)
class Candidate:
    """A blob, how near it is, how closely it was looked at, and how large a plan from it is, where
    one was made; ``planned`` is that of the best."""

    entry: Entry
    nearness: Nearness
    depth: Depth = Depth.SKETCHES
    plan_size: int | None = None
    planned: Planned | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.entry.name,
            "sha256": self.entry.sha256,
            "size": self.entry.sketch.size,
            "shared": round(self.nearness.share, 4),
            "edits_per_kib": float(f"{1024 * self.nearness.density:.4g}"),
            "by": self.depth.name.lower(),
            "plan": self.plan_size,
        }


Plan = Callable[[Sequence[Bytes], Sequence[str]], Planned]  # from blobs with names


def select(
    bank: Bank,
    file: Bytes,
    plan: Plan,
    depth: Depth = Depth.PLANS,
    entries: Sequence[Entry] | None = None,
) -> list[Candidate]:
    """The blobs of a bank, the one that should give the smallest plan for ``file`` first.

    ``plan`` makes a plan of the file from blobs; no plan is made where one blob is far nearer than
    the others. ``entries`` are those of the bank where they were read before. Raises UsageError
    where the bank is empty.
    """
    studied = study(file)
    found = rank(studied, bank.entries() if entries is None else entries)
    if not found:
        raise UsageError(f"{bank.folder} is empty; pcpu bank add {bank.folder} FILE")
    if depth >= Depth.BLOBS:
        costs = Costs(studied.levels)
        found = _compared(bank, studied, found, costs)
    if depth >= Depth.PLANS:
        found = _planned(bank, found, costs, len(file), plan)
    return found


def rank(studied: Studied, entries: Sequence[Entry]) -> list[Candidate]:
    """All blobs, the nearest first. Of those that are as near, programs of the same kind with the
    most similar instructions come first, and blobs of about the size of the file."""
    found = [Candidate(entry, from_sketch(studied.levels, entry.sketch)) for entry in entries]
    return sorted(found, key=lambda c: (*_order(c), *_unlike(studied.sketch, c.entry.sketch)))


def _order(candidate: Candidate) -> tuple[float, float]:
    return candidate.nearness.density, -candidate.nearness.share


def _unlike(one: Sketch, other: Sketch) -> tuple[bool, float, float]:
    totals = [max(1, sum(sketch.histogram)) for sketch in (one, other)]
    apart = sum(
        abs(own / totals[0] - its / totals[1])
        for own, its in zip(one.histogram, other.histogram, strict=True)
    )
    return one.kind != other.kind, apart, abs(math.log((one.size + 1) / (other.size + 1)))


def _close(found: list[Candidate], times: float, most: int) -> int:
    """How many of the first may be the best one."""
    limit = found[0].nearness.density * times
    return sum(1 for candidate in found[:most] if candidate.nearness.density <= limit)


def _with_cheap(
    near: list[Candidate], found: list[Candidate], costs: Costs, times: float, most: int
) -> tuple[list[Candidate], list[Candidate]]:
    """``near`` and those of ``found`` that should cost a plan least, and all others."""
    priced = [(costs.of(candidate.nearness.seen), candidate) for candidate in found]
    priced.sort(key=lambda each: each[0])
    cheap = [candidate for cost, candidate in priced[:most] if cost <= times * priced[0][0]]
    taken = {candidate.entry.sha256 for candidate in (*near, *cheap)}
    parts: tuple[list[Candidate], list[Candidate]] = [], []
    for candidate in found:
        parts[candidate.entry.sha256 not in taken].append(candidate)
    return parts


def _affordable(size: int) -> int:
    """How many plans of a file of so many bytes are made quickly."""
    return _QUICK // max(1, size)


def _compared(
    bank: Bank, studied: Studied, found: list[Candidate], costs: Costs
) -> list[Candidate]:
    near = found[: _close(found, _DOUBT, READ)]
    times = _IF_QUICK if _affordable(studied.sketch.size) >= _TRIED else _MAY_BE_ALIKE
    chosen, others = _with_cheap(near, found, costs, times, _CHEAP)
    if len(chosen) == 1:
        return found
    closer = []
    for candidate in chosen:
        nearness = from_chunks(studied.levels, chunks_of(bank, candidate.entry))
        closer.append(replace(candidate, nearness=nearness, depth=Depth.BLOBS))
    return sorted(closer, key=_order) + others


def chunks_of(bank: Bank, entry: Entry) -> tuple[Level, ...]:
    """All chunks of a blob, which is read for it."""
    blob = bank.blob(entry)
    return cut(blanked(blob, read_image(blob))[0])


def _promising(
    found: list[Candidate], costs: Costs, size: int
) -> tuple[list[Candidate], list[Candidate], list[Candidate]]:
    """Those of which a plan is to be made, those of which one may be worth it, and all others, for
    a file of so many bytes."""
    far = found[0].nearness.density > _FAR
    near = found[: _close(found, _CLOSE_IF_FAR if far else _CLOSE, _TRIED)]
    sure, others = _with_cheap(near, found, costs, _ALIKE, _CHEAPEST)
    more = _affordable(size) - len(sure)
    if more <= 0:
        return sure, [], others
    near = found[: _close(found, _IF_QUICK, READ)]
    chosen, others = _with_cheap(near, found, costs, _IF_QUICK, _CHEAP)
    known = {candidate.entry.sha256 for candidate in sure}
    perhaps = [candidate for candidate in chosen if candidate.entry.sha256 not in known]
    perhaps.sort(key=lambda candidate: costs.of(candidate.nearness.seen))
    return sure, perhaps[:more], perhaps[more:] + others


def _planned(
    bank: Bank, found: list[Candidate], costs: Costs, size: int, plan: Plan
) -> list[Candidate]:
    sure, perhaps, others = _promising(found, costs, size)
    if len(sure) + len(perhaps) == 1:
        return found
    best: Planned | None = None
    tried: list[Candidate] = []
    in_vain = 0
    for candidate in sure + perhaps:
        if len(tried) >= len(sure) and in_vain == _IN_VAIN:
            break
        planned = plan_from(bank, [candidate.entry], plan)
        is_better = best is None or len(planned.plan) < len(best.plan)
        in_vain = 0 if is_better or len(tried) < len(sure) else in_vain + 1
        tried.append(replace(candidate, plan_size=len(planned.plan), depth=Depth.PLANS))
        if is_better:
            best = planned  # others are dropped, as they take much memory
    others = (sure + perhaps)[len(tried) :] + others
    tried.sort(key=lambda candidate: candidate.plan_size or 0)
    return [replace(tried[0], planned=best), *tried[1:], *others]


def plan_from(bank: Bank, entries: Sequence[Entry], plan: Plan) -> Planned:
    """A plan from blobs of a bank. Raises BankError where one is not what it was."""
    planned = plan([bank.blob(entry) for entry in entries], [entry.name for entry in entries])
    for entry, blob in zip(entries, planned.header.blobs, strict=True):
        if blob.sha256 != entry.sketch.sha256:
            raise BankError(
                f"{bank.blob_path(entry.sha256)} is damaged; remove it, and add {entry.name} anew"
            )
    return planned


def plan_best(
    bank: Bank, file: Bytes, plan: Plan, entries: Sequence[Entry] | None = None
) -> tuple[Planned, Candidate | None]:
    """The plan of a file from the blob that suits it best; from none where that is smaller, as it
    is where nothing is shared."""
    best = select(bank, file, plan, entries=entries)[0]
    planned = best.planned or plan_from(bank, [best.entry], plan)
    if best.nearness.share > _LITTLE:
        return planned, best
    alone = plan([], [])
    return (alone, None) if len(alone.plan) <= len(planned.plan) else (planned, best)

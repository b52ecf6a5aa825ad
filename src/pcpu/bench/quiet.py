"""Which measurements a neighbour on the machine disturbed.

Every measurement of a size times the same loop, the limit. On a processor that others share it
makes half as much for seconds or minutes, as does all that keeps the vector units busy, but not
what waits for itself, as a scalar hash does: ratios of such minutes say little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcpu.bench.definition import Definition
from pcpu.bench.measure import Samples

QUIET = 0.8  # of the fastest limit of its size: the pages of its memory alone make so much
LIMIT = "limit"  # the row

Step = tuple[Definition, int]  # what is measured, at which size
Found = Mapping[tuple[str, int], Mapping[str, Samples]]  # by definition and size, then by row


def disturbed(steps: Sequence[Step], found: Found) -> list[Step]:
    """Those of one runtime whose limit was slow beside that of the others of their size."""
    fastest: dict[tuple[str, int], float] = {}
    limits: list[tuple[Step, tuple[str, int], float]] = []
    for definition, size in steps:
        samples = found[definition.name, size]
        if LIMIT in samples:
            loop = definition.row(LIMIT).source, size
            seconds = samples[LIMIT].best
            fastest[loop] = min(seconds, fastest.get(loop, seconds))
            limits.append(((definition, size), loop, seconds))
    return [step for step, loop, seconds in limits if fastest[loop] < QUIET * seconds]


def quieter(new: Mapping[str, Samples], old: Mapping[str, Samples]) -> bool:
    return new[LIMIT].best < old[LIMIT].best

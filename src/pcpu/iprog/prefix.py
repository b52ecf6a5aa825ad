"""Which parts of the reference are worth having before literals (spec/iprog.md G13).

To look through a prefix takes longer than all the rest of a plan, and most of a reference is of no
use to what is new in a file. So pages are chosen that have the most short pieces in common with the
literals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.jit import jit
from pcpu.iprog.sites import Places

Octets = npt.NDArray[np.uint8]
Spans = tuple[tuple[int, int], ...]  # starts and lengths, in order

PAGE = 1 << 13
PIECE = 8  # bytes that are compared
LEAST = 1 << 21  # bytes of a reference that are always looked through
TIMES = 3  # bytes of a prefix for each byte of literals
_BITS = range(16, 25)  # of a table of pieces
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def choose_spans(literals: Octets, reference: Octets, most: int) -> Spans:
    """Spans of at most ``most`` bytes together; all of a reference that is not large."""
    wanted = min(most, max(LEAST, TIMES * len(literals)))
    if len(reference) <= wanted * 5 // 4 and len(reference) <= most:
        return ((0, len(reference)),) if len(reference) else ()
    bits = min(max((16 * len(literals)).bit_length(), _BITS[0]), _BITS[-1])
    table = np.zeros(1 << bits, np.uint8)
    _note(literals, table, 64 - bits)
    scores = np.zeros(-(-len(reference) // PAGE), np.int64)
    _score(reference, table, 64 - bits, scores)
    best = np.argsort(-scores, kind="stable")[: max(1, wanted // PAGE)]
    return _joined(np.sort(best[scores[best] > 0]), len(reference))


def _joined(pages: Places, size: int) -> Spans:
    if not len(pages):
        return ()
    cuts = np.flatnonzero(np.diff(pages) > 1) + 1
    return tuple(
        (int(run[0]) * PAGE, min((int(run[-1]) + 1) * PAGE, size) - int(run[0]) * PAGE)
        for run in np.split(pages, cuts)
    )


@jit
def _hash(data: Any, at: Any, shift: Any) -> Any:
    value = np.uint64(0)
    for n in range(PIECE):
        value = (value ^ np.uint64(data[at + n])) * _FACTOR
    return value >> np.uint64(shift)


@jit
def _note(literals: Any, table: Any, shift: Any) -> None:
    for at in range(len(literals) - PIECE + 1):
        table[_hash(literals, at, shift)] = 1


@jit
def _score(reference: Any, table: Any, shift: Any, scores: Any) -> None:
    """Count for each page the pieces of literals that no page before it had."""
    for at in range(len(reference) - PIECE + 1):
        piece = _hash(reference, at, shift)
        if table[piece] == 1:
            table[piece] = 2
            scores[at // PAGE] += 1

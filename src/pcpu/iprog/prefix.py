"""Which parts of the reference are worth having before literals (spec/iprog.md G13).

To look through a prefix takes longer than all the rest of a plan, and most of a reference is of no
use to what is new in a file. So pages are chosen that have the most short pieces in common with the
literals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.jit import jit
from pcpu.iprog.sites import Places

Octets = npt.NDArray[np.uint8]
Spans = tuple[tuple[int, int], ...]  # starts and lengths, in order

Read = Callable[[int, int], Octets]  # start and length

PAGE = 1 << 11
SHORT = 6  # bytes that are compared
LEAST = 5 << 18  # bytes that may be chosen, and as many as there are literals
WORTH = 3  # pieces that a page has to have
GAP, WIDEST = 2, 8  # pages between two that are taken with them, at least and at most
_REACH = 180  # the same, times literals, for each page that is chosen
STATED = 40  # pieces that a span has to have: to state one takes some five bytes
BESIDE = 8  # pieces that being near is worth
_PIECE = 1 << 18  # bytes of the reference that are read at a time: whole pages
_BITS = range(16, 22)  # of a table of pieces
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def choose_spans(literals: Octets, size: int, read: Read | None, near: Places, most: int) -> Spans:
    """Spans of up to ``most`` bytes together, and what lies between some, of a reference of
    ``size``, which ``read`` gives as it will stand before the literals; all of one that is not
    large. ``near`` are places beside which something like the literals is likely; without ``read``
    only these count."""
    wanted = min(most, LEAST + len(literals))
    if size <= wanted * 5 // 4 and size <= most:
        wanted = size
    if size <= wanted:
        return ((0, size),) if size else ()
    scores, beside = np.zeros((2, -(-size // PAGE)), np.int64)
    for step in (-1, 0, 1):
        np.add.at(beside, np.clip(near // PAGE + step, 0, len(scores) - 1), BESIDE)
    if read is not None:
        _score_pages(literals, size, read, scores)
        if len(literals) > LEAST:  # what is packed, say, is beside nothing like it
            beside[scores == 0] = 0
    scores += beside
    best = np.argsort(-scores, kind="stable")[: max(1, wanted // PAGE)]
    pages = np.sort(best[scores[best] >= WORTH])
    # What lies between pages makes distances longer: that costs few literals less than a span does.
    gap = min(max(GAP, _REACH * len(pages) // max(1, len(literals))), WIDEST)
    return _joined(_runs(pages, gap, None if read is None else scores), size, PAGE)


def choose_pages(literals: Octets, size: int, read: Read, most: int, page: int) -> Spans:
    """Spans of at most ``most`` bytes together, of whole pages of ``page`` bytes, which have pieces
    in common with literals."""
    if size <= most:
        return ((0, size),) if size else ()
    scores = np.zeros(-(-size // page), np.int64)
    _score_pages(literals, size, read, scores, page)
    best = np.argsort(-scores, kind="stable")[: most // page]
    return _joined(_runs(np.sort(best[scores[best] > 0])), size, page)


def _score_pages(literals: Octets, size: int, read: Read, scores: Places, page: int = PAGE) -> None:
    """Count for each page of the reference the pieces that it has in common with literals."""
    bits = min(max((4 * len(literals)).bit_length(), _BITS[0]), _BITS[-1])
    table = np.zeros(1 << bits, np.uint16)
    _note(literals, table, bits)
    for start in range(0, size, _PIECE):
        content = read(start, min(_PIECE, size - start))
        _score(content, table, bits, scores[start // page :], page)


def _runs(pages: Places, gap: int = 0, scores: Places | None = None) -> list[Places]:
    """Pages that become a span: those with few others between them, which is shorter to say. With
    ``scores`` only those that are worth stating, or else the best."""
    if not len(pages):
        return []
    runs = np.split(pages, np.flatnonzero(np.diff(pages) > gap + 1) + 1)
    if scores is None:
        return runs
    least = min(STATED, max(int(scores[run].sum()) for run in runs))
    return [run for run in runs if scores[run].sum() >= least]


def _joined(runs: Sequence[Places], size: int, page: int) -> Spans:
    """A span of each run of pages."""
    return tuple(
        (int(run[0]) * page, min((int(run[-1]) + 1) * page, size) - int(run[0]) * page)
        for run in runs
    )


@jit
def _note(literals: Any, table: Any, bits: Any) -> None:
    """Put the pieces of literals into a table: by the highest bits of their hash, the lowest."""
    piece = np.uint64(0)
    for at in range(len(literals)):
        piece = piece >> np.uint64(8) | np.uint64(literals[at]) << np.uint64(8 * SHORT - 8)
        if at + 1 >= SHORT:
            value = piece * _FACTOR
            table[value >> np.uint64(64 - bits)] = value >> np.uint64(24) | np.uint64(1)


@jit
def _score(reference: Any, table: Any, bits: Any, scores: Any, page: Any) -> None:
    """Count for each page the pieces of literals that no page before it had."""
    piece = np.uint64(0)
    for at in range(len(reference)):
        piece = piece >> np.uint64(8) | np.uint64(reference[at]) << np.uint64(8 * SHORT - 8)
        if at + 1 >= SHORT:
            value = piece * _FACTOR
            slot = value >> np.uint64(64 - bits)
            if table[slot] == np.uint16(value >> np.uint64(24) | np.uint64(1)):
                table[slot] = 0
                scores[(at + 1 - SHORT) // page] += 1

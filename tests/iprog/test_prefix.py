"""Which spans of the reference stand before literals."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from pcpu.iprog.prefix import GAP, PAGE, SHORT, STATED, WIDEST, Octets, Spans, choose_spans

SIZE = 1 << 22
REFERENCE = np.frombuffer(Random(1).randbytes(SIZE), np.uint8)


def read(start: int, length: int) -> Octets:
    return REFERENCE[start : start + length]


def spans(pages: Sequence[tuple[int, int]], literals: int = 0) -> Spans:
    """Those for literals that have pieces of pages, as many as are given for each, and so many
    bytes that nothing has."""
    found = b"".join(bytes(read(PAGE * page, count + SHORT - 1)) for page, count in pages)
    found += Random(2).randbytes(literals)
    near = np.empty(0, np.int64)
    return choose_spans(np.frombuffer(found, np.uint8), SIZE, read, near, 1 << 24)


def test_a_span_has_to_be_worth_stating() -> None:
    little, enough = STATED - 5, STATED + 5
    assert spans([(100, enough), (500, little), (900, enough)]) == (
        (100 * PAGE, PAGE),
        (900 * PAGE, PAGE),
    )
    # Pages that are stated together count together.
    assert spans([(100, enough), (500, little), (501, little)])[1:] == ((500 * PAGE, 2 * PAGE),)


def test_the_best_span_is_stated_whatever_it_is_worth() -> None:
    assert spans([(100, 5), (500, 9), (900, 5)]) == ((500 * PAGE, PAGE),)
    assert spans([(100, 1)]) == ()


@pytest.mark.parametrize(("literals", "gap"), [(0, WIDEST), (50_000, GAP)])
def test_few_literals_have_spans_of_what_is_farther_apart(literals: int, gap: int) -> None:
    def runs(second: int) -> Spans:
        return spans([(at + page, 15) for at in (100, second) for page in range(5)], literals)

    assert runs(105 + gap) == ((100 * PAGE, (10 + gap) * PAGE),)
    assert len(runs(106 + gap)) == 2

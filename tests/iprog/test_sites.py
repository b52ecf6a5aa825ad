"""Sites as parallel arrays."""

from __future__ import annotations

import numpy as np
import pytest

from pcpu.iprog.sites import Form, Sites, narrow_type, narrowed

LAST = (1 << 31) - 1


def at(*places: int) -> Sites:
    """Sites at places, whose targets are their numbers."""
    numbers = np.arange(len(places))
    octets = np.full(len(places), Form.WORD, np.uint8)
    extra = np.zeros(len(places), np.int32)
    return Sites(narrowed(np.array(places, np.int64)), octets, numbers, extra, octets)


@pytest.mark.parametrize("numbers", [[], [0], [1 - LAST, LAST - 1], [LAST], [-LAST - 1], [1 << 61]])
def test_numbers_stay_the_same_in_fewer_bits(numbers: list[int]) -> None:
    found = narrowed(np.array(numbers, np.int64))
    assert found.tolist() == numbers
    is_narrow = all(abs(number) < LAST for number in numbers)
    assert found.dtype == (np.int32 if is_narrow else np.int64)
    assert narrow_type(min(numbers, default=0), max(numbers, default=0)) == found.dtype


@pytest.mark.parametrize("far", [0, 1 << 40])
def test_sites_between_places(far: int) -> None:
    places = [3, 7, 7 + 4, far + 100, far + 200]
    sites = at(*places)
    for start, stop in ((0, 3), (3, 4), (4, 12), (7, far + 200), (0, 1 << 62), (LAST, 1 << 50)):
        wanted = [n for n, place in enumerate(places) if start <= place < stop]
        assert sites.between(start, stop).target.tolist() == wanted

"""What copied sites show, and the map that explains it."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest

from pcpu.iprog.align import Covers
from pcpu.iprog.seen import Seen, seen
from pcpu.iprog.shifts import fit
from pcpu.iprog.sites import Form, Sites

FIRST = 1000  # where the blob begins in the reference


def sites(random: Random, places: list[int]) -> Sites:
    """Sites with few targets and forms."""
    forms = [random.choice((Form.CODE, Form.WORD, Form.BASED)) for _ in places]
    targets, extras = ([16 * random.randrange(9) for _ in places] for _ in range(2))
    return Sites(
        np.array(places, np.int64), np.array(forms, np.uint8), np.array(targets, np.int64),
        np.array(extras, np.int64), np.zeros(len(places), np.uint8),
    )  # fmt: skip


def shown(found: Seen) -> Counter[tuple[int, int]]:
    columns = (column.tolist() for column in (found.address, found.shift, found.often))
    total: Counter[tuple[int, int]] = Counter()
    for address, shift, often in zip(*columns, strict=True):
        total[address, shift] += often
    return total


@pytest.mark.parametrize("seed", range(20))
def test_what_is_seen_is_counted(seed: int) -> None:
    random = Random(seed)
    old = sites(random, sorted(random.sample(range(0, 4000, 4), 400)))
    new = sites(random, sorted(random.sample(range(0, 4000, 4), 400)))
    left_out = np.array([random.random() < 0.2 for _ in range(400)])
    # Copies of 200 bytes from anywhere in the blob, every 250 bytes of the file.
    starts = range(0, 4000, 250)
    covers = [(at, at + 200, FIRST + 4 * random.randrange(950) - at) for at in starts]

    wanted: Counter[tuple[int, int]] = Counter()
    bases: set[tuple[int, int]] = set()
    at_place = {int(place): n for n, place in enumerate(old.place)}
    for j, place in enumerate(new.place.tolist()):
        skew = next((skew for start, stop, skew in covers if start <= place < stop), None)
        k = None if skew is None else at_place.get(place + skew - FIRST)
        if k is None or left_out[j] or old.form[k] != new.form[j]:
            continue
        wanted[int(old.target[k]), int(new.target[j] - old.target[k])] += 1
        if old.form[k] == Form.BASED:
            bases.add((int(old.extra[k]), int(new.extra[j] - old.extra[k])))
    wanted.update(bases)
    columns = (np.array(column, np.int64) for column in zip(*covers, strict=True))
    assert wanted
    assert shown(seen(Covers(*columns), FIRST, old, new, left_out)) == wanted


def test_what_is_seen_more_often_counts_more() -> None:
    none = fit(Seen.none())
    assert not len(none.starts)
    # At 100 nothing moved, at 200 and 300 something did: once, and by another way 40 times.
    columns = ([100, 200, 200, 300, 300], [0, 16, 32, 16, 32], [40, 1, 40, 1, 40])
    found = fit(Seen(*(np.array(column, np.int64) for column in columns)))
    assert (found.starts.tolist(), found.amounts.tolist()) == ([200], [32])

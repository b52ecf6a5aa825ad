"""Plans that other writers might make keep their bytes in the JSON form (G32)."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from pcpu.errors import DamagedPlanError
from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.native import NativeReader
from pcpu.iprog.undocument import from_json
from tests.iprog.forge import Frames, plan, streams

WINDOW = 1 << 12
BLOB = Random(1).randbytes(9000)


def any_window(random: Random, start: int, size: int) -> tuple[bytes, Any, bytes, Any, int]:
    """A window of the file: its bytes, covers, literals, fixes and first skew."""
    skew = first = random.randrange(-start, len(BLOB) - start)
    made, literals, covers = bytearray(), b"", []
    while len(made) < size:
        gap = random.choice((0, 0, 1, 200))
        if len(made) + gap >= size:
            gap = size - len(made)
        run = random.randbytes(gap)
        made, literals = made + run, literals + run
        left = size - len(made)
        if not left or not random.randrange(9):
            run = random.randbytes(left)
            made, literals = made + run, literals + run
            break
        source = random.randrange(len(BLOB))
        length = min(left, len(BLOB) - source, random.choice((1, 7, 900, WINDOW)))
        is_implied = length == left and random.random() < 0.5
        turn = source - start - len(made) - skew
        skew += turn
        covers.append((gap, 0 if is_implied else length, turn))
        made += BLOB[source : source + length]
    fixes, at = [], -1
    for _ in range(random.choice((0, 1, 40))):
        step = random.choice((0, 0, 3, 500))
        if (at := at + step + 1) >= size:
            break
        fixes.append((step, random.choice((0, 5, 255))))
        made[at] = (made[at] + fixes[-1][1]) & 255
    return bytes(made), covers, literals, fixes, first


def any_plan(random: Random) -> tuple[bytes, bytes]:
    """A plan of some blocks, stored as they are, and its file."""
    size = random.randrange(1, 5 * WINDOW)
    windows = [
        any_window(random, start, min(WINDOW, size - start)) for start in range(0, size, WINDOW)
    ]
    blocks = []
    left = windows
    while left:
        now, left = left[: (count := random.randint(1, len(left)))], left[count:]
        contents, covers, literals, fixes, skews = zip(*now, strict=True)
        made = streams(contents, covers, literals, fixes=fixes, skews=skews)
        shares = random.choice(((), (1, 6), (2, 3, 2))) if made[-1] else ()  # no frame is empty
        blocks.append((count, Frames(made, shares)))
    file = b"".join(content for content, *_ in windows)
    return plan(file, [BLOB], blocks, name=random.choice((None, "x"))), file


@pytest.mark.parametrize("seed", range(40))
def test_any_plan_keeps_its_bytes(seed: int) -> None:
    made, file = any_plan(Random(seed))
    for reader in (Reader(made, [BLOB]), NativeReader(made, [BLOB])):
        assert reader.rebuild() == file
        document = json.loads(json.dumps(to_json(reader)))
        assert from_json(document, [BLOB]) == made


@pytest.mark.parametrize("length", [0, 5])
def test_a_length_that_ends_with_the_window_is_stated_or_not(length: int) -> None:
    parts = streams([b"ab" + BLOB[:5]], [[(2, length, -2)]], [b"ab"])
    made = plan(b"ab" + BLOB[:5], [BLOB], [(1, Frames(parts))])
    document = to_json(Reader(made, [BLOB]))
    (_, copy) = document["windows"][0]["instructions"]
    assert copy == {"op": "copy", "src": 0, "len": 5} | ({"stated": True} if length else {})
    assert from_json(document, [BLOB]) == made
    copy["stated"] = 1
    with pytest.raises(DamagedPlanError) as raised:
        from_json(document, [BLOB])
    assert str(raised.value) == "/windows/0/instructions/1/stated: true or false is wanted here"

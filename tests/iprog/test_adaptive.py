"""Adaptive frames: spec/iprog.md G33."""

from __future__ import annotations

from random import Random

import pytest

from pcpu.errors import DamagedPlanError
from pcpu.iprog.adapting import encode
from pcpu.iprog.adaptive import decode
from pcpu.iprog.apply import Reader
from pcpu.iprog.format import MAX_ADAPTIVE, Codec, read_header
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from tests.iprog.forge import Frames, plan, streams
from tests.iprog.module import AnyPlan, RefusedError, rebuilt_alone
from tests.iprog.pairs import edited


def test_the_first_bits_g33() -> None:
    # 2047 of 4096 are left to begin with: 1048575 * 2047 + floor(4095 * 2047 / 4096) is 7FEFFFFF.
    assert decode(bytes.fromhex("7fefffff"), [1])[0] & 0x80
    assert not decode(bytes.fromhex("7ff00000"), [1])[0] & 0x80
    # Numbers as low as possible are ones, and as high as possible zeros.
    assert decode(b"", [3, 0, 2]) == b"\xff" * 5
    assert decode(b"\xff" * 4, [2]) == bytes(2)


def streams_of(seed: int) -> list[bytes]:
    random = Random(seed)
    return [
        bytes(random.choices(range(random.choice((1, 2, 5, 256))), k=random.randrange(60)))
        for _ in range(random.randint(1, 8))
    ]


@pytest.mark.parametrize("seed", range(40))
def test_streams_come_back_g33(seed: int) -> None:
    streams = streams_of(seed)
    assert decode(encode(streams), [*map(len, streams)]) == b"".join(streams)


def test_what_is_alike_becomes_short() -> None:
    assert len(encode([bytes(10_000)])) < 30
    assert len(encode([Random(1).randbytes(10_000)])) < 10_700


def test_stored_bytes_are_used_to_the_last_g33() -> None:
    stored = encode([b"abc"])
    assert decode(stored + bytes(9 - len(stored)), [3, 5])  # it goes on with other bytes
    with pytest.raises(DamagedPlanError, match="used to its end"):
        decode(stored + bytes(9), [3])


def test_all_decoders_agree_g33() -> None:
    blob, file = edited(9, 20_000)
    made = make_plan(file, [blob]).plan
    frames = [frame for group in read_header(made).groups for frame in group.frames]
    assert Codec.ADAPTIVE in {frame.codec for frame in frames}
    assert Reader(made, [blob]).rebuild() == file
    assert b"".join(NativeReader(made, [blob]).pieces()) == file
    assert rebuilt_alone(made, blob) == file


def test_long_ones_are_refused_g12() -> None:
    for size in (MAX_ADAPTIVE, MAX_ADAPTIVE + 1):
        file = bytes(size)
        parts = streams([file], [[]], [file])
        frames = Frames(parts, [6, 1], {1: 3}, stored={1: encode([file])})
        made = plan(file, [], [(1, frames)], bits=17)
        module = AnyPlan()
        if size == MAX_ADAPTIVE:
            assert Reader(made, []).rebuild() == file
            module.open(made, b"", None)
            continue
        with pytest.raises(DamagedPlanError, match="at most 65536 bytes, and the plan says 65537"):
            read_header(made)
        with pytest.raises(RefusedError, match="damaged: open, rule 12"):
            module.open(made, b"", None)

"""Folds that change at records, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random

import pytest

from pcpu.isa import Op
from pcpu.lower.kernels import record, select
from tests.kernels.machine import HOST, Machine, check_lengths, fold, update

K = (("k", 8),)
GREATEST = fold("greatest", 64, "byte > (state & 255) ? index << 8 | byte : state")
LEAST = fold("least", 64, "byte < state >> 56 ? byte << 56 | index : state", "255 << 56")
OPS = (
    GREATEST,
    LEAST,
    fold("last", 64, "(state & 255) <= byte ? index << 8 | byte : state"),
    fold("early", 32, "byte >= (state & 255) ? (state >> 8) + 1 << 8 | byte : state"),
    fold("least16", 16, "state >> 8 <= byte ? state : (state + 1 & 255) | byte << 8", "65535"),
    fold("digits", 64, "(byte & 15) > (state & 31) ? index << 5 | byte & 15 : state"),
    fold("apart", 64, "(byte ^ k) > (state & 255) ? index << 8 | byte ^ k : state", immediates=K),
    fold("second", 16, "byte > (state & 255) ? (state & 255) << 8 | byte"
         " : byte > state >> 8 ? byte << 8 | state & 255 : state"),
    fold("both", 64, "byte < (state & 255) ? state >> 8 << 8 | byte : (state >> 8 & 255) < byte"
         " ? (state & 255) | byte << 8 | index << 16 : state"),
    fold("signed", 64, "(byte ^ 128) < (state >> 40) ? (byte ^ 128) << 40 | index & 255 : state"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 255, 256, 300, 1000, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    state = dice.choice((0, dice.getrandbits(op.state_bits), (1 << op.state_bits) - 1))
    few = dice.choice((range(256), range(100, 110), (0, 1, 255), (7,)))
    data = sorted(dice.choices(few, k=length), reverse=dice.random() < 0.5)
    if dice.random() < 0.7:
        dice.shuffle(data)
    return state, bytes(data)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST).name == "record"
    check_lengths(on, op, LENGTHS, draw)


def test_places_with_python(on: Machine) -> None:
    for seed in range(20):
        data = random.Random(seed).randbytes(1 + seed * 20)
        on.write(0, data)
        found = update(on, GREATEST, 0, 0, len(data))
        assert (found & 255, found >> 8) == (max(data), data.index(max(data)))
        found = update(on, LEAST, 255 << 56, 0, len(data))
        assert (found >> 56, found & 0xFFFF) == (min(data), data.index(min(data)))


@pytest.mark.parametrize(
    "step",
    [
        "byte > (state & 255) ? index : state",  # often
        "byte > (state & 255) ? index << 8 | byte : state + 1",
        "byte > (index & 255) ? state << 8 | byte : state",
        "byte > 9 ? state * 3 : state",
        "byte * 300 > state ? byte * 300 : state",
    ],
)
def test_what_is_something_else(step: str) -> None:
    assert not record.records(fold("op", 64, step))

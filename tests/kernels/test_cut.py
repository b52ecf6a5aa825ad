"""Folds that look at where a byte is, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random

import pytest

from pcpu.isa import Op
from pcpu.lower.kernels import cut, select
from tests.kernels.machine import HOST, Machine, check_at, fold, update

N = (("n", 32),)
BODY = fold("body", 64, "index >= n ? state + byte : state", immediates=N)
OPS = (
    BODY,
    fold("head", 64, "index < 20 ? state * 31 + byte : state"),
    fold("window", 64, "index >= 10 & index < 300 ? state ^ byte : state"),
    fold("nth", 64, "index == 100 ? byte : state"),
    fold("both", 32, "index <= n ? state + byte : state * 31 + byte", immediates=N),
    fold("without", 32, "state + (index != 64) * byte"),
    fold("three", 64, "index < 50 ? state + 1 : index > 200 ? (state > byte ? state : byte) : state ^ byte"),
    fold("alike", 32, "index > 100 ? state * 31 + byte : state * 31 + byte"),
    fold("keyed", 64, "index < 100 ? state : state + (index & 1 ? byte : byte << 8)"),
)  # fmt: skip


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_pieces_states_and_places(op: Op, on: Machine) -> None:
    assert select(op, HOST).name == "cut"
    dice = random.Random(op.name)
    for length in (*range(20), 63, 64, 65, 100, 255, 500, 3000):
        data, state = dice.randbytes(length), dice.getrandbits(op.state_bits)
        border = tuple(dice.choice((0, 50, 200, 2**32 - 20)) for _ in op.immediates)
        for index in (0, 1, 60, 250, 2**32 - 30, 2**64 - 30):
            check_at(on, op, state, data, dice, border, index, b"")


def test_a_body(on: Machine) -> None:
    data = random.Random(3).randbytes(200_000)
    on.write(5, data)
    for n in (0, 1, 14, 70_000, 199_999, 200_000, 2**32 - 1):
        assert update(on, BODY, 7, 5, len(data), (n,)) == 7 + sum(data[n:])


@pytest.mark.parametrize(
    ("step", "bits"),
    [
        ("index < 20 ? state + byte : state", 16),
        ("index < byte ? state + 1 : state", 64),
        ("index % 10 < 3 ? state + 1 : state", 64),
        ("index < state ? state + 1 : state", 64),
    ],
)
def test_what_is_something_else(step: str, bits: int) -> None:
    assert cut.cut(fold("op", bits, step)) is None

"""Folds that begin anew, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random

import pytest

from pcpu.expr import Const, Var
from pcpu.isa import Op
from pcpu.lower.kernels import resets, select
from tests.kernels.machine import HOST, Machine, check_lengths, fold, update

K = (("k", 8),)
COLUMN = fold("column", 32, "byte == 10 ? 0 : state + 1")
OPS = (
    COLUMN,
    fold("tabs", 32, "byte == 10 ? 0 : byte == 9 ? (state | 7) + 1 : state + 1"),
    fold("digit", 16, "byte >= 48 & byte <= 57 ? byte - 48 : state"),
    fold("unless", 64, "byte != k ? state * 33 + byte : 5381", immediates=K),
    fold("serial", 32, "byte > k ? byte : (state << 5 | state >> 27) + byte", immediates=K),
    fold("nested", 8, "byte < 128 ? (byte < 4 ? byte : state ^ byte) : byte > 250 ? k : state",
         immediates=K),
    fold("saturates", 32, "byte & 7 ? (state < 1000 ? state + byte : 1000) : byte >> 3"),
    fold("states", 8, "byte == 10 ? 0 : state == 1 ? (byte == 42 ? 2 : 1) : byte == 47"),
    fold("since", 64, "byte == 0 ? index : state + (index & 3)"),
    fold("alone", 32, "byte < 9 ? 7 : state ^ index"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 255, 256, 300, 1000, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    few = dice.choice((range(256), range(100, 110), (10, 65, 66, 42, 47), (0, 9, 200)))
    return dice.getrandbits(op.state_bits), bytes(dice.choices(few, k=length))


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST).name == "resets"
    check_lengths(on, op, LENGTHS, draw)


def test_columns_with_python(on: Machine) -> None:
    dice = random.Random(4)
    for chance in (0, 1, 40):
        data = bytes(dice.choices((65, 10), (1000, chance), k=100_000))
        on.write(0, data)
        want = len(data) - 1 - data.rfind(b"\n") + (0 if b"\n" in data else 17)
        assert update(on, COLUMN, 17, 0, len(data)) == want


def test_what_is_told_apart() -> None:
    form = resets.resets(OPS[1])
    assert form is not None
    assert (form.when, form.bits) == (OPS[1].step_expr.test, 8)  # type: ignore[union-attr]
    assert resets.resets(fold("op", 32, "byte == 3 ? 9 : state")).rest == Var("state")  # type: ignore[union-attr]
    never = resets.resets(fold("op", 32, "byte ? 1 : byte < 9 ? state : 4"))
    assert never is not None
    assert never.rest == Var("state")


@pytest.mark.parametrize(
    "step",
    ["state + 1", "byte", "state ? 0 : state + byte", "index & 1 ? 0 : state + byte",
     "byte == 3 ? state : state + 1", "byte * 300 == 900 ? 0 : byte * 70000 > 5 ? 0 : state"],
)  # fmt: skip
def test_what_is_something_else(step: str) -> None:
    assert resets.resets(fold("op", 32, step)) is None


def test_constants_are_no_tests() -> None:
    assert resets._parted(Const(4)) == (Const(1), None)

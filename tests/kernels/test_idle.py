"""Folds whose state rests at most bytes, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random
from itertools import accumulate, groupby

import pytest

from pcpu.expr import Var
from pcpu.isa import Op
from pcpu.lower.kernels import idle, select
from tests.kernels.machine import HOST, Machine, check_lengths, fold, update

K = (("k", 8),)
NOW = "(state & 0xffffffff)"
LONGEST = fold(
    "longest", 64,
    f"byte == 0 ? ({NOW} + 1 > state >> 32 ? ({NOW} + 1) * 0x100000001 : state + 1) : state >> 32 << 32",
)  # fmt: skip
DEPTH = fold(
    "depth", 64,
    f"byte == 40 ? ({NOW} + 1 > state >> 32 ? ({NOW} + 1) * 0x100000001 : state + 1)"
    " : byte == 41 ? state - 1 : state",
)  # fmt: skip
LINE = fold(
    "line", 64, f"byte == 10 ? ({NOW} > state >> 32 ? {NOW} << 32 : state >> 32 << 32) : state + 1",
)  # fmt: skip
OPS = (
    LONGEST,
    DEPTH,
    fold("until", 32, "byte == k ? (state < 1000 ? state + 3 : state) : state", immediates=K),
    fold("unless", 16, "byte != k ? state & 0xfff0 : (state << 1) + byte", immediates=K),
    fold("either", 32, "byte < 128 ? (byte & 1 ? state | 1 : state) : state * 3 ^ byte >> 1"),
    fold("above", 8, "byte & 0x88 ? (state << 1 | state >> 7) + byte : state << 4 >> 4"),
    LINE,
    fold(
        "twice", 8, "byte == 10 ? state * 3 ^ state >> 2 : byte == 9 ? (state | 7) + 1 : state - 5"
    ),
    fold("floored", 16, "state + (byte == 40) - ((byte == 41) & (state > 0))"),
    fold("balanced", 64, "byte == 40 ? state + 1 : byte == 41 & state > 0 ? state - 1 : state"),
    fold("lines", 64, "byte == 10 ? (state ^ index) * 31 : state"),
)
LENGTHS = (*range(70), 127, 128, 129, 191, 192, 193, 500, 1000, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    few = dice.choice(
        (range(256), (0, 7), (40, 41, 65, 66, 10), (0,) * 40 + (200, 10, 40), b"\xff")
    )
    return dice.getrandbits(op.state_bits), bytes(dice.choices(few, k=length))


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST) is idle.KERNEL
    check_lengths(on, op, LENGTHS, draw)


def test_longest_runs_with_python(on: Machine) -> None:
    dice = random.Random(6)
    for weight in (1, 20, 300):
        data = bytes(dice.choices((0, 1), (weight, 20), k=50_000))
        on.write(5, data)
        runs = [len(list(run)) for byte, run in groupby(data) if byte == 0]
        assert update(on, LONGEST, 0, 5, len(data)) >> 32 == max(runs)


def test_longest_lines_with_python(on: Machine) -> None:
    dice = random.Random(8)
    for weight in (1, 20, 300):
        data = bytes(dice.choices((65, 10), (300, weight), k=50_000)) + b"\n"
        on.write(3, data)
        assert update(on, LINE, 0, 3, len(data)) >> 32 == max(map(len, data.split(b"\n")))


def test_depths_with_python(on: Machine) -> None:
    text = b"".join(random.Random(7).choices((b"(", b"x" * 33, b"()", b"(a(b))c)"), k=20_000))
    on.write(0, text)
    steps = list(accumulate((byte == 40) - (byte == 41) for byte in b"((((" * 20_000 + text))
    start = 80_000 * 0x100000001
    got = update(on, DEPTH, start, 0, len(text))
    assert (got >> 32, got & 0xFFFFFFFF) == (max(steps), steps[-1])


@pytest.mark.parametrize(
    "step",
    ["state + 1", "state + byte", "state & 255", "byte ? state + byte : state * 3", "index & 1 ? state : state * 5",
     "state ? byte : state", "byte == 3 ? state + byte : state << 4 >> 3",
     "state ^ (byte > 40) * state", "state + ((index == 3) & (byte == 41) & (state > 0))", "byte * 300 > 9 ? state * 3 : state"],
)  # fmt: skip
def test_what_is_something_else(step: str) -> None:
    assert idle.idle(fold("op", 32, step)) is None


def test_the_state_itself_is_the_best_rest() -> None:
    form = idle.idle(OPS[4])
    assert form is not None
    assert form.rest == Var("state")

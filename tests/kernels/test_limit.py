"""Folds that count up to a limit, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random

import pytest

from pcpu.expr import Const
from pcpu.isa import Op
from pcpu.lower.kernels import limit, select
from tests.kernels.machine import HOST, Machine, check_lengths, fold, update

K = (("k", 8),)
TOP = (("k", 8), ("top", 8))
COUNT = fold("count", 8, "state < 255 ? state + (byte == k) : state", immediates=K)
OPS = (
    COUNT,
    fold("equal", 8, "state == 255 ? 255 : state + (byte == k)", immediates=K),
    fold("unlike", 16, "state != 1000 ? state + (byte < k) : state", immediates=K),
    fold("within", 8, "byte == k ? (state < 100 ? state + 1 : state) : state", immediates=K),
    fold("both", 32, "state + (((byte & 3) == 1) & (state < 70000))"),
    fold("times", 8, "state + (byte > k) * (state <= 40)", immediates=K),
    fold("tested", 8, "(byte > k) & (state < 9) ? state + 1 : state", immediates=K),
    fold("back", 16, "state >= 300 ? 300 : state + (byte > k)", immediates=K),
    fold("given", 8, "state < top ? state + (byte > k) : top", immediates=TOP),
    fold("beyond", 8, "state == 7 ? 7 : state + (byte > k)", immediates=K),
    fold("sum", 32, "state + byte > 9999 ? 9999 : state + byte"),
    fold("sums", 16, "state + (byte & 15) < 1000 ? state + (byte & 15) : 1000"),
    fold("least", 64, "40 < state + byte * byte ? 40 : state + byte * byte"),
    fold("down", 8, "state > 0 ? state - (byte == k) : state", immediates=K),
    fold("downto", 16, "state == 20 ? state : state - (byte > k)", immediates=K),
    fold("taken", 32, "state < byte ? 0 : state - byte"),
    fold("taken2", 16, "state > (byte & 7) ? state - (byte & 7) : 0"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 255, 256, 300, 1000, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    form = limit.limit(op)
    assert form is not None
    border = form.limit.value if isinstance(form.limit, Const) else dice.randrange(256)
    near = max(0, border + dice.randrange(-length - 2, length + 3))
    state = dice.choice((near, border, 0, dice.getrandbits(op.state_bits)))
    few = dice.choice((range(256), range(100, 110), (0, 1, 255)))
    return state & (1 << op.state_bits) - 1, bytes(dice.choices(few, k=length))


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST).name == "limit"
    check_lengths(on, op, LENGTHS, draw)


def test_counts_with_python(on: Machine) -> None:
    for length in (100, 254, 255, 256, 100_000):
        data = bytes([7, 8]) * length
        on.write(0, data)
        assert update(on, COUNT, 0, 0, len(data), (7,)) == min(255, data.count(7))


@pytest.mark.parametrize(
    ("step", "bits"),
    [
        ("state < 255 ? state + (byte & 3) : state", 16),  # may step over the limit
        ("state < 255 ? state + 1 : 0", 8),  # begins anew
        ("state + byte > 250 ? 250 : state + byte", 8),  # wraps
        ("state < byte ? state + 1 : state", 8),
        ("state < 9 ? state + (index & 1) : state", 8),
        ("state < 9 ? state * 2 + (byte == 1) : state", 8),
        ("state < 9 ? state + (byte == 1) : state + (byte == 2)", 8),
        ("state < byte ? 0 : state - byte - 1", 8),
    ],
)
def test_what_is_something_else(step: str, bits: int) -> None:
    assert limit.limit(fold("op", bits, step)) is None

"""Folds that stop, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random

import pytest

from pcpu.isa import Op
from pcpu.lower.kernels import halts, select
from tests.kernels.machine import HOST, Machine, check_lengths, fold, update

K = (("k", 8),)
TOP = (("k", 8), ("top", 16))
DONE = 1 << 63
LENGTH = fold("length", 64, f"state >> 63 ? state : byte == 0 ? state | {DONE} : state + 1")
OPS = (
    LENGTH,
    fold("leading", 64, "state & 1 ? state : byte == k ? state + 2 : state | 1", immediates=K),
    fold("until", 32, "(state & 1) != 0 ? state : byte == k ? state | 1 : state + byte * 2", immediates=K),
    fold("middle", 32, "(state & 0x10000) == 0 ? (byte == k ? state ^ 0x10000 : state + byte) : state", immediates=K),
    fold("maybe", 64, f"state & {DONE} ? state : byte == k ? (state & 4 ? state | {DONE} : state * 3) : state + 1", immediates=K),
    fold("flagged", 64, "state & 1 ? state | 1 : byte < k ? state | byte << 1 : state | 1", immediates=K),
    fold("budget", 64, "state > 1000 ? state : state + byte"),
    fold("spent", 16, "state >= top ? state : state + (byte & k)", immediates=TOP),
    fold("filled", 32, "state < 70000 ? (byte == k ? 70001 : state + 300) : state", immediates=K),
    fold("none", 8, "state == 255 ? 255 : byte == k ? 255 : state & byte", immediates=K),
    fold("nonzero", 8, "state ? state : byte"),
    fold("first", 64, "state == 0 ? (byte > k ? byte * 3 : 0) : state", immediates=K),
    fold("most", 16, "state < 60000 ? state | byte * 3 : state"),
)  # fmt: skip
LENGTHS = (*range(40), 63, 64, 65, 100, 127, 128, 129, 255, 256, 300, 1000, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    top = 1 << op.state_bits
    near = dice.choice((0, 1000, 60000, 0xFFFF, 70000, DONE, top - 1)) - dice.randrange(
        2 * length + 3
    )
    state = dice.choice((near, 0, 2, dice.getrandbits(op.state_bits)))
    few = dice.choice((range(256), range(100, 110), (0, 1, 255)))
    return state & top - 1, bytes(dice.choices(few, k=length))


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST).name == "halts"
    check_lengths(on, op, LENGTHS, draw)


def test_long_texts(on: Machine) -> None:
    for length in (0, 1, 31, 32, 33, 16384, 16385, 100_000):
        data = b"a" * length + b"\0" + b"b" * 40_000
        on.write(3, data)
        assert update(on, LENGTH, 0, 3, len(data)) == length | DONE
        assert update(on, LENGTH, 5, 3, length) == length + 5


@pytest.mark.parametrize(
    ("step", "bits"),
    [
        ("state & 1 ? state : state + 1", 8),  # each byte may stop it
        ("state & 1 ? state : byte == 1 ? state | 1 : state - 1", 8),
        ("state & 1 ? state + 2 : byte == 1 ? state | 1 : state + 2", 8),
        ("state & 2 ? state : byte == 1 ? state | 2 : state * 3", 8),
        ("state > 9 ? state : state + byte * index", 16),
        ("state & 1 ? state : byte == 1 ? state | 1 : byte < state ? byte : state", 8),
        ("state == 9 ? state : byte == 1 ? 9 : state + 1", 8),  # may step over
    ],
)
def test_what_is_something_else(step: str, bits: int) -> None:
    op = fold("op", bits, step)
    form = halts.halts(op)
    assert form is None or select(op, HOST).name != "halts"

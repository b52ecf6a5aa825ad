"""Folds whose low bits go round, against NumPy and the reference arithmetic."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pcpu.isa import Op
from pcpu.lower.kernels import clock, select
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, update

WORDS = fold("words", 64, "((state >> 1) + (state & 1 ? byte : byte << 8) << 1) | (state & 1 ^ 1)")
OPS = (
    WORDS,
    fold("flipped", 32, "(state ^ 1) + (state & 1 ? byte << 1 : byte << 9)"),
    fold("branches", 64, "state & 1 ? state - 1 + (byte << 1) : state + 1 - (byte << 9)", "1"),
    fold("thirds", 32, "state % 4 == 2 ? state - 2 + (byte << 4) : state + 1 + byte * 4"),
    fold("eighths", 64, "(state >> 3 << 3) + ((state & 7) + 1 & 7) + ((state & 7) == 5 ? byte * 8 : 0)"),
    fold("tests", 16, "(state ^ 1) + (state & 1 & (byte > 99)) * 4"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 500, 1000, 4096, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    """Any state that a caller may give, and of those on the round all."""
    state = dice.choice((dice.randrange(8), dice.getrandbits(op.state_bits)))
    return state, dice.randbytes(length)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST) is clock.KERNEL
    check_lengths(on, op, LENGTHS, draw)


def test_words_with_numpy(on: Machine) -> None:
    data = random.Random(3).randbytes(ROOM)
    on.write(1, data)
    want = int(np.frombuffer(data, ">u2").astype(np.uint64).sum())
    assert update(on, WORDS, 0, 1, ROOM) == want << 1
    later = int(np.frombuffer(data[1:-1], ">u2").astype(np.uint64).sum())
    assert update(on, WORDS, 1, 1, ROOM - 1) == data[0] + later << 1


@pytest.mark.parametrize(
    "step",
    ["state + byte", "(state ^ 1) + byte", "(state ^ byte & 1) + 2", "(state ^ 1) + (state >> 1)",
     "(state ^ 1) + k * 2", "state | 1", "(state ^ 2) + (state & 2 ? byte : byte << 8)",
     "(state ^ 1) + index * 2"],
)  # fmt: skip
def test_what_is_something_else(step: str) -> None:
    assert clock.clock(fold("op", 32, step, immediates=(("k", 8),))) is None


def test_the_round() -> None:
    form = clock.clock(OPS[3])
    assert form is not None
    assert (form.bits, form.round) == (2, (0, 1, 2))

"""Folds that join bytes by their places, against NumPy and the reference arithmetic."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pcpu.isa import Op
from pcpu.lower.columns import columns
from pcpu.lower.kernels import select
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, update

WORDS = fold("words", 64, "state ^ byte << 8 * (index & 7)")
OPS = (
    WORDS,
    fold("bigs", 32, "byte << 24 - 8 * (3 & index) ^ state"),
    fold("bits", 64, "state ^ (byte << (index & 63)) ^ (byte >> 64 - (index & 63))"),
    fold("some", 16, "index & 32 ? state ^ (byte & 0x55) * 3 : state"),
    fold("either", 64, "state | (byte & 15) << 4 * (index & 15)"),
    fold("octets", 8, "state ^ (byte << (index & 7))"),
)
LENGTHS = (*range(0, 70, 3), 127, 500, 511, 512, 513, 639, 640, 1000, 4096, 5001)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_places_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST).name == "columns"
    check_lengths(on, op, LENGTHS)


def test_words_with_numpy(on: Machine) -> None:
    data = random.Random(3).randbytes(ROOM - 8)
    on.write(1, data)
    want = np.bitwise_xor.reduce(np.frombuffer(data, "<u8"))
    assert update(on, WORDS, 0, 1, len(data)) == int(want)
    turned = np.bitwise_xor.reduce(np.frombuffer(data[3:-5], "<u8"))
    assert update(on, WORDS, 0, 4, len(data) - 8, (), 1 << 63) == int(turned)


@pytest.mark.parametrize(
    "step",
    ["state ^ byte + (index & 3)", "state ^ byte << (index & 255)", "state + (byte << (index & 7))",
     "state | (byte ^ 1) << (index & 7)", "state ^ (index & 7)", "state ^ byte", "state ^ byte * index",
     "state ^ byte * 3 << (index & 7)", "state ^ (byte << (index % 8))", "state | byte * 3 << (index & 1)"],
)  # fmt: skip
def test_what_is_something_else(step: str) -> None:
    assert columns(fold("op", 32, step)) is None


def test_periods() -> None:
    for mask, period in ((1, 2), (6, 8), (127, 128)):
        form = columns(fold("op", 64, f"state ^ (byte << (index & {mask}))"))
        assert form is not None
        assert (form.join, form.period) == ("xor", period)

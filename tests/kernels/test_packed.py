"""Folds with two states in one number, against the reference arithmetic and Python's own."""

from __future__ import annotations

import random

import pytest

from pcpu.ir import with_names
from pcpu.isa import Op
from pcpu.lower.explain import explain
from pcpu.lower.fuse import in_two
from pcpu.lower.packed import packed
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, update

K = (("k", 8),)
RANGE = fold(
    "range", 16,
    "(state >> 8 > byte ? state >> 8 : byte) << 8 | ((state & 0xff) < byte ? state & 0xff : byte)",
)  # fmt: skip
OPS = (
    RANGE,
    fold("sum_and_xor", 64, "((state >> 8) + byte << 8) + (state & 0xff ^ byte)"),
    fold("two_hashes", 64, "(state & 0xffffffff) * 31 + byte & 0xffffffff | (state >> 32) * 33 + byte << 32"),
    fold("most", 32, "(byte == k ? (state >> 16) + 1 : state >> 16) << 16 ^ (state % 65536 | byte << 3)", immediates=K),
    fold("products", 16, "(byte < (state & 255) ? byte : state & 255) + 256 * (byte > (state >> 8) ? byte : state >> 8)"),
    fold("bits", 16, "(state & 0xff | byte) | (state & 0xff00) ^ (byte << 8)"),
    fold("cut", 64, "((state >> 8) + byte << 8) | ((state ^ byte) & 255)"),
    fold("chosen", 64, "byte == k ? ((state >> 32) + 1 << 32) | (state & 0xffffffff)"
         " : (state & 0xffffffff00000000) | ((state & 0xffffffff) + byte & 0xffffffff)", immediates=K),
    fold("three", 64, "(byte < (state & 255) ? byte : state & 255) | ((byte > (state >> 8 & 255) ? byte : state >> 8 & 255) << 8)"
         " | ((state >> 16) + byte << 16)"),
    fold("four", 64, "(state & 255 | byte) | ((state >> 8 & 255) & byte) << 8 | ((state >> 16 & 255) ^ byte) << 16"
         " | ((state >> 24) + (byte == k) << 24)", immediates=K),
    fold("hash_and_sum", 64, "((state >> 32) * 1000003 + byte << 32) | ((state & 0xffffffff) + byte & 0xffffffff)"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 500, 1024, 3000, 20_001)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_pieces_and_states(op: Op, on: Machine) -> None:
    assert in_two(op, HOST) is not None
    check_lengths(on, op, LENGTHS)


def test_extremes(on: Machine) -> None:
    dice = random.Random(3)
    for length in (1, 30, 5000, ROOM):
        data = bytes(dice.choices(range(20, 200), k=length))
        on.write(1, data)
        assert update(on, RANGE, 255, 1, length) == max(data) << 8 | min(data)


def test_one_loop_has_both() -> None:
    assert list(explain(with_names([(RANGE, (), None)]), HOST)) == ["loop 1, lanes: range"]


@pytest.mark.parametrize(
    "step",
    [
        "(state >> 8 > byte ? state >> 8 : byte) << 8 | (state >> 8) & byte", "state + byte",
        "((state >> 8) + (state & 1) << 8) | (state & 255 ^ byte)", "(state >> 8 << 8) + (state & 255)",
        "(state >> 8) + byte << 8 | (state & 255) + byte",
    ],
)  # fmt: skip
def test_not_apart(step: str) -> None:
    assert packed(fold("op", 32, step)) is None

"""Folds whose factor hangs on the byte, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random
import re

import pytest

from pcpu.expr import Binary, Cond, Const, Var
from pcpu.isa import Op
from pcpu.lower.kernels import affine, select
from pcpu.targets import find
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, update

K = (("k", 8),)
SKIPS = fold("skips", 32, "byte <= 32 ? state : state * 31 + byte")
WIDE = fold("wide", 64, "byte <= 32 ? state : (state + byte) * 0x100000001b3")
OPS = (
    SKIPS,
    fold("two", 32, "byte & 1 ? state * 33 + byte : state * 65599 + byte * 7"),
    fold("by_itself", 16, "state * byte + 5"),
    fold("by_number", 32, "state * (byte ^ k) - (byte == k) * 9", immediates=K),
    fold("turned_over", 16, "byte > 99 ? ~state * 3 : byte - state"),
    fold("doubled", 32, "(state << (byte < 128) * 0 + 1) + (byte > 9 ? state : state * 6)"),
    fold("nothing", 32, "byte < 40 ? k : state * 5 + (byte > 200 ? state : 0)", immediates=K),
    WIDE,
)  # fmt: skip
BLOCK = 2048  # bytes of the smallest one
LENGTHS = (0, 1, 300, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK + 17, 8192, 25_000, 60_001)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    check_lengths(on, op, LENGTHS)


def test_a_hash_without_spaces_is_that_of_what_is_left(on: Machine) -> None:
    dice = random.Random(3)
    data = bytes(dice.choices(b"abcdefgh \n\t", k=ROOM))
    on.write(0, data)
    want = 5381
    for byte in re.sub(rb"\s", b"", data):
        want = (want * 31 + byte) % (1 << 32)
    assert update(on, SKIPS, 5381, 0, ROOM) == want


def test_who_takes_what() -> None:
    for op in OPS[:5]:
        assert select(op, HOST) is select(op, find("wasm")) is affine.KERNEL, op.name
    assert select(WIDE, HOST) is affine.KERNEL
    assert select(WIDE, find("wasm")) is not affine.KERNEL
    for step in (
        "state * 31 + byte",  # one factor for all bytes
        "byte == 10 ? state * 31 + 1 : state",  # few bytes that do anything
        "state * byte ^ byte",
        "state * byte * state",
        "state * (byte % 3)",
        "state << (byte & 3)",
        "state * (index & 255) + byte",
    ):
        assert select(fold("op", 32, step), HOST) is not affine.KERNEL, step


def test_factors_and_what_is_added() -> None:
    byte = Var("byte")
    test = Binary("<=", byte, Const(32))
    found = affine.affine(SKIPS)
    assert found is not None
    assert found.factor == Binary("+", Const(1), Cond(test, Const(0), Const(30)))
    assert found.added == Cond(test, Const(0), byte)
    assert affine.affine(OPS[2]) == affine.Affine(byte, Const(5))

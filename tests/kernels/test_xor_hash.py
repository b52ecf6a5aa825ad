"""Registers with feedback and rotations against other ways to compute them and the reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pytest

from pcpu import gf2, gf2_matrix
from pcpu.expr import Var
from pcpu.isa import Op
from pcpu.lower.bitwise import bitwise
from pcpu.lower.kernels import select, xor_hash
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, over_lengths, update

K = (("k", 8),)
ROTATED = fold("rotated", 32, "(state << 5 | state >> 27) ^ byte")
CRC = fold(
    "register", 32, "(state ^ byte) & 1 ? (state ^ byte) >> 1 ^ 0xedb88320 : (state ^ byte) >> 1"
)
SHIFTED = fold("shifted", 32, "state << 1 ^ byte")
OPS = (
    ROTATED, CRC, SHIFTED,
    fold("by_one", 64, "(state << 1) + (state >> 63) ^ byte"),
    fold("right", 32, "(state >> 3 | state << 29) ^ byte << 7"),
    fold("octet", 8, "(state << 1 | state >> 7) ^ byte"),
    fold("short", 16, "byte ^ (state >> 1) ^ (state & 1) * 0xb400"),
    fold("minus", 16, "state >> 1 ^ (-(state & 1) & 0xa001) ^ byte"),
    fold("top", 32, "(state << 1) ^ (state >= 0x80000000 ? 0x04c11db7 : 0) ^ byte"),
    fold("unset", 64, "state >> 63 == 0 ? state << 1 ^ byte : (state << 1) ^ byte ^ 0x1b"),
    fold("whole", 16, "state >> 8 ^ (state << 8) ^ (byte ^ k)", immediates=K),
    fold("value", 32, "(state << 7 | state >> 25) ^ (byte >= 97 & byte <= 122 ? byte - 32 : byte)"),
    fold("forgets", 32, "(state & 0xff00ff) << 3 ^ byte"),
    fold("xorshift", 32, "(state ^ byte) << 13 ^ state ^ byte"),
    fold("spread", 64, "(state << 13 | state >> 51) ^ byte * 0x01000001"),
)  # fmt: skip
LENGTHS = (
    *range(70),
    255,
    256,
    257,
    500,
    767,
    768,
    769,
    1000,
    1024,
    1536,
    2049,
    4096,
    5001,
    20_000,
)


@over_lengths(LENGTHS, below=60_000)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST) is xor_hash.KERNEL
    check_lengths(on, op, lengths)


def test_rotations_with_numpy(on: Machine) -> None:
    """What is 32 bytes apart is rotated alike: of 32 sums each is rotated by its place."""
    dice = random.Random(3)
    for length in (32, 1024, 9984, ROOM - ROOM % 32):
        data, state = dice.randbytes(length), dice.getrandbits(32)
        columns = np.bitwise_xor.reduce(np.frombuffer(data, np.uint8).reshape(-1, 32), axis=0)
        parts = [(int(b) << 32 | int(b)) << 5 * (31 - i) % 32 >> 32 for i, b in enumerate(columns)]
        on.write(1, data)
        want = reduce(int.__xor__, (part & 0xFFFFFFFF for part in parts), state)
        assert update(on, ROTATED, state, 1, length) == want


def test_a_shift_forgets(on: Machine) -> None:
    data = random.Random(2).randbytes(5000)
    on.write(0, data)
    want = reduce(int.__xor__, (byte << 31 - i for i, byte in enumerate(data[-32:]))) & 0xFFFFFFFF
    for state in (0, 0xFFFFFFFF):
        assert update(on, SHIFTED, state, 0, 5000) == want


def test_a_register_with_feedback_divides(on: Machine) -> None:
    """One step takes a byte and moves by one bit: the remainder of the bytes' polynomials."""
    data, poly = random.Random(1).randbytes(3000), 0x104C11DB7
    on.write(0, data)
    total = 0
    for byte in data:
        total = gf2.modulo((total ^ gf2.reflect(byte, 32)) << 1, poly)
    assert update(on, CRC, 0, 0, 3000) == gf2.reflect(total, 32)


@pytest.mark.parametrize(
    "step",
    [
        "state << 5 ^ state + byte", "(state << 5 | state >> 26) ^ byte", "state * 3 ^ byte",
        "state << 1 ^ byte ^ 1", "(state & byte) ^ byte", "(state & 3 ? 1 : 0) ^ byte",
        "state << (byte & 1) ^ byte", "state << 1", "(state << 1 ^ byte) + k", "-state ^ byte",
        "(state < 3) ^ byte", "(state & 1 ? byte : 0) ^ state >> 1", "state << 1 ^ byte ^ byte % 10",
    ],
)  # fmt: skip
def test_not_linear(step: str) -> None:
    assert bitwise(fold("op", 32, step, immediates=K)) is None


def test_rows_and_values() -> None:
    form = bitwise(fold("op", 8, "state >> 4 ^ byte % 10"))
    assert form is not None
    assert form.rows == tuple((1 << i + 4 if i < 4 else 0) | 1 << 8 + i for i in range(8))
    assert bitwise(fold("op", 8, "state >> 4 ^ byte")).value == Var("byte")  # type: ignore[union-attr]


def test_annihilators_and_solutions() -> None:
    rotation = [1 << (i + 5) % 32 for i in range(32)]
    assert gf2_matrix.annihilator(rotation) == 1 << 32 | 1
    assert gf2_matrix.annihilator([0, 1, 2, 4]) == 1 << 4
    dice = random.Random(5)
    columns = [dice.getrandbits(24) for _ in range(40)]
    wanted = [dice.getrandbits(24) for _ in range(10)]
    found = gf2_matrix.solution(columns, wanted)
    assert found is not None
    assert [gf2_matrix.times(columns, chosen) for chosen in found] == wanted
    assert gf2_matrix.solution(columns[:5], [1 << 30]) is None

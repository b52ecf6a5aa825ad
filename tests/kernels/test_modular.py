"""Sums with a remainder at each step, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random

import pytest

from pcpu.isa import Op
from pcpu.lower.kernels import modular, polynomial, select
from pcpu.targets import find
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, update

EAN = fold("ean", 32, "(state + (byte & 15) * (index & 1 ? 3 : 1)) % 10")
WORD = "(index & 1 ? byte : byte << 8)"
IP = fold("ip", 32, f"(state + {WORD} & 65535) + (state + {WORD} >> 16)")
OPS = (
    EAN,
    fold("isbn", 32, "(state + byte * (index % 10)) % 11"),
    fold("isbn_of_all", 64, "(state + byte * (10 - index % 10)) % 11"),
    fold("twice", 64, "(state + byte * 3 + (index & 7)) % 1000000007"),
    IP,
    fold("carries", 16, "(state + byte & 255) + (state + byte >> 8)"),
    fold("carried", 64, "(state + byte * 3 >> 16) + (65535 & state + byte * 3)"),
    fold("less", 16, "state + byte > 255 ? state + byte - 255 : state + byte"),
    fold("digits", 16, "state + (byte & 7) >= 10 ? state + (byte & 7) - 10 : state + (byte & 7)"),
    fold("large", 32, "(state + (byte ^ (index & 255))) % 4293900000"),
)
LENGTHS = (*range(40), 127, 128, 129, 1000, 4096, 4097, 9000)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST) is select(op, find("wasm")) is modular.KERNEL
    check_lengths(on, op, LENGTHS)


def test_check_digits_with_python(on: Machine) -> None:
    data = bytes(random.Random(5).choices(b"0123456789", k=ROOM))
    on.write(0, data)
    digits = list(map(int, data.decode()))
    assert update(on, EAN, 0, 0, ROOM) == (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10


def test_the_sum_of_ip_with_python(on: Machine) -> None:
    data = random.Random(6).randbytes(ROOM)
    for length in (0, 2, 20, 1500, ROOM):
        on.write(0, data)
        total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, length, 2))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        assert update(on, IP, 0, 0, length) == total
    on.write(0, bytes(1000))
    assert update(on, IP, 0, 0, 1000) == 0


def test_what_is_recognised() -> None:
    form = modular.modular(OPS[-1])
    assert form is not None
    assert form.piece == ((1 << 32) - 4293900000) // 255
    assert select(fold("op", 32, "(state + byte) % 255"), HOST) is polynomial.KERNEL
    for step in (
        "(state + byte * (index & 3)) % 4294967000",  # a piece would be too short
        "(state - byte * (index & 3)) % 10",
        "(state * 3 + byte * (index & 3)) % 10",
        "(state ^ byte * (index & 3)) % 10",
        "(state + byte * 300 & 65535) + (state + byte * 300 >> 16)",  # one step is not enough
        "(state + byte & 65535) + (state + byte >> 15)",
        "(state + byte & 4294967295) + (state + byte >> 32)",  # a step may overflow
        "state + byte > 1000 ? state + byte - 999 : state + byte",
    ):
        assert modular.modular(fold("op", 32, step)) is None, step
    assert modular.modular(fold("op", 16, "(state + byte & 65535) + (state + byte >> 16)")) is None
    assert modular.modular(fold("op", 8, "(state + byte) % 200")) is None

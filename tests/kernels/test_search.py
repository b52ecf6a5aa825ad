"""Searches for the first or the last byte against the reference arithmetic and Python's own."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pcpu.expr import Binary, Const, Var
from pcpu.isa import Op
from pcpu.isa.model import Immediate
from pcpu.lower.kernels import search, select
from pcpu.lower.kernels.search import Search
from tests.kernels.machine import HOST, ROOM, Machine, check_at, fold, serial, update

K = (("k", 8),)
NONE = (1 << 64) - 1
OPS = (
    fold("first", 64, "byte == k & index < state ? index : state", immediates=K),
    fold("first_or_same", 64, "state >= index & k == byte ? index : state", immediates=K),
    fold("last", 64, "byte == k & index > state ? index : state", immediates=K),
    fold("last_or_same", 64, "(byte == k) & (state <= index) ? index : state", immediates=K),
    fold("latest", 64, "byte == k ? index : state", immediates=K),
    fold("above", 64, "byte > k & index < state ? index : state", immediates=K),
    fold("between", 64, "byte >= k & byte < k + 3 & index < state ? index : state", immediates=K),
    fold("odd_sums", 64, "byte * k + 1 & index < state ? index : state", immediates=K),
    fold("any_bit", 64, "byte & k ? (index < state ? index : state) : state", immediates=K),
    fold("whatever", 64, "index > state ? index : state"),
    fold("once", 64, "state == ~0 & byte == k ? index : state", immediates=K),
    fold(
        "once_nested",
        64,
        "byte == k ? (0xffffffffffffffff == state ? index : state) : state",
        immediates=K,
    ),
    fold("unless", 64, "state != 5 ? state : byte < k ? state : index", immediates=K),
    fold("from_zero", 64, "byte == k & state == 0 ? index : state", immediates=K),
)
LENGTHS = (*range(36), 63, 64, 65, 127, 128, 129, 191, 255, 256, 257, 300, 511, 512, 1024)


def rare(dice: random.Random, length: int, k: int) -> bytes:
    """Bytes of which few match whatever is looked for, or none."""
    data = bytearray([dice.choice((0, k ^ 1, k - 1 & 255))]) * length
    for _ in range(dice.choice((0, 1, 1, 2, 5)) if length else 0):
        data[dice.randrange(length)] = dice.choice((k, dice.randrange(256)))
    return bytes(data)


def states(dice: random.Random, index: int, length: int) -> int:
    near = index + dice.randrange(-2, length + 3)
    return dice.choice((0, NONE, 5, max(0, min(near, NONE)), index, dice.getrandbits(64)))


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_every_length_place_and_state(op: Op, on: Machine) -> None:
    assert select(op, HOST) is search.KERNEL
    dice = random.Random(op.name)
    for length in (*LENGTHS, *(dice.randrange(1025) for _ in range(300))):
        k = dice.randrange(256)
        index = dice.choice((0, 1, 5, dice.randrange(5000), (NONE - length), -length % (1 << 64)))
        data, state = rare(dice, length, k), states(dice, index, length)
        given = (k,) if op.immediates else ()
        # What is around the data matches, and does not count.
        check_at(on, op, state, data, dice, given, index, bytes([k]) * 64)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_an_index_that_begins_anew(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    for _ in range(60):
        length, k = dice.randrange(2, 400), dice.randrange(256)
        index = (1 << 64) - dice.randrange(1, length)
        data, state = rare(dice, length, k), states(dice, index, length)
        on.write(3, data)
        given = (k,) if op.immediates else ()
        want, context = serial(op, state, data, given, index), (length, k, index, state, data)
        assert update(on, op, state, 3, length, given, index) == want, context


def test_long_data_against_python(on: Machine) -> None:
    dice = random.Random(9)
    for _ in range(60):
        length, k = dice.randrange(ROOM), dice.randrange(256)
        data = rare(dice, length, k)
        on.write(1, data)
        assert update(on, OPS[0], NONE, 1, length, (k,)) == data.find(k) % (1 << 64)
        assert update(on, OPS[4], NONE, 1, length, (k,)) == data.rfind(k) % (1 << 64)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("byte == 3 & index < state ? index : state", Search(Binary("==", Var("byte"), Const(3)), "<", 8)),
        ("state > index & byte ? index : state", Search(_low := Binary("!=", Binary("&", Var("byte"), Const(1)), Const(0)), "<", 8)),
        ("index >= state ? (byte & 1 ? index : state) : state", Search(_low, ">=", 8)),
        ("state == -1 & byte == 3 ? index : state", Search(Binary("==", Var("byte"), Const(3)), "==", 8, NONE)),
        ("state == 7 ? (byte == 3 ? index : state) : state", Search(Binary("==", Var("byte"), Const(3)), "==", 8, 7)),
        ("state != 7 ? state : byte == 3 ? state : index", Search(Binary("!=", Var("byte"), Const(3)), "==", 8, 7)),
        ("byte == 3 ? state : index", Search(Binary("!=", Var("byte"), Const(3)), None, 8)),
        ("byte * byte == 9 ? index : state", Search(Binary("==", Binary("*", Var("byte"), Var("byte")), Const(9)), None, 16)),
    ],
)  # fmt: skip
def test_recognised(step: str, expected: Search) -> None:
    assert search.search(fold("op", 64, step)) == expected


@pytest.mark.parametrize(
    "step",
    [
        "byte == 3 ? index + 1 : state", "byte == state ? index : state",
        "byte == 3 & index < state & index > state ? index : state", "index & 1 ? index : state",
        "byte * byte * byte == 3 ? index : state", "byte == 3 | index < state ? index : state",
        "byte == 3 ? (byte == 4 ? index : 0) : state", "state == byte & byte == 3 ? index : state", "state == 0 & state == 1 ? index : state",
    ],
)  # fmt: skip
def test_not_a_search(step: str) -> None:
    assert search.search(fold("op", 64, step)) is None


def test_brackets_are_looked_up_elsewhere() -> None:
    op = fold("op", 64, "key[index] == byte ? index : state")
    assert search.search(replace(op, immediates=(Immediate("key", 0, (1, 9)),))) is None

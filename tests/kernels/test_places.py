"""Folds about the place of a byte in the stream, against NumPy and the reference arithmetic."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pcpu import expr
from pcpu.expr import Const, Var
from pcpu.isa import Op
from pcpu.lower.kernels import chain, lanes, moment, select
from pcpu.lower.kernels.moment import Moment
from pcpu.lower.places import with_keys
from tests.kernels.machine import (
    HOST,
    ROOM,
    Machine,
    byte_map,
    check_lengths,
    fold,
    update,
)

K = (("k", 8),)
WORDS = fold("words", 64, "state + (index & 1 ? byte : byte << 8)")
WEIGHTED = fold("weighted", 64, "state + byte * (index + 1)")
TURNS = (
    WORDS,
    fold("turns", 64, "state + byte * (index % 10 + 1)"),
    fold("signs", 64, "index % 2 == 0 ? state + byte : state - byte"),
    fold("chosen", 64, "(index & 6) == (byte & 6) ? state ^ byte : state"),
    fold("most", 64, "state < byte + (index % 200) ? byte + (index % 200) : state"),
    # Begin anew where the bits of the place that the state has do.
    fold("half", 16, "state + byte * (index % 10)"),
    fold("word", 32, "state + (index % 10 + 1) * (byte - 48)"),
    fold("both", 32, "state ^ byte + (index % 7) * (1 + (index & 6))"),
)
MOMENTS = (
    WEIGHTED,
    fold("plain", 64, "byte * index + state"),
    fold(
        "shifted", 64, "state + (byte ^ k) * (index * 3 - 7) + ((byte ^ k) << 4) + 9", immediates=K
    ),
    fold("minus", 64, "state - (byte == k) * index", immediates=K),
    fold("indices", 64, "state + index * 5"),
    fold("lines", 64, "byte == 10 ? state + index * 2 + 1 : state"),
    fold("others", 32, "byte == k ? state : state - index", immediates=K),
    fold("moment32", 32, "state + byte * (index + 1)"),
    fold("moment16", 16, "state + index * (byte ^ k)", immediates=K),
)
# States as wide as lanes are, of places that no key has.
NARROW = (
    fold("third", 16, "state ^ (index >> 3)"),
    fold("mixed", 32, "state ^ (byte + index * 256) * 0x9E3779B1"),
    fold("turned_state", 32, "(state << (byte & 31) | state >> 32 - (byte & 31)) ^ byte"),
    fold("turned_by_place", 16, "(state >> (index & 31) ^ state << 16 - (index & 31)) + byte"),
)
MAPS = (
    byte_map("by_place", "byte ^ index"),
    byte_map("sum_of_place", "byte + index * 3 + (index & 1)"),
    byte_map("far", "(byte ^ index) % 10"),
    byte_map("line_of_place", "byte ^ index * 7 + 3"),
    byte_map("steps_of_place", "byte - (index >> 4)"),
    byte_map("turned", "byte << (index & 7) | byte >> 8 - (index & 7)"),
    byte_map("turned_back", "byte >> (index & 15) | byte << 8 - (index & 15)"),
    byte_map("turned_by_both", "(byte << (byte + index & 7)) + (byte >> 8 - (byte + index & 7))"),
    byte_map("left", "byte << (index & 15)"),
    byte_map("right", "byte >> index % 11"),
    byte_map("right_of_number", "200 >> (byte & 9) ^ index"),
)
OPS = (*TURNS, *MOMENTS, *NARROW, *MAPS)
LENGTHS = (*range(70), 127, 128, 129, 500, 1023, 4096, 20_001)


@pytest.mark.parametrize("op", [*TURNS, *MOMENTS], ids=lambda op: str(op.name))
def test_lengths_pieces_places_and_states(op: Op, on: Machine) -> None:
    assert select(op, HOST) is (lanes.KERNEL if op in TURNS else moment.KERNEL)
    check_lengths(on, op, LENGTHS)


@pytest.mark.parametrize("op", NARROW, ids=lambda op: str(op.name))
def test_places_that_lanes_do_not_have(op: Op, on: Machine) -> None:
    assert select(op, HOST) is not lanes.KERNEL
    check_lengths(on, op, LENGTHS)


@pytest.mark.parametrize("op", MAPS, ids=lambda op: str(op.name))
def test_maps_have_eight_bits_of_the_place(op: Op, on: Machine) -> None:
    assert select(op, HOST) is lanes.KERNEL
    dice = random.Random(op.name)
    byte_of = expr.function(op.map_expr, ("byte", "index"), 8)
    for length in LENGTHS:
        data, index = dice.randbytes(length), dice.choice((0, 255, dice.getrandbits(63)))
        start, cut = dice.randrange(64), dice.randrange(length + 1)
        on.write(start, data)
        for at, size in ((0, cut), (cut, length - cut)):
            span = [(on.base + start + at, on.pointer_bits), (size, on.pointer_bits)]
            on.call(f"pcpu_{op.name}", 0, [*span, (index + at, 64)])
        want = bytes(byte_of(byte, index + i) for i, byte in enumerate(data))
        assert on.read(start, length) == want, (length, start, index, cut)
        if op.name == "by_place":
            assert want == bytes(byte ^ index + i & 255 for i, byte in enumerate(data))
        if op.name == "turned":
            words = (byte * 257 << (index + i) % 8 for i, byte in enumerate(data))
            assert want == bytes(word >> 8 & 255 for word in words)


def test_long_data_with_numpy(on: Machine) -> None:
    data = random.Random(4).randbytes(ROOM)
    values = np.frombuffer(data, np.uint8).astype(np.uint64)
    on.write(0, data)
    places = np.arange(1, ROOM + 1, dtype=np.uint64)
    assert update(on, WEIGHTED, 0, 0, ROOM) == int((values * places).sum())
    words = np.frombuffer(data, ">u2").astype(np.uint64)
    assert update(on, WORDS, 0, 0, ROOM) == int(words.sum())


def test_keys() -> None:
    op, keys = with_keys(fold("op", 64, "state + byte * (index % 3) + (index & 2)"))
    assert keys == (b"\0\1\2", b"\0\0\2\2")
    assert [imm.sizes for imm in op.immediates] == [(3, 3), (4, 4)]
    for step, key in (
        ("state + byte * (1 + (index & 6))", b"\1\1\3\3\5\5\7\7"),
        ("state + byte * ((index * 3 + 1) & 3)", b"\1\0\3\2"),
        ("state + byte * ((index % 4 == 1) * 9)", b"\0\x09\0\0"),
    ):
        assert with_keys(fold("op", 64, step))[1] == (key,), step
    # A shift of vectors that grow costs less than vectors that are loaded.
    assert with_keys(byte_map("op", "byte ^ (index >> 4)"))[1] == (bytes(range(256)),)
    narrow = fold("op", 32, "state + byte * (index % 3)")
    assert with_keys(narrow)[1] == (b"\0\1\2",)
    assert with_keys(narrow, in_rounds=False) == (narrow, ())
    for step in (
        "state + index % 300 * byte",
        "state + byte * index",
        "state ^ byte << (index & 7) * 8",
    ):
        op = fold("op", 64, step)
        assert with_keys(op) == (op, ()), step


def test_moments() -> None:
    assert moment.moment(MOMENTS[1]) == Moment(Var("byte"), 1, 0, 0)
    assert moment.moment(WEIGHTED) == Moment(Var("byte"), 1, 1, 0)
    assert moment.moment(MOMENTS[4]) == Moment(Const(1), 5, 0, 0)
    for step in (
        "state + byte * index * index",
        "state * 2 + byte * index",
        "state + byte * (index & 300)",
    ):
        op = fold("op", 64, step)
        assert moment.moment(op) is None
        assert select(op, HOST) in (chain.WIDE, chain.KERNEL)

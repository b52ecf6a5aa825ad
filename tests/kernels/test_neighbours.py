"""Folds over a byte and the one before, against Python's own and against the reference arithmetic."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import pytest

from pcpu.compiler import compile_operations
from pcpu.expr import Binary, Var
from pcpu.isa import Isa, Op
from pcpu.lower.forms import Reduction
from pcpu.lower.kernels import neighbours, select
from pcpu.lower.kernels.neighbours import Neighbours
from tests.kernels.machine import (
    HOST,
    Machine,
    Native,
    check_lengths,
    fold,
    over_lengths,
    update,
)

K = (("k", 8),)
BLACK = "byte != 32 & (byte < 9 | byte > 13)"
WORDS = fold("words", 64, f"(state >> 1) + (({BLACK}) & (state & 1 ^ 1)) << 1 | ({BLACK})")
RUNS = fold("runs", 64, "(state >> 9) + ((state & 0x1ff) != byte + 1) << 9 | byte + 1")
ENDS = fold("ends", 64, "((state >> 8) + ((state & 0xff) == 13 & byte == 10) << 8) | byte")
STEEP = fold(
    "steep", 64,
    "(state >> 8 < (byte > (state & 255) ? byte - (state & 255) : (state & 255) - byte) ?"
    " (byte > (state & 255) ? byte - (state & 255) : (state & 255) - byte) : state >> 8) << 8 | byte",
)  # fmt: skip
BLANK = fold(
    "blank", 64,
    "((state >> 32) + (((state << 8 | byte) & 0xffffffff) == 0x0d0a0d0a) << 32)"
    " | ((state << 8 | byte) & 0xffffffff)",
)  # fmt: skip
OPS = (
    BLANK,
    fold("three", 64, "((state >> 24) + (((state << 8 | byte) & 0xffffff) != 0x616100) << 24) | (state << 8 | byte) & 0xffffff"),
    fold("abc", 64, "((state >> 16) + ((state & 65535) == 0x6161 & byte == k) << 16) | (state * 256 + byte) % 65536", immediates=K),
    fold("cut", 32, "((state >> 16) + ((state & 0xffff) << 24 == 0x61000000) << 16) | (state << 8 | byte) & 0xffff"),
    fold("energy", 64, "(state >> 8) + (byte > (state & 255) ? (byte - (state & 255)) * (byte - (state & 255))"
         " : ((state & 255) - byte) * ((state & 255) - byte)) << 8 | byte"),
    fold("middle", 64, "((state >> 32) + ((state >> 8 & 255) ^ byte) << 32) | ((state & 0xffff) << 8 | byte)"),
    fold("highest", 64, "((state >> 16 < (state & 0xffff) ? state & 0xffff : state >> 16) << 16) | ((state & 255) << 8) + byte"),
    WORDS, RUNS, ENDS,
    fold("above", 32, "(state & ~255) + ((state % 256 > byte) << 8) + byte"),
    fold("minus", 64, "state - (state & 0xff) + byte + (byte == k & (state & 255) == k ? 256 : 0)",
         immediates=K),
    fold("weights", 64, "(byte ^ k) | (state >> 8 << 8) - (state & 0xff) * 768 + byte * 512",
         immediates=K),
    fold("upper", 16, "byte >> 5 | (state >> 3) + (byte >= 65 & byte <= 90 & (state & 7) != 2) << 3"),
    fold("narrow", 8, "(state & 254) + ((byte & 1 ^ state & 1) << 1) ^ (byte & 1)"),
    fold("rise", 16, "(byte - (state & 255) > (state >> 8) & byte > (state & 255) ? byte - (state & 255) : state >> 8) << 8 | byte"),
    STEEP,
    fold("alike", 64, "(((state >> 8) < (state & 255 ^ byte) ? state >> 8 : state & 255 ^ byte) << 8) + byte"),
    fold("every", 32, "(state >> 4 & (byte ^ (state & 15))) << 4 | byte >> 4"),
    fold("some", 32, "(state & 0xffffff00 | ((byte & state & 255) << 8)) | byte"),
    fold("parities", 64, "(state >> 8 ^ byte * (state & 255)) << 8 | byte"),
    fold("parity", 32, "(state >> 2 << 2) + (state & 1 ? 4 : 0) + (byte & 3)"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 255, 256, 257, 511, 512, 1000, 4096, 5001, 70_000)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    some = dice.randrange(256)
    few = bytes([some, some, 10, 13, 32, 65, dice.randrange(256)])
    data = dice.choice((dice.randbytes(length), bytes(dice.choices(few, k=length))))
    return dice.getrandbits(op.state_bits), data


@over_lengths(LENGTHS)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST) is neighbours.KERNEL
    check_lengths(on, op, lengths, draw)


def test_a_target_with_short_vectors() -> None:
    narrow = replace(HOST, lanes=16)
    on = Native(compile_operations(Isa(OPS), narrow).code)
    for op in OPS:
        check_lengths(on, op, (17, 33, 100, 5000), draw)


def test_words_runs_and_line_ends(on: Machine) -> None:
    dice = random.Random(4)
    for length in (0, 1, 50, 3000, 200_000):
        data = bytes(dice.choices(b"abc   \t\r\n\x0b\xa0", k=length))
        on.write(1, data)
        assert update(on, WORDS, 0, 1, length) >> 1 == len(data.split())
        assert update(on, RUNS, 0, 1, length) >> 9 == sum(1 for _ in groupby(data))
        assert update(on, ENDS, 0, 1, length) >> 8 == data.count(b"\r\n")


def test_blank_lines(on: Machine) -> None:
    dice = random.Random(6)
    for length in (3, 4, 17, 3000, 200_000):
        parts = dice.choices((b"\r\n\r\n", b"a", b"\r\n"), weights=(1, 5, 1), k=length)
        data = b"".join(parts)[:length]
        on.write(1, data)
        want = sum(data.startswith(b"\r\n\r\n", at) for at in range(length))
        assert update(on, BLANK, 0, 1, length) >> 32 == want


def test_steepest(on: Machine) -> None:
    dice = random.Random(5)
    for length in (2, 50, 3000, 200_000):
        data = bytes(dice.choices(range(50, 200), k=length))
        on.write(1, data)
        state = update(on, STEEP, data[0], 1, length)
        assert state >> 8 == max(abs(a - b) for a, b in pairwise(data))


BYTE, BEFORE = Var("byte"), Var("before")


def test_recognised() -> None:
    changes = Reduction("add", Binary("!=", BEFORE, BYTE), 8, 1, scale=256)
    for step in (
        "((state >> 8) + ((state & 255) != byte) << 8) | byte",
        "byte + (state & ~255) + (state % 256 != byte) * 256",
        "state - (state & 255) + byte + ((state & 255) != byte) * 256",
    ):
        found = neighbours.neighbours(fold("op", 64, step))
        assert found == Neighbours(8, BYTE, (changes,)), step


@pytest.mark.parametrize(
    "step",
    [
        "state * 2 + byte", "(state >> 8 << 8) + (state & 255)", "(state >> 8 << 8) + byte + (state & 1)",
        "((state >> 8) * 2 << 8) + byte", "(state >> 7 << 8) + byte", "(state >> 8 << 8) + byte * 2",
        "(state >> 8 << 8) + byte + ((state >> 9 & 1) << 8)", "(state ^ byte) + ((state & 1) << 1)",
        "(state >> 8 << 8) + byte + (index << 8)", "(state >> 8 << 8 | 1) + byte", "state + byte",
    ],
)  # fmt: skip
def test_not_about_neighbours(step: str) -> None:
    assert neighbours.neighbours(fold("op", 64, step)) is None

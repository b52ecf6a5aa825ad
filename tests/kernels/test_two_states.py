"""Folds between two states, against Python's own and the reference arithmetic."""

from __future__ import annotations

import random
import re

import pytest

from pcpu.isa import Op
from pcpu.lower.kernels import automata, select, two_states
from pcpu.targets import find
from tests.kernels.machine import HOST, ROOM, Machine, check_lengths, fold, update

FIELDS = fold("fields", 64, "byte == 34 ? state ^ 1 : state + ((byte == 44) & ~state & 1) * 2")
INSIDE = fold(
    "inside", 32, "byte == 60 ? state | 1 : byte == 62 ? state & ~1 : state + (state & 1) * 2"
)
OPS = (
    FIELDS,
    INSIDE,
    fold("line_ends", 32,
         "byte == 34 ? state ^ 1 : byte == 10 ? state & ~1 : state + ((byte == 44) & ~state) * 2"),
    fold("line_ends_count", 32, "byte == 34 ? state ^ 1 : byte == 10 ? (state & ~1) + 6"
         " : byte == 44 ? state + 2 : byte > 200 ? state + 4 : byte > 190 ? state | 1 : state"),
    fold("by_state", 64, "(state & 1) == 0 ? (byte > 250 ? state ^ 1 : state + (byte < 9) * 2)"
         " : (byte < 200 ? state ^ 1 : state + 6)"),
    fold("two_values", 16, "state == 7 ? (byte == 33 ? 1000 : 7) : (byte == 35 ? 7 : 1000)",
         init="7"),
)  # fmt: skip
LENGTHS = (*range(70), 127, 128, 129, 200, 255, 256, 1000, 5001)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    few = dice.choice((range(256), (34, 44, 65, 10), (60, 62, 33, 35, 7), (195, 44, 34, 10)))
    state = dice.choice((0, 1, 7, 1000, dice.getrandbits(16)))
    return state, bytes(dice.choices(few, k=length))


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine) -> None:
    check_lengths(on, op, LENGTHS, draw)


def test_commas_outside_quotes_with_python(on: Machine) -> None:
    data = bytes(random.Random(2).choices(b'abcdef,"', k=ROOM))
    on.write(0, data)
    want = sum(part.count(b",") for part in data.split(b'"')[::2])
    assert update(on, FIELDS, 0, 0, ROOM) == 2 * want + data.count(b'"') % 2


def test_bytes_within_tags_with_python(on: Machine) -> None:
    data = bytes(random.Random(2).choices(b"abcdefghij<>", k=ROOM))
    on.write(0, data)
    tags = re.findall(rb"<([^>]*)", data)
    want = sum(len(tag.replace(b"<", b"")) for tag in tags)
    assert update(on, INSIDE, 0, 0, ROOM) >> 1 == want


def test_who_takes_what() -> None:
    for op in OPS:
        assert select(op, HOST) is select(op, find("wasm")) is two_states.KERNEL, op.name
    three = fold("three", 8, "state == 2 ? 0 : byte == 34 ? state + 1 : state")
    many = fold("many", 8, "byte % 2 == 1 & state == 0 ? 1 : state == 0 ? 0 : byte & 4 ? 0 : 1")
    for op in (three, many):
        assert select(op, find("wasm")) is automata.KERNEL, op.name

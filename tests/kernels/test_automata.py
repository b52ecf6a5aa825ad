"""Folds that go between few states, against Python's own and against the reference arithmetic."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from pcpu.compiler import compile_operations
from pcpu.isa import Isa, Op
from pcpu.lower.automaton import automaton
from pcpu.lower.kernels import automata, select, two_states
from tests.kernels.machine import (
    HOST,
    Machine,
    check_lengths,
    fold,
    keyed,
    over_lengths,
    serial,
    update,
)

UTF8 = fold(
    "utf8", 8,
    "state == 0 ? (byte < 0x80 ? 0 : byte < 0xc2 ? 8 : byte < 0xe0 ? 1 : byte == 0xe0 ? 4"
    " : byte == 0xed ? 5 : byte < 0xf0 ? 2 : byte == 0xf0 ? 6 : byte < 0xf4 ? 3 : byte == 0xf4 ? 7 : 8)"
    " : state == 8 ? 8 : byte >> 6 != 2 ? 8 : state < 4 ? state - 1 : state == 4 ? (byte < 0xa0 ? 8 : 1)"
    " : state == 5 ? (byte < 0xa0 ? 1 : 8) : state == 6 ? (byte < 0x90 ? 8 : 2) : byte < 0x90 ? 2 : 8",
)  # fmt: skip
OUTSIDE = fold("outside", 64, "(state ^ byte == 34) + ((byte == 44 & (state & 1 ^ 1)) << 1)")
INSIDE = fold(
    "inside", 32,
    "(state & 3) == 0 ? (byte == 34 ? state | 1 : state) : (state & 3) == 1 ? (byte == 92 ?"
    " (state | 3) + 4 : byte == 34 ? state - 1 + 4 : state + 4) : state - 2 + 4",
)  # fmt: skip
OPS = (
    UTF8, OUTSIDE, INSIDE,
    fold("comments", 8, "state == 0 ? (byte == 47) : state == 1 ? (byte == 42 ? 2 : byte == 47)"
         " : state == 2 ? (byte == 42 ? 3 : 2) : (byte == 47 ? 0 : byte == 42 ? 3 : 2)"),
    fold("thirds", 8, "(state * 2 + byte) % 3"),
    fold("cycle", 16, "state == 9 ? 0 : state + (byte & 1)", "3"),
    fold("times", 64, "(state & ~3) + ((state & 3) + byte & 3) + (byte == 7) * 12 + (byte == 98) * 4"),
    fold("ends", 32, "state == 1 ? byte != 10 : byte == 10 ? 0 : byte == 35 ? 1 : 2", "0"),
    fold("saturating", 8, "state < 5 ? state + (byte == 10) * 2 : state"),
    fold("pairs", 64, "(state & 1) == 1 ? state - 1 + (byte == 97 ? 2 : 0) : byte == 98 ? state | 1 : state"),
)  # fmt: skip
LENGTHS = (*range(70), 95, 96, 97, 127, 128, 129, 500, 1000, 4096, 5001)
FEW = b'a"\\,b \n/*#\x07'


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    state = dice.choice((0, dice.randrange(12), dice.getrandbits(op.state_bits)))
    state = dice.choice((state, serial(op, 0, dice.randbytes(9))))
    data = dice.choice((
        dice.randbytes(length), bytes(dice.choices(FEW, k=length)), dice.choice(FEW).to_bytes() * length,
        bytes(dice.choices(FEW, (300, *[1] * (len(FEW) - 1)), k=length)),
    ))  # fmt: skip
    return state, data


@over_lengths(LENGTHS)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST) in (automata.KERNEL, two_states.KERNEL)
    check_lengths(on, op, lengths, draw)


def test_utf8_is_what_python_decodes(on: Machine) -> None:
    dice = random.Random(5)
    for _ in range(300):
        text = "".join(dice.choices("abc é€\uffff😀\U0010ffff", (40, 9, 9, 9, 1, 1, 1, 1, 1), k=90))
        data = bytearray(text.encode())
        if dice.random() < 0.7:
            data[dice.randrange(len(data))] = dice.choice((dice.randrange(256), 0xED, 0xF4, 0x80))
        on.write(3, bytes(data))
        try:
            bytes(data).decode()
            valid = True
        except UnicodeDecodeError:
            valid = False
        assert (update(on, UTF8, 0, 3, len(data)) == 0) is valid, data.hex()


def test_commas_outside_of_quotes(on: Machine) -> None:
    dice = random.Random(6)
    for length in (0, 1, 100, 3000, 100_000):
        data = bytes(dice.choices(b'abcdef,"', (90, 9, 9, 9, 9, 9, 9, 2), k=length))
        on.write(0, data)
        want = sum(part.count(b",") for part in data.split(b'"')[::2])
        assert update(on, OUTSIDE, 0, 0, length) >> 1 == want


@pytest.mark.parametrize(
    "step",
    [
        "state * 5 + byte", "state + byte", "(state & 3) + (state >> 3)", "state == 9 ? 0 : state + k",
        "(state & ~1) + (state >> 1 & 1)", "(state & 1) == 1 ? state * 2 : state + 2",
        "(state & 1 ? state + 6 : state + 10) ^ byte == 3", "state > 11 ? 0 : state + (byte & 1)",
    ],
)  # fmt: skip
def test_not_an_automaton(step: str) -> None:
    assert automaton(fold("op", 64, step, immediates=(("k", 1),))) is None


def test_states_are_those_that_data_leads_to() -> None:
    found = automaton(OPS[4])
    assert found is not None
    assert sorted(found.values) == [0, 1, 2]
    assert found.after[0][:4] == tuple(found.values.index(v) for v in (0, 1, 2, 0))
    assert not found.counts
    counted = automaton(INSIDE)
    assert counted is not None
    assert (counted.bits, counted.unit, len(counted.values)) == (2, 4, 3)


def test_operands_that_no_step_asks_for() -> None:
    """An automaton hangs on none, whatever is declared."""
    op = keyed(fold("op", 8, "byte & 1 ? (state + 1) % 3 : state"), ("key", 1, 9))
    assert select(op, HOST) is automata.KERNEL
    assert compile_operations(Isa((op,)), HOST).code


def test_as_many_choices_as_may_be_take_no_long_time(isa: Isa) -> None:
    """Each choice had all terms below it counted anew: half a minute for these."""
    step = "".join(f"state == {n} ? (byte == {n + 1} ? {n + 1} : 0) : " for n in range(58))
    begun = time.process_time()
    assert automaton(fold("lock", 8, f"{step}state")) is None
    assert time.process_time() - begun < 8

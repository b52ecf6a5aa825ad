"""Random steps of forms that look serial, whatever kernels they get, against the reference
arithmetic."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from pcpu.isa import Op
from tests.kernels.machine import NAMES, check_at, fold, machine, told_apart

COUNT = 24  # steps of a module
LENGTHS = (0, 1, 5, 17, 33, 70, 130, 300, 1000, 5000)
PLACES = (0, 1, 100, 2**32 - 50, 2**64 - 9000)
BITS = (8, 16, 32, 64)


class Steps:
    """Draws steps of states of ``bits`` bits."""

    def __init__(self, dice: random.Random, bits: int) -> None:
        self.dice, self.bits = dice, bits

    def number(self, most: int) -> int:
        return self.dice.randrange(most)

    def byte(self) -> str:
        n = self.number(256)
        return self.dice.choice(("byte", f"{n}", f"(byte & {n})", f"(byte >> {n % 8})"))

    def value(self, depth: int = 2) -> str:
        if depth == 0:
            return self.byte()
        inner, other = self.value(depth - 1), self.byte()
        mask = self.dice.choice((255, 15, 127, 511))
        return self.dice.choice((
            f"({inner} + {other})", f"({inner} ^ {other})", f"({inner} | {other})", other,
            f"({inner} - {other} & {mask})", f"({inner} & {self.number(256)})",
            f"({self.test()} ? {inner} : {other})", f"({other} * {self.number(5)})",
        ))  # fmt: skip

    def test(self) -> str:
        how = self.dice.choice(("==", "!=", "<", ">", "<=", ">="))
        n, m = self.number(256), self.number(256)
        return self.dice.choice((f"byte {how} {n}", f"(byte - {n} & 255) < {m}", f"byte & {1 + n}"))

    def joined(self) -> str:
        """The state with something that does not look at it."""
        value = self.value(1)
        return self.dice.choice((
            "state", f"state + {value}", f"state - {value}", f"state | {value}", f"state & {value}",
            f"state ^ {value}", f"({value} < state ? {value} : state)", "state * 31 + byte",
        ))  # fmt: skip

    def flagged(self) -> str:
        flag = 1 << self.dice.choice((0, 1, self.bits // 2, self.bits - 1))
        ends = self.dice.choice((
            f"state | {flag}", f"state ^ {flag}", f"state + {flag}", f"{self.number(256)}",
            f"(state & 4 ? state | {flag} : state)",
        ))  # fmt: skip
        return f"(state & {flag}) ? state : {self.test()} ? {ends} : {self.joined()}"

    def limited(self) -> str:
        limit, how = self.number(1 << self.bits), self.dice.choice(("<", "<="))
        arm = self.dice.choice((
            self.joined(), f"{self.test()} ? {self.number(1 << self.bits)} : {self.joined()}",
        ))  # fmt: skip
        return f"state {how} {limit} ? {arm} : state"

    def first(self) -> str:
        return f"state ? state : {self.value()}"

    def placed(self) -> str:
        low, high = sorted((self.number(400), self.number(400)))
        how = self.dice.choice(("<", "<=", ">", ">=", "==", "!="))
        tests = (f"index {how} {low}", f"index >= {low} & index < {high}")
        return f"{self.dice.choice(tests)} ? {self.joined()} : {self.joined()}"

    def packed(self) -> str:
        byte = self.byte()
        low = self.dice.choice((
            "state & 255 | byte", "(state & 255) ^ byte", f"(state + {byte} & 255)",
            "(byte < (state & 255) ? byte : state & 255)", "(state * 3 + byte & 255)",
        ))  # fmt: skip
        high = self.dice.choice((
            f"(state >> 8) + {self.value(1)}", f"({byte} > (state >> 8) ? {byte} : state >> 8)",
            "(state >> 8 ^ byte)", "(state >> 8) * 31 + byte",
        ))  # fmt: skip
        step = self.dice.choice((f"({high} << 8) | ({low})", f"({high}) * 256 + ({low})"))
        return self.dice.choice((step, f"{self.test()} ? {step} : state"))

    def near(self) -> str:
        value = self.dice.choice((
            "byte - (state & 255) & 255", "byte ^ (state & 255)", "byte * (state & 255)",
            "(byte > (state & 255) ? byte - (state & 255) : (state & 255) - byte)",
            "byte + (state & 255)", "(byte == (state & 255))",
        ))  # fmt: skip
        high = self.dice.choice((
            f"(state >> 8) + ({value})", f"(({value}) > (state >> 8) ? ({value}) : state >> 8)",
            f"((state >> 8) | ({value}))", f"((state >> 8) & ({value}))",
            f"((state >> 8) < ({value}) ? state >> 8 : ({value}))",
        ))  # fmt: skip
        return f"({high} << 8) | byte"

    def windowed(self) -> str:
        size, up = self.dice.choice(((16, 16), (16, 24), (24, 24), (24, 32), (32, 32)))
        wanted = int.from_bytes(bytes(self.dice.choices((97, 98), k=size // 8)), "big")
        low = f"((state << 8 | byte) & {(1 << size) - 1})"
        value = self.dice.choice((
            f"({low} == {wanted})", f"({low} != {wanted})", "((state >> 8 & 255) ^ byte)",
            f"((state & {(1 << size) - 1}) == {wanted} & byte == 97)",
        ))  # fmt: skip
        return f"((state >> {up}) + {value} << {up}) | {low}"

    def carried(self) -> str:
        total, n = f"state + {self.value(1)}", self.dice.choice((255, 1000, 65535))
        return self.dice.choice((
            f"({total} & 65535) + ({total} >> 16)", f"({total} & 255) + ({total} >> 8)",
            f"{total} > {n} ? {total} - {n} : {total}", f"({total}) % {n}",
        ))  # fmt: skip

    def draw(self) -> str:
        forms: list[Callable[[], str]] = [self.flagged, self.limited, self.first, self.carried]
        forms += [self.packed, self.near] if self.bits > 8 else []
        forms += [self.placed] if self.bits > 16 else []
        forms += [self.windowed] if self.bits == 64 else []
        return self.dice.choice(forms)()


def drawn(dice: random.Random) -> Iterator[Op]:
    while True:
        bits = dice.choice(BITS)
        yield fold("op", bits, Steps(dice, bits).draw())


def any_state(dice: random.Random, bits: int, length: int) -> int:
    """Mostly one near a border."""
    near = dice.choice((0, 1000, 1 << bits - 1, 1 << bits)) - dice.randrange(3 * length + 2)
    return dice.choice((0, 1, near, dice.getrandbits(bits))) % (1 << bits)


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 9))]
)
def test_steps(target: str, seed: int) -> None:
    dice = random.Random(f"{target} {seed}")
    source = drawn(dice)
    ops = told_apart([next(source) for _ in range(2 * COUNT)])[:COUNT]
    on = machine(target, ops)
    for op in ops:
        few = dice.choice((range(256), (97, 98, 0), (0,), (255,), (10, 97, 200)))
        for length in LENGTHS:
            data, state = bytes(dice.choices(few, k=length)), any_state(dice, op.state_bits, length)
            check_at(on, op, state, data, dice, (), dice.choice(PLACES), b"around")

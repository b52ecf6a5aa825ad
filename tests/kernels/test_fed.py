"""Kernels that run the lanes before them on their own vectors, against the reference meaning."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pcpu import interp
from pcpu.compiler import compile_program
from pcpu.ir import Program, ResultValue, with_names
from pcpu.isa import Isa, Op
from pcpu.layout import layout
from pcpu.lower.kernels import lanes
from pcpu.lower.stage import Stage
from tests.kernels import test_crc
from tests.kernels.machine import (
    GUARD,
    Machine,
    Native,
    Wasm,
    any_operand,
    byte_map,
    fold,
    keyed,
)
from tests.kernels.test_crc import WITHOUT, skip_the_same

# Reflected and not, of every width of register, by one division, by two, and with a ring.
MODELS = (
    "CRC-8/SMBUS", "CRC-16/KERMIT", "CRC-24/OPENPGP", "CRC-32/ISCSI", "CRC-32/ISO-HDLC",
    "CRC-64/WE",
)  # fmt: skip
# Of these, with a ring whose shortest lag stays in registers, where little is done beside.
NEAR = ("CRC-24/OPENPGP", "CRC-32/ISCSI", "CRC-32/ISO-HDLC")
K = (("k", 8),)
MAPS = (
    byte_map("flip", "byte ^ k", K),
    byte_map("plus", "byte + k", K),
    keyed(byte_map("turn", "byte ^ key[index]"), ("key", 1, 40)),
    keyed(byte_map("four", "byte + key[index]"), ("key", 4, 4)),
)
# Of every way to gather values in lanes, and of none of them: the last one is a chain.
FOLDS = (
    fold("count", 64, "state + (byte == k)", immediates=K),
    fold("some", 64, "state + (byte & 15)"),
    fold("sum", 64, "state + byte"),
    fold("minus", 32, "state - byte"),
    fold("squares", 64, "state + byte * byte"),
    fold("most", 8, "byte > state ? byte : state"),
    fold("parity", 64, "state ^ byte * 257"),
    keyed(fold("agree", 64, "state + (byte == key[index])"), ("key", 1, 9)),
    fold(
        "sums", 32,
        "((((state >> 16) + ((state & 0xffff) + byte) % 65521) % 65521) << 16)"
        " | (((state & 0xffff) + byte) % 65521)",
        "1",
    ),
    fold("hash", 32, "(state ^ byte) * 16777619", "1"),
)  # fmt: skip
FIXED = (
    ("flip", "plus", "count", "crc"),
    ("count", "flip", "count", "plus", "count", "crc", "count", "crc", "flip"),
    ("sum", "flip", "some", "crc"),
    ("flip", "crc"),
    ("squares", "parity", "most", "minus", "crc"),
    ("crc", "sum"),
    ("turn", "agree", "four", "crc", "agree"),
    ("four", "crc", "turn", "crc", "hash"),
    ("flip", "crc", "hash", "plus", "crc"),
    ("count", "flip", "plus", "count", "sums"),
    ("squares", "some", "sums", "sum", "most", "flip", "crc", "sums"),
)
# More totals and constants than registers, with no other kernel beside them.
MANY = (
    ("most", "sum", "some", "count", "squares"),
    ("flip", "sum", "count", "plus", "most", "four", "minus", "agree", "sum"),
    ("count", "most"),
    ("flip", "most", "plus", "count"),
)


@dataclass
class Running:
    """A compiled program, with its state in the machine's memory before the data."""

    machine: Machine
    program: Program

    @property
    def room(self) -> int:
        return 16 * layout(self.program).slots

    def start(self) -> None:
        self._call("init", 0)

    def update(self, offset: int, length: int) -> None:
        bits, base = self.machine.pointer_bits, self.machine.base
        span = [(base, bits), (base + offset, bits), (length, bits)]
        self.machine.call("pcpu_update", 0, span)

    def finish(self) -> tuple[ResultValue, ...]:
        half = self.room // 2
        self._call("finish", 0, half)
        out = self.machine.read(half, 8 * layout(self.program).outputs)
        return layout(self.program).values(memoryview(out).cast("Q"))

    def _call(self, name: str, *offsets: int) -> None:
        bits, base = self.machine.pointer_bits, self.machine.base
        self.machine.call(f"pcpu_{name}", 0, [(base + offset, bits) for offset in offsets])


def compiled(
    target: str, names: Sequence[str], dice: random.Random, models: Sequence[str] = MODELS
) -> Running:
    """The program of these operations; each "crc" is of one of the ``models``."""
    crcs = test_crc.ops(MODELS)
    known = {op.name: op for op in (*MAPS, *FOLDS)}
    chosen = [crcs[dice.choice(models)] if n == "crc" else known[n] for n in names]
    stages: list[tuple[Op, tuple[int | bytes, ...], None]] = [
        (op, tuple(any_operand(imm, dice) for imm in op.immediates), None) for op in chosen
    ]
    program = with_names(stages)
    isa = Isa(tuple({op.name: op for op in chosen}.values()))
    code = compile_program(program, isa, test_crc.target(target)).code
    return Running(Wasm(code) if target == "wasm" else Native(code), program)


def sample(dice: random.Random, length: int) -> bytes:
    """Noise, or what lanes overflow on."""
    return dice.choice((dice.randbytes(length), b"\xff" * length, bytes(length)))


def check_prefixes(running: Running, dice: random.Random, longest: int, step: int) -> None:
    """Lengths up to ``longest`` at any alignment, whole and in pieces."""
    data = sample(dice, longest)
    reference = interp.Interpreter(running.program)
    guard = b"\x5a" * GUARD
    done, out = 0, b""
    while True:
        offset = running.room + GUARD + dice.randrange(64)
        running.machine.write(offset - GUARD, guard + data[:done] + guard)
        running.start()
        at = 0
        while at < done:
            piece = done - at if dice.random() < 0.7 else dice.randrange(done - at + 1)
            running.update(offset + at, piece)
            at += piece
        context = (str(running.program), done, offset)
        assert running.finish() == reference.finish(), context
        assert running.machine.read(offset - GUARD, done + 2 * GUARD) == guard + out + guard, (
            context
        )
        if done == longest:
            return
        more = min(longest - done, step if step == 1 else dice.randrange(1, 2 * step))
        out += reference.update(data[done : done + more])
        done += more


@pytest.mark.parametrize("target", ["wasm", *WITHOUT])
@pytest.mark.parametrize("names", [*FIXED, *MANY], ids=" ".join)
def test_every_length(target: str, names: tuple[str, ...], share: int) -> None:
    skip_the_same(target)
    dice = random.Random(" ".join(names))
    step = 1 if target == "wasm" else min(share, 3)
    check_prefixes(compiled(target, names, dice), dice, 1100, step)


@pytest.mark.parametrize("target", ["wasm", "sparse", "fold-32"])
@pytest.mark.parametrize("names", [*FIXED[:4], *MANY], ids=" ".join)
def test_lengths_around_the_ring(target: str, names: tuple[str, ...]) -> None:
    dice = random.Random(" ".join(names))
    check_prefixes(compiled(target, names, dice), dice, 40_000, 600)


@pytest.mark.parametrize("target", ["wasm", "sparse", "fold-32"])
@pytest.mark.parametrize("model", NEAR)
@pytest.mark.parametrize("name", ["flip", "turn", "count", "most", "sum", "squares"])
def test_rings_with_lags_in_registers(target: str, model: str, name: str) -> None:
    dice = random.Random(model + name)
    check_prefixes(compiled(target, (name, "crc"), dice, [model]), dice, 40_000, 1500)


def test_operations_beside_a_crc_are_counted() -> None:
    stages = {op.name: Stage(op, (), None) for op in (*MAPS, *FOLDS)}
    counted = {"flip": 2, "count": 2, "most": 1, "sum": 3, "minus": 3}
    assert {name: lanes.operations([stages[name]]) for name in counted} == counted
    assert lanes.operations([stages["flip"], stages["plus"]]) == 3
    assert lanes.operations([]) == 0


@pytest.mark.parametrize("target", ["wasm", *WITHOUT])
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 6))]
)
def test_random_programs(target: str, seed: int) -> None:
    skip_the_same(target)
    dice = random.Random(seed)
    plain = [op.name for op in (*MAPS, *FOLDS)]
    before, after = dice.choices(plain[:-1], k=dice.randrange(1, 6)), dice.choices(plain, k=2)
    running = compiled(target, [*before, "crc", *after], dice)
    check_prefixes(running, dice, 200_000, 20_000)
    check_prefixes(running, dice, 9000, 300)

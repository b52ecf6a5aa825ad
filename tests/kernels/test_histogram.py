"""Array folds that count bytes against NumPy, Python's own count and the reference meaning."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pcpu import interp
from pcpu.expr import Const
from pcpu.ir import Instruction
from pcpu.isa import Op, read_isa
from pcpu.isa.model import Fold, Immediate
from pcpu.lower.kernels import chain, histogram, select
from pcpu.lower.kernels.histogram import Histogram
from tests.kernels.machine import HOST, NAMES, ROOM, Machine, fold, machine, over_lengths
from tests.kernels.operands import arguments, operands_of

HIST = next(op for op in read_isa().operations if op.name == "hist")
DATA, STATE = 4096, ROOM - 8192


def array(name: str, bits: int, step: str, where: str, bins: int, init: str = "0") -> Op:
    op = fold(name, bits, step, init, (("k", 8),))
    return replace(op, fold=Fold(bits, init, step, None, None, bins, where))


KEY = Immediate("key", 0, (1, 300))
OPS = (
    HIST,
    array("classes", 64, "state + 1", "byte >> 4", 16),
    array("weights", 32, "state + byte * k", "byte % 7", 7),
    array("less", 16, "state - (byte ^ k)", "byte + k", 5),
    array("parity", 8, "state ^ byte", "byte & 3", 4),
    array("least", 64, "byte < state ? byte : state", "byte * 3", 100, "0xffffffffffffffff"),
    array("most", 8, "state < byte * 3 ? byte * 3 : state", "k", 3),
    array("bits", 64, "state | byte << k", "255 - byte", 256),
    array("every", 32, "state & (byte | k)", "byte", 300, "0xffffffff"),
    replace(array("scored", 64, "key[byte] + state", "key[byte + 1] + byte", 11), immediates=(KEY,)),
)  # fmt: skip


def sample(dice: random.Random, length: int) -> bytes:
    kind = dice.random()
    if kind < 0.3:  # one bin, which overflows the narrowest counts
        return bytes([dice.randrange(256)]) * length
    if kind < 0.5:
        return bytes(dice.choices((0, 1, 255), (90, 5, 5), k=length))
    return dice.randbytes(length)


def run(
    on: Machine,
    op: Op,
    data: bytes,
    start: int,
    pieces: list[int],
    operands: tuple[int | bytes, ...],
) -> list[int]:
    """The states after the data in pieces that end at these lengths."""
    given = arguments(on, op, operands)
    on.write(start, data)
    state = (on.base + STATE, on.pointer_bits)
    on.write(STATE + 8 * op.result_count, b"\x5a" * 64)
    on.call(f"pcpu_{op.name}_init", 0, [state, *given])
    for begin, end in zip([0, *pieces], [*pieces, len(data)], strict=True):
        span = [(on.base + start + begin, on.pointer_bits), (end - begin, on.pointer_bits)]
        on.call(f"pcpu_{op.name}_update", 0, [state, *span, *given])
    assert on.read(start, len(data)) == data
    raw = on.read(STATE, 8 * op.result_count + 64)
    assert raw[-64:] == b"\x5a" * 64
    return [int.from_bytes(raw[i : i + 8], "little") for i in range(0, len(raw) - 64, 8)]


def check(on: Machine, op: Op, dice: random.Random, length: int) -> None:
    data, operands = sample(dice, length), operands_of(op, dice)
    pieces = sorted(dice.randrange(length + 1) for _ in range(dice.choice((0, 0, 1, 3))))
    want = interp.states(Instruction(op, operands, "result"), data, 0)
    got = run(on, op, data, DATA + dice.randrange(64), pieces, operands)
    assert got == want, (length, pieces, operands)


@over_lengths(
    (0, 1, 7, 8, 1023, 1024, 1025, 1031, 2039, 2040, 2041, 4080, 4087, 10_000), below=60_000
)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_and_pieces(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST) is histogram.KERNEL
    dice = random.Random(op.name)
    for length in lengths:
        check(on, op, dice, length)


def test_every_length_against_python(on: Machine) -> None:
    dice = random.Random(4)
    for length in range(1025):
        data = sample(dice, length)
        got = run(on, HIST, data, DATA + length % 64, [], ())
        assert got == [data.count(byte) for byte in range(256)], length


def test_long_data_against_numpy(on: Machine) -> None:
    numpy = pytest.importorskip("numpy")
    dice = random.Random(5)
    for length in (*(dice.randrange(ROOM // 2) for _ in range(20)), ROOM - 20_000):
        data = sample(dice, length)
        want = numpy.bincount(numpy.frombuffer(data, numpy.uint8), minlength=256).tolist()
        assert run(on, HIST, data, DATA + dice.randrange(64), [], ()) == want, length


@pytest.mark.parametrize("target", NAMES)
def test_more_than_the_counts_can_hold(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histogram, "PIECE", 4096)
    on, dice = machine(target, OPS[:2]), random.Random(target)
    for op in OPS[:2]:
        for length in (4095, 4096, 4097, 8200, 20_000):
            check(on, op, dice, length)


def test_recognised() -> None:
    assert histogram.histogram(HIST) == Histogram("add", Const(1))


@pytest.mark.parametrize(
    ("step", "where"),
    [
        ("state + 1", "byte + index"), ("state + index", "byte"), ("state * 3 + byte", "byte"),
        ("state == 0 ? byte : state", "byte"), ("byte", "byte"), ("state + state", "byte"),
    ],
)  # fmt: skip
def test_not_a_histogram(step: str, where: str) -> None:
    op = array("op", 64, step, where, 256)
    assert histogram.histogram(op) is None
    assert select(op, HOST) is chain.ARRAY

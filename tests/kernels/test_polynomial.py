"""Multiply-add hashes against known values, other ways to compute them, and the reference arithmetic."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pcpu import interp, targets
from pcpu.compiler import compile_operations
from pcpu.expr import Binary, Const, Var
from pcpu.ir import with_names
from pcpu.isa import Isa, Op
from pcpu.lower.kernels import chain, lanes, polynomial, select
from pcpu.lower.kernels.polynomial import Polynomial, Weights
from tests.kernels.machine import (
    HOST,
    ROOM,
    Machine,
    Native,
    check_lengths,
    fold,
    narrowed,
    over_lengths,
    update,
)

K = (("k", 8),)
P64 = 0x9E3779B97F4A7C15
DJB2 = fold("djb2", 32, "(state << 5) + state + byte", "5381")
JAVA = fold("java", 32, "31 * state + byte")
WIDE = fold("wide", 64, f"byte + state * {P64}")
OPS = (
    DJB2,
    JAVA,
    fold("sdbm", 32, "byte + (state << 6) + (state << 16) - state"),
    WIDE,
    fold("even", 64, "state * 0x123456789abcde + byte"),
    fold("vanishing", 32, "state * 256 + byte"),
    fold("half", 16, "state * 40503 + byte"),
    fold("byte", 8, "state * 5 + byte"),
    fold("after", 64, "(state + byte) * 0x100000001b3"),
    fold("minus", 32, "state * 65599 - byte"),
    fold("negative", 64, "byte - state"),
    fold("value", 32, "state * 17 + ((byte ^ k) >> 1)", immediates=K),
    fold("sum", 64, "state * 3 + (byte & 127) + (k & 127)", immediates=K),
    fold("scaled", 32, "state * 7 + byte * 1000003"),
    fold("constant", 32, "(state + byte) * 31 + 12345"),
    fold("masked", 64, "state * 33 + byte & 0xffffffffff"),
    fold("digits_of", 64, "(state * 256 + byte) % 4294967291"),
    fold("rabin", 64, "(byte * 3 + 7 + state * 911) % 1000000007"),
    fold("thousands", 32, "(state * 31 + (byte ^ k)) % 65521", immediates=K),
    fold("small", 16, "(state * 256 + byte) % 251"),
    fold("sum_of", 16, "(state + byte) % 255"),
    fold("rest_of_bits", 8, "(state * 2 + (byte & 1)) % 5"),
    fold("low_bits", 64, "(state * 3 + byte) % 4294967296"),
    fold("largest", 64, "(state * 4294967295 + byte) % 4294967296"),
    fold("signed", 32, "state * 31 + (byte >= 128 ? byte - 256 : byte)"),
    fold("signed_by_sum", 64, "state * 31 + byte - (byte >= 128) * 256"),
    fold("signed_half", 16, "state * 40503 - (byte >= 128 ? byte - 256 : byte)"),
    fold("beyond", 32, "state * 33 + (byte < 100 ? byte + 1000 : 1100 - (byte & 7))"),
    fold("no_power", 64, "(state * 4294967000 + byte) % 4294967295"),
)
WIDTHS = {
    "without VNNI": ("avx512vnni", "avxvnni"),
    "avx2": ("avx512", "avxvnni"),
    "avx2 with VNNI": ("avx512",),
    "sse": ("avx",),
}


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    data, state = dice.randbytes(length), dice.getrandbits(op.state_bits)
    if dice.random() < 0.3:  # the greatest products
        data = b"\xff" * length
    return state, data


@over_lengths(
    (*range(70), 127, 128, 129, 511, 512, 513, 1023, 1024, 2047, 2048, 2049, 20_000), below=100_000
)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST) is polynomial.KERNEL
    check_lengths(on, op, lengths, draw)


def test_published_values(on: Machine) -> None:
    """Those that tutorials of djb2 and of Java's String.hashCode give for "hello"."""
    on.write(5, b"hello")
    assert update(on, DJB2, 5381, 5, 5) == 261238937
    assert update(on, JAVA, 0, 5, 5) == 99162322


def test_long_data_as_one_number(on: Machine) -> None:
    """The bytes as digits of a number in base P, by Python's large integers."""
    dice = random.Random(6)
    for op, factor, bits in ((JAVA, 31, 32), (WIDE, P64, 64), (OPS[4], 0x123456789ABCDE, 64)):
        for _ in range(3):
            length, state = dice.randrange(ROOM), dice.getrandbits(bits)
            data = dice.randbytes(length)
            on.write(2, data)
            got = update(on, op, state, 2, length)
            assert got == digits(bytes(data), state, factor, bits), length


def digits(data: bytes, state: int, factor: int, bits: int) -> int:
    """By halves: the first half's number times the power that belongs to the second half."""

    def value(numbers: list[int], power: int) -> int:
        while len(numbers) > 1:
            if len(numbers) % 2:
                numbers = [0, *numbers]
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            numbers = [(a * power + b) % (1 << bits) for a, b in pairs]
            power = power * power % (1 << bits)
        return numbers[0] if numbers else 0

    ahead = state * pow(factor, len(data), 1 << bits)
    return (ahead + value(list(data), factor)) % (1 << bits)


@pytest.mark.parametrize("without", WIDTHS)
def test_native_widths(without: str) -> None:
    """Narrower vectors, and limbs of 16 bits where this processor would take 8."""
    ops = (DJB2, WIDE, OPS[6], OPS[7])
    native = Native(compile_operations(Isa(ops), narrowed(*WIDTHS[without])).code)
    for op in ops:
        check_lengths(native, op, (*range(0, 200, 7), 1000, 4096, 5000), draw, without)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("limb", [8, 16])
def test_limbs_make_the_weights(bits: int, limb: int) -> None:
    weights = Weights(Polynomial(P64 % (1 << bits), 3, Var("byte")), bits, 16, limb)
    rows, size, part = weights.rows(), limb // 8, 16 * 8 // limb
    exponent = polynomial.ROWS * 16
    for at in range(0, len(rows), part * weights.limbs * size):
        for lane in range(part):
            exponent -= 1
            value = 0
            for number in range(weights.limbs):
                place = at + size * (number * part + lane)
                limb_value = int.from_bytes(rows[place : place + size], "little", signed=True)
                value += limb_value << limb * number
            assert value % (1 << bits) == 3 * pow(P64, exponent, 1 << bits) % (1 << bits)
    assert exponent == 0


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("(state << 5) + state + byte", Polynomial(33, 1, Var("byte"))),
        ("byte + (state << 6) + (state << 16) - state", Polynomial(65599, 1, Var("byte"))),
        ("(state + byte) * 10", Polynomial(10, 10, Var("byte"))),
        ("state * 9 - state + byte * 5", Polynomial(8, 5, Var("byte"))),
        ("3 - state * 7", Polynomial((1 << 32) - 7, 1, Const(3))),
        ("(state * 10 + byte + 5) % 97", Polynomial(10, 1, Var("byte"), 5, 97)),
        ("97 * state + byte & 0xffff", Polynomial(97, 1, Var("byte"), 0, 1 << 16)),
        ("state * 3 + (byte & 15) + k * 1", Polynomial(3, 1, Binary("+", Binary("&", Var("byte"), Const(15)), Binary("*", Var("k"), Const(1))))),
    ],
)  # fmt: skip
def test_recognised(step: str, expected: Polynomial) -> None:
    op = fold("op", 32, step, immediates=(("k", 3),))
    assert polynomial.polynomial(op) == expected


def test_remainders_against_large_integers(on: Machine) -> None:
    dice = random.Random(8)
    for name, modulus in (("digits_of", 4294967291), ("small", 251), ("sum_of", 255)):
        op = next(op for op in OPS if op.name == name)
        for length in (1, 100, 5000, 200_000):
            data = dice.randbytes(length)
            on.write(3, data)
            want = sum(data) if name == "sum_of" else int.from_bytes(data, "big")
            assert update(on, op, 0, 3, length) == want % modulus


@pytest.mark.parametrize(
    "step",
    [
        "(state * 44739300 + byte) % 97", "(state - byte) % 97", "(state * 3 + byte * k) % 97",
        "state * state + byte", "(state >> 3) + byte", "state * byte + 1", "state * 3 ^ byte", "byte * 3",
        "state * 33 + byte * byte", "state * 3 + byte * 5 + k", "(state & 255) * 3 + byte", "state % 7 + byte",
    ],
)  # fmt: skip
def test_not_a_polynomial(step: str) -> None:
    assert polynomial.polynomial(fold("op", 32, step, immediates=K)) is None


def test_other_kernels_come_first() -> None:
    wasm = targets.find("wasm")
    assert select(fold("op", 32, "state + byte"), wasm) is lanes.KERNEL
    assert select(fold("op", 32, "state + byte * 65536"), wasm) is lanes.KERNEL
    assert select(fold("op", 32, "state * state + byte"), wasm) is chain.KERNEL


def test_the_hash_of_java_of_bytes_with_a_sign() -> None:
    """As java.util.Arrays.hashCode(byte[]) has it: 1, and each byte from -128 to 127."""
    op = fold("hash", 32, "state * 31 + (byte >= 128 ? byte - 256 : byte)", "1")
    assert select(op, HOST) is select(op, targets.find("wasm")) is polynomial.KERNEL
    data = random.Random(31).randbytes(3001)
    expected = 1
    for byte in data:
        expected = (31 * expected + (byte ^ 128) - 128) % (1 << 32)
    assert interp.states(with_names([(op, (), None)]).instructions[0], data, 0) == [expected]


def test_values_that_are_farther_apart_go_byte_by_byte() -> None:
    for value in ("(byte >= 128 ? byte - 257 : byte)", "byte * 2 - byte % 3", "byte * byte"):
        assert select(fold("far", 32, f"state * 31 + {value}"), HOST) is not polynomial.KERNEL, (
            value
        )

"""Sums of sums modulo a number against zlib and the reference arithmetic."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence

import pytest

from pcpu.compiler import compile_operations
from pcpu.expr import Var
from pcpu.isa import Isa, Op, read_isa
from pcpu.lower.kernels import adler, chain, select
from pcpu.lower.kernels.adler import Sums
from tests.kernels.machine import (
    HOST,
    NAMES,
    ROOM,
    Machine,
    Native,
    check_lengths,
    fold,
    machine,
    narrowed,
    over_lengths,
    update,
)

ADLER = next(op for op in read_isa().operations if op.name == "adler32")
K = (("k", 8),)
A16, B16 = "(state & 0xffff)", "(state >> 16)"


def packed(plain: str, double: str, at: int) -> str:
    """A step whose sum is in the low bits."""
    return f"(({double}) << {at}) | ({plain})"


def both(a: str, b: str, modulo: str, value: str = "byte") -> tuple[str, str]:
    plain = f"({a} + {value}) {modulo}"
    return plain, f"({b} + ({plain})) {modulo}"


OPS = (
    ADLER,
    fold("fletcher16", 16, packed(*both("(state & 255)", "(state >> 8)", "% 255"), 8)),
    fold("fletcher8", 32, packed(*both("(state & 15)", "((state >> 4) & 15)", "% 15"), 4)),
    fold("rsync", 32, f"(({B16} + {A16} + byte) << 16) + (({A16} + byte) & 0xffff)"),
    fold("librsync", 32, f"(({B16} + {A16} + byte + 31) << 16) + (({A16} + byte + 31) & 0xffff)"),
    fold("more", 32, packed(*both(A16, B16, "% 65521", "byte + 1000"), 16)),
    fold("most", 64, packed(*both("(state & 0xffffffff)", "(state >> 32)", "% 4294967291", "byte + 4294967290"), 32)),
    fold("swapped", 32, "({1}) ^ (({0}) << 16)".format(*both(B16, A16, "% 65521"))),
    fold("wide", 64, packed(*both("(state & 0xffffffff)", "(state >> 32)", "% 4294967291"), 32)),
    fold("odd_place", 64, packed(*both("(state % 2048)", "(state >> 11)", "% 1999"), 11)),
    fold("tiny", 32, packed(*both(A16, B16, "% 1"), 16)),
    fold("twelve", 8, packed(*both("(state & 15)", "(state >> 4)", "& 15"), 4)),
    fold("of_values", 32, packed(*both(A16, B16, "% 65521", "((byte ^ k) & 127)"), 16), immediates=K),
    fold("of_two", 32, packed(*both(A16, B16, "% 251", "(byte >> 1) + (k & 127)"), 16), immediates=K),
)  # fmt: skip
WIDTHS = {"avx2": ("avx512",), "sse": ("avx",), "sse2": ("avx", "ssse3", "sse4")}


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    data, state = dice.randbytes(length), dice.getrandbits(op.state_bits)
    if dice.random() < 0.4:  # the greatest sums, and states that are no remainders
        data, state = b"\xff" * length, (1 << op.state_bits) - 1
    return state, data


@over_lengths(
    (*range(70), 127, 128, 129, 511, 512, 513, 1023, 1024, 1025, 4096, 20_000), below=100_000
)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST) is adler.KERNEL
    check_lengths(on, op, lengths, draw)


def test_adler32_against_zlib(on: Machine) -> None:
    dice = random.Random(2)
    data = dice.randbytes(ROOM // 2) + b"\xff" * (ROOM // 2)
    on.write(0, data)
    lengths = [*range(1025), *(dice.randrange(ROOM) for _ in range(60)), ROOM - 64]
    for length in lengths:
        start = dice.randrange(min(64, ROOM - length))
        piece, state = data[start : start + length], zlib.adler32(dice.randbytes(9))
        assert update(on, ADLER, state, start, length) == zlib.adler32(piece, state), length


@pytest.mark.parametrize("target", NAMES)
def test_the_modulo_waits_for_as_long_as_it_may(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adler, "PIECE", 4096)
    op = OPS[5]
    check_lengths(machine(target, (op,)), op, (4095, 4096, 4097, 8192, 12_345), draw, target)


@pytest.mark.parametrize("without", WIDTHS)
def test_native_widths(without: str) -> None:
    """Narrower vectors, and processors that cannot add neighbours."""
    native = Native(compile_operations(Isa(OPS[:2]), narrowed(*WIDTHS[without])).code)
    for op in OPS[:2]:
        check_lengths(native, op, (*range(0, 300, 7), 1000, 4096, 5000), draw, without)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (OPS[0], Sums(Var("byte"), 65521, (0, 16), (16, 16))),
        (OPS[1], Sums(Var("byte"), 255, (0, 8), (8, 8))),
        (OPS[3], Sums(Var("byte"), 65536, (0, 16), (16, 16))),
        (OPS[4], Sums(Var("byte"), 65536, (0, 16), (16, 16), 31)),
        (OPS[7], Sums(Var("byte"), 65521, (16, 16), (0, 16))),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_recognised(op: Op, expected: Sums) -> None:
    assert adler.sums(op) == expected


@pytest.mark.parametrize(
    "step",
    [
        packed(f"({A16} + byte) % 65521", f"({B16} + ({A16} + byte) % 65520) % 65521", 16),
        packed(f"({A16} + byte) % 65521", f"({B16} + {A16}) % 65521", 16),
        packed(f"({A16} + byte) % 65537", f"({B16} + ({A16} + byte) % 65537) % 65537", 16),
        packed(f"({A16} + byte)", f"({B16} + {A16} + byte)", 16),
        packed("((state & 0x7fff) + byte) % 65521", f"({B16} + ((state & 0x7fff) + byte) % 65521) % 65521", 16),
        packed(*both(A16, "(state >> 15)", "% 251"), 16),
        packed(*both(A16, B16, "% 65521", "byte * byte"), 16),
        packed(*both(A16, B16, "% 65521", "(state & 1)"), 16),
        "((state + byte) << 0) | byte",
    ],
)  # fmt: skip
def test_not_such_sums(step: str) -> None:
    op = fold("op", 32, step)
    assert adler.sums(op) is None
    assert select(op, HOST) is chain.KERNEL


def test_a_sum_that_overflows_is_another() -> None:
    step = packed(*both("(state & 15)", "(state >> 4)", "% 15"), 4)
    assert adler.sums(fold("op", 32, step)) is not None
    assert adler.sums(fold("op", 8, step)) is None

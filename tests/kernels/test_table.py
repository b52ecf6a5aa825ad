"""Tables of 256 bytes against Python's own translation and the reference meaning."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pcpu import interp, targets
from pcpu.compiler import compile_operations
from pcpu.expr import Binary, Const, Index, Var
from pcpu.isa import Isa, Op, read_isa
from pcpu.isa.model import Immediate
from pcpu.lower.forms import low_byte
from pcpu.lower.kernels import adler, chain, lanes, lookup, search, select, table
from pcpu.source import parse_pipeline
from pcpu.target import Target
from tests.engines import run_pieces
from tests.kernels.machine import (
    HOST,
    NAMES,
    ROOM,
    Machine,
    Native,
    any_operand,
    byte_map,
    fold,
    machine,
    narrowed,
)
from tests.kernels.operands import DATA, check_fold, check_map, run_map

LUT = next(op for op in read_isa().operations if op.name == "lut")
K, OTHER = Immediate("k", 8), Immediate("other", 0, (256, 256))
TABLE, KEY = Immediate("table", 0, (256, 256)), Immediate("key", 0, (1, 40))


def taking(op: Op, *operands: Immediate) -> Op:
    return replace(op, immediates=operands)


MAPS = (
    LUT,
    taking(byte_map("changed", "table[byte] ^ k"), TABLE, K),
    taking(byte_map("rotated", "table[byte + k]"), TABLE, K),
    taking(byte_map("backward", "255 - table[255 - byte]"), TABLE),
    taking(byte_map("spread", "table[(byte << 3) * 5 - 1000 & k | 3]"), TABLE, K),
    taking(byte_map("both", "table[other[byte]]"), TABLE, OTHER),
    taking(byte_map("two", "table[byte] + other[byte >> 1]"), TABLE, OTHER),
    taking(byte_map("masked", "table[byte ^ key[index]] - key[index]"), TABLE, KEY),
    taking(byte_map("sometimes", "table[byte] < k ? byte : table[k]"), TABLE, K),
)
SUMS = "(((state >> 16) + ((state & 0xffff) + table[byte]) % 65521) % 65521 << 16) | ((state & 0xffff) + table[byte]) % 65521"
FOLDS = (
    taking(fold("scored", 64, "state + table[byte]"), TABLE),
    taking(fold("class", 64, "state + (table[byte] == k)"), TABLE, K),
    taking(fold("least", 8, "table[byte] < state ? table[byte] : state", "255"), TABLE),
    taking(fold("wide", 32, "state ^ table[byte] * 257"), TABLE),
    taking(fold("first", 64, "table[byte] == k & index < state ? index : state", "0xffffffffffffffff"), TABLE, K),
    taking(fold("sums", 32, SUMS, "1"), TABLE),
)  # fmt: skip
# What lanes have asks for no table here, and what goes byte by byte for bytes that are none.
BESIDE = (
    taking(fold("anew", 32, "byte == 10 ? table[byte] : state + 1"), TABLE),
    taking(fold("kept", 64, "byte < 9 ? index : key[byte] == state ? state * 3 : state + byte"), KEY),
    taking(fold("rests", 32, "byte == k ? state * 3 + key[state] : state"), K, KEY),
    taking(fold("cancels", 16, "state + key[byte] - byte - key[byte] + 7"), KEY),
)  # fmt: skip
# Those that a processor without look-ups on vectors runs byte by byte.
WIDTHS = {"bw": ("avx512vbmi",), "avx2": ("avx512",), "none": ("avx",)}
LENGTHS = (*range(20), 31, 33, 63, 64, 65, 127, 128, 129, 255, 256, 300, 511, 512, 513, 1024, 5000)


def narrow(name: str) -> Target:
    return narrowed(*WIDTHS[name], cpu=HOST.cpu if name == "bw" else "x86-64")


@pytest.fixture(scope="module", params=[*NAMES, *WIDTHS])
def on(request: pytest.FixtureRequest) -> Machine:
    ops = (*MAPS, *FOLDS, *BESIDE)
    if request.param in NAMES:
        return machine(request.param, ops)
    return Native(compile_operations(Isa(ops), narrow(request.param)).code)


@pytest.mark.parametrize("op", MAPS, ids=lambda op: str(op.name))
def test_maps(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    for length in (*LENGTHS, *(dice.randrange(1025) for _ in range(20))):
        check_map(on, op, dice, length)


@pytest.mark.parametrize("op", [*FOLDS, *BESIDE], ids=lambda op: str(op.name))
def test_folds(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    for length in (*LENGTHS, *(dice.randrange(1025) for _ in range(20))):
        check_fold(on, op, dice, length)


def test_every_length_and_long_data_against_python(on: Machine) -> None:
    dice = random.Random(3)
    for length in (*range(1025), *(dice.randrange(ROOM - 16_384) for _ in range(15))):
        data, operand, start = dice.randbytes(length), dice.randbytes(256), DATA + length % 64
        on.write(start, data)
        assert run_map(on, LUT, start, length, (operand,), 0) == data.translate(operand), length


def few_rows(dice: random.Random, changed: int) -> bytes:
    """A table that is simple but for so many of its 16 rows."""
    mask, value = dice.choice((0, 255)), dice.randrange(256)
    table = bytearray(byte & mask ^ value for byte in range(256))
    for row in dice.sample(range(16), changed):
        table[16 * row : 16 * row + 16] = dice.randbytes(16)
    return bytes(table)


@pytest.mark.parametrize("op", MAPS, ids=lambda op: str(op.name))
def test_tables_of_few_rows(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    for changed in range(7):
        for length in (4095, 4096, 4097, 4096 + dice.randrange(4096)):
            operands = tuple(
                few_rows(dice, changed) if imm.sizes == (256, 256) else any_operand(imm, dice)
                for imm in op.immediates
            )
            check_map(on, op, dice, length, operands)


def test_single_rows_against_python(on: Machine) -> None:
    dice = random.Random(4)
    data = dice.randbytes(5000) + bytes(range(256))
    for row in range(16):
        table = bytearray(range(256))
        table[16 * row : 16 * row + 16] = dice.randbytes(16)
        for operand in (bytes(table), bytes(table[::-1]), few_rows(dice, 4)):
            start = DATA + dice.randrange(64)
            on.write(start, data)
            assert run_map(on, LUT, start, len(data), (operand,), 0) == data.translate(operand)


@pytest.mark.parametrize("engine", ["jit", "wasmtime"])
@pytest.mark.parametrize(
    "text",
    [
        "lut {0}",
        "add 1 | lut {1} | sub 1 | sum",
        "xor 3 | lut {0} | lut {1} | hist",
        "lut {0} | sum | find 9 | lut {1} | crc32",
    ],
)
def test_tables_that_are_known(text: str, engine: str) -> None:  # fmt: skip
    dice, isa = random.Random(text), read_isa()
    tables = dice.randbytes(256), few_rows(dice, 3)
    program = parse_pipeline(text.format(*(f"0x{table.hex()}" for table in tables)), isa)
    for length in (0, 5, 16, 100, 1000, 40_000):
        data = dice.randbytes(length)
        want = interp.run(program, data)
        assert run_pieces(engine, program, isa, data, [length // 3]) == (want[0] or b"", want[1])


def test_kernels_by_form() -> None:
    wasm = targets.find("wasm")
    assert {select(op, wasm) for op in MAPS} == {lookup.KERNEL}
    assert {select(op, wasm) for op in FOLDS} <= {chain.WIDE, chain.KERNEL}
    if table.method(HOST) is None:
        pytest.skip("this processor looks no bytes up on vectors")
    assert {select(op, HOST) for op in (*MAPS, *FOLDS[:4])} == {lanes.KERNEL}
    assert [select(op, HOST) for op in FOLDS[4:]] == [search.KERNEL, adler.KERNEL]
    names = [select(op, HOST).name for op in BESIDE]
    assert names == ["resets", "resets", "idle", "lanes"]
    three = taking(byte_map("op", "table[(byte + 1) >> 1]"), TABLE)
    assert select(three, HOST) is lookup.KERNEL
    short = taking(byte_map("op", "key[byte]"), KEY)
    assert select(short, HOST) is lookup.KERNEL


MAXIMA = {"byte": 255, "k": 255, "wide": 65535, "index": (1 << 64) - 1}


def test_low_bytes() -> None:
    byte, k = Var("byte"), Var("k")
    assert low_byte(Binary("+", byte, Const(300)), MAXIMA) == Binary("+", byte, Const(44))
    assert low_byte(Binary("<<", Binary("*", byte, k), Const(70)), MAXIMA) == Binary(
        "<<", Binary("*", byte, k), Const(8)
    )
    assert low_byte(Index("t", Var("index")), MAXIMA) == Index("t", Var("index"))
    for expr in (
        Var("wide"),
        Binary(">>", Binary("+", byte, k), Const(1)),
        Binary("%", Binary("*", byte, k), Const(7)),
    ):
        assert low_byte(expr, MAXIMA) is None  # fmt: skip

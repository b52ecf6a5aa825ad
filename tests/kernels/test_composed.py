"""Maps that become one look-up, against Python's own translation."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pcpu import interp, targets
from pcpu.compiler import compile_program
from pcpu.isa import Isa, read_isa
from pcpu.isa.model import Immediate
from pcpu.source import parse_pipeline
from tests.engines import run_pieces
from tests.kernels.machine import HOST, byte_map
from tests.kernels.test_table import few_rows, taking

ISA = read_isa()
WASM = targets.find("wasm")
SIMPLE = {
    "xor": lambda byte, k: byte ^ k,
    "add": lambda byte, k: byte + k & 255,
    "and": lambda byte, k: byte & k,
}


def hexed(*tables: bytes) -> str:
    return " | ".join(f"lut 0x{table.hex()}" for table in tables)


def code_of(text: str, target: targets.Target) -> str:
    return compile_program(parse_pipeline(text, ISA), ISA, target, "opt-ir").code.decode()


def anything(dice: random.Random, count: int) -> tuple[list[str], bytes]:
    """Maps of all kinds, some of them folds, and what they make of each byte."""
    parts, values = [], bytes(range(256))
    for number in range(count):
        kind = dice.choice(["table", "few rows", *SIMPLE, "counteq"])
        k = dice.randrange(256)
        if kind in SIMPLE:
            parts.append(f"{kind} {k}")
            values = bytes(SIMPLE[kind](byte, k) for byte in values)
        elif kind == "counteq":
            parts.append(f"n{number} = counteq {k}")
        else:
            table = few_rows(dice, dice.randrange(6)) if kind == "few rows" else dice.randbytes(256)
            parts.append(hexed(table))
            values = values.translate(table)
    return parts, values


@pytest.mark.parametrize("target", [WASM, HOST], ids=["wasm", "host"])
def test_several_tables_are_one(target: targets.Target) -> None:
    dice = random.Random(1)
    tables = [dice.randbytes(256) for _ in range(5)]
    one = bytes(range(256))
    for table in tables:
        one = one.translate(table)
    assert code_of(hexed(*tables), target) == code_of(hexed(one), target)
    shifted = bytes((one[byte ^ 9] + 7) & 255 for byte in range(256))
    assert code_of(f"xor 9 | {hexed(one)} | add 7", target) == code_of(hexed(shifted), target)


def test_tables_of_few_rows_stay_where_one_would_need_many() -> None:
    rows = bytearray(range(256))
    for row in range(0, 8, 2):
        rows[16 * row : 16 * row + 16] = bytes(16)
    others = bytearray(range(256))
    for row in range(1, 8, 2):
        others[16 * row : 16 * row + 16] = bytes(range(16))
    both = bytes(rows).translate(bytes(others))
    two, one = hexed(bytes(rows), bytes(others)), hexed(both)
    assert code_of(two, WASM) != code_of(one, WASM)
    assert code_of(two, HOST) == code_of(one, HOST)


SHORT = taking(
    byte_map("short", "key[byte >> 1] ^ k"), Immediate("key", 0, (1, 64)), Immediate("k", 8)
)


@pytest.mark.parametrize("target", [WASM, HOST], ids=["wasm", "host"])
@pytest.mark.parametrize("length", [1, 7, 16, 64])
def test_short_tables_are_tables(target: targets.Target, length: int) -> None:
    key = random.Random(length).randbytes(length)
    isa = Isa((*ISA.operations, SHORT))
    program = parse_pipeline(f"short 0x{key.hex()} 9", isa)
    values = bytes(key[(byte >> 1) % length] ^ 9 for byte in range(256))
    code = compile_program(program, isa, target, "opt-ir").code.decode()
    assert code == code_of(hexed(values), target)
    assert interp.run(program, bytes(range(256)))[0] == values


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("engine", ["jit", "wasmtime"])
def test_what_chains_make(engine: str, seed: int) -> None:
    dice = random.Random(seed)
    parts, values = anything(dice, dice.randrange(2, 7))
    program = parse_pipeline(" | ".join(parts), ISA)
    for length in (0, 1, 15, 16, 17, 600, 5000, 70_001):
        data = dice.randbytes(length)
        sizes: Sequence[int] = (length // 3, 1, length // 5)
        got = run_pieces(engine, program, ISA, data, sizes)
        assert got == run_pieces("interp", program, ISA, data), length
        assert got[0] == data.translate(values), length

"""Limits (S22), and texts and programs that are made to do harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu import ir
from pcpu.errors import ProgramError, ProgramErrors
from pcpu.expr import Binary, Const, Expr, Index, Var
from pcpu.ir import (
    Buffer,
    Each,
    If,
    Instruction,
    Let,
    Move,
    Output,
    Parameter,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
)
from pcpu.ir.text import pasm_text
from pcpu.isa import Immediate, Op
from pcpu.source import parse_pasm
from tests.pasm.running import ISA, codes, mistakes, parse


def operation(name: str) -> Op:
    found = ISA.find(name)
    assert found is not None
    return found


XOR, CRC = operation("xor"), operation("crc32c")


def fault_codes(program: Program) -> list[str]:
    faults, _ = ir.check(program)
    return [fault.code for fault in faults]


# S22


def nested(depth: int) -> str:
    return "if data.len\n" * depth + "x = 1\n" + "end\n" * depth


@pytest.mark.parametrize(
    ("within", "beyond", "code"),
    [
        (nested(16), nested(17), "too-long"),
        ("".join(f".param p{n} imm8\n" for n in range(64)), ".param p imm8\n", "too-long"),
        ("".join(f".in b{n}\n" for n in range(64)), ".in b\n", "too-long"),
        ("".join(f".table t{n} = 0x00\n" for n in range(1024)), ".table t = 0x00\n", "too-long"),
        (".table t = 0x" + "00" * 65536 + "\n", ".table u = 0x" + "00" * 65537 + "\n", "immediate-range"),
        (".out o, 1 << 32\n", ".out p, 1 << 33\n", "too-much-work"),
    ],
)  # fmt: skip
def test_S22_sizes(within: str, beyond: str, code: str) -> None:
    assert parse(f"{within}last = 1\n" if within.startswith(".") else within)
    text = within + beyond if within.startswith(".") else beyond
    assert code in codes(f"{text}last = 1\n")


def test_S22_statements() -> None:
    assert len(parse("x = 1\n" * 65536).body) == 65536
    assert mistakes("x = 1\n" * 65537) == [("too-long", 65537, 1)]
    many = (Let("x", 1),) * 65537
    assert fault_codes(Program(many)) == ["too-long"]
    halves = (If(1, many[:32768], many[:32768]),)
    assert fault_codes(Program(halves)) == ["too-long"]


def test_S22_results() -> None:
    lines = "".join(f"r{n} = {n}\n" for n in range(257))
    assert mistakes(lines) == [("too-long", 1, 1)]
    assert len(parse(f".return {', '.join(f'r{n}' for n in range(256))}\n{lines}").results) == 256
    assert parse(lines.replace("r256", "r0")).results[0].name == "r0"


def test_S22_numbers_of_results_that_are_several() -> None:
    lines = "".join(f"h{n} = hist data\n" for n in range(4097))
    assert "too-long" in codes(f".return\n{lines}")
    assert parse(f".return\n{lines.replace('h4096 = hist data', '')}")


def test_S22_literals() -> None:
    piece = bytes(65536)
    moves = tuple(Move("lit", Span("data", 0, 65536), (), piece) for _ in range(256))
    assert fault_codes(Program(moves)) == []
    assert fault_codes(Program((*moves, Move("lit", Span("data", 0, 1), (), b"x")))) == ["too-long"]
    operations = tuple(Instruction(operation("mask"), (bytes(64),)) for _ in range(64))
    assert fault_codes(Program((*moves, *operations))) == ["too-long"]


def test_S22_columns() -> None:
    each = Each("w", Span("data"), 4, (Let("x", 1),), Output("t", ("x",) * 257))
    assert fault_codes(Program((each,))) == ["syntax"]


# Expressions of programs that were not read from a text


def chain(depth: int) -> Expr:
    found: Expr = Var("x")
    for _ in range(depth - 1):
        found = Binary("+", found, Const(1))
    return found


def doubled(times: int) -> Expr:
    """As many nodes as 2 to the ``times``, of ``times`` objects."""
    found: Expr = Var("x")
    for _ in range(times):
        found = Binary("+", found, found)
    return found


def wide(nodes: int) -> Expr:
    level: list[Expr] = [Const(1)] * ((nodes + 1) // 2)
    while len(level) > 1:
        pairs = [Binary("+", a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = [*pairs, *level[2 * len(pairs) :]]
    return level[0]


BAD_SCALARS: list[Scalar] = [
    -1,
    2**64,
    Const(-1),
    Const(2**64),
    chain(65),
    doubled(60),
    doubled(11),
    wide(1025),
    Binary("/", Const(1), Const(2)),
    Binary("%", Const(1), Const(0)),
    Binary("%", Const(1), Var("x")),
    Var("x y"),
    Var(""),
    Var("x.len.len"),
    Var("__import__('os')"),
    Index("x, y", Const(0)),
    Index("t", Binary("%", Const(1), Const(0))),
]


@pytest.mark.parametrize("scalar", BAD_SCALARS, ids=range(len(BAD_SCALARS)))
def test_E6_S3_expressions_are_checked_first(scalar: Scalar) -> None:
    x, data = Let("x", 1), Buffer("data", "inout")
    statements: list[Statement] = [
        Let("y", scalar),
        If(scalar, (x,)),
        Repeat(scalar, (x,)),
        Each("w", Span("data"), scalar, (x,)),
        Each("w", Span("data", scalar), 1, (x,)),
        Instruction(XOR, (scalar,)),
        Instruction(CRC, (), "c", Span("data", 0, scalar)),
        Move("fill", Span("data"), (), scalar),
        Move("copy", Span("data"), (Span("data", scalar),)),
        If(1, (), (Repeat(2, (Let("y", scalar),)),)),
    ]
    for statement in statements:
        codes = fault_codes(Program((x, statement), buffers=(data,)))
        assert codes in (["syntax"], ["immediate-range"])
    output = Buffer("out", "out", scalar)
    assert fault_codes(Program((x,), buffers=(output,))) in (["syntax"], ["immediate-range"])


def test_E6_S3_the_largest_expressions() -> None:
    x = Let("x", 1)
    for found in (chain(64), wide(1023), doubled(9)):
        program = Program((x, Let("y", found)), buffers=())
        assert fault_codes(program) == []
        assert parse_pasm(pasm_text(program), ISA) == program


@pytest.mark.parametrize("name", ["", "A", "a b", "1a", "a.b", "x" * 33, "if", "a; import os", "é"])
def test_names_are_checked(name: str) -> None:
    body: tuple[Statement, ...] = (Let("x", 1),)
    each = Each("w", Span("data"), 4, body, Output("t", ("x",)))
    for program in (
        Program((Let(name, 1),)),
        Program((Instruction(CRC, (), name),)),
        Program((Repeat(2, body, name),)),
        Program((replace(each, name=name),)),
        Program((replace(each, output=Output(name, ("x",))),)),
        Program(body, (Parameter(Immediate(name, 8)),)),
        Program(body, constants=((name, 1),)),
        Program(body, tables=((name, b"x"),)),
        Program(body, buffers=(Buffer(name, "in"),)),
    ):
        assert fault_codes(program) == ["syntax"]


def test_blocks_within_blocks_without_end() -> None:
    body: tuple[Statement, ...] = (Let("x", 1),)
    for _ in range(5000):
        body = (If(1, body),)
    assert fault_codes(Program(body)) == ["too-long"]
    assert "too-long" in codes("if 1\n" * 5000 + "end\n" * 5000)


@pytest.mark.parametrize("bits", [0, 65, -1])
def test_widths_of_parameters_are_checked(bits: int) -> None:
    program = Program((Let("x", 1),), (Parameter(Immediate("p", bits)),))
    assert fault_codes(program) == ["wrong-kind"]


# Texts

MIB = 1 << 20


def slow(text: Callable[[], str]) -> object:
    """One that takes ten seconds as some that are always tried do."""
    return pytest.param(text, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "text",
    [
        lambda: "\0" * (4 * MIB),
        lambda: "x" * (4 * MIB),
        lambda: "\n" * (4 * MIB),
        lambda: ";\n" * (2 * MIB),
        lambda: "(" * 200_000,
        lambda: "x = " + "(" * 200_000,
        lambda: "x = " + "~" * 200_000 + "1",
        lambda: "x = " + "1 ? 1 : " * 30_000 + "1",
        lambda: "x = " + "t[" * 100_000,
        lambda: "x = " + "1+" * 130_000 + "1",
        lambda: "x = " + "9" * 262_000,
        lambda: "x = 0x" + "f" * 262_000,
        lambda: "lit data, 0x" + "f" * 262_000,
        lambda: 'lit data, "' + "\\" * 262_000,
        lambda: 'lit data, "' + '\\u0041' * 40_000 + '"',
        lambda: "crc32c data" + ", 1" * 80_000,
        lambda: ".return " + ", ".join(f"r{n}" for n in range(30_000)) + "\nx = 1",
        lambda: "each window w of 4 in data into t(" + "x, " * 80_000 + "x)\nend",
        lambda: "".join(f".const c{n} = {n} + c{n - 1 if n else 'x'}\n" for n in range(60_000)),
        lambda: ".const c0 = 0\n" + "".join(f".const c{n} = c{n - 1} + 1\n" for n in range(1, 60_000)),
        slow(lambda: ".return\n" + "".join(f"sum_{n} = 0\n" for n in range(32_000)) + "sum data\n" * 32_000),
        slow(lambda: ".return\n" + "".join(f"x{n} = y{n}\n" for n in range(60_000))),
        lambda: ".return\n" + "".join(f"x{n} = x{n - 1 if n else 0} + 1\n" for n in range(60_000)),
        lambda: "zork data\n" * 400_000,
        lambda: "if data.len\n" * 100_000,
        lambda: "end\n" * 100_000,
        lambda: "repeat 2\nend\n" * 60_000,
        slow(lambda: "each window w of 4 in data\nend\n" * 60_000),
        lambda: "\ud800 = 1\nx = \U0010ffff\n",
        lambda: "x = 1" + "\u2028" * 1000 + "\r" * 1000,
        lambda: '"' * 100_000,
        lambda: ("; " + '"' * 1000 + "\n") * 1000,
    ],
)  # fmt: skip
def test_S1_hostile_texts_are_refused_in_time(text: Callable[[], str]) -> None:
    hostile = text()
    start = time.process_time()
    try:
        parse_pasm(hostile, ISA)
    except ProgramErrors as error:
        assert 1 <= len(error.errors) <= 20
        assert all(len(line) < 1000 for line in str(error).split("\n"))
    assert time.process_time() - start < 20


TOKENS = st.sampled_from(
    ["data", "w", "x", "0", "7", "0x5a", "1-4", "imm8", "bytes2", "[", "]", "(", ")", ":", "?", ",", ";", "=", "==", "+", "-", "~", "<<", "%", ".", ".len", ".in", ".out", ".param", ".table", ".const", ".spans", ".return", "if", "else", "end", "repeat", "each", "window", "span", "of", "in", "as", "into", "fuse", "crc32c", "xor", "copy", "lit", "fill", '"ab"', '"', "\\", "$", "\n"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=40).map(" ".join) | st.text(max_size=60))
@settings(max_examples=400, deadline=None)
def test_S1_any_text_is_a_program_or_an_error(text: str) -> None:
    try:
        program = parse_pasm(text, ISA)
    except ProgramErrors as error:
        assert all(e.place is not None for e in error.errors)
        assert "^" in str(error)
        return
    assert parse_pasm(pasm_text(program), ISA) == program


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_S16_lines_that_are_damaged(data: st.DataObject) -> None:
    """Programs with a few characters more or fewer."""
    lines = (
        ".param key bytes1-64 = 0x00", ".const n = 3", '.table t = "a;b"', ".in src", ".out o, src.len",
        "crc = crc32c src[n:]", "each window w of 4 in src into rows(c)", "c = crc32 w", "end", "if crc == n",
        "copy o[0:2], src[n:2]", "else", "fuse", "xor o, 1", "mask o, key", "end", "end", "repeat n as i", "end",
    )  # fmt: skip
    text = "\n".join(lines)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        piece = data.draw(st.sampled_from(["", "\n", " ", ",", '"', "0", "end", "x", "[", "é"]))
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 3)) :]
    try:
        parse_pasm(text, ISA)
    except ProgramError as error:
        assert str(error)

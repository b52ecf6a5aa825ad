"""Random programs for the optimizer: few registers, offsets and values, so that spans touch and meet,
registers are set again, and checks fail now and then. ``tests/pasm`` has programs of every shape."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var
from pcpu.ir import (
    MOVES,
    Buffer,
    Each,
    Fuse,
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
    check,
)
from pcpu.ir.text import pasm_text
from pcpu.isa import Immediate
from pcpu.library import load_isa
from pcpu.source.pasm import parse_pasm

ISA = load_isa()
PARAMETERS = (Parameter(Immediate("k", 8), 3), Parameter(Immediate("m", 3), 2),
              Parameter(Immediate("key", 0, (1, 4)), b"ab"))  # fmt: skip
CONSTANTS = (("four", 4), ("one", 1), ("none", 0))
TABLES = (("magic", b"\x00\x01GET \x07\xff"),)
SIZES: tuple[Scalar, ...] = (16, Var("src.len"), Binary("+", Var("data.len"), Const(4)))
OPERATIONS = ("xor", "xor", "add", "add", "mask", "counteq", "crc32c", "find", "max", "hist")
REGISTERS = ("x", "y")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Case:
    """A program, what it is run on and the values of its parameters."""

    program: Program
    inputs: dict[str, bytes]
    arguments: dict[str, int | bytes]

    def __str__(self) -> str:
        return f"{self.inputs} {self.arguments}\n{pasm_text(self.program)}"


def make_case(seed: int) -> Case:
    """One that the verifier takes; of equal seeds the same one."""
    writer = _Writer(random.Random(seed))
    while True:
        program = writer.program()
        if program is not None:
            break
    chance = writer.chance
    lengths = [chance.choice([16, 16, 16, 24, 12, 5, 0]) for _ in range(2)]
    pairs = [(chance.randrange(9), chance.randrange(9)) for _ in range(chance.randrange(3))]
    listed = b"".join(n.to_bytes(8, "little") for pair in pairs for n in pair)
    inputs = {"data": chance.randbytes(lengths[0]), "src": chance.randbytes(lengths[1])}
    inputs["list"] = listed + b"x" * (chance.random() < 0.1)
    arguments: dict[str, int | bytes] = {
        "k": chance.choice([0, 1, 4, 200]),
        "m": chance.randrange(8),
        "key": chance.randbytes(chance.randint(1, 4)),
    }
    return Case(program, inputs, arguments)


class _Writer:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def one(self, of: Sequence[Any]) -> Any:
        return self.chance.choice(of)

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def program(self) -> Program | None:
        self.results = 0
        self.arrays = ["magic", "key"]
        self.names = ["k", "m", "four", "one", "none", "data.len", "src.len", "magic.len"]
        self.buffers = self.one(
            [["data"], ["data", "out"], ["data", "data", "out", "out", "src", "magic"]]
        )
        kinds = ["op", "op", "op", "move", "let", "fuse", "if", "repeat", "window", "list"]
        self.kinds = ["op", "op", *self.chance.sample(kinds, self.chance.randint(1, 4))]
        self.wild = self.one(
            [0.0, 0.0, 0.1, 0.3]
        )  # how often an offset, a length, a byte is anything
        self.near = self.one([0.2, 0.4, 0.6])  # how often a statement follows from one before it
        size = self.one(SIZES) if self.wild else 16
        buffers = (Buffer("data", "inout"), Buffer("src", "in"), Buffer("out", "out", size),
                   Buffer("list", "spans"))  # fmt: skip
        body = self.body(3, self.chance.randint(2, 9))
        if self.often(0.5):
            body = (
                Let("x", self.one([0, 4, 8, Var("m"), Var("k")])),
                Let("y", self.scalar()),
                *body,
            )
        if self.often(0.6):
            test = Binary(">=", Var("data.len"), Const(self.one([4, 12, 16, 16])))
            body = (If(test, body, self.body(2, 2)), *self.body(2, 1))
        program = _valid(Program(body, PARAMETERS, CONSTANTS, TABLES, buffers))
        if program is None or not program.body:
            return None
        names = program.usual_returns
        if names and self.often(0.5):
            few = tuple(self.chance.sample(names, self.chance.randint(1, min(2, len(names)))))
            program = replace(program, returns=few)
        return parse_pasm(pasm_text(program), ISA)  # with the numbers of lines

    def body(self, depth: int, count: int) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for _ in range(count):
            # The same on other bytes, or something else on the same bytes: what passes look for.
            if found and self.often(self.near):
                found.append(self.neighbour(self.one(found)))
            else:
                found.append(self.statement(depth))
        return tuple(found)

    def neighbour(self, s: Statement) -> Statement:
        if isinstance(s, Instruction) and (s.name is not None or self.often(0.4)):
            return self.operation(s.span)
        step = self.one([4, 4, 4, -4, 8, 0, 1])

        def moved(span: Span) -> Span:
            if isinstance(span.offset, int):
                return replace(span, offset=max(0, span.offset + step))
            own = span.length if isinstance(span.length, int) else step
            return replace(span, offset=Binary("+", span.offset, Const(abs(own))))

        if isinstance(s, Instruction):
            return replace(s, span=moved(s.span))
        if isinstance(s, Move):
            return replace(s, target=moved(s.target), sources=tuple(map(moved, s.sources)))
        return self.statement(0)

    def statement(self, depth: int) -> Statement:
        kind = self.one(self.kinds)
        if depth == 0 and kind in ("if", "repeat", "window", "list"):
            kind = "op"
        match kind:
            case "op":
                return self.operation(self.span())
            case "fuse":
                span = self.span()
                return Fuse(tuple(self.operation(span) for _ in range(self.chance.randint(1, 3))))
            case "move":
                return self.move()
            case "let":
                name, value = self.one(REGISTERS), self.scalar()
                self.names.append(name)
                return Let(name, value)
            case "if":
                test = self.test()
                return If(
                    test,
                    self.body(depth - 1, self.chance.randrange(4)),
                    self.body(depth - 1, self.chance.randrange(3)),
                )
            case "repeat":
                return self.repeat(depth, f"r{depth}")
            case _:
                return self.each(depth, f"w{depth}", is_list=kind == "list")

    def repeat(self, depth: int, name: str) -> Repeat:
        clamped = Cond(Binary("<", Var("x"), Const(3)), Var("x"), Const(3))
        count = self.one([0, 1, 1, 2, 3, Var("m"), Var("none"), Var("one"), clamped])
        self.names.append(name)
        body = self.body(depth - 1, self.chance.randrange(4))
        self.names.remove(name)
        return Repeat(count, body, self.one([name, name, None]))

    def each(self, depth: int, name: str, *, is_list: bool) -> Each:
        over = self.span()
        attributes = [f"{name}.len", f"{name}.start", f"{name}.index"]
        self.names += attributes
        self.buffers = [*self.buffers, name, name, name]
        body = self.body(depth - 1, self.chance.randrange(4))
        self.buffers = self.buffers[:-3]
        for attribute in attributes:
            self.names.remove(attribute)
        size: Scalar | str = "list" if is_list else self.one([4, 4, 8, 1, Var("m"), Var("four")])
        output = Output(f"t{self.results}{depth}", ("x",)) if self.often(0.2) else None
        return Each(name, over, size, body, output)

    def operation(self, span: Span) -> Instruction:
        op = ISA.find(self.one(OPERATIONS))
        assert op is not None
        literal = self.one([b"ab", Var("key"), Var("magic")])
        operands = tuple(literal if imm.sizes else self.byte() for imm in op.immediates)
        name = None
        if op.has_result:
            self.results += 1
            name = f"c{self.results}"
            (self.names if op.result_count == 1 else self.arrays).append(name)
        return Instruction(op, operands, name, span)

    def byte(self) -> Scalar:
        any_scalar: Scalar = self.one([self.scalar(), Binary("+", Var("x"), Const(250))])
        byte: Scalar = self.one(
            [1, 3, 7, Var("k"), Var("one"), Var("x"), *map(Var, self.names[8:])]
        )
        return any_scalar if self.often(self.wild) else byte

    def move(self) -> Move:
        kind = self.one(
            ["copy", "copy", "copyxor", "copyadd", "adddiff", "fill", "fill", "lit", "lit"]
        )
        target = self.span()
        sources = [self.span() for _ in range(MOVES[kind].sources)]
        if not self.often(self.wild):
            sources = [replace(source, length=target.length) for source in sources]
        value: Scalar | bytes | None = self.byte() if MOVES[kind].value == "byte" else None
        if kind == "lit":
            value, length = self.one(
                [
                    (b"abcd", 4),
                    (b"efgh", 4),
                    (b"i", 1),
                    (Var("key"), Var("key.len")),
                    (Var("magic"), 8),
                ]
            )
            target = replace(target, length=length)
        return Move(kind, target, tuple(sources), value)

    def span(self) -> Span:
        buffer = self.one(self.buffers)
        own = Var(f"{buffer}.len")
        if self.often(0.15):
            return Span(buffer)
        offset: Scalar = self.one([0, 0, 4, 4, 8])
        length: Scalar | None = self.one([4, 4, 4, 8, None])
        if self.often(self.wild * 1.5):
            offset = self.one([
                Var("x"), Var("m"), Var("four"), Binary("-", own, Const(4)), Binary("+", Var("x"), Const(4)),
                Binary("&", Var("x"), Const(7)), Binary(">>", Var("k"), Const(6)), Binary("-", own, Var("x")),
            ])  # fmt: skip
        if self.often(self.wild):
            clamped = Cond(Binary("<", Var("y"), own), Var("y"), own)
            length = self.one([0, 0, 12, own, clamped, Var("m"), Var("x"), Binary("-", own, Const(4)),
                               Binary("-", own, offset if not isinstance(offset, int) else Const(offset))])  # fmt: skip
        return Span(buffer, offset, length)

    def test(self) -> Scalar:
        if self.often(0.5):
            few = Binary("<", Var("x"), Const(4))
            scalar: Scalar = self.one([0, 1, Var("none"), Var("one"), Var("x"), Var("k"), few])
            return scalar
        length = Var(f"{self.one(self.buffers)}.len")
        sides: list[Expr] = [length, self.one([Const(4), Const(8), Const(16), Var("x"), Var("m")])]
        self.chance.shuffle(sides)
        test = Binary(self.one(COMPARISONS), *sides)
        if self.often(0.7):
            return test
        return Binary(self.one("&|"), test, Binary("<", Var("k"), Const(99)))

    def scalar(self) -> Scalar:
        small: int = self.one([0, 1, 4, 4, 8, 300])
        if self.often(0.4):
            return small
        left, right = (Var(self.one(self.names)) for _ in range(2))
        match self.one(["name", "name", "name", "table", "cond", "+", "+", "-", "*", "&", "<"]):
            case "name":
                return left
            case "table":
                return Index(self.one(self.arrays), left)
            case "cond":
                return Cond(left, right, Const(small))
            case "<":
                return Binary(self.one(COMPARISONS), left, right)
            case op:
                return Binary(op, left, Const(small))


def _valid(program: Program) -> Program | None:
    """The program without the statements that the verifier refuses."""
    for _ in range(30):
        faults, _ = check(program)
        if not faults:
            return program
        wrong = [f.path for f in faults if f.path[0] == "body" and len(f.path) > 1]
        if not wrong:
            return None
        program = replace(program, body=_without(program.body, wrong[0][1:]))
    return None


def _without(body: tuple[Statement, ...], path: tuple[str | int, ...]) -> tuple[Statement, ...]:
    """``body`` without the innermost statement that ``path`` leads into."""
    index, *rest = path
    assert isinstance(index, int)
    s = body[index]
    inner: Statement | None = None
    if len(rest) > 1 and isinstance(rest[1], int) and rest[0] in ("body", "then", "else"):
        inside = tuple(rest[1:])
        if isinstance(s, If) and rest[0] == "then":
            inner = replace(s, then=_without(s.then, inside))
        elif isinstance(s, If):
            inner = replace(s, other=_without(s.other, inside))
        elif isinstance(s, Repeat | Each):
            inner = replace(s, body=_without(s.body, inside))
    return (*body[:index], *(() if inner is None else (inner,)), *body[index + 1 :])

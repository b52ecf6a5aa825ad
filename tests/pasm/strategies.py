"""Random programs that the verifier lets pass, with inputs that fit them.

``cases(isa)`` draws a Case. Most of them run to their end; some trap, as real programs do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from pcpu.expr import Binary, Cond, Const, Var
from pcpu.ir import (
    MOVES,
    Buffer,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
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
from pcpu.isa import Immediate, Isa, Op
from tests.pasm.drawing import NUMBERS, Draw, Drawing, Names


@dataclass(frozen=True)
class Case:
    """A verified program, what its buffers but the outputs hold, and all of its parameters."""

    program: Program
    inputs: dict[str, bytes]
    arguments: dict[str, int | bytes]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"{pasm_text(self.program)}{self.inputs}\n{self.arguments}")


class _Author(Drawing):
    """Writes one program by drawing what comes next."""

    # Declarations

    def program(self) -> Case:
        names = Names()
        parameters, arguments = self.parameters(names)
        constants = tuple(
            (self.fresh("k"), self.draw(NUMBERS)) for _ in range(self.draw(st.integers(0, 2)))
        )
        names.numbers += [name for name, _ in constants]
        tables = tuple(
            (self.fresh("t"), self.draw(st.binary(min_size=3, max_size=20)))
            for _ in range(self.draw(st.integers(0, 2)))
        )
        for name, content in tables:
            names.arrays.append(name)
            names.literals[name] = (len(content), len(content))
            names.readable.append(name)
            names.sized.add(name)
        buffers = self.buffers(names)
        inputs = self.inputs(buffers)
        body = self.block(names, 0) or (Let(self.fresh("r"), 1),)
        program = Program(body, parameters, constants, tables, buffers, None)
        if program.registers and self.chance(30):
            chosen = self.draw(st.lists(st.sampled_from(sorted(program.registers)), unique=True))
            if tuple(chosen) != program.usual_returns:
                program = Program(body, parameters, constants, tables, buffers, tuple(chosen))
        return Case(program, inputs, arguments)

    def parameters(self, names: Names) -> tuple[tuple[Parameter, ...], dict[str, int | bytes]]:
        parameters, arguments = [], {}
        for _ in range(self.draw(st.integers(0, 3))):
            name = self.fresh("p")
            if self.chance(60):
                bits = self.draw(st.integers(1, 64))
                kind, values = Immediate(name, bits), st.integers(0, (1 << bits) - 1)
                names.numbers.append(name)
            else:
                least = self.draw(st.integers(1, 6))
                sizes = (least, least + self.draw(st.integers(0, 4)))
                kind = Immediate(name, 0, sizes)
                values = st.binary(min_size=sizes[0], max_size=sizes[1])  # type: ignore[assignment]
                names.arrays.append(name)
                names.literals[name] = sizes
                names.numbers.append(f"{name}.len")
            parameters.append(Parameter(kind, self.draw(st.none() | values)))
            arguments[name] = self.draw(values)
        return tuple(parameters), arguments

    def buffers(self, names: Names) -> tuple[Buffer, ...]:
        found: list[Buffer] = []
        for role in self.draw(st.lists(st.sampled_from(["inout", "in", "out", "spans"]), min_size=1, max_size=4)):  # fmt: skip
            name = self.fresh("b")
            size = None
            if role == "out":
                lengths = [f"{b.name}.len" for b in found if b.role in ("in", "inout")]
                size = self.draw(st.integers(24, 40))
                if lengths and self.chance(70):
                    size = Binary("+", Var(self.one(lengths)), Const(size))
            found.append(Buffer(name, role, size))
            if role == "spans":
                names.lists.append(name)
                names.numbers.append(f"{name}.count")
                continue
            names.readable.append(name)
            names.numbers.append(f"{name}.len")
            if isinstance(size, int):
                names.sized.add(name)
            if role != "in":
                names.writable.append(name)
        return tuple(found)

    def inputs(self, buffers: tuple[Buffer, ...]) -> dict[str, bytes]:
        found = {
            b.name: self.draw(st.binary(max_size=70)) for b in buffers if b.role in ("in", "inout")
        }
        shortest = min(map(len, found.values()), default=0)
        for buffer in buffers:
            if buffer.role == "spans":
                found[buffer.name] = b"".join(
                    self.pair(shortest) for _ in range(self.draw(st.integers(0, 4)))
                )
        return found

    def pair(self, size: int) -> bytes:
        start = self.draw(st.integers(0, size))
        length = self.draw(st.integers(0, size - start))
        return int(start).to_bytes(8, "little") + int(length).to_bytes(8, "little")

    # Statements

    def block(self, names: Names, depth: int) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for _ in range(self.draw(st.integers(0 if depth else 1, 5))):
            if self.budget <= 0:
                break
            self.budget -= 1
            found += self.statement(names, depth)
        return tuple(found)

    def statement(self, names: Names, depth: int) -> list[Statement]:
        kinds = ["instruction", "instruction", "move", "move", "let", "fuse"]
        if depth < 3:
            kinds += ["if", "repeat", "window", "span"]
        statement: list[Statement] = getattr(self, f"{self.one(kinds)}_")(names, depth)
        return statement

    def let_(self, names: Names, depth: int) -> list[Statement]:
        value = self.scalar(names)
        if self.variables and self.chance(40):
            name = self.one(self.variables)
        else:
            name = self.fresh("r")
            self.variables.append(name)
        self.know(names, name)
        return [Let(name, value)]

    def know(self, names: Names, register: str) -> None:
        if register not in names.numbers:
            names.numbers.append(register)
        if register not in self.top:
            self.top.append(register)

    def instruction_(self, names: Names, depth: int) -> list[Statement]:
        ops = [op for op in self.isa.operations if names.writable or op.kind != "map"]
        op = self.one(ops)
        buffers = names.writable if op.kind == "map" else names.readable
        if not buffers:
            return self.let_(names, depth)
        span = self.span(names, self.one(buffers))
        return [self.instruction(op, span, names, [])]

    def instruction(self, op: Op, span: Span, names: Names, later: list[str]) -> Instruction:
        """Names of results go to ``later`` too where they must not be used at once."""
        operands = tuple(self.operand(imm, names) for imm in op.immediates)
        name = None
        if op.has_result:
            name = self.fresh("r")
            later.append(name)
            if op.result_count > 1:
                names.arrays.append(name)
            else:
                self.know(names, name)
        return Instruction(op, operands, name, span)

    def move_(self, names: Names, depth: int) -> list[Statement]:
        if not names.writable:
            return self.let_(names, depth)
        kind = self.one(MOVES)
        target = self.one(names.writable)
        root = names.roots.get(target, target)
        sources = [self.one(names.readable)] if MOVES[kind].sources else []
        if kind == "adddiff":
            others = [n for n in names.readable if names.roots.get(n, n) != root]
            if not others:
                return self.let_(names, depth)
            sources.append(self.one(others))
        value: Operand | None = None
        if MOVES[kind].value == "byte":
            value = self.operand(Immediate("byte", 8), names)
        if kind == "lit":
            fixed = [n for n, (a, b) in names.literals.items() if a == b]
            content = self.draw(st.binary(max_size=4))
            value = content
            size: Scalar = len(content)
            if fixed and self.chance(40):
                table = self.one(fixed)
                value, size = Var(table), names.literals[table][0]
            return [Move("lit", Span(target, self.draw(st.integers(0, 2)), size), (), value)]
        return self.sized_move(kind, [target, *sources], value, names)

    def sized_move(
        self, kind: Any, buffers: list[str], value: Operand | None, names: Names
    ) -> list[Statement]:
        """A block operation on as many bytes of each buffer as all of them have, or fewer."""
        if names.cheap is not None and not all(b in names.cheap for b in buffers):
            spans = [Span(b, 0, 1) for b in buffers]
            return [Move(kind, spans[0], tuple(spans[1:]), value)]
        size = self.fresh("r")
        self.variables.append(size)
        lets: list[Statement] = [Let(size, self.scalar(names, 1))]
        for buffer in buffers:
            length = Var(f"{buffer}.len")
            lets.append(Let(size, Cond(Binary("<", Var(size), length), Var(size), length)))
        self.know(names, size)
        spans = []
        for buffer in buffers:
            rest = Binary("-", Var(f"{buffer}.len"), Var(size))
            offset: Scalar = rest if self.chance(40) else 0
            spans.append(Span(buffer, offset, Var(size)))
        return [*lets, Move(kind, spans[0], tuple(spans[1:]), value)]

    def fuse_(self, names: Names, depth: int) -> list[Statement]:
        if not names.writable:
            return self.let_(names, depth)
        span = self.span(names, self.one(names.writable))
        before = names.inside()
        before.arrays = list(names.arrays)
        found: list[Instruction] = []
        registers: list[str] = []
        for _ in range(self.draw(st.integers(1, 4))):
            within = before.inside()
            within.arrays = list(before.arrays)
            found.append(self.instruction(self.one(self.isa.operations), span, within, registers))
            names.arrays += [n for n in within.arrays if n not in names.arrays]
        for instruction in found:
            if instruction.op.has_result and instruction.op.result_count == 1:
                self.know(names, str(instruction.name))
        return [Fuse(tuple(found))]

    def if_(self, names: Names, depth: int) -> list[Statement]:
        test = self.scalar(names)
        then = self.block(names, depth + 1)
        return [If(test, then, self.block(names, depth + 1) if self.chance(50) else ())]

    def repeat_(self, names: Names, depth: int) -> list[Statement]:
        lengths = [n for n in names.numbers if n.endswith(".len")]
        inner = names.inside()
        if depth == 0 and lengths and self.chance(30):
            count: Scalar = Var(self.one(lengths))
            inner.cheap = [] if names.cheap is None else names.cheap
        else:
            few = self.draw(st.integers(0, 4))
            count = few if self.chance(60) else Binary("&", self.expression(names, 1), Const(few))
        counter = self.fresh("i") if self.chance(60) else None
        if counter is not None:
            inner.numbers.append(counter)
        body = self.block(inner, depth + (1 if inner.cheap is None else 3))
        self.keep(names, inner)
        return [Repeat(count, body, counter)]

    def keep(self, names: Names, inner: Names) -> None:
        """Registers that a loop sets are known after it."""
        for name in inner.numbers:
            if name in self.top:
                self.know(names, name)

    def window_(self, names: Names, depth: int) -> list[Statement]:
        usable = names.readable if names.cheap is None else names.cheap
        if not usable:
            return self.let_(names, depth)
        size: Scalar = self.draw(st.integers(1, 30))
        return self.each(names, depth, self.span(names, self.one(usable)), size)

    def span_(self, names: Names, depth: int) -> list[Statement]:
        buffers = [n for n in names.readable if n not in names.literals and n not in names.roots]
        if not names.lists or not buffers or names.cheap is not None:
            return self.let_(names, depth)
        return self.each(names, depth, Span(self.one(buffers)), self.one(names.lists))

    def each(self, names: Names, depth: int, over: Span, size: Any) -> list[Statement]:
        window = self.fresh("w")
        inner = names.inside()
        inner.numbers += [f"{window}.{a}" for a in ("len", "start", "index")]
        inner.readable.append(window)
        inner.roots[window] = names.roots.get(over.buffer, over.buffer)
        if inner.roots[window] in names.writable:
            inner.writable.append(window)
        inner.cheap = [window]
        body = self.block(inner, depth + 1)
        self.keep(names, inner)
        output = None
        registers = [n for n in inner.numbers if n in self.top]
        if depth == 0 and registers and self.chance(60):
            columns = self.draw(st.lists(st.sampled_from(registers), min_size=1, max_size=3))
            output = Output(self.fresh("o"), tuple(columns))
        return [Each(window, over, size, body, output)]


@st.composite
def cases(draw: Draw, isa: Isa) -> Case:
    """Programs over the operations of ``isa``, with inputs and arguments."""
    case = _Author(draw, isa).program()
    faults, _ = check(case.program)
    # Loops within loops may come to too much; nothing else is wrong with what is drawn.
    assume(all(fault.code != "too-much-work" for fault in faults))
    return case

"""Random programs: what a builder is told is what comes out, and calls give what the interpreter gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings

import pcpu
from pcpu.errors import TrapError
from pcpu.expr import Var
from pcpu.interp.whole import run_whole
from pcpu.ir import (
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
)
from pcpu.library import load_isa
from pcpu.sdk.handles import Buffer, Bytes, Number, Slice, Spans, Table, Variable
from tests.pasm.strategies import Case, cases

ISA = load_isa()


class Replay:
    """Tells a builder to make a program that there is already."""

    def __init__(self, program: Program) -> None:
        self.b = b = pcpu.Builder(ISA)
        self.handles: dict[str, Any] = {}
        self.variables: dict[str, Variable] = {}
        for p in program.parameters:
            default: Any = p.default
            if p.kind.sizes is None:
                b.number_param(p.name, p.kind.bits, default)
            else:
                self.handles[p.name] = b.bytes_param(p.name, *p.kind.sizes, default)
        for name, value in program.constants:
            b.const(name, value)
        for name, content in program.tables:
            self.handles[name] = b.table(name, content)
        for buffer in program.buffers:
            if buffer.size is not None:
                self.handles[buffer.name] = b.out(buffer.name, self.number(buffer.size))
            else:
                declare = {"inout": b.inout, "in": b.in_, "spans": b.spans}[buffer.role]
                self.handles[buffer.name] = declare(buffer.name)
        self.body(program.body)
        if program.returns is not None:
            b.returns(*(Number(Var(name)) for name in program.returns))

    def number(self, scalar: Scalar) -> Number | int:
        return scalar if isinstance(scalar, int) else Number(scalar)

    def span(self, span: Span) -> Buffer | Table | Slice:
        whole: Buffer | Table = self.handles[span.buffer]
        offset = self.number(span.offset)
        if span.length is None:
            return whole if span.offset == 0 else whole[offset:]
        return whole[offset : offset + self.number(span.length)]

    def operand(self, operand: Operand, *, is_bytes: bool) -> Any:
        if isinstance(operand, bytes):
            return operand
        if is_bytes:
            assert isinstance(operand, Var)
            handle = self.handles[operand.name]
            assert isinstance(handle, Bytes | Table)
            return handle
        return self.number(operand)

    def body(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, s: Statement) -> None:
        b = self.b
        match s:
            case Instruction():
                operands = [
                    self.operand(operand, is_bytes=imm.sizes is not None)
                    for operand, imm in zip(s.immediates, s.op.immediates, strict=True)
                ]
                b.op(s.op.name, self.span(s.span), *operands, name=s.name)
            case Move():
                rest = [self.span(source) for source in s.sources]
                value = [] if s.value is None else [self.operand(s.value, is_bytes=s.kind == "lit")]
                getattr(b, s.kind)(self.span(s.target), *rest, *value)
            case Let():
                if s.name in self.variables:
                    self.variables[s.name].set(self.number(s.value))
                else:
                    self.variables[s.name] = b.let(s.name, self.number(s.value))
            case If():
                with b.if_(self.number(s.test)):
                    self.body(s.then)
                if s.other:
                    with b.else_():
                        self.body(s.other)
            case Repeat():
                assert s.counter is not None
                with b.repeat(self.number(s.count), name=s.counter):
                    self.body(s.body)
            case Each():
                self.each(s)
            case Fuse():
                with b.fuse():
                    self.body(s.body)

    def each(self, s: Each) -> None:
        into = None if s.output is None else s.output.name
        over = self.span(s.over)
        if isinstance(s.size, str):
            listed = self.handles[s.size]
            assert isinstance(listed, Spans)
            block = self.b.each_span(listed, over, into, s.name)
        else:
            block = self.b.each_window(over, self.number(s.size), into, s.name)
        with block as window:
            self.handles[s.name] = window
            self.body(s.body)
            if s.output is not None:
                window.row(*(Number(Var(name)) for name in s.output.columns))


@given(cases(ISA))
@settings(max_examples=80, deadline=None)
def test_a_builder_makes_any_program(case: Case) -> None:
    from pcpu.ir import walk

    if all(not isinstance(s, Repeat) or s.counter is not None for s in walk(case.program.body)):
        assert Replay(case.program).b.build() == case.program


@given(cases(ISA))
@settings(max_examples=25, deadline=None)
def test_a_call_gives_what_the_interpreter_gives(case: Case) -> None:
    program = pcpu.compile(case.program, ISA)
    given: dict[str, Any] = {**case.inputs, **case.arguments}
    try:
        wanted = run_whole(case.program, case.inputs, case.arguments)
    except TrapError as trap:
        try:
            program(**given)
        except TrapError as found:
            assert (found.code, found.numbers) == (trap.code, trap.numbers)
            return
        raise AssertionError(f"no trap: {trap}") from None
    outcome = program(**given)
    assert outcome.results == wanted.results
    assert {name: list(rows) for name, rows in outcome.tables.items()} == wanted.tables
    changed: dict[str, Any] = {**outcome.outputs} | (
        {} if outcome.data is None else {"data": outcome.data}
    )
    for name, content in wanted.buffers.items():
        assert bytes(changed.get(name, case.inputs.get(name, b""))) == content
    arrays: dict[str, Any] = {
        name: np.frombuffer(content, np.uint8).copy() for name, content in case.inputs.items()
    }
    again = program(**{**arrays, **case.arguments}, in_place=True)
    assert again.results == wanted.results
    for name, content in wanted.buffers.items():
        assert bytes(arrays.get(name, again.outputs.get(name, b""))) == content

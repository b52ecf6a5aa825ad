"""The statements of a whole program, one after the other, each behind its checks (S17)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from pcpu.expr import Var
from pcpu.ir import (
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Repeat,
    Span,
    Statement,
)
from pcpu.ir.traps import Part, status_of
from pcpu.layout import SLOT
from pcpu.lower import parts, probe, runs
from pcpu.lower.code import I8, I32, I64, Code, Value
from pcpu.lower.count import count
from pcpu.lower.frame import SPAN_BYTES, Frame, Names, Shape, Window
from pcpu.lower.stage import Bytes, Stage


@dataclass(frozen=True)
class Place:
    """A span in memory: its address, and in 64 bits where it begins in its buffer and its length.

    A span of a window begins somewhere in the buffer that the window is of.
    """

    base: Value
    offset: Value
    length: Value


def together(body: Sequence[Statement], shape: Shape) -> Iterator[list[Statement]]:
    """The statements in order, those together that are one code."""
    # A probe is told of each statement, so none may hide in a run.
    return ([s] for s in body) if shape.probes else runs.split(body)


class Emitter:
    """Writes statements where ``code`` stands. Numbers of statements are those of ``walk``."""

    def __init__(self, code: Code, frame: Frame) -> None:
        self.code, self.frame = code, frame
        self.names = Names(code, frame)
        self.depth = 0  # loops around the statement

    def block(self, body: Sequence[Statement], number: int) -> None:
        for statements in together(body, self.frame.shape):
            if len(statements) > 1:
                self.run(statements, number)
            else:
                with self.code.marked(number):
                    self.statement(statements[0], number)
            number += sum(map(count, statements))

    def statement(self, s: Statement, number: int) -> None:
        match s:
            case Instruction():
                self.operations([s], number)
            case Fuse():
                self.operations(s.body, number, first=number + 1)
            case Move():
                self.move(s, number)
            case Let():
                with self.probed(number):
                    value = self.names.scalar(s.value)
                    self.code.b.store(value, self.frame.register(s.name))
            case If():
                self.branch(s, number)
            case Repeat():
                self.repeat(s, number)
            case Each():
                self.each(s, number)

    # Checks

    def check(self, bad: Value, number: int, part: int, *numbers: Value) -> None:
        """End the program where ``bad`` is true, with the numbers that the message names."""
        self.end_if(bad, I32(status_of(number, part)), numbers)

    def end_if(self, bad: Value, status: Value, numbers: Sequence[Value]) -> None:
        with self.code.unlikely(bad):
            for index, value in enumerate(numbers):
                self.code.b.store(value, self.frame.slot(self.frame.out, index))
            self.code.b.ret(status)

    def place(self, span: Span, number: int, part: int) -> Place:
        """A span that has been checked."""
        code, whole = self.code, self.frame.length(span.buffer)
        offset = self.names.scalar(span.offset)
        beyond = code.b.icmp_unsigned(">", offset, whole)
        left = code.b.select(beyond, I64(0), code.b.sub(whole, offset))
        length = left if span.length is None else self.names.scalar(span.length)
        if span.offset != 0 or span.length is not None:
            bad = code.b.or_(beyond, code.b.icmp_unsigned(">", length, left))
            self.check(bad, number, part, offset, length, whole)
        base = code.byte_at(self.frame.base(span.buffer), code.to_size(offset))
        outer = self.frame.windows.get(span.buffer)
        return Place(base, offset if outer is None else code.b.add(outer.start, offset), length)

    @contextmanager
    def probed(self, number: int, place: Place | None = None) -> Iterator[None]:
        """The code of a statement behind its checks, with what tells the caller of it."""
        if not self.frame.shape.probes:
            yield
            return
        spot = [I64(0)] * 3
        if place is not None:
            spot = [self.code.b.ptrtoint(place.base, I64), place.offset, place.length]
        started = probe.before(self.code, self.frame, number, spot)
        yield
        probe.after(self.code, self.frame, number, spot, started)

    # Operations

    def operations(
        self, instructions: Sequence[Instruction], number: int, first: int | None = None
    ) -> None:
        """Operations on one span, in as few passes over it as they allow."""
        code, first = self.code, number if first is None else first
        places = [self.place(i.span, first + k, Part.TARGET) for k, i in enumerate(instructions)]
        place = places[0]  # they are all the same
        operands = [
            tuple(
                self.operand(i, k, operand, first + index) for k, operand in enumerate(i.immediates)
            )
            for index, i in enumerate(instructions)
        ]
        with self.probed(number, place):
            stages = [
                self.stage(i, given, place) for i, given in zip(instructions, operands, strict=True)
            ]
            parts.run(code, stages, place.base, code.to_size(place.length))
            for instruction, stage in zip(instructions, stages, strict=True):
                self.finish(instruction, stage)

    def operand(self, s: Instruction, index: int, operand: Operand, number: int) -> Any:
        imm = s.op.immediates[index]
        if imm.sizes is not None:
            return self.bytes_(operand)
        assert not isinstance(operand, bytes)
        kind = parts.abi_type(imm.bits)
        if isinstance(operand, int):
            return kind(operand)
        value = self.names.scalar(operand)
        if imm.bits < 64:
            limit = I64((1 << imm.bits) - 1)
            bad = self.code.b.icmp_unsigned(">", value, limit)
            self.check(bad, number, Part.OPERAND + index, value, limit)
        return self.code.resize(value, kind.width)

    def stage(self, s: Instruction, operands: tuple[Any, ...], place: Place) -> Stage:
        """An operation whose state is new, and whose index counts from the span's beginning."""
        code, op = self.code, s.op
        origin = parts.origin(code, I64(0), place.base) if op.uses_index else None
        if s.name is None:
            return Stage(op, operands, None, origin)
        if op.is_array:
            slots = self.frame.array(s.name)
            parts.start(code, op, operands, slots)
            return Stage(op, operands, slots, origin)
        value = parts.initial(code, op, operands)
        return Stage(op, operands, code.local(value.type, value), origin)

    def finish(self, s: Instruction, stage: Stage) -> None:
        """Turn the last state of an operation into its result."""
        code, op, operands = self.code, s.op, stage.immediates
        if s.name is None:
            return
        if op.is_array:
            parts.finish(code, op, operands, stage.state, stage.state)
            return
        state = code.load(ir.IntType(op.state_bits), stage.state)
        value = parts.result(code, op, operands, state)
        code.b.store(code.resize(value, 64), self.frame.register(s.name))

    def bytes_(self, operand: Operand) -> Bytes:
        """Bytes that an operation takes: written in the program, a table, or a parameter."""
        if isinstance(operand, Var):
            content = self.frame.shape.tables.get(operand.name)
            length = self.names.bytes_length(operand.name)
            base = self.names.bytes_base(operand.name)
            return Bytes(base, self.code.to_size(length), content)
        assert isinstance(operand, bytes)
        length = self.code.size(len(operand))
        return Bytes(self.code.array(operand), length, operand)

    # Block operations

    def move(self, s: Move, number: int) -> None:
        code = self.code
        target = self.place(s.target, number, Part.TARGET)
        sources = [self.place(x, number, Part.SOURCE + k) for k, x in enumerate(s.sources)]
        for index, source in enumerate(sources):
            self.same_length(target, source.length, number, Part.SOURCE_LENGTH + index)
        size = code.to_size(target.length)
        if s.kind == "lit":
            assert s.value is not None
            base, length = self.literal(s.value)
            self.same_length(target, length, number, Part.SOURCE_LENGTH)
            sources = [Place(base, I64(0), length)]
        byte = None if s.value is None or s.kind == "lit" else self.byte(s, number)
        with self.probed(number, target):
            if s.kind == "fill":
                code.fill(target.base, byte, size)
            else:
                code.move(target.base, sources[0].base, size)
            code.mark_part(1)
            if s.kind == "adddiff":
                self.bytewise(target, sources[1])
            elif s.kind in ("copyxor", "copyadd"):
                self.bytewise(target, byte, "xor" if s.kind == "copyxor" else "add")

    def run(self, moves: Sequence[Statement], number: int) -> None:
        """Many block operations, the first of them ``number``."""
        code, run = self.code, runs.Run(self.code, moves)

        def check(bad: Value, turn: Value, part: int, *numbers: Value) -> None:
            first, step = status_of(number, part), status_of(1, part) - status_of(0, part)
            status = code.b.add(code.b.mul(code.resize(turn, 32), I32(step)), I32(first))
            self.end_if(bad, status, numbers)

        places = {name: (self.frame.base(name), self.frame.length(name)) for name in run.buffers}
        run.emit(places, check)

    def same_length(self, target: Place, length: Value, number: int, part: int) -> None:
        bad = self.code.b.icmp_unsigned("!=", target.length, length)
        self.check(bad, number, part, target.length, length)

    def byte(self, s: Move, number: int) -> Value:
        assert s.value is not None
        assert not isinstance(s.value, bytes)
        value = self.names.scalar(s.value)
        if not isinstance(s.value, int):
            bad = self.code.b.icmp_unsigned(">", value, I64(255))
            self.check(bad, number, Part.OPERAND, value, I64(255))
        return self.code.resize(value, 8)

    def literal(self, value: Operand) -> tuple[Value, Value]:
        """Where the bytes of ``lit`` lie, and how many they are."""
        if isinstance(value, bytes):
            return self.code.array(value), I64(len(value))
        assert isinstance(value, Var)
        return self.names.bytes_base(value.name), self.names.bytes_length(value.name)

    def bytewise(self, target: Place, other: Place | Value, how: str = "add") -> None:
        """``target[i] = target[i] how other``; LLVM makes vector code of it."""
        code = self.code
        size = code.to_size(target.length)
        with code.loop(code.size(0), size, 1) as i:
            address = code.byte_at(target.base, i)
            if isinstance(other, Place):
                value = code.load(I8, code.byte_at(other.base, i))
            else:
                value = other
            combined = getattr(code.b, how)(code.load(I8, address), value)
            code.b.store(combined, address)

    # Blocks

    def branch(self, s: If, number: int) -> None:
        test = self.names.scalar(s.test)
        with self.probed(number):
            truth = self.code.b.icmp_unsigned("!=", test, I64(0))
            with self.code.b.if_else(truth) as (then, other):
                with then:
                    self.block(s.then, number + 1)
                with other:
                    self.block(s.other, number + 1 + sum(map(count, s.then)))

    def repeat(self, s: Repeat, number: int) -> None:
        turns = self.names.scalar(s.count)
        with self.probed(number), self.turns(turns) as turn:
            if s.counter is not None:
                self.frame.counters[s.counter] = turn
            self.block(s.body, number + 1)

    @contextmanager
    def turns(self, count: Value) -> Iterator[Value]:
        """A loop of ``count`` turns around the statements that are written in it."""
        with self.code.turns(count) as turn:
            if self.frame.shape.probes:
                probe.tell_turn(self.code, self.frame, self.depth, turn)
            self.depth += 1
            yield turn
            self.depth -= 1

    def each(self, s: Each, number: int) -> None:
        code, frame = self.code, self.frame
        over = self.place(s.over, number, Part.TARGET)
        row = code.local(I64, I64(0))
        if isinstance(s.size, str):
            turns = self.spans_of(s.size, number)
        else:
            size = self.names.scalar(s.size)
            self.check(code.b.icmp_unsigned("==", size, I64(0)), number, Part.WINDOW)
            turns = code.divide_up(over.length, size)
        with self.probed(number, over):
            with self.turns(turns) as turn:
                if isinstance(s.size, str):
                    at, length = self.listed(s.size, turn, over, number)
                else:
                    at = code.b.mul(turn, size)
                    length = code.at_most(code.b.sub(over.length, at), size)
                base = code.byte_at(over.base, code.to_size(at))
                start = code.b.add(over.offset, at)
                frame.windows[s.name] = Window(base, start, length, turn)
                self.block(s.body, number + 1)
                if s.output is not None:
                    self.write_row(s, row)
            if s.output is not None:
                size = code.b.mul(code.load(I64, row), I64(SLOT * len(s.output.columns)))
                code.b.store(size, frame.length_slot(s.output.name))

    def spans_of(self, name: str, number: int) -> Value:
        """The spans in a list."""
        code, length = self.code, self.frame.length(name)
        left = code.b.and_(length, I64(SPAN_BYTES - 1))
        self.check(code.b.icmp_unsigned("!=", left, I64(0)), number, Part.LIST, length)
        return code.b.udiv(length, I64(SPAN_BYTES))

    def listed(self, name: str, turn: Value, over: Place, number: int) -> tuple[Value, Value]:
        """Offset and length of a span of a list, checked."""
        code = self.code
        place = code.to_size(code.b.mul(turn, I64(SPAN_BYTES)))
        pair = code.byte_at(self.frame.base(name), place)
        offset = code.load(I64, pair, align=1)
        length = code.load(I64, code.byte_at(pair, code.size(SLOT)), align=1)
        beyond = code.b.icmp_unsigned(">", offset, over.length)
        left = code.b.sub(over.length, offset)
        bad = code.b.or_(beyond, code.b.icmp_unsigned(">", length, left))
        self.check(bad, number, Part.WINDOW, offset, length, over.length)
        return offset, length

    def write_row(self, s: Each, row: Value) -> None:
        assert s.output is not None
        code, columns = self.code, s.output.columns
        number = code.load(I64, row)
        place = code.to_size(code.b.mul(number, I64(SLOT * len(columns))))
        base = code.byte_at(self.frame.base(s.output.name), place)
        for index, column in enumerate(columns):
            value = code.load(I64, self.frame.register(column))
            code.b.store(value, self.frame.slot(base, index))
        code.b.store(code.b.add(number, I64(1)), row)

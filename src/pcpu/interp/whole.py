"""Programs with spans, registers and control flow over whole buffers (spec/pasm.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pcpu import expr
from pcpu.errors import TrapError
from pcpu.interp.stream import run
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
from pcpu.ir.outcome import Arguments, Inputs, Outcome, zeros
from pcpu.ir.traps import Part, statement_checks

SPAN_BYTES = 16  # of a list: two numbers of 64 bits


@dataclass
class Spent:
    """What a run did: the bytes that it touched; statements begun, and turns of loops (S20)."""

    bytes: int = 0
    steps: int = 0


def run_whole(
    program: Program, inputs: Inputs, arguments: Arguments, spent: Spent | None = None
) -> Outcome:
    """Run a verified ``program``; add what it did to ``spent``.

    ``inputs`` has every buffer but the outputs, ``arguments`` every parameter. Raises TrapError.
    """
    machine = _Machine(program, inputs, arguments, spent or Spent())
    machine.block(program.body)
    written = {
        b.name: bytes(machine.buffers[b.name])
        for b in program.buffers
        if b.role in ("inout", "out")
    }
    results = {r.name: machine.values[r.name] for r in program.results}
    return Outcome(written, results, machine.tables)  # type: ignore[arg-type]


def output_sizes(
    program: Program, lengths: Mapping[str, int], arguments: Mapping[str, int | bytes]
) -> dict[str, int]:
    """The sizes in bytes of the ``out`` buffers, given the lengths of the others."""
    values: dict[str, object] = {**dict(program.constants), **dict(program.tables), **arguments}
    values |= {f"{n}.len": len(value) for n, value in values.items() if isinstance(value, bytes)}
    sizes = {}
    for buffer in program.buffers:
        if buffer.role == "spans":
            values[f"{buffer.name}.count"] = lengths[buffer.name] // SPAN_BYTES
        elif buffer.size is not None:
            sizes[buffer.name] = _evaluate(buffer.size, values)
            values[f"{buffer.name}.len"] = sizes[buffer.name]
        else:
            values[f"{buffer.name}.len"] = lengths[buffer.name]
    return sizes


def _evaluate(scalar: Scalar, values: Mapping[str, object]) -> int:
    if isinstance(scalar, int):
        return scalar
    names, function = _compiled(scalar)
    return function(*(values[name] for name in names))


@lru_cache(maxsize=4096)
def _compiled(scalar: expr.Expr) -> tuple[tuple[str, ...], Callable[..., int]]:
    """A function of the values of these names."""
    names = tuple(
        sorted({n.name for n in expr.walk(scalar) if isinstance(n, expr.Var | expr.Index)})
    )
    return names, expr.function(scalar, names, 64)


@dataclass(frozen=True)
class _Window:
    """Bytes ``start .. start + length`` of a buffer."""

    buffer: bytearray
    start: int
    length: int


class _Machine:
    def __init__(
        self, program: Program, inputs: Inputs, arguments: Arguments, spent: Spent
    ) -> None:
        self.spent = spent
        lengths = {name: len(content) for name, content in inputs.items()}
        sizes = output_sizes(program, lengths, arguments)
        self.buffers = {
            b.name: zeros(b.name, sizes[b.name]) if b.role == "out" else bytearray(inputs[b.name])
            for b in program.buffers
        }
        self.windows = {
            name: _Window(content, 0, len(content))
            for name, content in (
                *self.buffers.items(),
                *((name, bytearray(content)) for name, content in program.tables),
            )
        }
        arrays = {r.name: (0,) * r.count for r in program.registers.values() if r.count > 1}
        self.spent.bytes += sum(sizes.values()) + sum(8 * len(zero) for zero in arrays.values())
        self.values: dict[str, object] = {**dict.fromkeys(program.registers, 0), **arrays}
        self.values |= dict(program.constants) | dict(arguments) | dict(program.tables)
        self.values |= {f"{name}.len": w.length for name, w in self.windows.items()}
        self.values |= {
            f"{p.name}.len": len(value)
            for p in program.parameters
            if isinstance(value := arguments[p.name], bytes)
        }
        self.values |= {
            f"{b.name}.count": len(self.buffers[b.name]) // SPAN_BYTES
            for b in program.buffers
            if b.role == "spans"
        }
        self.tables: dict[str, list[tuple[int, ...]]] = {
            s.output.name: [] for s in _loops(program.body) if s.output is not None
        }

    def scalar(self, value: Scalar) -> int:
        return _evaluate(value, self.values)

    def span(self, span: Span, s: Statement, part: int) -> _Window:
        """The bytes of a span; a trap where its buffer has not got them."""
        whole = self.windows[span.buffer]
        offset = self.scalar(span.offset)
        length = max(0, whole.length - offset)
        if span.length is not None:
            length = self.scalar(span.length)
        if offset > whole.length or length > whole.length - offset:
            raise _trap(s, part, offset, length, whole.length)
        return _Window(whole.buffer, whole.start + offset, length)

    def read(self, window: _Window) -> bytes:
        return bytes(window.buffer[window.start : window.start + window.length])

    def write(self, window: _Window, content: bytes) -> None:
        window.buffer[window.start : window.start + window.length] = content

    def block(self, body: tuple[Statement, ...]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, s: Statement) -> None:
        self.spent.steps += not isinstance(s, Fuse)  # its operations are the statements
        match s:
            case Instruction():
                self.instruction(s)
            case Move():
                self.move(s)
            case Let():
                self.values[s.name] = self.scalar(s.value)
            case If():
                self.block(s.then if self.scalar(s.test) else s.other)
            case Repeat():
                for turn in range(self.scalar(s.count)):
                    self.spent.steps += 1
                    if s.counter is not None:
                        self.values[s.counter] = turn
                    self.block(s.body)
            case Each():
                self.each(s)
            case Fuse():
                self.block(s.body)

    def instruction(self, s: Instruction) -> None:
        window = self.span(s.span, s, Part.TARGET)
        operands: list[Operand] = []
        for number, (operand, imm) in enumerate(zip(s.immediates, s.op.immediates, strict=True)):
            value = self.operand(operand)
            if isinstance(value, int) and value >> imm.bits:
                raise _trap(s, Part.OPERAND + number, value, (1 << imm.bits) - 1)
            operands.append(value)
        self.spent.bytes += window.length + sum(len(o) for o in operands if isinstance(o, bytes))
        self.spent.steps += max(0, s.op.result_count - 1)
        stage = Instruction(s.op, tuple(operands), s.name)
        data, results = run(Program((stage,)), self.read(window))
        if s.op.kind == "map":
            self.write(window, data)
        elif s.name is not None:
            self.values[s.name] = results[0]

    def operand(self, operand: Operand) -> int | bytes:
        """A number, or the bytes of a literal, a table or a parameter."""
        if isinstance(operand, int | bytes):
            return operand
        if isinstance(operand, expr.Var) and isinstance(self.values[operand.name], bytes):
            return self.values[operand.name]  # type: ignore[return-value]
        return self.scalar(operand)

    def move(self, s: Move) -> None:
        target = self.span(s.target, s, Part.TARGET)
        sources = [
            self.read(self.span(source, s, Part.SOURCE + number))
            for number, source in enumerate(s.sources)
        ]
        value = None if s.value is None else self.operand(s.value)
        if isinstance(value, bytes):
            sources.append(value)
        for number, source in enumerate(sources):
            if len(source) != target.length:
                raise _trap(s, Part.SOURCE_LENGTH + number, target.length, len(source))
        byte = value if isinstance(value, int) else 0
        if byte > 255:
            raise _trap(s, Part.OPERAND, byte, 255)
        match s.kind:
            case "copy" | "lit":
                content = sources[0]
            case "copyxor":
                content = bytes(b ^ byte for b in sources[0])
            case "copyadd":
                content = bytes((b + byte) % 256 for b in sources[0])
            case "adddiff":
                content = bytes((b + d) % 256 for b, d in zip(*sources, strict=True))
            case "fill":
                content = bytes([byte]) * target.length
        self.spent.bytes += (1 + len(sources)) * target.length
        self.write(target, content)

    def each(self, s: Each) -> None:
        over = self.span(s.over, s, Part.TARGET)
        columns = () if s.output is None else s.output.columns
        for turn, (start, length) in enumerate(self.turns(s, over)):
            self.windows[s.name] = _Window(over.buffer, over.start + start, length)
            self.values |= {
                f"{s.name}.len": length,
                f"{s.name}.start": over.start + start,
                f"{s.name}.index": turn,
            }
            self.spent.steps += 1
            self.spent.bytes += 8 * len(columns) + SPAN_BYTES * isinstance(s.size, str)
            self.block(s.body)
            if s.output is not None:
                row = tuple(self.values[column] for column in columns)
                self.tables[s.output.name].append(row)  # type: ignore[arg-type]

    def turns(self, s: Each, over: _Window) -> Iterator[tuple[int, int]]:
        """Where each window begins within ``over``, and its length."""
        if not isinstance(s.size, str):
            size = self.scalar(s.size)
            if size == 0:
                raise _trap(s, Part.WINDOW)
            yield from ((at, min(size, over.length - at)) for at in range(0, over.length, size))
            return
        content = self.buffers[s.size]
        if len(content) % SPAN_BYTES:
            raise _trap(s, Part.LIST, len(content))
        for at in range(0, len(content), SPAN_BYTES):
            start = int.from_bytes(content[at : at + 8], "little")
            length = int.from_bytes(content[at + 8 : at + 16], "little")
            if start > over.length or length > over.length - start:
                raise _trap(s, Part.WINDOW, start, length, over.length)
            yield start, length


def _trap(s: Statement, part: int, *numbers: int) -> TrapError:
    check = next(c for c in statement_checks(s) if c.part == part)
    return check.error(numbers)


def _loops(body: tuple[Statement, ...]) -> list[Each]:
    from pcpu.ir import walk

    return [s for s in walk(body) if isinstance(s, Each)]

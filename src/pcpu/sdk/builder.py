"""Programs built by a Python program, statement by statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pcpu import ir
from pcpu.expr import Var
from pcpu.ir import MOVES, Each, If, Instruction, Let, Move, Output, Parameter, Program, Repeat
from pcpu.isa import Immediate, Isa, Op
from pcpu.sdk.assembly import Assembly, Close
from pcpu.sdk.handles import (
    Buffer,
    Bytes,
    BytesLike,
    Number,
    Numbers,
    Scalar,
    Slice,
    SpanLike,
    Spans,
    Table,
    Variable,
    Window,
    scalar_of,
)
from pcpu.sdk.operations import BuilderOperations
from pcpu.sdk.place import Place, caller
from pcpu.sdk.read import isa_of
from pcpu.source.unknown import unknown_operation

T = TypeVar("T")


class Block(Generic[T]):
    """``with`` this the statements of a block are made; what it gives is for these alone."""

    def __init__(self, begin: Callable[[], T], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end

    def __enter__(self) -> T:
        return self._begin()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end()


class Builder(BuilderOperations):
    """Makes a Program: its declarations, and then its statements in the order of the calls.

    Every operation is a method, ``b.xor(data[0:64], key)`` or ``crc = b.crc32c(data)``. Python's
    own ``for`` and ``if`` run while the program is built; ``with b.repeat(...)`` and ``with
    b.if_(...)`` are those of the program. Mistakes raise ProgramError with the line of Python
    that made them, some of them only in ``build``.
    """

    def __init__(self, isa: Isa | None = None) -> None:
        self.isa = isa_of(isa)
        self._assembly = Assembly(self.isa)
        self._waiting: dict[Block[Any], tuple[str, Place]] = {}  # blocks that no 'with' has begun

    def __str__(self) -> str:
        """The program so far, as pASM."""
        return str(self._assembly.program())

    def build(self) -> Program:
        """The verified program. Raises ProgramErrors, each with its line of Python."""
        place = caller()
        for what, where in self._waiting.values():
            raise where.error("block", f"nothing runs in this block; write 'with b.{what}(...):'")
        if self._assembly.depth:
            raise place.error("block", "a block is not closed; call build after its 'with'")
        return self._assembly.verified(place)

    # Declarations

    def number_param(self, name: str, bits: int = 64, default: int | None = None) -> Number:
        """A number of 1 to 64 bits that the caller may choose; without a default he must."""
        return self._number_param(name, bits, default, caller())

    def _number_param(self, name: str, bits: int, default: int | None, place: Place) -> Number:
        if not 1 <= bits <= 64:
            raise place.error("wrong-kind", "a number has 1 to 64 bits")
        self._parameter(Immediate(name, bits), default, place)
        return Number(Var(name))

    def bytes_param(
        self, name: str, least: int, most: int | None = None, default: BytesLike | None = None
    ) -> Bytes:
        """``least`` bytes, or ``least`` to ``most``, that the caller may choose."""
        place = caller()
        content = None if default is None else _content(default, place)
        sizes = (least, least if most is None else most)
        self._parameter(Immediate(name, 0, sizes), content, place)
        return Bytes(name)

    def _parameter(self, kind: Immediate, default: int | bytes | None, place: Place) -> None:
        assembly = self._assembly
        assembly.note(("params", len(assembly.parameters)), place)
        assembly.take(kind.name, place)
        assembly.parameters.append(Parameter(kind, default))

    def const(self, name: str, value: int) -> Number:
        """A number with a name, which the program's text shows."""
        place, assembly = caller(), self._assembly
        assembly.note(("constants", len(assembly.constants)), place)
        assembly.constants.append((assembly.take(name, place), value))
        return Number(Var(name))

    def table(self, name: str, content: bytes | bytearray | str) -> Table:
        """1 to 65536 bytes that are part of the program; a str stands for its UTF-8."""
        place, assembly = caller(), self._assembly
        assembly.note(("tables", len(assembly.tables)), place)
        assembly.tables.append((assembly.take(name, place), _content(content, place)))
        return Table(name)

    def inout(self, name: str = "data") -> Buffer:
        """A buffer that is changed in place."""
        return Buffer(self._buffer(name, "inout"))

    def in_(self, name: str) -> Buffer:
        """A buffer that is only read."""
        return Buffer(self._buffer(name, "in"))

    def out(self, name: str, size: Scalar) -> Buffer:
        """A buffer of ``size`` bytes, made of zeros, which the program fills; the size is made of
        constants, numeric parameters and lengths of the buffers declared before it."""
        return Buffer(self._buffer(name, "out", size))

    def spans(self, name: str) -> Spans:
        """A list of spans, for ``each_span``."""
        return Spans(self._buffer(name, "spans"))

    def _buffer(self, name: str, role: ir.model.Role, size: Scalar | None = None) -> str:
        place, assembly = caller(), self._assembly
        assembly.note(("buffers", len(assembly.buffers)), place)
        found = None if size is None else scalar_of(size)
        assembly.buffers.append(ir.Buffer(assembly.take(name, place), role, found))
        return name

    # Registers

    def let(self, name: str, value: Scalar) -> Variable:
        """A register with a value; ``set`` of what this gives changes it."""
        self._assembly.take(name, caller())
        self._let(name, value)
        return Variable(name, self._let)

    def _let(self, name: str, value: Scalar) -> None:
        place = caller()
        self._assembly.add(Let(name, scalar_of(value), place.line), place)

    def returns(self, *registers: Number | Numbers) -> None:
        """The program's results, in this order; otherwise all registers that are set outside of
        loops and branches."""
        place = caller()
        names = tuple(_register(r, place) for r in registers)
        for index in range(len(names)):
            self._assembly.note(("returns", index), place)
        self._assembly.returns = names

    # Operations

    def op(
        self, op: str, span: SpanLike, *operands: Scalar | BytesLike, name: str | None = None
    ) -> Any:
        """The operation called ``op``, one of a user's own perhaps: a Number where it has a
        result (Numbers where this is several), else None."""
        found = self.isa.find(op)
        if found is None:
            message = unknown_operation(op, self.isa, MOVES)
            raise caller().error("unknown-op", message)
        return self._operation(found, span, operands, name)

    def _operation(
        self, op: Op, span: SpanLike, operands: tuple[object, ...], name: str | None
    ) -> Any:
        place, assembly = caller(), self._assembly
        imms = tuple(
            _operand(value, place)
            if index < len(op.immediates) and op.immediates[index].sizes is not None
            else scalar_of(value)
            for index, value in enumerate(operands)
        )
        given = None if name is None else assembly.take(name, place)
        if op.has_result:
            given = assembly.names.add(op, given)
        assembly.add(Instruction(op, imms, given, _span(span, place), place.line), place)
        if given is None or not op.has_result:
            return None
        return Numbers(given) if op.is_array else Number(Var(given))

    def _map(self, op: str, span: SpanLike, *operands: object) -> None:
        self._operation(self._known(op), span, operands, None)

    def _fold(self, op: str, name: str | None, span: SpanLike, *operands: object) -> Any:
        return self._operation(self._known(op), span, operands, name)

    def _known(self, op: str) -> Op:
        found = self.isa.find(op)
        assert found is not None
        return found

    def _move(self, kind: Any, target: SpanLike, *rest: Any) -> None:
        place, form = caller(), MOVES[kind]
        sources = tuple(_span(source, place) for source in rest[: form.sources])
        value: ir.Operand | None = None
        if form.value is not None:
            last = rest[-1]
            value = _operand(last, place) if form.value == "bytes" else scalar_of(last)
        move = Move(kind, _span(target, place), sources, value, place.line)
        self._assembly.add(move, place)

    # Blocks

    def if_(self, test: Scalar) -> Block[None]:
        """The statements of the block run where ``test`` is not 0."""
        place, found = caller(), scalar_of(test)
        return self._block("if_", "then", place, None, lambda body: If(found, body, (), place.line))

    def else_(self) -> Block[None]:
        """The statements of the block run where those of the ``if_`` just before it do not."""
        place = caller()

        def begin() -> None:
            self._waiting.pop(block, None)
            self._assembly.open_else(place)

        block: Block[None] = Block(begin, self._assembly.close)
        self._waiting[block] = "else_", place
        return block

    def repeat(self, count: Scalar, name: str | None = None) -> Block[Number]:
        """The statements of the block run ``count`` times; the block gives the number of the turn,
        from 0, which is called ``name`` or ``i``."""
        place, found = caller(), scalar_of(count)
        counter = self._named(name, "i", place)
        return self._block(
            "repeat", "body", place, Number(Var(counter)),
            lambda body: Repeat(found, body, counter, place.line),
        )  # fmt: skip

    def each_window(
        self, over: SpanLike, size: Scalar, into: str | None = None, name: str | None = None
    ) -> Block[Window]:
        """The statements of the block run for every window of ``size`` bytes of ``over``, the last
        one perhaps shorter. ``into`` names an output table, which gets a row each turn: all
        registers that the loop sets outside of other blocks, or those of ``window.row``."""
        return self._each("each_window", over, scalar_of(size), into, name or "w", name)

    def each_span(
        self, spans: Spans, over: SpanLike, into: str | None = None, name: str | None = None
    ) -> Block[Window]:
        """The statements of the block run for every span of a list; their offsets count from where
        ``over`` begins. ``into`` as in ``each_window``."""
        return self._each("each_span", over, spans.name, into, name or "s", name)

    def _each(
        self, what: str, over: SpanLike, size: ir.Scalar | str, into: str | None, wanted: str,
        name: str | None,
    ) -> Block[Window]:  # fmt: skip
        place, where = caller(), _span(over, caller())
        window = self._named(name, wanted, place)
        table = None if into is None else self._assembly.take(into, place)
        chosen: list[str] = []

        def row(columns: tuple[Number, ...]) -> None:
            at = caller()
            if table is None:
                raise at.error("wrong-kind", "the loop has no table; give it one with into=...")
            chosen[:] = [_register(column, at) for column in columns]

        def close(body: tuple[ir.Statement, ...]) -> Each:
            columns = tuple(chosen) or _columns(Program(body))
            output = None if table is None else Output(table, columns)
            return Each(window, where, size, body, output, place.line)

        return self._block(what, "body", place, Window(window, row), close)

    def fuse(self) -> Block[None]:
        """The operations of the block, all on one span, run in one pass where they can."""
        place = caller()
        return self._block("fuse", "fuse", place, None, self._assembly.fused(place.line))

    def _named(self, name: str | None, wanted: str, place: Place) -> str:
        return self._assembly.fresh(wanted) if name is None else self._assembly.take(name, place)

    def _block(self, what: str, key: str, place: Place, given: T, close: Close) -> Block[T]:
        def begin() -> T:
            self._waiting.pop(block, None)
            self._assembly.open(key, place, close)
            return given

        block = Block(begin, self._assembly.close)
        self._waiting[block] = what, place
        return block

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Operations of a user's own, which no class can know.
            op = None if name.startswith("_") else self.isa.find(name)
            if op is None:
                message = f"the builder has no {name!r}; operations of your own need isa=..."
                raise AttributeError(message)
            return lambda span, *operands, name=None: self._operation(op, span, operands, name)


def _columns(loop: Program) -> tuple[str, ...]:
    """The registers of one number that a loop's body sets outside of other blocks."""
    return tuple(n for n in loop.usual_returns if loop.registers[n].count == 1)


def _span(value: object, place: Place) -> ir.Span:
    match value:
        case Slice():
            return value._span
        case Buffer() | Table():
            return ir.Span(value.name)
    what = f"a buffer, a window, a table or a slice of one, not {type(value).__name__}"
    raise place.error("wrong-kind", f"a span is needed here: {what}")


def _content(value: object, place: Place) -> bytes:
    match value:
        case bytes() | bytearray():
            return bytes(value)
        case str():
            return value.encode()
    raise place.error("wrong-kind", f"bytes or str are needed here, not {type(value).__name__}")


def _operand(value: object, place: Place) -> ir.Operand:
    return Var(value.name) if isinstance(value, Bytes | Table) else _content(value, place)


def _register(value: object, place: Place) -> str:
    match value:
        case Numbers():
            return value.name
        case Number(_expr=Var(name)) if "." not in name:
            return name
    message = "only registers can be returned; give the number a name with b.let(...)"
    raise place.error("wrong-kind", message)

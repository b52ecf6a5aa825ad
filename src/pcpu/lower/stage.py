"""An operation on its way into LLVM: its operands, its state and its place as IR values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import INDEX_WIDTH, Expr, Index
from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.lane import splat


@dataclass(frozen=True)
class Bytes:
    """An operand that is bytes: where they lie, how many they are (as wide as a pointer), and
    what they are where that is known when compiling."""

    pointer: Value
    length: Value
    content: bytes | None = None


@dataclass(frozen=True)
class Stage:
    """One operation.

    ``immediates`` are integers of their declared width's container, and Bytes. ``state`` is a
    local variable of ``op.state_bits`` bits, of an array the address of its slots of 64 bits, None
    for a map. ``origin`` is what added to the address of a byte gives its ``index`` in the stream,
    in 64 bits; None where the operation does not ask.
    """

    op: Op
    immediates: tuple[Value | Bytes, ...]
    state: Value | None
    origin: Value | None = None

    @property
    def constants(self) -> dict[str, int]:
        """The numbers that are known when compiling, by name."""
        return {
            name: value.constant for name, value in self._named() if isinstance(value, ir.Constant)
        }

    @property
    def bytes(self) -> dict[str, Bytes]:
        """The operands that are bytes, by name."""
        return {name: value for name, value in self._named() if isinstance(value, Bytes)}

    def values(self, code: Code, width: int) -> dict[str, Value]:
        """The numbers by name, in ``width`` bits."""
        found = {}
        for imm, value in zip(self.op.immediates, self.immediates, strict=True):
            # A wider one cannot occur in an expression of that width.
            if not isinstance(value, Bytes) and imm.bits <= width:
                found[imm.name] = code.resize(value, width)
        return found

    def in_lanes(self, code: Code, width: int, lanes: int) -> dict[str, Value]:
        """The numbers that are not known when compiling, by name, each in so many lanes."""
        values, constants = self.values(code, width), self.constants
        return {name: splat(code, v, lanes) for name, v in values.items() if name not in constants}

    def index(self, code: Code, address: Value) -> Value:
        """The place in the stream of the byte at ``address``."""
        assert self.origin is not None
        place = code.b.ptrtoint(address, code.usize)
        return code.b.add(self.origin, code.resize(place, INDEX_WIDTH))

    def scalar(
        self,
        code: Code,
        expr: Expr,
        given: Mapping[str, Value],
        width: int,
        *,
        branches: bool = False,
    ) -> Value:
        """``expr`` in ``width`` bits; ``given`` are the values that are not operands.
        ``branches`` is that of ``expression.emit``."""

        def values(bits: int) -> dict[str, Value]:
            # Of a place that is wider an expression keeps the low bits alone.
            fitting = {n: v for n, v in given.items() if n == "index" or v.type.width <= bits}
            resized = {name: code.resize(value, bits) for name, value in fitting.items()}
            return self.values(code, bits) | resized

        def look_up(node: Index) -> Value:
            wide = expression.emit(code, node.index, values(INDEX_WIDTH), INDEX_WIDTH, 1, look_up)
            return byte_of(code, self.bytes[node.name], wide)

        return expression.emit(code, expr, values(width), width, 1, look_up, branches=branches)

    def given(self, code: Code, byte: Value, address: Value) -> dict[str, Value]:
        """The values of the byte at ``address`` that expressions may use."""
        place = {} if self.origin is None else {"index": self.index(code, address)}
        return {"byte": byte, **place}

    def variables(self) -> list[Value]:
        """The values that are not known when compiling."""
        found: list[Value] = []

        def keep(value: Value) -> Value:
            found.append(value)
            return value

        self.replaced(keep)
        return found

    def replaced(self, how: Callable[[Value], Value]) -> Stage:
        """This stage with ``how`` of each value that is not known when compiling."""

        def operand(value: Value | Bytes) -> Value | Bytes:
            if isinstance(value, Bytes):
                if value.content is not None:
                    return value
                return Bytes(how(value.pointer), known_or(value.length))
            return known_or(value)

        def known_or(value: Value | None) -> Value | None:
            return value if value is None or isinstance(value, ir.Constant) else how(value)

        return replace(
            self,
            immediates=tuple(map(operand, self.immediates)),
            state=known_or(self.state),
            origin=known_or(self.origin),
        )

    def _named(self) -> Iterator[tuple[str, Value | Bytes]]:
        names = (imm.name for imm in self.op.immediates)
        return zip(names, self.immediates, strict=True)


def byte_of(code: Code, data: Bytes, index: Value) -> Value:
    """Byte number ``index``, of 64 bits, modulo their number."""
    length = code.resize(data.length, INDEX_WIDTH)
    place = code.resize(code.b.urem(index, length), code.usize.width)
    return code.load(I8, code.within(data.pointer, place))

"""What the code of a whole program works on: registers, parameters, buffers, and their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from llvmlite import ir

from pcpu import expr
from pcpu.expr import Binary, Cond, Expr, Index, Var
from pcpu.ir import Program, Scalar
from pcpu.layout import SLOT, WholeLayout, outputs, whole_layout
from pcpu.lower import expression
from pcpu.lower.code import I8, I64, Code, Value

SPAN_BYTES = 16  # a span in memory: two numbers of 64 bits


@dataclass(frozen=True)
class Shape:
    """Where a program's names lie: known before any code is."""

    program: Program
    probes: bool = False  # probe.py
    marked: bool = False  # mark.py

    @cached_property
    def slots(self) -> dict[str, int]:
        """Registers of one number -> their number."""
        names = [r.name for r in self.program.registers.values() if r.count == 1]
        return {name: index for index, name in enumerate(names)}

    @cached_property
    def spans(self) -> dict[str, int]:
        """Buffers and output tables -> the number of their span."""
        names = [b.name for b in self.program.buffers]
        names += [output.name for output, _ in outputs(self.program)]
        return {name: index for index, name in enumerate(names)}

    @cached_property
    def state(self) -> WholeLayout:
        return whole_layout(self.program)

    @property
    def arrays(self) -> dict[str, int]:
        return self.state.arrays

    @property
    def parameters(self) -> dict[str, int]:
        return self.state.parameters

    @cached_property
    def tables(self) -> dict[str, bytes]:
        return dict(self.program.tables)


@dataclass(frozen=True)
class Window:
    """A part of a buffer that the code goes through: where it begins, in memory and in the
    buffer, its length and the number of the turn. All but ``base`` are of 64 bits."""

    base: Value
    start: Value
    length: Value
    index: Value


@dataclass
class Frame:
    """The pointers of a function of a program, and what is known where the code stands."""

    code: Code
    shape: Shape
    arguments: Sequence[Value]
    windows: dict[str, Window] = field(default_factory=dict)
    counters: dict[str, Value] = field(default_factory=dict)

    POINTERS = ("registers", "state", "spans", "out", "hooks")

    @property
    def registers(self) -> Value:
        return self.arguments[0]

    @property
    def state(self) -> Value:
        return self.arguments[1]

    @property
    def out(self) -> Value:
        return self.arguments[3]

    @property
    def hooks(self) -> Value:
        return self.arguments[4]

    def slot(self, base: Value, index: int) -> Value:
        return self.code.byte_at(base, self.code.size(SLOT * index))

    def register(self, name: str) -> Value:
        """The address of a register of one number."""
        return self.slot(self.registers, self.shape.slots[name])

    def array(self, name: str) -> Value:
        """The address of a register of several numbers."""
        return self.code.byte_at(self.state, self.code.size(self.shape.arrays[name]))

    def clear(self) -> None:
        for index in range(len(self.shape.slots)):
            self.code.b.store(I64(0), self.slot(self.registers, index))
        for output, _ in outputs(self.shape.program):
            self.code.b.store(I64(0), self.length_slot(output.name))
        for name in self.shape.arrays:
            count = self.shape.program.registers[name].count
            self.code.fill(self.array(name), I8(0), self.code.size(SLOT * count))

    def write_results(self) -> None:
        """Copy the results to ``out``."""
        place = 0
        for result in self.shape.program.results:
            target = self.slot(self.out, place)
            if result.count == 1:
                self.code.b.store(self.code.load(I64, self.register(result.name)), target)
            else:
                size = self.code.size(SLOT * result.count)
                self.code.move(target, self.array(result.name), size)
            place += result.count

    # Buffers

    def length_slot(self, name: str) -> Value:
        return self.slot(self.arguments[2], 2 * self.shape.spans[name] + 1)

    def length(self, name: str) -> Value:
        """The bytes of a buffer, table or window, in 64 bits."""
        if name in self.windows:
            return self.windows[name].length
        if name in self.shape.tables:
            return I64(len(self.shape.tables[name]))
        return self.code.load(I64, self.length_slot(name))

    def base(self, name: str) -> Value:
        """Where a buffer, table or window begins."""
        if name in self.windows:
            return self.windows[name].base
        if name in self.shape.tables:
            return self.code.array(self.shape.tables[name])
        slot = self.slot(self.arguments[2], 2 * self.shape.spans[name])
        address = self.code.load(I64, slot)
        return self.code.b.inttoptr(self.code.resize(address, self.code.usize.width), POINTER)


POINTER = ir.PointerType()


class Names:
    """The values of a program's names where the code stands, for expressions."""

    def __init__(self, code: Code, frame: Frame) -> None:
        self.code, self.frame = code, frame

    def scalar(self, scalar: Scalar) -> Value:
        """A value of 64 bits."""
        if isinstance(scalar, int):
            return I64(scalar)
        taken: dict[str, Value] = {}
        tree = self._without_items(scalar, taken)
        for node in expr.walk(tree):
            if isinstance(node, Var) and node.name not in taken:
                taken[node.name] = self.value(node.name)
        return expression.emit(self.code, tree, taken, 64)

    def _without_items(self, node: Expr, taken: dict[str, Value]) -> Expr:
        """``node`` with names, of values in ``taken``, in the place of ``T[...]``."""
        match node:
            case Index(name, index):
                item = f"{name}[{len(taken)}]"
                taken[item] = self._item(name, self.scalar(index))
                return Var(item)
            case Binary(op, left, right):
                return Binary(
                    op, self._without_items(left, taken), self._without_items(right, taken)
                )
            case Cond(test, then, other):
                return Cond(*(self._without_items(part, taken) for part in (test, then, other)))
            case _:
                return node

    def value(self, name: str) -> Value:
        """The value of a name that stands by itself, in 64 bits."""
        frame, code = self.frame, self.code
        base, _, attribute = name.partition(".")
        if attribute == "len":
            return self.bytes_length(base)
        if attribute == "count":
            return code.b.udiv(frame.length(base), I64(SPAN_BYTES))
        if attribute:
            window = frame.windows[base]
            return window.start if attribute == "start" else window.index
        if name in frame.counters:
            return frame.counters[name]
        constants = dict(frame.shape.program.constants)
        if name in constants:
            return I64(constants[name])
        if name in frame.shape.parameters:
            return code.load(I64, self._parameter(name))
        return code.load(I64, frame.register(name))

    def _parameter(self, name: str) -> Value:
        return self.code.byte_at(
            self.frame.state, self.code.size(self.frame.shape.parameters[name])
        )

    def bytes_length(self, name: str) -> Value:
        """The number of bytes of what ``name`` stands for."""
        if name in self.frame.shape.parameters:
            return self.code.load(I64, self._parameter(name))
        return self.frame.length(name)

    def bytes_base(self, name: str) -> Value:
        """Where the bytes of a table or of a parameter begin."""
        if name in self.frame.shape.parameters:
            return self.code.byte_at(self._parameter(name), self.code.size(SLOT))
        return self.frame.base(name)

    def _item(self, name: str, index: Value) -> Value:
        """``name[index]``, modulo the number of items."""
        code = self.code
        if name in self.frame.shape.arrays:
            count = self.frame.shape.program.registers[name].count
            place = code.b.mul(code.b.urem(index, I64(count)), I64(SLOT))
            return code.load(I64, code.byte_at(self.frame.array(name), code.to_size(place)))
        length = self.bytes_length(name)
        place = code.to_size(code.b.urem(index, length))
        return code.b.zext(code.load(I8, code.byte_at(self.bytes_base(name), place)), I64)

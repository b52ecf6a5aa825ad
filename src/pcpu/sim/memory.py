"""What a program that is running has in memory, while its probe is called."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pcpu import expr
from pcpu.errors import UsageError
from pcpu.expr import Index, Var
from pcpu.ir import Arguments, Program, Scalar
from pcpu.layout import SLOT, whole_layout
from pcpu.lower.frame import SPAN_BYTES, Shape


@dataclass(frozen=True)
class Memory:
    """``state`` and ``registers`` are addresses; ``spans`` those and lengths of the buffers, as
    spec/abi.md A12 lays them out."""

    program: Program
    arguments: Arguments
    state: int
    registers: int
    spans: Mapping[str, tuple[int, int]]

    def at(self, registers: int) -> Memory:
        """The same with its registers at that address."""
        return replace(self, registers=registers)

    @cached_property
    def slots(self) -> dict[str, int]:
        """Registers of one number -> their slot."""
        return Shape(self.program).slots

    @cached_property
    def arrays(self) -> dict[str, int]:
        """Registers of several numbers -> where they begin in the state."""
        return whole_layout(self.program).arrays

    def register(self, name: str) -> tuple[int, ...]:
        """The numbers of a register."""
        if name in self.arrays:
            return tuple(numbers(self.array(name)))
        return (self.scalar_register(name),)

    def array(self, name: str) -> bytes:
        count = self.program.registers[name].count
        return ctypes.string_at(self.state + self.arrays[name], SLOT * count)

    def scalar_register(self, name: str) -> int:
        return ctypes.c_uint64.from_address(self.registers + SLOT * self.slots[name]).value

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of a buffer, a table or a parameter. Raises UsageError where it has none."""
        self.require(name, offset, length)
        content = self._constant(name)
        if content is not None:
            return content[offset : offset + length]
        return ctypes.string_at(self.spans[name][0] + offset, length) if length else b""

    def require(self, name: str, offset: int, length: int) -> None:
        """Raise UsageError unless what is called ``name`` has bytes there."""
        size = self.length(name)
        if offset > size or length > size - offset:
            raise UsageError(f"{name} has {size} bytes, and none at {offset} + {length}")

    def length(self, name: str) -> int:
        """The bytes of a buffer, table or parameter. Raises UsageError where it is none."""
        content = self._constant(name)
        return self.spans[name][1] if content is None else len(content)

    def _constant(self, name: str) -> bytes | None:
        """The bytes of a table or a parameter; None for a buffer."""
        tables = dict(self.program.tables)
        content = tables.get(name, self.arguments.get(name))
        if isinstance(content, bytes):
            return content
        if name not in self.spans:
            raise UsageError(f"there is no buffer {name!r}; known: {', '.join(self.spans)}")
        return None

    def scalar(self, scalar: Scalar) -> int:
        """The value of an expression. Raises UsageError for a name that has none here."""
        if isinstance(scalar, int):
            return scalar
        values: dict[str, Any] = {}
        for node in expr.walk(scalar):
            if isinstance(node, Var):
                values[node.name] = self._number(node.name)
            elif isinstance(node, Index):
                values[node.name] = self._items(node.name)
        return expr.evaluate(scalar, values, 64)

    def _number(self, name: str) -> int:
        base, _, attribute = name.partition(".")
        if attribute == "len":
            return self.length(base)
        if attribute == "count":
            return self.length(base) // SPAN_BYTES
        value = dict(self.program.constants).get(name, self.arguments.get(name))
        if isinstance(value, int):
            return value
        if name in self.slots:
            return self.scalar_register(name)
        known = ", ".join((*self.slots, *self.arrays)) or "none"
        raise UsageError(f"there is no number {name!r}; registers: {known}")

    def _items(self, name: str) -> Sequence[int]:
        """What ``name[...]`` takes one of."""
        return self.register(name) if name in self.arrays else self.read(name, 0, self.length(name))


def numbers(content: bytes) -> list[int]:
    """The numbers of 64 bits in ``content``."""
    return memoryview(content).cast("Q").tolist()

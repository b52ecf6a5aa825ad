"""An operation on its way into LLVM: its immediates and its state as IR values."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from pcpu.isa import Op
from pcpu.lower.code import Code, Value


@dataclass(frozen=True)
class Stage:
    """``immediates`` are integers of their declared width's container; ``state`` is a local
    variable of ``op.state_bits`` bits, None for a map."""

    op: Op
    immediates: tuple[Value, ...]
    state: Value | None

    @property
    def constants(self) -> dict[str, int]:
        """The immediates that are known when compiling, by name."""
        return {
            imm.name: value.constant
            for imm, value in zip(self.op.immediates, self.immediates, strict=True)
            if isinstance(value, ir.Constant)
        }

    def values(self, code: Code, width: int) -> dict[str, Value]:
        """The immediates by name, in ``width`` bits."""
        found = {}
        for imm, value in zip(self.op.immediates, self.immediates, strict=True):
            if imm.bits <= width:  # a wider one cannot occur in an expression of that width
                found[imm.name] = code.resize(value, width)
        return found

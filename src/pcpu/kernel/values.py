"""The values of kernels in IR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

I1, I8, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(64)
POINTER = ir.PointerType()

KINDS = frozenset({"int", "bool", "Bytes", "Ints", "Memory", "State"})
ITEMS = {"Bytes": I8, "Ints": I64, "Memory": I8, "State": I64}  # of arrays


@dataclass(frozen=True)
class Array:
    """``length`` counts items."""

    kind: str
    pointer: Any
    length: Any

    @property
    def item(self) -> Any:
        return ITEMS[self.kind]


# All of memory, which begins at address 0.
MEMORY = Array("Memory", ir.Constant(POINTER, None), I64(1 << 62))
# The state where it is in variables of the module.
VARIABLES = Array("State", None, None)


def parameter_types(kind: str, everywhere: Mapping[str, Array]) -> list[Any]:
    """How a parameter is passed between kernels: what is ``everywhere`` is not."""
    if kind in everywhere:
        return []
    return [POINTER, I64] if kind in ITEMS else [I1 if kind == "bool" else I64]


def result_type(kinds: tuple[str, ...] | None) -> Any:
    """Of a function that gives values of these kinds; several are a struct, and None is void."""
    if kinds is None:
        return ir.VoidType()
    if kinds[0] in ITEMS:
        return ir.LiteralStructType([POINTER, I64])
    types = [I1 if kind == "bool" else I64 for kind in kinds]
    return types[0] if len(types) == 1 else ir.LiteralStructType(types)

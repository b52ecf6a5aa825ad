"""What a program leaves when it has run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pcpu.errors import PcpuError
from pcpu.ir.model import (
    Program,
    ResultValue,
    Shown,
)

Row = tuple[int, ...]


@dataclass
class Outcome:
    """``buffers`` are the ``inout`` and ``out`` ones, ``tables`` the rows of output tables."""

    buffers: dict[str, Any]
    results: dict[str, ResultValue]
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def shown(self, program: Program) -> dict[str, Shown]:
        """The results as they are written in JSON."""
        return {r.name: r.show(self.results[r.name]) for r in program.results}


def results_of(program: Program, numbers: list[int]) -> dict[str, ResultValue]:
    """The results by name, from the numbers that a module writes one after the other."""
    found: dict[str, ResultValue] = {}
    place = 0
    for result in program.results:
        several = tuple(numbers[place : place + result.count])
        found[result.name] = several if result.count > 1 else several[0]
        place += result.count
    return found


def table_rows(content: Any, columns: int) -> list[Row]:
    """The rows of an output table in memory."""
    numbers = memoryview(content).cast("B").cast("Q").tolist()
    return [tuple(numbers[i : i + columns]) for i in range(0, len(numbers), columns)]


def zeros(name: str, size: int) -> bytearray:
    """The output ``name`` before a run. Raises PcpuError where there is no memory for it."""
    try:
        return bytearray(size)
    except (MemoryError, OverflowError):
        raise PcpuError(f"{name} would have {size} bytes, more than there is memory") from None


Inputs = Mapping[str, Any]  # buffers by name; all but the outputs
Arguments = Mapping[str, int | bytes]  # parameters by name; all of them

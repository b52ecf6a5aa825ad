"""What the state of a program over a stream holds: slots of 64 bits (spec/abi.md A9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcpu.ir import Program, ResultValue

SLOT = 8  # bytes


@dataclass(frozen=True)
class Layout:
    """``results`` has the slots of each result, in program order; ``position`` is the slot that
    counts the bytes, None where no operation asks; ``slots`` is how many there are."""

    results: tuple[range, ...]
    position: int | None
    slots: int

    @property
    def outputs(self) -> int:
        """How many numbers the results are."""
        return self.results[-1].stop if self.results else 0

    def values(self, numbers: Sequence[int]) -> tuple[ResultValue, ...]:
        """The results in ``numbers``, which are those of all of them, one after the other."""
        return tuple(
            tuple(numbers[slots.start : slots.stop]) if len(slots) > 1 else numbers[slots.start]
            for slots in self.results
        )


def layout(program: Program) -> Layout:
    results: list[range] = []
    start = 0
    for result in program.results:
        results.append(range(start, start + result.count))
        start += result.count
    uses_index = any(instruction.op.uses_index for instruction in program.instructions)
    return Layout(tuple(results), start if uses_index else None, start + uses_index)

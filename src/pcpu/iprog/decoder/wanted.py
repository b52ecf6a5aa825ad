"""Rows of what is wanted of a caller (spec/iprog-abi.md D5)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import put_64

PLAN, REFERENCE, SITES = 0, 1, 2  # sources
ROW = 32  # bytes


def put_row(
    s: State, heap: Memory, row: int, start: int, length: int, to: int, source: int
) -> None:
    """Say that bytes are wanted; ``to`` is where in the heap they go."""
    at = s[S.ROWS] + ROW * row
    put_64(heap, at, start)
    put_64(heap, at + 8, length)
    put_64(heap, at + 16, to | source << 32)
    put_64(heap, at + 24, 0)

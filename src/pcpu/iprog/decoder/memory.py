"""Copies."""

from __future__ import annotations

from pcpu.kernel import Memory
from pcpu.kernel.memory import move_16, move_bytes

_LONG = 1024  # bytes from which on what the machine has for copies is faster
_PIECE = 64


def copy(heap: Memory, to: int, source: int, length: int, end: int) -> None:
    """Copy bytes of memory. Up to 63 behind them may be written too, so what lies there is made
    later. Nothing is read from ``end`` on, where what the source is part of ends."""
    if length >= _LONG or source + length + _PIECE > end:
        move_bytes(heap, to, heap, source, length)
        return
    stop = to + length
    while True:
        move_16(heap, to, heap, source)
        move_16(heap, to + 16, heap, source + 16)
        move_16(heap, to + 32, heap, source + 32)
        move_16(heap, to + 48, heap, source + 48)
        to += _PIECE
        source += _PIECE
        if to >= stop:
            return

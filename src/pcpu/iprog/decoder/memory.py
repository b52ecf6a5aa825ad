"""Copies between arrays."""

from __future__ import annotations

from pcpu.kernel import Bytes
from pcpu.kernel.memory import move_16

_LONG = 256  # bytes from which on what the machine has for copies is faster


def copy(to: Bytes, at: int, source: Bytes, start: int, length: int) -> None:
    """``to[at : at + length] = source[start : start + length]``. Up to 15 bytes behind that may be
    written too where ``to`` has them, so what lies there is made later."""
    if length >= _LONG or at + length + 16 > len(to) or start + length + 16 > len(source):
        to[at : at + length] = source[start : start + length]
        return
    for n in range(0, length, 16):
        move_16(to, at + n, source, start + n)

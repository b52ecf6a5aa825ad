"""Copies between arrays."""

from __future__ import annotations

from pcpu.kernel import Bytes
from pcpu.kernel.memory import move_16

_LONG = 1024  # bytes from which on what the machine has for copies is faster
_PIECE = 64


def copy(to: Bytes, at: int, source: Bytes, start: int, length: int) -> None:
    """``to[at : at + length] = source[start : start + length]``. Up to 63 bytes behind that may be
    written too where ``to`` has them, so what lies there is made later."""
    if length >= _LONG or at + length + _PIECE > len(to) or start + length + _PIECE > len(source):
        to[at : at + length] = source[start : start + length]
        return
    done = 0
    while True:
        there, here = to[at : at + _PIECE], source[start : start + _PIECE]
        move_16(there, 0, here, 0)
        move_16(there, 16, here, 16)
        move_16(there, 32, here, 32)
        move_16(there, 48, here, 48)
        at += _PIECE
        start += _PIECE
        done += _PIECE
        if done >= length:
            return

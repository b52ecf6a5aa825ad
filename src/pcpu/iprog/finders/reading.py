"""Numbers in a blob (spec/iprog-finders.md G40). The caller knows that all of one lies in it."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes
from pcpu.kernel import i64

_LONGEST = 9  # bytes of a varint


def varint(b: Bytes, p: int, end: int) -> tuple[int, int]:
    """The varint (G2) at ``b[p]``, and where it ends; -1 as the latter where it does not end
    before ``b[end]``, or is too long, or where ``p`` is -1."""
    value = 0
    for n in range(_LONGEST):
        if p < 0 or p + n >= end:
            break
        octet = i64(b[p + n])
        value |= (octet & 127) << (7 * n)
        if octet < 128:
            return value, p + n + 1
    return 0, -1


def lies(start: int, size: int, end: int) -> bool:
    """Whether ``size`` bytes from ``start`` on lie before ``end``. Numbers may be anything."""
    return 0 <= start <= end and 0 <= size <= end - start

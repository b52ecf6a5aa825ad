"""Local variables in the code of WebAssembly (spec/iprog-finders.md G72).

They are numbered in each function: those of each are a kind of its own, its *scope*.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.wasm_code import (
    LONGEST,
    NO_MORE,
    SHORT,
    UNSIGNED,
    WIDEST,
    behind_locals,
    behind_number,
    instruction,
    number,
    number_in,
)  # fmt: skip
from pcpu.iprog.sites import SPACE
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, lowest_bit

_FIRST_SCOPE, _LAST_SCOPE = 4, 1 << 22  # kinds
_GET, _TEE = 0x20, 0x22  # the first and the last of three opcodes


def find_locals(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    """Finder 24, in a section of code."""
    scope = _FIRST_SCOPE
    left, p = varint(b, p, end)
    while left > 0 and p >= 0 and scope <= _LAST_SCOPE:
        size, p = varint(b, p, end)
        if p < 0 or size > end - p:
            return count
        stop = p + size
        p = behind_locals(b, p, stop)
        if p >= 0:
            count = _in_function(b, p, stop, scope, rows, room, count)
            p = stop
        scope += 1
        left -= 1
    return count


def _in_function(
    b: Bytes, p: int, end: int, scope: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The variables that instructions of ``b[p:end]`` name; how many rows there are then."""
    while p + LONGEST <= end:
        eight = i64_at(b, p)
        short = i64(SHORT[(eight & 255) << 3 | eight >> 13 & 6 | eight >> 23 & 1])
        if _GET <= eight & 255 <= _TEE:
            word = eight >> 8
            width = (lowest_bit(~word & NO_MORE) >> 3) + 1  # a byte of eight is none of the word's
            if width <= WIDEST:
                target = (scope << SPACE) + number_in(word, width)
                count = add(rows, room, count, p + 1, UNSIGNED, target, width)
                p += 1 + width
                continue
        elif short != 0:
            p += short
            continue
        else:
            after = behind_number(b, p)
            if after > 0:
                p = after
                continue
        p, count = _step(b, p, end, scope, rows, room, count)
        if p == 0:
            return count
    while 0 < p < end:
        p, count = _step(b, p, end, scope, rows, room, count)
    return count


def _step(
    b: Bytes, p: int, end: int, scope: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """Read the instruction at ``b[p]``; where it ends, or 0, and how many rows there are then."""
    if not _GET <= i64(b[p]) <= _TEE:
        after, _ = instruction(b, p, end, rows, 0, 0)
        return after, count
    value, after = number(b, p + 1, end, False)
    if 0 < after <= p + 1 + WIDEST:
        target = (scope << SPACE) + value
        count = add(rows, room, count, p + 1, UNSIGNED, target, after - p - 1)
    return after, count

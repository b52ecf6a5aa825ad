"""Local variables in the code of WebAssembly (spec/iprog-finders.md G72).

They are numbered in each function: those of each are a kind of its own, its *scope*.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.wasm_code import UNSIGNED, WIDEST, behind_locals, instruction, number
from pcpu.iprog.sites import SPACE
from pcpu.kernel import i64

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
    while 0 < p < end:
        if _GET <= i64(b[p]) <= _TEE:
            value, after = number(b, p + 1, end, False)
            if 0 < after <= p + 1 + WIDEST:
                target = (scope << SPACE) + value
                count = add(rows, room, count, p + 1, UNSIGNED, target, after - p - 1)
            p = after
        else:
            p, _ = instruction(b, p, end, rows, 0, 0)
    return count

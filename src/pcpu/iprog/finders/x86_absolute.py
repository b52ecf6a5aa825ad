"""Addresses in the instructions of programs for x86-64 and x86 that are loaded at a fixed place
(spec/iprog-finders.md G75, G80)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    EXECUTABLE,
    HIGH,
    LOW,
    is_code,
    is_wide,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u16_at, u32_at

_LEAST = 4096
_BEFORE = 4  # bytes of an instruction that are looked at
_MOVE, _LAST_MOVE, _PUSH, _COMPARE = 0xB8, 0xBF, 0x68, 0x3D  # opcodes, as are the next
_ARITHMETIC, _STORE = 0x81, 0xC7
_WORD = Form.WORD.value


def fixed_sites(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 27: numbers of 32 bits that are addresses."""
    if u16_at(b, 16) != EXECUTABLE:
        return count
    narrow = not is_wide(b)  # addresses are few among all numbers
    low, high = max(_LEAST, i64(elf[LOW])), i64(elf[HIGH])
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if not is_code(b, s):
            continue
        p = start_of(b, s) + _BEFORE
        stop = start_of(b, s) + size_of(b, s) - 3
        while p < stop:
            if low <= u32_at(b, p) < high and (narrow or _is_operand(b, p)):
                count = add(rows, room, count, p, _WORD, u32_at(b, p), 0)
                p += 3
            p += 1
    return count


def _is_operand(b: Bytes, p: int) -> bool:
    """Whether an operand of 32 bits begins at ``b[p]``, by the four bytes before it."""
    k = i64(b[p - 1])
    o = i64(b[p - 2])
    if _MOVE <= k <= _LAST_MOVE or k in (_PUSH, _COMPARE):
        return True
    if o == _ARITHMETIC:  # with a register
        return k >= 0xC0
    if o == _STORE:  # in a register, or at one
        return (k < 8 and k not in (4, 5)) or 0xC0 <= k < 0xC8
    if o & 0xC7 == 4 and k & 7 == 5:  # at a place and a register times a number
        return True
    if b[p - 3] == _STORE:  # near a register, or at the stack pointer
        return (o & 0xF8 == 0x40 and o != 0x44) or (o == 4 and k == 0x24)
    return b[p - 4] == _STORE and b[p - 3] == 0x44 and o == 0x24  # near the stack pointer

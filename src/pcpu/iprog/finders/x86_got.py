"""Operands of x86 that count from the global offset table (spec/iprog-finders.md G83).

Code that may lie anywhere has no addresses. A function puts that of the table into a register, and
operands say how far behind it they are, in the 4 bytes behind a byte that names the register.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    GOT,
    GOT_PLT,
    HIGH,
    LOW,
    address_of,
    is_code,
    named,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.jump_tables import mark
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i32_at

_RELATIVE, _BASED = Form.RELATIVE.value, Form.BASED.value
_PIECE = 1 << 14


def got_of(b: Bytes) -> int:
    """The address of the table; 0 where there is none."""
    s = named(b, GOT_PLT)
    if s == 0:
        s = named(b, GOT)
    return address_of(b, s) if s != 0 else 0


def got_sites(b: Bytes, elf: Ints, tables: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 37; what operands lead to is marked in ``tables``."""
    got = got_of(b)
    if got == 0:
        return count
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            start = start_of(b, s)
            last = start + size_of(b, s) - 3
            bias = address_of(b, s) - start
            floor, registers, p = start, 0xEF, start + 2
            while p < last:
                end = min(p + _PIECE, last)
                floor, registers, count = _find(
                    b, start, p, end, bias, floor, registers, got, elf, tables, rows, room, count
                )
                p = end
    return count


def _find(
    b: Bytes, start: int, p: int, end: int, bias: int, floor: int, registers: int, got: int,
    elf: Ints, tables: Ints, rows: Ints, room: int, count: int,
) -> tuple[int, int, int]:  # fmt: skip
    """The sites from ``p`` on before ``end``: the floor, a bit for each register that has the
    address of the table, and how many rows there are."""
    low, high = i64(elf[LOW]), i64(elf[HIGH])
    while p < end:
        if p < floor + 2:
            p += 1
            continue
        k = i64(b[p - 1])
        o = i64(b[p - 2])
        value = i32_at(b, p)
        target = got + value
        if o == 0x81 and 0xC0 <= k <= 0xC7 and p + bias - 2 + value == got:
            count = add(rows, room, count, p, _RELATIVE, got, -2)
            registers |= 1 << (k & 7)
            floor = p + 4
        elif k == 0x05 and p + bias - 1 + value == got:
            count = add(rows, room, count, p, _RELATIVE, got, -1)
            registers |= 1
            floor = p + 4
        elif low <= target < high:
            if (k >> 6 == 2 and k & 7 != 4) or (o >> 6 == 2 and o & 7 == 4 and p >= floor + 3):
                register = k & 7
            else:
                p += 1
                continue
            if registers >> register & 1:
                count = add(rows, room, count, p, _BASED, target, got)
                mark(tables, target)
                floor = p + 4
        p += 1
    return floor, registers, count

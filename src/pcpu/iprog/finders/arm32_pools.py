"""Words among the ARM instructions of 32-bit programs that are addresses, or distances to them from
the instruction that adds them to its own address (spec/iprog-finders.md G87).

``known`` has for each register where the word lies that it was loaded with, and where it was.
"""

from __future__ import annotations

from pcpu.iprog.finders.arm32 import AHEAD, BLOCK, THUMB_AHEAD, is_arm, is_short, of_interest
from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COUNT,
    EXECUTABLE,
    HIGH,
    LOW,
    address_of,
    is_code,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i32_at, lowest_bit, u16_at, u32_at

REACH = 1 << 10  # bytes for which a register keeps what it was loaded with
_REGISTERS = 16
_LEAST_POINTER = 4096
_NEVER = -REACH - 1
_POOL, _WORD = Form.ARM_POOL.value, Form.WORD.value


def arm32_pools(
    b: Bytes, elf: Ints, known: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 41, with two numbers a register in ``known``."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            p = start_of(b, s)
            stop = p + size_of(b, s)
            bias = address_of(b, s) - p
            for register in range(_REGISTERS):
                known[_REGISTERS + register] = _NEVER
            p += -(p + bias) & 3
            after = p
            while p + 4 <= stop:
                end = min(p + BLOCK, p + (stop - p & -4))
                if is_arm(b, p, end):
                    count = _arm_pools(b, p, end, stop, bias, elf, known, rows, room, count)
                else:
                    after = max(after, p)
                    count, after = _thumb_pools(
                        b, after, end, stop, bias, elf, known, rows, room, count
                    )  # fmt: skip
                p = end
    return count


def _arm_pools(
    b: Bytes, p: int, end: int, stop: int, bias: int, spans: Ints, known: Ints, rows: Ints,
    room: int, count: int,
) -> int:  # fmt: skip
    """The sites of ARM instructions in ``b[p:end]``; how many rows there are then."""
    while p < end:
        found, step = of_interest(b, p, end, 2, 0xEF, 0x8F)
        while found != 0:
            q = p + lowest_bit(found)
            found &= found - 1
            word = u32_at(b, q)
            if word & 0xFFF0000 == 0x59F0000:  # ldr, from a place that follows
                pool = q + AHEAD + (word & 0xFFF)
                count = _load(b, word >> 12 & 15, q, pool, stop, spans, known, rows, room, count)
            elif word & 0xFFF0FF0 in (0x8F0000, 0x79F0000):  # add to this place, load from there
                base = q + AHEAD
                count = _use(b, word & 15, q, base, bias, spans, known, rows, room, count)
        p += step
    return count


def _thumb_pools(
    b: Bytes, p: int, end: int, stop: int, bias: int, spans: Ints, known: Ints, rows: Ints,
    room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The sites of Thumb instructions from ``b[p]`` on before ``b[end]``: how many rows there are
    then, and where the next instruction begins."""
    while p < end and p + 4 <= stop:
        word = u32_at(b, p)
        half = word & 0xFFFF
        base = p + THUMB_AHEAD
        aligned = base - (base + bias & 3)
        if half & 0xF800 == 0x4800:
            pool, register = aligned + 4 * (half & 0xFF), half >> 8 & 7
            count = _load(b, register, p, pool, stop, spans, known, rows, room, count)
        elif half == 0xF8DF:
            pool, register = aligned + (word >> 16 & 0xFFF), word >> 28
            count = _load(b, register, p, pool, stop, spans, known, rows, room, count)
        elif half & 0xFF78 == 0x4478:
            register = half & 7 | half >> 4 & 8
            count = _use(b, register, p, base, bias, spans, known, rows, room, count)
        p += 2 if is_short(half) else 4
    return count, p


def _load(
    b: Bytes, register: int, place: int, pool: int, stop: int, spans: Ints, known: Ints, rows: Ints,
    room: int, count: int,
) -> int:  # fmt: skip
    """Note what a register is loaded with. In a program whose addresses are final it may be one."""
    if pool + 4 > stop:
        return count
    known[register] = pool
    known[_REGISTERS + register] = place
    value = u32_at(b, pool)
    if u16_at(b, 16) != EXECUTABLE or not max(spans[LOW], _LEAST_POINTER) <= value < spans[HIGH]:
        return count
    return add(rows, room, count, pool, _WORD, value, 0)


def _use(
    b: Bytes, register: int, place: int, base: int, bias: int, spans: Ints, known: Ints, rows: Ints,
    room: int, count: int,
) -> int:  # fmt: skip
    """The site of the word in a register that is added to the address of ``b[base]``."""
    made = i64(known[_REGISTERS + register])
    pool = i64(known[register])
    if place - made > REACH or pool < base:
        return count
    known[_REGISTERS + register] = _NEVER
    target = base + bias + i32_at(b, pool)
    if spans[LOW] <= target < spans[HIGH]:
        count = add(rows, room, count, pool, _POOL, target, pool - base)
    return count

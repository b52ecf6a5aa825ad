"""AArch64 instructions that hold distances and parts of addresses (spec/iprog-finders.md G57).

What is known of registers is kept in ``known``: for each its page, where that was made, and whether
it was used.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    CODE_LOW,
    ENTRY,
    FIRST,
    HIGH,
    LAST,
    LOW,
    address_of,
    is_code,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel.memory import u32_at

REACH = 128  # bytes for which a page stays in its register
PAGE_BITS = 12
_REGISTERS = 32
KNOWN = 3 * _REGISTERS
_SINCE, _USED = _REGISTERS, 2 * _REGISTERS
_NEVER = -REACH - 1
_BRANCH, _PAGE, _LOW = Form.BRANCH.value, Form.PAGE.value, Form.LOW.value


def arm_sites(
    b: Bytes, elf: Ints, known: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 13: branches, and pages with what is added to them."""
    for s in range(elf[FIRST], elf[LAST], ENTRY):
        if is_code(b, s):
            start = start_of(b, s)
            bias = address_of(b, s) - start
            count = find_pages(
                b, start, start + size_of(b, s), bias, elf[CODE_LOW], elf[CODE_HIGH], elf[LOW],
                elf[HIGH], known, rows, room, count,
            )  # fmt: skip
    return count


def find_pages(
    b: Bytes, start: int, stop: int, bias: int, code_low: int, code_high: int, low: int, high: int,
    known: Ints, rows: Ints, room: int, count: int,
) -> int:  # fmt: skip
    """The sites of ``b[start:stop]``; how many rows there are then. Branches lead to addresses
    from ``code_low`` to ``code_high``, pages with what is added from ``low`` to ``high``."""
    for register in range(_REGISTERS):
        known[_SINCE + register] = _NEVER
    for p in range(start + (-(start + bias) & 3), stop - 3, 4):
        word = u32_at(b, p)
        if word & 0x7C000000 == 0x14000000:  # b, bl
            distance = (word & 0x3FFFFFF) - ((word & 0x2000000) << 1)
            target = p + bias + 4 * distance
            if code_low <= target < code_high:
                count = add(rows, room, count, p, _BRANCH, target, 0)
        elif word & 0x9F000000 == 0x90000000:  # adrp
            pages = (word >> 29 & 3) | (word >> 3 & 0x1FFFFC)
            pages -= (pages & 0x100000) << 1
            register = word & 31
            known[register] = ((p + bias >> PAGE_BITS) + pages) << PAGE_BITS
            known[_SINCE + register] = p
            known[_USED + register] = 0
        else:
            shift = _shift_of(word)
            register = word >> 5 & 31
            if shift >= 0 and p - known[_SINCE + register] <= REACH:
                target = known[register] + ((word >> 10 & 0xFFF) << shift)
                if low <= target < high:
                    if known[_USED + register] == 0:
                        known[_USED + register] = 1
                        made = known[_SINCE + register]
                        count = add(rows, room, count, made, _PAGE, target, 0)
                    count = add(rows, room, count, p, _LOW, target, shift)
                if word & 31 == register:
                    known[_SINCE + register] = _NEVER
    return count


def _shift_of(word: int) -> int:
    """By how many bits an instruction shifts what it adds to a page; -1 where it adds nothing."""
    if word & 0xFFC00000 == 0x91000000:  # add
        return 0
    if word & 0x3B000000 == 0x39000000:  # ldr, str
        if word & 0xC4800000 == 0x4800000:  # of 16 bytes
            return 4
        return word >> 30
    return -1

"""AArch64 instructions that hold distances and parts of addresses (spec/iprog-finders.md G57).

What is known of registers is kept in ``known``: for each its page, where that was made, and whether
it was used; where the latest page was made; and how many rows there were before.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    CODE_LOW,
    COUNT,
    HIGH,
    LOW,
    address_of,
    is_code,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add, settle
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import lowest_bit, match_16, u32_at

REACH = 128  # bytes for which a page stays in its register
PAGE_BITS = 12
_REGISTERS = 32
KNOWN = 3 * _REGISTERS + 2
_SINCE, _USED, _LATEST, _FIRST = (
    _REGISTERS, 2 * _REGISTERS, 3 * _REGISTERS, 3 * _REGISTERS + 1
)  # fmt: skip
_NEVER = -REACH - 1
_BLOCK = 64  # bytes that are looked at together
_FIRST_BYTES = 0x1111111111111111
_PIECE = 1 << 14
_BRANCH, _PAGE, _LOW = Form.BRANCH.value, Form.PAGE.value, Form.LOW.value


def arm_sites(
    b: Bytes, elf: Ints, known: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 13: branches, and pages with what is added to them."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            start = start_of(b, s)
            stop = start + size_of(b, s)
            bias = address_of(b, s) - start
            count = find_pages(b, start, stop, bias, elf, known, rows, room, count)
    return count


def find_pages(
    b: Bytes, start: int, stop: int, bias: int, spans: Ints, known: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The sites of ``b[start:stop]``; how many rows there are then. Branches lead to the code span
    of ``spans``, which are those of an image, pages with what is added to the span."""
    known[_LATEST], known[_FIRST] = _NEVER, count
    for register in range(_REGISTERS):
        known[_SINCE + register] = _NEVER
    # In pieces, as engines of WebAssembly go over to faster code where a function is called.
    for p in range(start + (-(start + bias) & 3), stop - 3, _PIECE):
        end = min(p + _PIECE, stop - 3)
        count = _find_words(b, p, end, bias, spans, known, rows, room, count)
    return count


def _find_words(
    b: Bytes, p: int, end: int, bias: int, spans: Ints, known: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The same for instructions at places from ``p`` on before ``end``."""
    while p < end:
        found, later, step = 1, 0, 4
        if p + _BLOCK <= len(b):
            found, later = _of_interest(b, p)
            step = _BLOCK
            if end - p < _BLOCK:
                found, later = found & (1 << end - p) - 1, later & (1 << end - p) - 1
            if p - known[_LATEST] <= REACH:
                found |= later
        while found != 0:
            bit = lowest_bit(found)
            found &= found - 1
            word = u32_at(b, p + bit)
            if word & 0x7C000000 == 0x14000000:  # b, bl
                distance = (word & 0x3FFFFFF) - ((word & 0x2000000) << 1)
                target = p + bit + bias + 4 * distance
                if spans[CODE_LOW] <= target < spans[CODE_HIGH]:
                    count = add(rows, room, count, p + bit, _BRANCH, target, 0)
            elif word & 0x9F000000 == 0x90000000:  # adrp
                _make_page(word, p + bit, bias, known)
                found |= later & -2 << bit
            else:
                count = _use_page(word, p + bit, spans, known, rows, room, count)
        p += step
    return count


def _of_interest(b: Bytes, p: int) -> tuple[int, int]:
    """Of sixteen instructions: bit 4 n of the first number says that instruction n is a branch or
    makes a page, of the second that it may use one."""
    found, later = 0, 0
    for n in range(0, _BLOCK, 16):
        branches, pages = match_16(b, p + n, 0x7C, 0x14, 0), match_16(b, p + n, 0x9F, 0x90, 0)
        adds, moves = match_16(b, p + n, 0xFF, 0x91, 0), match_16(b, p + n, 0x3B, 0x39, 0)
        found |= (branches | pages) << n
        later |= (adds | moves) << n
    return found >> 3 & _FIRST_BYTES, later >> 3 & _FIRST_BYTES


def _make_page(word: int, place: int, bias: int, known: Ints) -> None:
    """Note the page that an instruction puts into a register."""
    pages = (word >> 29 & 3) | (word >> 3 & 0x1FFFFC)
    pages -= (pages & 0x100000) << 1
    register = word & 31
    known[register] = ((place + bias >> PAGE_BITS) + pages) << PAGE_BITS
    known[_SINCE + register] = place
    known[_USED + register] = 0
    known[_LATEST] = place


def _use_page(
    word: int, place: int, spans: Ints, known: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The sites of an instruction that may add something to a page, and of the page."""
    shift = _shift_of(word)
    register = word >> 5 & 31
    made = i64(known[_SINCE + register])
    if shift < 0 or place - made > REACH:
        return count
    target = known[register] + ((word >> 10 & 0xFFF) << shift)
    if spans[LOW] <= target < spans[HIGH]:
        if known[_USED + register] == 0:
            known[_USED + register] = 1
            count = add(rows, room, count, made, _PAGE, target, 0)
            if count <= room:
                settle(rows, known[_FIRST], count)
        count = add(rows, room, count, place, _LOW, target, shift)
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

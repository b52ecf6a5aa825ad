"""ARM instructions of 32-bit programs that hold distances (spec/iprog-finders.md G86).

Nothing in a stripped program says where instructions are of which of the two sets, ARM or Thumb. So
code is looked at in blocks: most ARM instructions are done always, which their highest four bits
say, and hardly any words of Thumb code look like that.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    CODE_LOW,
    COUNT,
    address_of,
    is_code,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel.memory import lowest_bit, match_16, u16_at, u32_at

BLOCK = 256  # bytes
AHEAD, THUMB_AHEAD = 8, 4  # of an instruction, where it takes itself to be
SIXTEENTHS = 5  # of the words of a block of ARM instructions that are done always, at least
_GROUP = 64  # bytes that are looked at together
_FIRST_BYTES = 0x1111111111111111  # of each four
_ARM, _THUMB = Form.ARM_BRANCH.value, Form.THUMB_BRANCH.value


def arm32_sites(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 40: calls and jumps."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            p = start_of(b, s)
            stop = p + size_of(b, s)
            bias = address_of(b, s) - p
            p += -(p + bias) & 3
            after = p
            while p + 4 <= stop:
                end = min(p + BLOCK, p + (stop - p & -4))
                if is_arm(b, p, end):
                    count = _arm_branches(b, p, end, bias, elf, rows, room, count)
                else:
                    after = max(after, p)
                    count, after = _thumb_branches(
                        b, after, end, stop, bias, elf, rows, room, count
                    )  # fmt: skip
                p = end
    return count


def is_arm(b: Bytes, p: int, end: int) -> bool:
    """Whether the words in ``b[p:end]`` are ARM instructions."""
    found = 0
    for q in range(p, end, 4):
        if b[q + 3] >> 4 == 14:
            found += 1
    return 64 * found >= SIXTEENTHS * (end - p)


def of_interest(
    b: Bytes, p: int, end: int, byte: int, mask: int, wanted: int
) -> tuple[int, int]:  # fmt: skip
    """The words from ``b[p]`` on whose ``byte`` is ``wanted`` under ``mask``, by the bits of their
    first bytes, and how many bytes these words are. Of the last ones before ``end`` each is one."""
    if p + _GROUP > end:
        return 1, 4
    found = 0
    for n in range(0, _GROUP, 16):
        found |= match_16(b, p + n, mask, wanted, 0) << n
    return found >> byte & _FIRST_BYTES, _GROUP


def _arm_branches(
    b: Bytes, p: int, end: int, bias: int, spans: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The sites of ARM instructions in ``b[p:end]``; how many rows there are then."""
    while p < end:
        found, step = of_interest(b, p, end, 3, 0x0E, 0x0A)
        while found != 0:
            q = p + lowest_bit(found)
            found &= found - 1
            word = u32_at(b, q)
            if is_arm_branch(word):
                target = q + bias + AHEAD + arm_distance(word)
                if spans[CODE_LOW] <= target < spans[CODE_HIGH]:
                    count = add(rows, room, count, q, _ARM, target, 0)
        p += step
    return count


def _thumb_branches(
    b: Bytes, p: int, end: int, stop: int, bias: int, spans: Ints, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """The sites of Thumb instructions from ``b[p]`` on before ``b[end]``: how many rows there are
    then, and where the next instruction begins."""
    while p < end and p + 4 <= stop:
        if is_short(u16_at(b, p)):
            p += 2
            continue
        word = u32_at(b, p)
        if is_thumb_branch(word):
            target = thumb_base(word, p + bias) + thumb_distance(word)
            if spans[CODE_LOW] <= target < spans[CODE_HIGH]:
                count = add(rows, room, count, p, _THUMB, target, 0)
        p += 4
    return count, p


def is_arm_branch(word: int) -> bool:
    """Whether an ARM instruction is ``b``, ``bl`` or ``blx``, whatever its condition."""
    return word >> 25 & 7 == 5 and (word >> 28 & 15 > 13 or word >> 24 & 1 == 1)


def is_arm_call(word: int) -> bool:
    """Whether it is ``bl`` or ``blx``."""
    return word >> 24 & 15 == 11 or word >> 25 & 0x7F == 0x7D


def arm_distance(word: int) -> int:
    """How far a branch leads: the highest condition stands for ``blx``, which may lead to the
    middle of a word."""
    distance = (word & 0xFFFFFF) - ((word & 0x800000) << 1)
    half = word >> 23 & 2 if word >> 28 & 15 == 15 else 0
    return 4 * distance + half


def put_arm(word: int, distance: int) -> int:
    """A branch that leads so far."""
    if word >> 28 & 15 == 15:
        word = word & ~0x1000000 | (distance & 2) << 23
    return word & ~0xFFFFFF | distance >> 2 & 0xFFFFFF


def is_short(half: int) -> bool:
    """Whether a Thumb instruction that begins so has 2 bytes, and not 4."""
    return half < 0xE800


def is_thumb_branch(word: int) -> bool:
    """Whether a Thumb instruction of 4 bytes is ``b``, ``bl`` or ``blx`` without a condition."""
    if word & 0xF800 != 0xF000:
        return False
    return word >> 28 & 13 in (9, 13) or (word >> 28 & 13 == 12 and word & 0x10000 == 0)


def is_thumb_call(word: int) -> bool:
    """Whether it is ``bl`` or ``blx``."""
    return is_thumb_branch(word) and word >> 30 & 1 == 1


def thumb_base(word: int, address: int) -> int:
    """Where a branch at an address counts from: ``blx`` from the beginning of a word."""
    base = address + THUMB_AHEAD
    return base if word >> 28 & 1 == 1 else base & -4


def thumb_distance(word: int) -> int:
    """How far a branch leads."""
    sign = word >> 10 & 1
    distance = (word & 0x3FF) << 12 | (word >> 16 & 0x7FF) << 1
    distance |= (1 - (word >> 29 & 1 ^ sign)) << 23 | (1 - (word >> 27 & 1 ^ sign)) << 22
    return distance - (sign << 24)


def put_thumb(word: int, distance: int) -> int:
    """A branch that leads so far."""
    sign = distance >> 24 & 1
    first, second = 1 - (distance >> 23 & 1 ^ sign), 1 - (distance >> 22 & 1 ^ sign)
    word = word & ~0x2FFF07FF | sign << 10 | distance >> 12 & 0x3FF
    return word | first << 29 | second << 27 | (distance >> 1 & 0x7FF) << 16


# What loops call that read instructions.
READING = (
    is_arm_branch, is_arm_call, arm_distance, put_arm, is_short, is_thumb_branch, is_thumb_call,
    thumb_base, thumb_distance, put_thumb,
)  # fmt: skip

"""Literal transforms, undone (G28, G93)."""

from __future__ import annotations

from pcpu.iprog.finders.arm32 import (
    THUMB_AHEAD,
    arm_distance,
    is_arm_call,
    is_short,
    is_thumb_call,
    put_arm,
    put_thumb,
    thumb_base,
    thumb_distance,
)  # fmt: skip
from pcpu.iprog.finders.riscv import (
    AUIPC,
    JAL,
    REACH,
    first_use,
    high_of,
    is_call,
    jump_of,
    low_of,
    next_use,
    put_high,
    put_jump,
    put_low,
)  # fmt: skip
from pcpu.iprog.finders.x86_64 import ESCAPE, instruction_end, is_operand
from pcpu.kernel import Bytes, i64
from pcpu.kernel.memory import i32_at, lowest_bit, match_16, put_32, u16_at, u32_at

NEAR = 1 << 15  # what words that are alike differ by, at most
FAR = 1 << 30  # what has at least this size is no distance within a program
_LONG, _SHORT = 64, 16  # places that are looked at together


def restore_x86(part: Bytes, address: int, base: int, span: int, operands: bool) -> None:
    """Undo transform 1 in a part of a run that lies at ``address``; 6 where operands are left."""
    floor, p, last = 0, 1, len(part) - 4
    while p <= last:
        fields, step = 1, 1
        if p + _LONG <= len(part) and p >= 2:
            fields, step = _may_end(part, p, _LONG, operands), _LONG
        elif len(part) > _SHORT and p >= 2:
            first = min(p, len(part) - _SHORT + 1)
            fields, step = _may_end(part, first, _SHORT, operands) >> (p - first), _SHORT
        while fields:
            at = p + lowest_bit(fields)
            fields &= fields - 1
            distance = instruction_end(part, at, floor) if floor < at <= last else 0
            if distance and (operands or not is_operand(part, at)):
                end = address + at + distance - base
                value = i32_at(part, at)
                if 0 <= end <= span and -end <= value < span:
                    value = value - end if value >= 0 else value + span
                    if not operands and value in (0, -end):
                        value = -end - value
                    put_32(part, at, value)
                floor = at + 4
        p += step


def restore_words(part: Bytes, place: int, back: int) -> None:
    """Undo the transform of words in a part of a run that lies at ``place`` of the file (G93)."""
    for p in range((-place & 3) + back, len(part) - 3, 4):
        before, value = i32_at(part, p - back), i32_at(part, p)
        if 2 * NEAR <= before < FAR or -FAR < before <= -2 * NEAR:
            if -NEAR <= value < NEAR:
                put_32(part, p, value + before)
            elif -NEAR <= value - before < NEAR:
                put_32(part, p, value - before)


def _may_end(b: Bytes, p: int, count: int, with_operands: bool) -> int:
    """Bit n, of so many: whether a distance may stand at ``b[p + n]``, for what is before it."""
    found = 0
    for n in range(0, count, _SHORT):
        jumps = match_16(b, p + n - 2, 0xFF, ESCAPE, 0) & match_16(b, p + n - 1, 0xF0, 0x80, 0)
        calls = match_16(b, p + n - 1, 0xFE, 0xE8, 0)
        operands = match_16(b, p + n - 1, 0xC7, 0x05, 0) if with_operands else 0
        found |= (jumps | calls | operands) << n
    return found


def restore_aarch64(part: Bytes, address: int) -> None:
    """Undo transform 2 in a part of a run that lies at ``address``."""
    for p in range(-address % 4, len(part) - 3, 4):
        word = u32_at(part, p)
        if word >> 26 == 0x25:
            goal = word - (address + p >> 2)
            put_32(part, p, word & ~0x3FFFFFF | goal & 0x3FFFFFF)
        elif word & 0x9F000000 == 0x90000000:
            pages = (word >> 29 & 3 | word >> 3 & 0x1FFFFC) - (address + p >> 12)
            put_32(part, p, word & ~0x60FFFFE0 | (pages & 3) << 29 | (pages & 0x1FFFFC) << 3)


def restore_riscv(part: Bytes, address: int) -> None:
    """Undo transform 8 in a part of a run that lies at ``address``."""
    p, last = address & 1, len(part) - 3
    while p < last:
        opcode = i64(part[p]) & 0x7F
        if opcode == AUIPC:
            _restore_uses(part, p, address + p, min(p + REACH, last))
        elif opcode == JAL:
            word = u32_at(part, p)
            if is_call(word):
                put_32(part, p, put_jump(word, jump_of(word) - address - p))
        p += 4 if opcode & 3 == 3 else 2


def _restore_uses(part: Bytes, p: int, address: int, last: int) -> None:
    """Undo it in the ``auipc`` at ``part[p]``, if there is a use, and in all its uses."""
    q = first_use(part, p, last)
    if q > 0:
        word = u32_at(part, p)
        put_32(part, p, put_high(word, high_of(word) + low_of(u32_at(part, q)) - address))
    while q > 0:
        word = u32_at(part, q)
        put_32(part, q, put_low(word, low_of(word) - address))
        q = next_use(part, p, q, last)


def restore_arm32(part: Bytes, address: int) -> None:
    """Undo transform 7 in a part of a run that lies at ``address``."""
    for p in range(-address % 4, len(part) - 3, 4):
        word = u32_at(part, p)
        if is_arm_call(word):
            put_32(part, p, put_arm(word, arm_distance(word) - address - p))


def restore_thumb(part: Bytes, address: int) -> None:
    """Undo transform 9 in a part of a run that lies at ``address``."""
    p, last = address & 1, len(part) - 3
    while p < last:
        size = 2
        if not is_short(u16_at(part, p)):
            size, word = 4, u32_at(part, p)
            if is_thumb_call(word):
                own = thumb_base(word, address + p) - THUMB_AHEAD
                put_32(part, p, put_thumb(word, thumb_distance(word) - own))
        p += size

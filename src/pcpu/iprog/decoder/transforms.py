"""Literal transforms, undone (G28)."""

from __future__ import annotations

from pcpu.iprog.finders.x86_64 import LAST_OCTETS, instruction_end
from pcpu.kernel import Bytes
from pcpu.kernel.memory import i32_at, put_32, u32_at


def restore_x86_64(part: Bytes, address: int, base: int, span: int) -> None:
    """Undo transform 1 in a part of a run that lies at ``address``."""
    floor, p, last = 0, 1, len(part) - 4
    while p <= last:
        if LAST_OCTETS[part[p - 1]] == 0:  # nine octets in ten
            p += 1
            continue
        distance = instruction_end(part, p, floor)
        if distance:
            end = address + p + distance - base
            value = i32_at(part, p)
            if 0 <= end <= span and -end <= value < span:
                put_32(part, p, value - end if value >= 0 else value + span)
            floor = p + 4
            p += 4
        p += 1


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

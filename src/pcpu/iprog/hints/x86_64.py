"""x86-64 instructions that hold distances (spec/iprog-finders.md G43).

Nothing is disassembled: a field is known by the bytes before it, and a finder asks besides that its
target lies where code or data is, which one random field in some hundred does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.hints.elf import Elf, Section
from pcpu.iprog.jit import jit, signed_at
from pcpu.iprog.sites import Form, Places, Sites

ESCAPE = 0x0F


def _opcodes() -> npt.NDArray[np.uint8]:
    """By opcode: how far the end of an instruction with an operand at a distance lies behind the
    start of that distance; 0 where there is no such instruction."""
    table = np.zeros(256, np.uint8)
    arithmetic = [8 * group + form for group in range(8) for form in range(4)]
    moves = [0x63, *range(0x84, 0x8C), 0x8D, 0x8F]
    shifts_and_floats = [*range(0xD0, 0xD4), *range(0xD8, 0xE0)]
    table[[*arithmetic, *moves, *shifts_and_floats, 0xF6, 0xF7, 0xFE, 0xFF]] = 4
    table[[0x6B, 0x80, 0x83, 0xC0, 0xC1, 0xC6]] = 5  # with a byte behind the distance
    table[[0x69, 0x81, 0xC7]] = 8  # with four
    return table


def _escaped() -> npt.NDArray[np.uint8]:
    """The same for opcodes behind an escape byte."""
    table = np.full(256, 4, np.uint8)
    table[[0x70, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6]] = 5
    return table


OPCODES, ESCAPED = _opcodes(), _escaped()


def instruction_end(b: Any, p: int, f: int) -> int:
    """How far the end of the instruction that holds a distance at ``b[p]`` lies behind ``p``; 0
    where there is none. Bytes before ``b[f]`` are not looked at."""
    k = b[p - 1]
    if k in (0xE8, 0xE9):
        return 4
    if p - 2 < f:
        return 0
    o = b[p - 2]
    if o == 0x0F and 0x80 <= k <= 0x8F:
        return 4
    if k & 0xC7 != 0x05:
        return 0
    if p - 3 >= f and b[p - 3] == 0x0F:
        return int(ESCAPED[o])
    if p - 4 >= f and b[p - 4] == 0x0F and b[p - 3] in (0x38, 0x3A):
        return 4 if b[p - 3] == 0x38 else 5
    if OPCODES[o]:
        if o in (0xF6, 0xF7) and k & 0x30 == 0:
            return 5 if o == 0xF6 else 8
        return int(OPCODES[o])
    if p - 4 >= f and b[p - 4] == 0xC5:
        return int(ESCAPED[o])
    if p - 5 >= f and b[p - 5] == 0xC4:
        return 5 if b[p - 4] & 0x1F == 3 else 4
    if p - 6 >= f and b[p - 6] == 0x62:
        return 5 if b[p - 5] & 0x07 == 3 else 4
    return 0


instruction_end_fast = jit(instruction_end)


@jit
def _find(
    b: Any, lo: int, hi: int, bias: int, branches: Any, operands: Any, place: Any, target: Any,
    extra: Any,
) -> int:  # fmt: skip
    """Write the sites of ``b[lo:hi]`` to the last three arrays; how many they are. ``branches``
    and ``operands`` are the first address that such a distance may lead to, and the one behind the
    last."""
    count, floor, p = 0, lo, lo + 1
    while p + 4 <= hi:
        distance = instruction_end_fast(b, p, floor)
        if distance:
            goal = p + bias + distance + signed_at(b, p)
            k = b[p - 1]
            allowed = operands if k & 0xC7 == 0x05 else branches
            if allowed[0] <= goal < allowed[1]:
                place[count], target[count], extra[count] = p, goal, distance
                count += 1
                floor = p + 4
                p += 4
        p += 1
    return count


def code_sites(elf: Elf) -> Sites:
    """Finder 1: calls, jumps and operands relative to the instruction (G44)."""
    return Sites.joined([_section_sites(elf, section) for section in elf.code])


def _section_sites(elf: Elf, section: Section) -> Sites:
    room = section.size // 4 + 1
    place, target, extra = (np.empty(room, np.int64) for _ in range(3))
    data = np.frombuffer(elf.data, np.uint8)
    count = _find(
        data, section.start, section.stop, section.bias, np.array(elf.code_span),
        np.array(elf.span), place, target, extra,
    )  # fmt: skip
    return Sites.of(place[:count], Form.CODE, target[:count], extra[:count])


@jit
def _follow_tables(
    b: Any, bases: Any, end: int, bias: int, code: Any, place: Any, target: Any, extra: Any
) -> int:
    count = 0
    for number in range(len(bases)):
        base = bases[number]
        limit = bases[number + 1] if number + 1 < len(bases) else end
        first, at = count, base
        while at + 4 <= limit:
            p = at - bias
            goal = base + signed_at(b, p)
            if not code[0] <= goal < code[1]:
                break
            place[count], target[count], extra[count] = p, goal, base - at
            count += 1
            at += 4
        if count == first + 1:
            count = first  # a single word is chance
    return count


def jump_tables(elf: Elf) -> Sites:
    """Finder 7: tables of distances from their own start to code, as compilers make of a switch
    (G50). A table begins where an operand of an instruction leads to."""
    operands = np.unique(code_sites(elf).target)
    return Sites.joined([_tables(elf, section, operands) for section in _constants(elf)])


def _constants(elf: Elf) -> Iterable[Section]:
    return (s for s in elf.loaded if s.is_content and not s.is_code and not s.writable)


def _tables(elf: Elf, section: Section, operands: Places) -> Sites:
    inside = (operands >= section.address) & (operands < section.end) & (operands % 4 == 0)
    room = section.size // 4 + 1
    place, target, extra = (np.empty(room, np.int64) for _ in range(3))
    count = _follow_tables(
        np.frombuffer(elf.data, np.uint8), operands[inside], section.end, section.bias,
        np.array(elf.code_span), place, target, extra,
    )  # fmt: skip
    return Sites.of(place[:count], Form.RELATIVE, target[:count], extra[:count])

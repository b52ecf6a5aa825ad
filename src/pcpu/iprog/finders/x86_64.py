"""x86-64 and x86 instructions that hold distances (spec/iprog-finders.md G43, G44, G82).

Nothing is disassembled: a field is known by the bytes before it, and a finder asks besides that its
target lies where code or data is, which one random field in some hundred does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    CODE_HIGH,
    CODE_LOW,
    COUNT,
    HIGH,
    LOW,
    address_of,
    is_code,
    is_wide,
    section,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.jump_tables import mark
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i32_at, lowest_bit, match_16

ESCAPE = 0x0F
_CODE = Form.CODE.value
_LONGEST = 8  # bytes from a distance to the end of its instruction
_FIELDS = 64  # places that are looked at together
_PIECE = 1 << 14


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


def instruction_end(b: Bytes, p: int, f: int) -> int:
    """How far the end of the instruction that holds a distance at ``b[p]`` lies behind ``p``; 0
    where there is none. Bytes before ``b[f]`` are not looked at."""
    k = i64(b[p - 1])
    if k in (0xE8, 0xE9):
        return 4
    if p - 2 < f:
        return 0
    o = i64(b[p - 2])
    if o == ESCAPE and 0x80 <= k <= 0x8F:
        return 4
    if k & 0xC7 != 0x05:
        return 0
    if p - 3 >= f and b[p - 3] == ESCAPE:
        return i64(ESCAPED[o])
    if p - 4 >= f and b[p - 4] == ESCAPE and b[p - 3] in (0x38, 0x3A):
        return 4 if b[p - 3] == 0x38 else 5
    if OPCODES[o] != 0:
        if o in (0xF6, 0xF7) and k & 0x30 == 0:
            return 5 if o == 0xF6 else 8
        return i64(OPCODES[o])
    return vector_end(b, p, f, o)


def is_operand(b: Bytes, p: int) -> bool:
    """Whether what is at ``b[p]`` in such an instruction says where an operand is, not where a
    branch leads to."""
    return i64(b[p - 1]) & 0xC7 == 0x05


def _is_next(b: Bytes, p: int) -> bool:
    """Whether a call leads to what follows it, which is how code finds its own address."""
    return i64(b[p - 1]) == 0xE8 and i32_at(b, p) == 0


def vector_end(b: Bytes, p: int, f: int, o: int) -> int:
    """The same behind the prefixes of vector instructions."""
    if p - 4 >= f and b[p - 4] == 0xC5:
        return i64(ESCAPED[o])
    if p - 5 >= f and b[p - 5] == 0xC4:
        return 5 if i64(b[p - 4]) & 0x1F == 3 else 4
    if p - 6 >= f and b[p - 6] == 0x62:
        return 5 if i64(b[p - 5]) & 0x07 == 3 else 4
    return 0


def amd_sites(
    b: Bytes, elf: Ints, tables: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finders 1 and 36: calls, jumps and operands relative to the instruction (G44, G82). What they
    lead to is marked in ``tables``."""
    operands = is_wide(b)
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            start = start_of(b, s)
            stop = start + size_of(b, s)
            bias = address_of(b, s) - start
            count = find_distances(b, start, stop, bias, operands, elf, tables, rows, room, count)
    return count


def find_distances(
    b: Bytes, start: int, stop: int, bias: int, operands: bool, spans: Ints, tables: Ints,
    rows: Ints, room: int, count: int,
) -> int:  # fmt: skip
    """The sites of ``b[start:stop]``; how many rows there are then. Branches lead to the code span
    of ``spans``, which are those of an image, operands, where they are looked for, to the span."""
    floor, p = start, start + 1
    while p + 4 <= stop:
        # In pieces, as engines of WebAssembly go over to faster code where a function is called.
        end = min(p + _PIECE, stop - 3)
        floor, count = _find_in_piece(
            b, start, p, end, floor, stop, bias, operands, spans, tables, rows, room, count
        )
        p = end
    return count


def _find_in_piece(
    b: Bytes, start: int, p: int, end: int, floor: int, stop: int, bias: int, operands: bool,
    spans: Ints, tables: Ints, rows: Ints, room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The same for fields at places from ``p`` on before ``end``; the floor, and how many rows
    there are."""
    least = i64(spans[LOW]) - bias - stop - _LONGEST >> 24  # highest bytes of distances
    most = (i64(spans[HIGH]) - bias - start >> 24) - least
    while p < end:
        if p - 2 < start or p + _FIELDS + 3 > stop:
            fields, step = 1, 1
        else:
            fields, step = _fields(b, p, least, min(most, 255), operands), _FIELDS
            if end - p < _FIELDS:
                fields, step = fields & (1 << end - p) - 1, end - p
        while fields != 0:
            at = p + lowest_bit(fields)
            fields &= fields - 1
            if at <= floor:
                continue
            distance = instruction_end(b, at, floor)
            if distance == 0:
                continue
            target = at + bias + distance + i32_at(b, at)
            operand = is_operand(b, at)
            if not operands and (operand or _is_next(b, at)):
                continue
            low = i64(spans[LOW if operand else CODE_LOW])
            high = i64(spans[HIGH if operand else CODE_HIGH])
            if low <= target < high:
                count = add(rows, room, count, at, _CODE, target, distance)
                mark(tables, target)
                floor = at + 4
        p += step
    return floor, count


def _fields(b: Bytes, p: int, least: int, most: int, with_operands: bool) -> int:
    """Bit n, of 64: whether a distance may stand at ``b[p + n]``: a byte before it that may be, and
    the highest of its bytes from ``least`` to ``least + most``."""
    found = 0
    for n in range(0, _FIELDS, 16):
        jumps = match_16(b, p + n - 2, 0xFF, ESCAPE, 0) & match_16(b, p + n - 1, 0xF0, 0x80, 0)
        calls = match_16(b, p + n - 1, 0xFE, 0xE8, 0)
        operands = match_16(b, p + n - 1, 0xC7, 0x05, 0) if with_operands else 0
        near = match_16(b, p + n + 3, 0xFF, least, most)
        found |= ((jumps | calls | operands) & near) << n
    return found

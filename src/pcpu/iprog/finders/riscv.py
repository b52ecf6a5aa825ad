"""RISC-V instructions that hold distances (spec/iprog-finders.md G84, G85).

An address is made of two instructions: ``auipc`` adds the high part of a distance to its own
address, and the low part is in what uses the register, which may stand a few instructions behind.
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
from pcpu.kernel.memory import u16_at, u32_at

AUIPC, JAL = 0x17, 0x6F  # opcodes
REACH = 128  # bytes behind its beginning in which the uses of a high part are looked for
PIECE = 1 << 14
_JUMP, _HIGH = Form.RISCV_JUMP.value, Form.RISCV_HIGH.value
_LOAD, _STORE = Form.RISCV_LOAD.value, Form.RISCV_STORE.value


def riscv_sites(b: Bytes, elf: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 43: jumps, and both parts of distances."""
    for n in range(elf[COUNT]):
        s = section(elf, n)
        if is_code(b, s):
            first = count
            p = start_of(b, s)
            stop = p + size_of(b, s)
            bias = address_of(b, s) - p
            p += p + bias & 1
            while p + 4 <= stop:  # in pieces, for engines of WebAssembly
                end = min(p + PIECE, stop - 3)
                count, p = _find_in_stretch(
                    b, p, end, stop, bias, elf, rows, room, first, count
                )  # fmt: skip
    return count


def _find_in_stretch(
    b: Bytes, p: int, end: int, stop: int, bias: int, spans: Ints, rows: Ints, room: int,
    first: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """The sites of instructions from ``b[p]`` on before ``b[end]``: how many rows there are then,
    and where the next instruction begins. Those from row ``first`` on are in order."""
    while p < end:
        opcode = i64(b[p]) & 0x7F
        if opcode & 3 != 3:
            p += 2
            continue
        if opcode == AUIPC:
            count = _find_uses(b, p, stop, bias, spans, rows, room, first, count)
        elif opcode == JAL:
            target = p + bias + jump_of(u32_at(b, p))
            if spans[CODE_LOW] <= target < spans[CODE_HIGH]:
                count = _put(rows, room, first, count, p, _JUMP, target, 0)
        p += 4
    return count, p


def _find_uses(
    b: Bytes, p: int, stop: int, bias: int, spans: Ints, rows: Ints, room: int, first: int,
    count: int,
) -> int:  # fmt: skip
    """The sites of the high part at ``b[p]`` and of what uses it."""
    word = u32_at(b, p)
    base = p + bias + high_of(word)
    last = min(p + REACH, stop - 3)
    q = first_use(b, p, last)
    used = False
    while q > 0:
        use = u32_at(b, q)
        target = base + low_of(use)
        if spans[LOW] <= target < spans[HIGH]:
            if not used:
                count = _put(rows, room, first, count, p, _HIGH, target, 0)
                used = True
            form = _STORE if is_store(use) else _LOAD
            count = _put(rows, room, first, count, q, form, target, q - p)
        q = next_use(b, p, q, last)
    return count


def _put(
    rows: Ints, room: int, first: int, count: int, place: int, form: int, target: int, extra: int
) -> int:  # fmt: skip
    """Add a row in the order of places; few are behind its own. How many there are then."""
    count = add(rows, room, count, place, form, target, extra)
    if first < count <= room:
        settle(rows, first, count)
    return count


def first_use(b: Bytes, p: int, last: int) -> int:
    """Where the register of the ``auipc`` at ``b[p]`` is used first, before ``b[last]``; 0 where it
    is not, or no longer the same."""
    register = register_of(u32_at(b, p))
    return _use_from(b, register, p + 4, last) if register != 0 else 0


def next_use(b: Bytes, p: int, q: int, last: int) -> int:
    """The same behind the use at ``b[q]``."""
    register = register_of(u32_at(b, p))
    return 0 if _is_lost(u32_at(b, q), register) else _use_from(b, register, q + 4, last)


def _use_from(b: Bytes, register: int, q: int, last: int) -> int:
    while q < last:
        if b[q] & 3 != 3:
            if _is_lost_in_short(u16_at(b, q), register):
                return 0
            q += 2
        else:
            word = u32_at(b, q)
            if _is_use(word, register):
                return q
            if _is_lost(word, register):
                return 0
            q += 4
    return 0


def _is_use(word: int, register: int) -> bool:
    """Whether an instruction adds a number of its own to a register: loads, stores, ``addi``,
    ``jalr``."""
    if word >> 15 & 31 != register:
        return False
    return word & 0x5B == 3 or word & 0x707F in (0x13, 0x67)


def _is_lost(word: int, register: int) -> bool:
    """Whether an instruction of 4 bytes puts something else into a register."""
    return word >> 7 & 31 == register and word & 0x7F not in (0x07, 0x23, 0x27, 0x63)


def _is_lost_in_short(half: int, register: int) -> bool:
    """Whether one of 2 bytes does."""
    kind = half >> 13
    if half & 3 == 2:
        return kind in (0, 2, 3, 4) and half >> 7 & 31 == register
    if half & 3 == 0:
        return kind in (0, 2, 3) and (half >> 2 & 7) + 8 == register
    if kind < 4:
        return half >> 7 & 31 == register
    return kind == 4 and (half >> 7 & 7) + 8 == register


def put_jump(word: int, value: int) -> int:
    """``jal`` that leads so far."""
    word = word & 0xFFF | (value & 0x100000) << 11 | value & 0xFF000
    return word | (value & 0x800) << 9 | (value & 0x7FE) << 20


def put_high(word: int, value: int) -> int:
    """``auipc`` with the high part of a distance, which makes up for the sign of the low one."""
    return word & 0xFFF | value + 0x800 & 0xFFFFF000


def put_low(word: int, value: int) -> int:
    """A use with the low part of a distance."""
    if is_store(word):
        return word & 0x1FFF07F | (value & 0xFE0) << 20 | (value & 31) << 7
    return word & 0xFFFFF | (value & 0xFFF) << 20


def is_call(word: int) -> bool:
    """Whether ``jal`` keeps where it comes from in the usual register."""
    return register_of(word) == 1


def register_of(word: int) -> int:
    """The register that an instruction of 4 bytes writes."""
    return word >> 7 & 31


def is_store(word: int) -> bool:
    """Whether a use is a store, whose number stands in two parts."""
    return word & 0x7F in (0x23, 0x27)


def signed_32(value: int) -> int:
    """A number of 32 bits with its sign."""
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def high_of(word: int) -> int:
    """What ``auipc`` adds."""
    return signed_32(word & 0xFFFFF000)


def low_of(word: int) -> int:
    """What a use adds."""
    high = signed_32(word) >> 20
    return high & -32 | word >> 7 & 31 if is_store(word) else high


def jump_of(word: int) -> int:
    """How far ``jal`` leads."""
    high = signed_32(word) >> 11 & -0x100000
    return high | word & 0xFF000 | word >> 9 & 0x800 | word >> 20 & 0x7FE


# What loops call that read instructions.
READING = (
    first_use, next_use, _use_from, _is_use, _is_lost, _is_lost_in_short, put_jump, put_high,
    put_low, is_call, register_of, is_store, signed_32, high_of, low_of, jump_of, u16_at, u32_at,
)  # fmt: skip

"""Literal transforms: what makes the code among literals more alike (spec/iprog.md G28).

Each is here twice: undone in plain Python, for the decoder that is read beside the specification;
and done, compiled, for the planner. Decoders that are compiled have decoder/transforms.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pcpu.iprog.decoder.transforms import FAR, NEAR
from pcpu.iprog.finders import arm32, riscv
from pcpu.iprog.finders.arm32 import (
    arm_distance,
    is_arm_call,
    is_thumb_call,
    put_arm,
    put_thumb,
    thumb_base,
    thumb_distance,
)  # fmt: skip
from pcpu.iprog.finders.riscv import (
    first_use,
    high_of,
    jump_of,
    low_of,
    next_use,
    put_high,
    put_jump,
    put_low,
)  # fmt: skip
from pcpu.iprog.finders.x86_64 import instruction_end, is_operand, vector_end
from pcpu.iprog.format import Transform
from pcpu.iprog.jit import for_loops, jit, put, signed_at
from pcpu.iprog.regions import RegionKind
from pcpu.iprog.sites import OTHER_IMAGE

_U32 = (1 << 32) - 1
for_loops(instruction_end, is_operand, vector_end, *riscv.READING, *arm32.READING)
Restore = Callable[[bytearray, int, int, int], None]

# How far before a word that lies which it is like.
BACK: Mapping[RegionKind, int] = MappingProxyType({RegionKind.WORDS: 4, RegionKind.PAIRS: 8})


def restore_x86_64(
    part: bytearray, address: int, base: int, span: int, operands: bool = True
) -> None:
    """Undo transform 1 in a part of a run that lies at ``address``; 6 where operands are left."""
    floor, at = 0, 1
    while at + 4 <= len(part):
        distance = int(instruction_end(part, at, floor))
        if distance and (operands or not is_operand(part, at)):
            end = address + at + distance - base
            value = int.from_bytes(part[at : at + 4], "little", signed=True)
            if 0 <= end <= span and -end <= value < span:
                value += -end if value >= 0 else span
                if not operands and value in (0, -end):
                    value = -end - value
                part[at : at + 4] = (value & _U32).to_bytes(4, "little")
            floor = at + 4
            at += 4
        at += 1


def restore_aarch64(part: bytearray, address: int, base: int, span: int) -> None:
    """Undo transform 2 in a part of a run that lies at ``address``."""
    for at in range(-address % 4, len(part) - 3, 4):
        word = int.from_bytes(part[at : at + 4], "little")
        if word >> 26 == 0x25:
            word = word & ~0x3FFFFFF | (word - (address + at >> 2)) & 0x3FFFFFF
        elif word & 0x9F000000 == 0x90000000:
            pages = (word >> 29 & 3 | word >> 3 & 0x1FFFFC) - (address + at >> 12)
            word = word & ~0x60FFFFE0 | (pages & 3) << 29 | (pages & 0x1FFFFC) << 3
        part[at : at + 4] = word.to_bytes(4, "little")


def restore_x86(part: bytearray, address: int, base: int, span: int) -> None:
    """Undo transform 6 in a part of a run that lies at ``address``."""
    restore_x86_64(part, address, base, span, operands=False)


def restore_by_image(part: bytearray, address: int, base: int, span: int) -> None:
    """Undo transform 3 in a part of a run that lies at ``address``."""
    restore = restore_x86_64 if address < OTHER_IMAGE else restore_aarch64
    restore(part, address, base, span)


def restore_words(part: bytearray, place: int, back: int) -> None:
    """Undo the transform of words in a part of a run that lies at ``place`` of the file (G93)."""
    for at in range(-place % 4 + back, len(part) - 3, 4):
        before = int.from_bytes(part[at - back : at - back + 4], "little", signed=True)
        value = int.from_bytes(part[at : at + 4], "little", signed=True)
        if not 2 * NEAR <= abs(before) < FAR:
            continue
        if -NEAR <= value < NEAR:
            value += before
        elif -NEAR <= value - before < NEAR:
            value -= before
        part[at : at + 4] = (value & _U32).to_bytes(4, "little")


def restore_riscv(part: bytearray, address: int, base: int, span: int) -> None:
    """Undo transform 8 in a part of a run that lies at ``address``."""
    at, last = address % 2, len(part) - 3
    while at < last:
        word = int.from_bytes(part[at : at + 4], "little")
        if word & 0x7F == riscv.AUIPC:
            _restore_uses(part, at, address + at, min(at + riscv.REACH, last))
        elif word & 0xFFF == riscv.JAL | 0x80:
            part[at : at + 4] = _jump(word, -address - at)
        at += 4 if word & 3 == 3 else 2


def restore_arm32(part: bytearray, address: int, base: int, span: int) -> None:
    """Undo transform 7 in a part of a run that lies at ``address``."""
    for at in range(-address % 4, len(part) - 3, 4):
        word = int.from_bytes(part[at : at + 4], "little")
        if word >> 24 & 15 == 11 or word >> 25 == 0x7D:
            word = word & ~0xFFFFFF | (word - (address + at >> 2)) & 0xFFFFFF
            part[at : at + 4] = word.to_bytes(4, "little")


def restore_thumb(part: bytearray, address: int, base: int, span: int) -> None:
    """Undo transform 9 in a part of a run that lies at ``address``."""
    at = address % 2
    while at + 4 <= len(part):
        word = int.from_bytes(part[at : at + 4], "little")
        if word & 0xFFFF >= 0xE800 and arm32.is_thumb_call(word):
            own = address + at if word >> 28 & 1 else (address + at) & ~3
            word = arm32.put_thumb(word, arm32.thumb_distance(word) - own)
            part[at : at + 4] = word.to_bytes(4, "little")
        at += 2 if word & 0xFFFF < 0xE800 else 4


def _restore_uses(part: bytearray, at: int, address: int, last: int) -> None:
    word = int.from_bytes(part[at : at + 4], "little")
    use = int(riscv.first_use(part, at, last))
    if use:
        low = riscv.low_of(int.from_bytes(part[use : use + 4], "little"))
        high = (word & ~0xFFF) + low - address + 0x800
        part[at : at + 4] = (word & 0xFFF | high & 0xFFFFF000).to_bytes(4, "little")
    while use:
        word = int.from_bytes(part[use : use + 4], "little")
        moved = riscv.put_low(word, riscv.low_of(word) - address)
        part[use : use + 4] = moved.to_bytes(4, "little")
        use = int(riscv.next_use(part, at, use, last))


def _jump(word: int, more: int) -> bytes:
    return int(riscv.put_jump(word, riscv.jump_of(word) + more)).to_bytes(4, "little")


RESTORE: Mapping[Transform, Restore] = MappingProxyType({
    Transform.X86_64: restore_x86_64,
    Transform.AARCH64: restore_aarch64,
    Transform.BY_IMAGE: restore_by_image,
    Transform.X86: restore_x86,
    Transform.RISCV: restore_riscv,
    Transform.ARM32: restore_arm32,
    Transform.THUMB: restore_thumb,
})  # fmt: skip


@jit
def transform(kind: int, data: Any, at: Any, stop: Any, bias: Any, base: Any, span: Any) -> None:
    """Do a transform in ``data[at:stop]``; ``bias`` is what an address is more than its place in
    ``data``."""
    if kind == 3:
        kind = 1 if at + bias < OTHER_IMAGE else 2
    if kind in (1, 6):
        _x86(data, at, stop, bias - base, span, kind == 1)
    elif kind == 2:
        _aarch64(data, at, stop, bias)
    elif kind == 8:
        _riscv(data, at, stop, bias)
    elif kind == 7:
        _arm32(data, at, stop, bias)
    elif kind == 9:
        _thumb(data, at, stop, bias)


@jit
def _x86(data: Any, at: Any, stop: Any, bias: Any, span: Any, operands: bool) -> None:
    floor, p = at, at + 1
    while p + 4 <= stop:
        distance = instruction_end(data, p, floor)
        if distance and (operands or not is_operand(data, p)):
            end = p + bias + distance
            value = signed_at(data, p)
            if 0 <= end <= span and -end <= value < span:
                if not operands and value in (0, -end):
                    value = -end - value
                value = value + end if value + end < span else value - span
                put(data, p, value, 4)
            floor = p + 4
            p += 4
        p += 1


@jit
def _aarch64(data: Any, at: Any, stop: Any, bias: Any) -> None:
    for p in range(at + -(at + bias) % 4, stop - 3, 4):
        word = signed_at(data, p)
        if word >> 26 & 63 == 0x25:
            goal = word + (p + bias >> 2)
            put(data, p, word & ~0x3FFFFFF | goal & 0x3FFFFFF, 4)
        elif word & 0x9F000000 == 0x90000000:
            pages = (word >> 29 & 3 | word >> 3 & 0x1FFFFC) + (p + bias >> 12)
            put(data, p, word & ~0x60FFFFE0 | (pages & 3) << 29 | (pages & 0x1FFFFC) << 3, 4)


@jit
def transform_words(data: Any, at: Any, stop: Any, place: Any, back: Any) -> None:
    """Do the transform of words in ``data[at:stop]``, whose first byte is at ``place`` of the
    file."""
    first = at + -place % 4 + back
    for p in range(first + (stop - 4 - first) // 4 * 4, first - 1, -4):
        before, value = signed_at(data, p - back), signed_at(data, p)
        if not 2 * NEAR <= abs(before) < FAR:
            continue
        if -NEAR <= value < NEAR:
            put(data, p, value + before, 4)
        elif -NEAR <= value - before < NEAR:
            put(data, p, value - before, 4)


@jit
def _riscv(data: Any, at: Any, stop: Any, bias: Any) -> None:
    p, end = at + (at + bias & 1), stop - 3
    while p < end:
        word = signed_at(data, p)
        if word & 0x7F == riscv.AUIPC:
            _riscv_uses(data, p, min(p + riscv.REACH, end), p + bias)
        elif word & 0xFFF == riscv.JAL | 0x80:
            put(data, p, put_jump(word, jump_of(word) + p + bias), 4)
        p += 4 if word & 3 == 3 else 2


@jit
def _riscv_uses(data: Any, p: Any, last: Any, address: Any) -> None:
    q = first_use(data, p, last)
    if q > 0:
        word = signed_at(data, p)
        target = high_of(word) + low_of(signed_at(data, q)) + address
        put(data, p, put_high(word, target), 4)
    while q > 0:
        word = signed_at(data, q)
        put(data, q, put_low(word, low_of(word) + address), 4)
        q = next_use(data, p, q, last)


@jit
def _arm32(data: Any, at: Any, stop: Any, bias: Any) -> None:
    for p in range(at + -(at + bias) % 4, stop - 3, 4):
        word = signed_at(data, p)
        if is_arm_call(word):
            put(data, p, put_arm(word, arm_distance(word) + p + bias), 4)


@jit
def _thumb(data: Any, at: Any, stop: Any, bias: Any) -> None:
    p = at + (at + bias & 1)
    while p < stop - 3:
        word = signed_at(data, p)
        long = word & 0xFFFF >= 0xE800
        if long and is_thumb_call(word):
            own = thumb_base(word, p + bias) - arm32.THUMB_AHEAD
            put(data, p, put_thumb(word, thumb_distance(word) + own), 4)
        p += 4 if long else 2

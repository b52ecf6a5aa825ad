"""Sites and the map: what a reader moves (G24-G29)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.transforms import (
    restore_aarch64,
    restore_arm32,
    restore_riscv,
    restore_thumb,
    restore_words,
    restore_x86,
)
from pcpu.iprog.finders.arm32 import (
    AHEAD,
    is_arm_call,
    is_thumb_call,
    put_arm,
    put_thumb,
)
from pcpu.iprog.finders.riscv import is_call, put_high, put_jump, put_low
from pcpu.iprog.format import Transform
from pcpu.iprog.regions import RegionKind
from pcpu.iprog.sites import OTHER_IMAGE, SPACE, Form
from pcpu.kernel import Bytes, Memory, State
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

CODE, RELATIVE, ABSOLUTE, BASED, BEHIND, UNSIGNED, SIGNED = map(int, list(Form)[:7])
BRANCH, PAGE, LOW = Form.BRANCH.value, Form.PAGE.value, Form.LOW.value
ARM, THUMB = Form.ARM_BRANCH.value, Form.THUMB_BRANCH.value
PREL, POOL = Form.ARM_PREL.value, Form.ARM_POOL.value
JUMP, HIGH = Form.RISCV_JUMP.value, Form.RISCV_HIGH.value
NARROW, WIDE = Form.NARROW.value, Form.WIDE.value
ENTRY, SYMBOL = Form.ENTRY.value, Form.SYMBOL.value
BIG, ROW, IN_PAGE = Form.BIG_ENDIAN.value, Form.ROW.value, Form.IN_PAGE.value
X86_64, AARCH64 = Transform.X86_64.value, Transform.AARCH64.value
BY_IMAGE, X86, RISCV = Transform.BY_IMAGE.value, Transform.X86.value, Transform.RISCV.value
ARM32, THUMB_CODE = Transform.ARM32.value, Transform.THUMB.value
NUMBER = (1 << SPACE) - 1
_ROW = 24  # bytes of the table of regions
CODE_KIND, WORDS, PAIRS = map(int, list(RegionKind)[1:4])


def region_of(s: State, heap: Memory, place: int) -> int:
    """The row of the last region that does not start behind a place of the file."""
    row, last = s[S.REGION], s[S.REGION_TABLE] + _ROW * (s[S.REGIONS] - 1)
    if i64_at(heap, row) <= place and (row == last or i64_at(heap, row + _ROW) > place):
        return row
    low, high = 0, s[S.REGIONS]
    while low + 1 < high:
        middle = (low + high) // 2
        if i64_at(heap, s[S.REGION_TABLE] + _ROW * middle) <= place:
            low = middle
        else:
            high = middle
    s[S.REGION] = s[S.REGION_TABLE] + _ROW * low
    return s[S.REGION]


def value_of(form: int, target: int, extra: int, address: int) -> int:
    """What a site holds whose target was moved, and which is copied to ``address`` (G24)."""
    if form > LOW:
        return other_value(form, target, extra, address)
    if form <= RELATIVE:
        return target - (address + extra)
    if form == BEHIND:
        return address + extra - target
    if form <= BASED:
        return target - extra
    if form == BRANCH:
        return target - address
    if form == PAGE:
        return (target >> 12) - (address >> 12)
    return target & NUMBER


def other_value(form: int, target: int, extra: int, address: int) -> int:
    """The same of forms that few programs have."""
    if form == ENTRY:
        return entry_of(target, extra)
    if form == IN_PAGE:
        return place_in_page(target, extra)
    if form in (SYMBOL, NARROW, WIDE, BIG, ROW):
        return target & NUMBER
    return target - (address - extra)


def entry_of(target: int, extra: int) -> int:
    """What is listed of a place that is relocated."""
    return (extra & 15) << 12 | target & 0xFFF


def place_in_page(target: int, bits: int) -> int:
    """How far behind the start of a page of so many bits a place is."""
    return target & (1 << min(bits & 63, 16)) - 1


def put_site(b: Bytes, at: int, form: int, extra: int, value: int) -> None:
    """Write it, unless it is a number that has no room. Of an instruction a part is written."""
    if form in (UNSIGNED, SIGNED):
        room = 7 * extra - (1 if form == SIGNED else 0)
        if extra < 9 and value >= 1 << room:
            return
        for n in range(extra):
            group = value >> min(7 * n, 63) & 127
            b[at + n] = group | (128 if n + 1 < extra else 0)
        return
    if form in (NARROW, WIDE):
        put_tagged(b, at, form, tagged(value, extra))
    elif form == IN_PAGE:
        b[at] = value >> 8 & 255
        b[at + 1] = value & 255
    elif form >= BIG:
        put_big(b, at, form, extra, value)
    elif form == ABSOLUTE:
        put_64(b, at, value)
    elif form == ENTRY:
        b[at] = value & 255
        b[at + 1] = value >> 8 & 255
    elif form < BRANCH:
        put_32(b, at, value)
    elif form > LOW:
        put_32(b, at, other_word(u32_at(b, at), form, value))
    else:
        put_32(b, at, instruction(u32_at(b, at), form, extra, value))


def tagged(value: int, extra: int) -> int:
    """A number and the tag that its extra says."""
    return (value << (extra & 7)) + (extra >> 3)


def put_tagged(b: Bytes, at: int, form: int, value: int) -> None:
    if form == WIDE and value < 1 << 32:
        put_32(b, at, value)
    elif form == NARROW and value < 1 << 16:
        b[at] = value & 255
        b[at + 1] = value >> 8 & 255


def put_big(b: Bytes, at: int, form: int, extra: int, value: int) -> None:
    """Write a number of as many bytes, the highest first, if it has room."""
    told = reversed_of(value, form, extra)
    for n in range(extra if told >= 0 else 0):
        b[at + n] = told >> 8 * n & 255


def reversed_of(value: int, form: int, size: int) -> int:
    """The bytes of a number that is written with the highest first, in the order of places; -1
    where it has no room, as one above 2^40 never has."""
    bits = 8 if form == BIG else 7
    if size < 1 or size > 8 or value >> SPACE != 0 or value >> min(bits * size - (bits - 7), 63):
        return -1
    told = 0
    for n in range(size):
        group = value & (1 << bits) - 1
        told = told << 8 | group | (128 if bits == 7 and n > 0 else 0)
        value >>= bits
    return told


def instruction(word: int, form: int, extra: int, value: int) -> int:
    """An instruction of AArch64 with another part of an address."""
    if form == BRANCH:
        return word & ~0x3FFFFFF | value >> 2 & 0x3FFFFFF
    if form == PAGE:
        return word & ~0x60FFFFE0 | (value & 3) << 29 | (value & 0x1FFFFC) << 3
    return word & ~0x3FFC00 | (value & 0xFFF) >> (extra & 63) << 10


def other_word(word: int, form: int, value: int) -> int:
    """What holds another distance or number, or a part of one, of forms that few programs have."""
    if form == ARM:
        return put_arm(word, value - AHEAD)
    if form == THUMB:
        return put_thumb(word, value - 4 if word >> 28 & 1 else value - 2 & -4)
    if form == PREL:
        return word & 0x80000000 | value & 0x7FFFFFFF
    if form == POOL:
        return value
    if form == SYMBOL:
        return word & 0xFF | (value & 0xFFFFFF) << 8
    if form == JUMP:
        return put_jump(word, value)
    return put_high(word, value) if form == HIGH else put_low(word, value)


def is_shown(form: int, word: int) -> bool:
    """Whether the moved reference has a site, where the word is, with an address (G29): it has no
    jumps within a function, and nothing that has no place in the file."""
    if form in (RELATIVE, BEHIND, PREL):
        return False
    if form == BRANCH:
        return word >> 26 == 0x25
    if form == ARM:
        return is_arm_call(word)
    if form == THUMB:
        return is_thumb_call(word)
    return form != JUMP or is_call(word)


def restore(s: State, heap: Memory, window: Bytes, start: int, at: int, end: int) -> None:
    """Undo the literal transform in ``window[at:end]``, a run; the window begins at ``start`` of
    the file (G28)."""
    region = region_of(s, heap, start + at)
    last_region = s[S.REGION_TABLE] + 24 * (s[S.REGIONS] - 1)
    while at < end:
        stop = end
        if region < last_region:
            stop = max(at, min(end, i64_at(heap, region + 24) - start))
        kind = i64_at(heap, region + 16)
        if kind in (WORDS, PAIRS):
            restore_words(window[at:stop], start + at, 4 if kind == WORDS else 8)
        elif kind == CODE_KIND:
            address = start + at + i64_at(heap, region + 8)
            own = s[S.TRANSFORM]
            if own == BY_IMAGE:
                own = X86_64 if address < OTHER_IMAGE else AARCH64
            if own in (X86_64, X86):
                operands = own == X86_64
                restore_x86(window[at:stop], address, s[S.BASE], s[S.SPAN], operands)
            elif own == RISCV:
                restore_riscv(window[at:stop], address)
            elif own == ARM32:
                restore_arm32(window[at:stop], address)
            elif own == THUMB_CODE:
                restore_thumb(window[at:stop], address)
            else:
                restore_aarch64(window[at:stop], address)
        at = stop
        region += 24

"""Sites and the map: what a reader moves (G24-G29)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.transforms import restore_aarch64, restore_x86_64
from pcpu.iprog.format import Transform
from pcpu.iprog.sites import OTHER_IMAGE, SPACE, Form
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

CODE, RELATIVE, ABSOLUTE, BASED, BEHIND, UNSIGNED, SIGNED, _, BRANCH, PAGE, _ = map(int, Form)
X86_64, AARCH64, BY_IMAGE = map(int, list(Transform)[1:])
NUMBER = (1 << SPACE) - 1
_ROW = 24  # bytes of the table of regions


def region_of(s: Ints, heap: Memory, place: int) -> int:
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
    if form == ABSOLUTE:
        put_64(b, at, value)
    elif form < BRANCH:
        put_32(b, at, value)
    else:
        put_32(b, at, instruction(u32_at(b, at), form, extra, value))


def instruction(word: int, form: int, extra: int, value: int) -> int:
    """An instruction of AArch64 with another part of an address."""
    if form == BRANCH:
        return word & ~0x3FFFFFF | value >> 2 & 0x3FFFFFF
    if form == PAGE:
        return word & ~0x60FFFFE0 | (value & 3) << 29 | (value & 0x1FFFFC) << 3
    return word & ~0x3FFC00 | (value & 0xFFF) >> (extra & 63) << 10


def restore(s: Ints, heap: Memory, window: Bytes, start: int, at: int, end: int) -> None:
    """Undo the literal transform in ``window[at:end]``, a run; the window begins at ``start`` of
    the file (G28)."""
    region = region_of(s, heap, start + at)
    last_region = s[S.REGION_TABLE] + 24 * (s[S.REGIONS] - 1)
    while at < end:
        stop = end
        if region < last_region:
            stop = max(at, min(end, i64_at(heap, region + 24) - start))
        if i64_at(heap, region + 16):
            address = start + at + i64_at(heap, region + 8)
            own = s[S.TRANSFORM]
            if own == BY_IMAGE:
                own = X86_64 if address < OTHER_IMAGE else AARCH64
            if own == X86_64:
                restore_x86_64(window[at:stop], address, s[S.BASE], s[S.SPAN])
            else:
                restore_aarch64(window[at:stop], address)
        at = stop
        region += 24

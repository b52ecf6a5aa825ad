"""Sites and the map: what a reader moves (G24-G29)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.transforms import restore_aarch64, restore_x86_64
from pcpu.iprog.finders.rows import width
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import Bytes, Ints
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

RECORD = 32  # bytes of a site: place, form, target, extra
CODE, RELATIVE, ABSOLUTE, BASED, BEHIND, UNSIGNED, SIGNED, _, BRANCH, PAGE, _ = map(int, Form)
# Forms that are not shown moved in a prefix, as it has no place in the file.
_BY_PLACE = (RELATIVE, BEHIND)
_CALL = 0x25
NUMBER = (1 << SPACE) - 1


def shift(s: Ints, heap: Bytes, address: int) -> int:
    """By how much an address moved (G25). Targets are in no order, so that no branch is taken by
    what is found: the last piece is narrowed down in as many steps each time."""
    starts, left = s[S.STARTS], s[S.PIECES]
    first = starts
    if left == 0 or i64_at(heap, first) > address:
        return 0
    while left > 1:
        half = left // 2
        middle = first + 8 * half
        first = middle if i64_at(heap, middle) <= address else first
        left -= half
    return i64_at(heap, first + s[S.SHIFTS] - starts)


def resolve(s: Ints, heap: Bytes, records: int, count: int) -> None:
    """Move the targets of sites by the map, once and for all, and put their places in the
    reference. What a form subtracts from them is then in their extra."""
    for n in range(count):
        at = records + RECORD * n
        form, extra = i64_at(heap, at + 8), i64_at(heap, at + 24)
        target = i64_at(heap, at + 16)
        put_64(heap, at, i64_at(heap, at) + s[S.BLOB_FIRST])
        put_64(heap, at + 16, target + shift(s, heap, target))
        if form == BASED:
            put_64(heap, at + 24, extra + shift(s, heap, extra))
        elif form == ABSOLUTE:
            put_64(heap, at + 24, 0)


def resolve_given(s: Ints, heap: Bytes) -> None:
    """The sites that were given for what was asked last."""
    if s[S.GIVEN_COUNT]:
        resolve(s, heap, s[S.GIVEN_SITES], s[S.GIVEN_COUNT])
        s[S.SITE] = 0


def first_site(s: Ints, heap: Bytes, records: int, count: int, place: int) -> int:
    """The number of the first site at ``place`` or behind. Most often it is near the last one."""
    low, step = s[S.SITE], 1
    if low < count and i64_at(heap, records + RECORD * low) < place:
        while low + step < count and i64_at(heap, records + RECORD * (low + step)) < place:
            low += step
            step *= 2
        high = min(low + step, count)
    else:
        low, high = 0, min(low, count)
    while low < high:
        middle = (low + high) // 2
        if i64_at(heap, records + RECORD * middle) < place:
            low = middle + 1
        else:
            high = middle
    return low


def region_of(s: Ints, heap: Bytes, place: int) -> int:
    """The row of the last region that does not start behind a place of the file."""
    low, high = 0, s[S.REGIONS]
    while low + 1 < high:
        middle = (low + high) // 2
        if i64_at(heap, s[S.REGION_TABLE] + 24 * middle) <= place:
            low = middle
        else:
            high = middle
    return s[S.REGION_TABLE] + 24 * low


def records_of(s: Ints, start: int) -> tuple[int, int, int]:
    """Where the sites of the span that begins at ``start`` are: records, how many, and the first
    of them if that is known, else -1."""
    if s[S.SITES_HELD]:
        return s[S.HELD_SITES], s[S.HELD_COUNT], -1
    return s[S.GIVEN_SITES], s[S.GIVEN_COUNT], s[S.SITE]


def move_cover(
    s: Ints, heap: Bytes, window: Bytes, at: int, length: int, source: int, start: int
) -> None:
    """Move the sites of a cover at ``at`` of the window that begins at ``start`` of the file."""
    records, count, first = records_of(s, source)
    n = first_site(s, heap, records, count, source) if first < 0 else first
    region = region_of(s, heap, start + at)
    last_region = s[S.REGION_TABLE] + 24 * (s[S.REGIONS] - 1)
    end, before = source + length, source - 1
    while n < count:
        record = records + RECORD * n
        place = i64_at(heap, record)
        if place >= end or place <= before:  # of given ones, those of the next span begin again
            break
        before = place
        form, extra = i64_at(heap, record + 8), i64_at(heap, record + 24)
        n += 1
        if not _fits(window, at + place - source, form, extra, end - place):
            continue
        inside = at + place - source
        while region < last_region and i64_at(heap, region + 24) <= start + inside:
            region += 24
        address = start + inside + i64_at(heap, region + 8)
        value = value_of(form, i64_at(heap, record + 16), extra, address)
        put_site(window, inside, form, extra, value)
    s[S.SITE] = n


def _fits(b: Bytes, at: int, form: int, extra: int, room: int) -> bool:
    """Whether all of a site lies in a span, of which ``room`` bytes are left."""
    wide = width(form, extra)
    return 0 < wide <= room and at >= 0 and at + wide <= len(b)


def move_prefix(s: Ints, heap: Bytes, span: Bytes, start: int) -> None:
    """Move the sites of a span of the prefix, which begins at ``start`` of the reference (G29)."""
    records, count, first = records_of(s, start)
    n = first_site(s, heap, records, count, start) if first < 0 else first
    end, before = start + len(span), start - 1
    while n < count:
        record = records + RECORD * n
        place = i64_at(heap, record)
        if place >= end or place <= before:  # of given ones, those of the next span begin again
            break
        before = place
        form, extra = i64_at(heap, record + 8), i64_at(heap, record + 24)
        target = i64_at(heap, record + 16)
        n += 1
        if form in _BY_PLACE or not _fits(span, place - start, form, extra, end - place):
            continue
        if form == BRANCH and span[place - start + 3] >> 2 != _CALL:
            continue
        value = target - s[S.BASE] if form == CODE else value_of(form, target, extra, 0)
        put_site(span, place - start, form, extra, value)
    s[S.SITE] = n


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


def restore(s: Ints, heap: Bytes, window: Bytes, start: int, at: int, end: int) -> None:
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
            if s[S.TRANSFORM] == 1:
                restore_x86_64(window[at:stop], address, s[S.BASE], s[S.SPAN])
            else:
                restore_aarch64(window[at:stop], address)
        at = stop
        region += 24

"""Sites that are moved (G24, G29).

A site is moved in two steps. Its record (records.py) becomes one from which what a cover needs is
one multiplication away, when it is needed first; what its second number is says HOW:

    four      the value of four bytes, to which one of -1, 0, 1 times the address is added
    bytes     what as many bytes hold as the extra says
    part      the target, which was moved
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.map import is_near, near_parts, near_shift, shift
from pcpu.iprog.decoder.moving import (
    ABSOLUTE,
    BASED,
    BEHIND,
    BIG,
    BRANCH,
    CODE,
    ENTRY,
    IN_PAGE,
    LOW,
    NARROW,
    NUMBER,
    PAGE,
    POOL,
    RELATIVE,
    SIGNED,
    WIDE,
    entry_of,
    instruction,
    is_shown,
    other_value,
    other_word,
    place_in_page,
    put_site,
    region_of,
    reversed_of,
    tagged,
    value_of,
)
from pcpu.iprog.decoder.records import place_of
from pcpu.iprog.decoder.transforms import NEAR
from pcpu.iprog.finders.record import (
    APART,
    EXTRA,
    FORM,
    FORMS,
    HOW,
    HOWS,
    LOWER,
    PLACE,
    RECORD,
    UPPER,
)
from pcpu.iprog.sites import Form
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i32_at, i64_at, put_32, put_64, u32_at

_FOUR = 2  # less 1, 0 or more 1: what is added of the address
_BYTES, _PART, _NOTHING = 4, 5, 6
_KINDS, _TWO = 7, 8  # of how a site is written; a bit: two records are about it
_KEPT = (1 << HOW) - 1  # the bits of a record that stay
_MOST_EXTRA = -APART - 1
_GROUPS = 8  # bytes of LEB128 in which each number has room
_MORE = -0x7F7F7F7F7F7F7F80  # in all bytes of such a number but the last
_KNOWN, _WORD = sum(1 << form for form in Form), Form.WORD.value
_PIECE = 256  # records that are resolved in one call
_PAGE = 11  # bits of a page of the index
_PAGES = 4  # that are looked up while a cover is made without the index


def resolve(s: State, heap: Memory, record: int, end: int) -> None:
    """Move the targets of records from this one on, some before ``end``, and up to one that was."""
    base, moved = -1, -1  # of the last of those that count from one: few are different
    stop = min(end, record + RECORD * _PIECE)
    while record < stop:
        about, target = i64_at(heap, record), i64_at(heap, record + 8)
        if about >> HOW & HOWS:
            return
        form, extra, two = about >> FORM & FORMS, about >> EXTRA, 0
        if extra == APART:
            two, extra = _TWO, 0
            if record + RECORD < end:
                extra = i64_at(heap, record + RECORD + 8)
                put_64(heap, record + RECORD, about & PLACE | _NOTHING << HOW)
        elif form == BASED:
            extra = extra << UPPER | target >> UPPER & LOWER
            target = extra + i32_at(heap, record + 8)
        value, how = target + shift(s, heap, target), _PART
        if form <= RELATIVE and not two:  # most of all
            put_64(heap, record, about | (_FOUR - 1) << HOW)
            put_64(heap, record + 8, value - extra)
            record += RECORD
            continue
        if form <= RELATIVE:
            value, how = value - extra, _FOUR - 1
        elif form == BASED:
            if extra != base:
                base, moved = extra, extra + shift(s, heap, extra)
            value, how = value - moved, _FOUR
        elif form == BEHIND:
            value, how = extra - value, _FOUR + 1
        elif form == POOL:
            value, how = value + extra, _FOUR - 1
        elif form == _WORD:
            how = _FOUR
        elif form == ABSOLUTE:
            value, how, extra = value - extra, _BYTES, 8
        elif form <= SIGNED or form in (ENTRY, NARROW, WIDE) or form >= BIG:
            how = _BYTES
            value, extra = _bytes_of(value & NUMBER, form, extra)
        elif _KNOWN >> form & 1 == 0:
            how = _NOTHING
        if not two:
            extra = min(max(extra, APART + 1), _MOST_EXTRA)
            about = about & _KEPT | extra << EXTRA
        elif how == _BYTES:
            about = about & _KEPT | min(max(extra, 0), _MOST_EXTRA) << EXTRA
        put_64(heap, record, about | (how | two) << HOW)
        put_64(heap, record + 8, value)
        record += 2 * RECORD if two else RECORD


def _kind(about: int) -> int:
    """The form of a record, more than FORMS where its target was moved."""
    return about >> FORM & (HOWS << HOW - FORM | FORMS)


def _bytes_of(value: int, form: int, extra: int) -> tuple[int, int]:
    """What is written of a number below 2^40; and how many bytes, 0 where it has no room."""
    if form <= SIGNED:
        return _leb(value, extra, 1 if form == SIGNED else 0)
    if form == ENTRY:
        return entry_of(value, extra), 2
    if form == IN_PAGE:
        told = place_in_page(value, extra)
        return told >> 8 | (told & 255) << 8, 2
    if form >= BIG:
        told = reversed_of(value, form, extra)
        return told, extra if told >= 0 else 0
    size, told = 2 if form == NARROW else 4, tagged(value, extra)
    return told, size if 0 <= told < 1 << 8 * size else 0


def _leb(value: int, size: int, spare: int) -> tuple[int, int]:
    """A number below 2^40 in LEB128 of so many bytes, the first eight of them; and how many bytes,
    0 where it has no room. ``spare`` bits are not for it."""
    if size < 1 or value >= 1 << 7 * min(size, _GROUPS) - spare:
        return 0, 0
    groups = value & 0x7F | (value & 0x3F80) << 1 | (value & 0x1FC000) << 2
    groups |= (value & 0xFE00000) << 3 | (value & 0x7F0000000) << 4 | (value & 0xF800000000) << 5
    return groups | _MORE & (-1 if size > _GROUPS else (1 << 8 * size - 8) - 1), size


def index_room(s: State) -> int:
    """The bytes of the index of the sites that are held: for each page of the blob, and what is
    behind them, the number of the first record that does not lie before it."""
    return 4 * ((s[S.BLOB_SIZE] >> _PAGE) + 2)


def index_sites(s: State, heap: Memory, covers: int) -> None:
    """Make the index, where there are so many covers that it is soon worth what it takes."""
    if s[S.INDEXED] or _PAGES * covers < s[S.BLOB_SIZE] >> _PAGE:
        return
    start = s[S.HELD_SITES]
    end, record = start + RECORD * s[S.HELD_COUNT], start
    for page in range((s[S.BLOB_SIZE] >> _PAGE) + 2):
        record = _first_record(heap, start, end, record, page << _PAGE)
        put_32(heap, s[S.SITE_INDEX] + 4 * page, record - start)
    s[S.INDEXED] = 1


def _records_from(s: State, heap: Memory, first: int) -> tuple[int, int]:
    """Where the records of the span that begins at ``first`` of the blob begin in memory, and where
    records end. Those that were given lie behind one another in the order of spans; among those
    that are held they are near the ones that were needed last, or the index says where."""
    if not s[S.SITES_HELD]:
        return s[S.SITE], s[S.GIVEN_SITES] + RECORD * s[S.GIVEN_COUNT]
    start, near = s[S.HELD_SITES], s[S.SITE]
    end = start + RECORD * s[S.HELD_COUNT]
    behind = near > start and place_of(heap, near - RECORD) < first
    if behind and (near >= end or place_of(heap, near) >= first):
        return near, end
    if s[S.INDEXED] and 0 <= first < s[S.BLOB_SIZE]:
        page = s[S.SITE_INDEX] + 4 * (first >> _PAGE)
        low, high = u32_at(heap, page), u32_at(heap, page + 4)
        inside = first & (1 << _PAGE) - 1
        near = start + low + ((high - low) * inside >> _PAGE + 4 << 4)
    return _first_record(heap, start, end, near, first), end


def _first_record(heap: Memory, start: int, end: int, near: int, first: int) -> int:
    """The first record whose place is not before ``first``, found the sooner the nearer it is."""
    low, high, step = near, near, RECORD
    while low > start and place_of(heap, low - RECORD) >= first:
        high = low - RECORD
        low = max(start, high - step)
        step *= 2
    while high < end and place_of(heap, high) < first:
        low = high + RECORD
        high = min(end, low + step)
        step *= 2
    while low < high:
        middle = low + (high - low) // (2 * RECORD) * RECORD
        if place_of(heap, middle) < first:
            low = middle + RECORD
        else:
            high = middle
    return low


def move_cover(s: State, heap: Memory, at: int, length: int, source: int, start: int) -> None:
    """Move the sites of a cover at ``at`` of the window that begins at ``start`` of the file."""
    first = source - s[S.BLOB_FIRST]
    record, records = _records_from(s, heap, first)
    region = region_of(s, heap, start + at)
    last_region = s[S.REGION_TABLE] + 24 * (s[S.REGIONS] - 1)
    end, to = first + length, at - first
    while first < end:
        stop = end
        if region < last_region:
            stop = min(end, i64_at(heap, region + 24) - start - to)
        away = start + to + i64_at(heap, region + 8)
        record = _move_sites(s, heap, record, records, first, stop, end, s[S.OUT] + to, away)
        first = stop
        region += 24
    s[S.SITE] = record


def _move_sites(
    s: State, heap: Memory, record: int, records: int, first: int, stop: int, end: int, to: int,
    away: int,
) -> int:  # fmt: skip
    """Move the sites that begin in ``first`` to ``stop`` of the blob and do not reach beyond
    ``end``. ``to`` and ``away`` make of such a place where it is in memory and an address (G26).
    Where the records of the next span begin."""
    while record < records:
        about = i64_at(heap, record)
        place = about & PLACE
        if place < first or place >= stop:  # of given ones, those of the next span begin again
            break
        how = about >> HOW & HOWS
        if 0 < how < _BYTES:
            if place + 4 <= end:
                value = i64_at(heap, record + 8)
                put_32(heap, place + to, value + (how - _FOUR) * (place + away))
            first = place + 1
            record += RECORD
        elif how == 0:
            moved = _move_new(s, heap, record, records, first, stop, end, to, away)
            if moved == record:
                resolve(s, heap, record, records)
            else:
                first = place_of(heap, moved - RECORD) + 1
                record = moved
        else:
            _move_other(heap, record, about, end, to, away)
            first = place + 1
            record += 2 * RECORD if how & _TWO else RECORD
    return record


def _move_new(
    s: State, heap: Memory, record: int, records: int, first: int, stop: int, end: int, to: int,
    away: int,
) -> int:  # fmt: skip
    """The same of what most sites are, and the targets of which were not moved yet."""
    parts, bits, last = near_parts(s, heap)
    while record < records:
        about, target = i64_at(heap, record), i64_at(heap, record + 8)
        place = about & PLACE
        if place < first or place >= stop or place + 4 > end:
            break
        kind = _kind(about)
        if kind <= RELATIVE and _is_simple(about, target):
            moved = target + near_shift(s, heap, target, parts, bits, last) - (about >> EXTRA)
            put_64(heap, record, about | (_FOUR - 1) << HOW)
            put_64(heap, record + 8, moved)
            put_32(heap, place + to, moved - (place + away))
        elif BRANCH <= kind <= LOW and _is_simple(about, target):
            moved = target + near_shift(s, heap, target, parts, bits, last)
            put_64(heap, record, about | _PART << HOW)
            put_64(heap, record + 8, moved)
            _put_instruction(heap, place + to, kind, about >> EXTRA, moved, place + away)
        else:
            break
        first = place + 1
        record += RECORD
    return record


def _is_simple(about: int, target: int) -> bool:
    """Whether a record of what most are, relative or a part of an instruction, has a near address
    and no record of its extra behind it."""
    return about >> EXTRA != APART and is_near(target)


def _move_other(heap: Memory, record: int, about: int, end: int, to: int, away: int) -> None:
    """Move a site that is not one of four bytes with a record alone."""
    place, value, how = about & PLACE, i64_at(heap, record + 8), about >> HOW & _KINDS
    if how == _PART:
        form, extra = about >> FORM & FORMS, _extra_of(heap, record, about)
        if place + 4 <= end and form <= LOW:
            _put_instruction(heap, place + to, form, extra, value, place + away)
        elif place + 4 <= end:
            _put_other(heap, place + to, form, extra, value, place + away)
    elif how == _BYTES:
        extra = about >> EXTRA
        if 0 < extra <= end - place:
            _put_bytes(heap, place + to, extra, value)
    elif how < _BYTES and place + 4 <= end:
        put_32(heap, place + to, value + (how - _FOUR) * (place + away))


def _extra_of(heap: Memory, record: int, about: int) -> int:
    """The extra of a site that is no number of bytes."""
    extra = about >> EXTRA
    return i64_at(heap, record + RECORD + 8) if extra == APART else extra


def _put_instruction(
    heap: Memory, at: int, form: int, extra: int, target: int, address: int
) -> None:
    """Write a part of an instruction of AArch64."""
    value = target
    if form == BRANCH:
        value = target - address
    elif form == PAGE:
        value = (target >> 12) - (address >> 12)
    put_32(heap, at, instruction(u32_at(heap, at), form, extra, value))


def _put_other(heap: Memory, at: int, form: int, extra: int, target: int, address: int) -> None:
    """Write what has another form, or a part of it."""
    value = other_value(form, target, extra, address)
    put_32(heap, at, other_word(u32_at(heap, at), form, value))


def _put_bytes(heap: Memory, at: int, size: int, value: int) -> None:
    """The bytes of a number; behind eight of them those of LEB128 that say no more. What follows,
    up to eight bytes in all, is read and written too."""
    most = 8 * min(size, 8) - 8
    put_64(heap, at, i64_at(heap, at) >> most >> 8 << most << 8 | value)
    if size > 8:
        _put_rest(heap, at, size)


def _put_rest(heap: Memory, at: int, size: int) -> None:
    for n in range(8, size):
        heap[at + n] = 128 if n + 1 < size else 0


def move_prefix(s: State, heap: Memory, at: int, length: int, start: int) -> None:
    """Move the sites of a span of the prefix, which is ``at`` in memory, and begins at ``start`` of
    the reference (G29)."""
    first = start - s[S.BLOB_FIRST]
    record, records = _records_from(s, heap, first)
    end, to = first + length, at - first
    behind, before = -1, 0  # the end of the last relative site, and what it would hold
    while record < records:
        about = i64_at(heap, record)
        place = about & PLACE
        if place < first or place >= end:
            break
        if about >> HOW & HOWS == 0:
            resolve(s, heap, record, records)
            about = i64_at(heap, record)
        first = place + 1
        value, form, how = i64_at(heap, record + 8), about >> FORM & FORMS, about >> HOW & _KINDS
        if form == RELATIVE and place + 4 <= end:
            more = value - place - before
            if place == behind and -NEAR <= more < NEAR:
                put_32(heap, place + to, more)
            behind, before = place + 4, value - place
        if how == _BYTES:
            extra = about >> EXTRA
            if 0 < extra <= end - place:
                _put_bytes(heap, place + to, extra, value)
        elif place + 4 <= end and is_shown(form, u32_at(heap, place + to)):
            extra = _extra_of(heap, record, about)
            if form == CODE:
                value += extra - s[S.BASE]
            if form == POOL:
                value -= extra
            if how < _BYTES:
                put_32(heap, place + to, value)
            elif how == _PART:
                base = extra if form > LOW else 0
                put_site(heap, place + to, form, extra, value_of(form, value, extra, base))
        record += 2 * RECORD if about & _TWO << HOW else RECORD
    s[S.SITE] = record

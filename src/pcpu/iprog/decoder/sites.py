"""Sites that are moved (G24, G29): kept as two numbers each, from which what a cover needs is one
multiplication away.

The first number holds the place in the reference, the form and what else the form needs. What the
second is says the first too:

    four      the value of four bytes, to which ``sign * address`` is added
    bytes     what as many bytes hold as the extra says
    neither   the target, which was moved
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.map import shift
from pcpu.iprog.decoder.moving import (
    ABSOLUTE,
    BASED,
    BEHIND,
    CODE,
    ENTRY,
    LOW,
    NARROW,
    NUMBER,
    POOL,
    PREL,
    RELATIVE,
    SIGNED,
    WIDE,
    entry_of,
    instruction,
    is_shown,
    other_value,
    other_word,
    put_site,
    region_of,
    tagged,
    value_of,
)
from pcpu.iprog.decoder.transforms import NEAR
from pcpu.iprog.sites import Form
from pcpu.kernel import Ints, Memory
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

RECORD = 32  # bytes of a site as finders give it: place, form, target, extra
_SITE = 16  # bytes as it is kept

_PLACE = (1 << 40) - 1
_FORM, _FOUR, _BYTES, _SIGN, _EXTRA = 40, 1 << 45, 1 << 46, 47, 49  # bits, or where they begin
_FORMS, _MOST_EXTRA = 31, 0x3FFF
_GROUPS = 8  # bytes of LEB128 in which each number has room
_MORE = -0x7F7F7F7F7F7F7F80  # in all bytes of such a number but the last
_KNOWN, _WORD = sum(1 << form for form in Form), Form.WORD.value
_PIECE = 2048  # sites that are moved in one call
_LEAST_PAGE = 9  # bits of what has a number of its own in the index of sites


def resolve(s: Ints, heap: Memory, records: int, first: int, last: int) -> None:
    """Make of records from number ``first`` on before ``last`` what is kept, in the place of all:
    targets are moved once and for all."""
    base, moved = -1, -1  # of the last of those that count from one: few are different
    for n in range(first, last):
        at = records + RECORD * n
        place, form = i64_at(heap, at) + s[S.BLOB_FIRST], i64_at(heap, at + 8)
        target, extra = i64_at(heap, at + 16), i64_at(heap, at + 24)
        value, bits = target + shift(s, heap, target), 0
        if form <= RELATIVE:
            value, bits = value - extra, _FOUR
        elif form == BASED:
            if extra != base:
                base, moved = extra, extra + shift(s, heap, extra)
            value, bits = value - moved, _FOUR | 1 << _SIGN
        elif form == BEHIND:
            value, bits = extra - value, _FOUR | 2 << _SIGN
        elif form == POOL:
            value, bits = value + extra, _FOUR
        elif form == _WORD:
            bits = _FOUR | 1 << _SIGN
        elif form == ABSOLUTE:
            value, bits, extra = value - extra, _BYTES, 8
        elif form == ENTRY:
            value, bits, extra = entry_of(value, extra), _BYTES, 2
        elif form <= SIGNED:
            value, bits = value & NUMBER, _BYTES
            room = 7 * min(extra, _GROUPS) - (1 if form == SIGNED else 0)
            if extra < 1 or value >= 1 << room:
                extra = 0
            else:
                value = _leb(value, extra)
        elif form in (NARROW, WIDE):
            value, bits = tagged(value & NUMBER, extra), _BYTES
            extra = 2 if form == NARROW else 4
            extra, form = extra if 0 <= value >> 8 * extra < 1 else 0, SIGNED
        if form & ~_FORMS != 0 or _KNOWN >> (form & _FORMS) & 1 == 0:
            form, bits, extra = ABSOLUTE, _BYTES, 0  # of no bytes: nothing is written
        extra = min(max(extra, 0), _MOST_EXTRA)
        bits |= place & _PLACE | form << _FORM | extra << _EXTRA
        put_64(heap, records + _SITE * n, bits)
        put_64(heap, records + _SITE * n + 8, value)


def _leb(value: int, size: int) -> int:
    """A number below 2^40 in LEB128 of so many bytes: the first eight of them."""
    groups = value & 0x7F | (value & 0x3F80) << 1 | (value & 0x1FC000) << 2
    groups |= (value & 0xFE00000) << 3 | (value & 0x7F0000000) << 4 | (value & 0xF800000000) << 5
    return groups | _MORE & (-1 if size > _GROUPS else (1 << 8 * size - 8) - 1)


def resolve_given(s: Ints, heap: Memory) -> None:
    """The sites that were given for what was asked last."""
    if s[S.GIVEN_COUNT]:
        resolve(s, heap, s[S.GIVEN_SITES], 0, s[S.GIVEN_COUNT])
        s[S.SITE] = 0


def resolve_held(s: Ints, heap: Memory) -> None:
    """All sites, and behind them, where records were, the index: for each page of the blob the
    number of the first site that does not lie before it."""
    count = s[S.HELD_COUNT]
    for n in range(0, count, _PIECE):
        resolve(s, heap, s[S.HELD_SITES], n, min(n + _PIECE, count))
    bits = _LEAST_PAGE
    while (s[S.BLOB_SIZE] >> bits) + 2 > 2 * count and bits < 62:
        bits += 1
    if count < 1:
        return
    s[S.SITE_INDEX], s[S.SITE_PAGE] = s[S.HELD_SITES] + _SITE * count, bits
    pages, page = (s[S.BLOB_SIZE] >> bits) + 2, 0
    for n in range(0, count, _PIECE):
        page = _index(s, heap, n, min(n + _PIECE, count), page, pages)
    while page < pages:
        put_64(heap, s[S.SITE_INDEX] + 8 * page, count)
        page += 1


def _index(s: Ints, heap: Memory, first: int, last: int, page: int, pages: int) -> int:
    """Write the numbers of pages from ``page`` on that do not begin behind a site from number
    ``first`` on before ``last``; the page that comes next."""
    for n in range(first, last):
        place = (i64_at(heap, s[S.HELD_SITES] + _SITE * n) & _PLACE) - s[S.BLOB_FIRST]
        while page < pages and page << s[S.SITE_PAGE] <= place:
            put_64(heap, s[S.SITE_INDEX] + 8 * page, n)
            page += 1
    return page


def _first_held(s: Ints, heap: Memory, start: int) -> int:
    """The number of the first held site at ``start`` of the reference or behind."""
    inside, bits = start - s[S.BLOB_FIRST], s[S.SITE_PAGE]
    if inside < 0 or s[S.HELD_COUNT] < 1:
        return 0
    if inside >= s[S.BLOB_SIZE]:
        return s[S.HELD_COUNT]
    index = s[S.SITE_INDEX] + 8 * (inside >> bits)
    low, high = i64_at(heap, index), i64_at(heap, index + 8)
    while low < high:
        middle = (low + high) >> 1
        if i64_at(heap, s[S.HELD_SITES] + _SITE * middle) & _PLACE < start:
            low = middle + 1
        else:
            high = middle
    return low


def _sites_from(s: Ints, heap: Memory, start: int) -> tuple[int, int]:
    """Where the sites of the span that begins at ``start`` begin in memory, and where sites end.
    Those that were given lie behind one another in the order of spans."""
    if s[S.SITES_HELD]:
        records, count = s[S.HELD_SITES], s[S.HELD_COUNT]
        return records + _SITE * _first_held(s, heap, start), records + _SITE * count
    records = s[S.GIVEN_SITES]
    return records + _SITE * s[S.SITE], records + _SITE * s[S.GIVEN_COUNT]


def move_cover(s: Ints, heap: Memory, at: int, length: int, source: int, start: int) -> None:
    """Move the sites of a cover at ``at`` of the window that begins at ``start`` of the file."""
    site, sites = _sites_from(s, heap, source)
    region = region_of(s, heap, start + at)
    last_region = s[S.REGION_TABLE] + 24 * (s[S.REGIONS] - 1)
    first, end, to = source, source + length, at - source
    while first < end:
        stop = end
        if region < last_region:
            stop = min(end, i64_at(heap, region + 24) - start - to)
        away = start + to + i64_at(heap, region + 8)
        site = _move_sites(heap, site, sites, first, stop, end, s[S.OUT] + to, away)
        first = stop
        region += 24
    s[S.SITE] = (site - s[S.GIVEN_SITES]) // _SITE


def _move_sites(
    heap: Memory, site: int, sites: int, first: int, stop: int, end: int, to: int, away: int
) -> int:
    """Move the sites that begin in ``first`` to ``stop`` of the reference and do not reach beyond
    ``end``. ``to`` and ``away`` make of such a place where it is in memory and an address (G26).
    Where the sites of the next span begin."""
    while site < sites:
        about = i64_at(heap, site)
        place = about & _PLACE
        if place < first or place >= stop:  # of given ones, those of the next span begin again
            break
        first = place + 1
        value = i64_at(heap, site + 8)
        site += _SITE
        form, extra = about >> _FORM & _FORMS, about >> _EXTRA
        if about & _FOUR:
            sign = (about >> _SIGN & 3) - 1
            if place + 4 <= end:
                put_32(heap, place + to, value + sign * (place + away))
        elif about & _BYTES:
            if 0 < extra <= end - place:
                _put_bytes(heap, place + to, extra, value)
        elif place + 4 <= end and form <= LOW:
            _put_instruction(heap, place + to, form, extra, value, place + away)
        elif place + 4 <= end:
            _put_other(heap, place + to, form, extra, value, place + away)
    return site


def _put_instruction(
    heap: Memory, at: int, form: int, extra: int, target: int, address: int
) -> None:
    """Write a part of an instruction of AArch64."""
    value = value_of(form, target, extra, address)
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


def move_prefix(s: Ints, heap: Memory, at: int, length: int, start: int) -> None:
    """Move the sites of a span of the prefix, which is ``at`` in memory, and begins at ``start`` of
    the reference (G29)."""
    site, sites = _sites_from(s, heap, start)
    first, end, to = start, start + length, at - start
    behind, before = -1, 0  # the end of the last relative site, and what it would hold
    while site < sites:
        about = i64_at(heap, site)
        place = about & _PLACE
        if place < first or place >= end:
            break
        first = place + 1
        value = i64_at(heap, site + 8)
        site += _SITE
        form, extra = about >> _FORM & _FORMS, about >> _EXTRA
        if form == CODE:
            value += extra - s[S.BASE]
        if form == RELATIVE and place + 4 <= end:
            more = value - place - before
            if place == behind and -NEAR <= more < NEAR:
                put_32(heap, place + to, more)
            behind, before = place + 4, value - place
        if form == POOL:
            value -= extra
        if form in (RELATIVE, BEHIND, PREL):  # which have no place in the file
            continue
        if about & _FOUR:
            if place + 4 <= end:
                put_32(heap, place + to, value)
        elif about & _BYTES:
            if 0 < extra <= end - place:
                _put_bytes(heap, place + to, extra, value)
        elif place + 4 <= end and is_shown(form, u32_at(heap, place + to)):
            base = extra if form > LOW else 0
            put_site(heap, place + to, form, extra, value_of(form, value, extra, base))
    s[S.SITE] = (site - s[S.GIVEN_SITES]) // _SITE

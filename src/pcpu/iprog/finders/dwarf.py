"""What programs carry for debuggers: DWARF's descriptions of them (spec/iprog-finders.md G110 to
G112).

Entries are declared in tables, each by a code from 1 on: ``about`` has where the attributes of each
code are declared, in the table that was read last.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.dwarf_forms import (
    ADDRESS,
    BASED,
    CODE,
    DECLARED,
    ENTRIES,
    IMPLICIT,
    LINE_STRING,
    LINE_STRINGS,
    LINES,
    LOCATIONS,
    PLACE,
    RANGES,
    REFERENCE,
    SECTION,
    STRING,
    STRINGS,
    address,
    behind,
    expression,
    in_entries,
    leb_end,
    number,
    raw_address,
    size_of_form,
)  # fmt: skip
from pcpu.iprog.finders.dwarf_lines import lines
from pcpu.iprog.finders.dwarf_lists import list_4, list_5, marks_room
from pcpu.iprog.finders.dwarf_sections import BEGIN, WIDTH, note_addresses, section
from pcpu.iprog.finders.elf import (
    DEBUG_ABBREV,
    DEBUG_INFO,
    DEBUG_LOC,
    DEBUG_LOCLISTS,
    DEBUG_RANGES,
    DEBUG_RNGLISTS,
)  # fmt: skip
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.kernel import i64
from pcpu.kernel.memory import u16_at, u32_at

# What is looked for: how much more the number of its finder is than that of the first one.
FOUND_ENTRIES, FOUND_LOCATIONS, FOUND_RANGES, FOUND_LINES = 0, 1, 2, 5
# Numbers of ``about``: the section of entries; the unit, its version, and the address that its
# lists count from, -1 before the first entry; the table that was read, how many codes it has and
# bytes that were read of tables and lists; the section of tables; the sections of lists for
# versions below 5 and of 5, each with its start, its end, and what a place in it differs from its
# mark by.
_START, _END, _UNIT, _STOP, _VERSION, _BASE, _TABLE, _CODES, _READ, _TABLES, _TABLES_END = range(
    BEGIN, BEGIN + 11
)
_LISTS, _LISTS_5, _FIRST = BEGIN + 11, BEGIN + 14, BEGIN + 17
MOST_CODES, MOST_ATTRIBUTES = 1 << 14, 100  # of an entry
_MARKS = _FIRST + MOST_CODES  # from here on, of entries of lists that were read
_LONG = 0xFFFFFFF0  # lengths from here on are of another form
_HEADER, _HEADER_5 = 11, 12  # bytes of a unit before its entries
# Attributes.
_LINES_OF, _LOW, _RANGES_OF, _BASES = 0x10, 0x11, 0x55, (0x72, 0x73, 0x74, 0x8C)
_MACROS, _VIEWS = (0x79, 0x2119), 0x2137
_PIECE = 1024  # entries that are looked at in one call


def dwarf(b: Bytes, elf: Ints, about: Ints, what: int, rows: Ints, room: int, count: int) -> int:
    """Finders 58 to 60 and 63: sites in the section of entries, in lists of locations or of ranges,
    or in programs of lines."""
    if what == FOUND_LINES:
        return lines(b, elf, about, rows, room, count)
    if not _sections(b, about, what):
        return count
    note_addresses(b, elf, about)
    p = i64(about[_START])
    while 0 <= p < about[_END]:
        q = _unit(b, p, about)
        if q > 0:
            if what == FOUND_ENTRIES:
                count = _head(b, p, about, rows, room, count)
            while 0 < q < about[_STOP]:
                q, count = _entries(b, q, about, what, rows, room, count)
        p = i64(about[_STOP])
    return count


def dwarf_room(b: Bytes) -> int:
    """How many numbers ``about`` has."""
    if _size_of(b, DEBUG_INFO) == 0:
        return 0
    located = _size_of(b, DEBUG_LOC) + _size_of(b, DEBUG_LOCLISTS)
    return _MARKS + marks_room(
        max(located, _size_of(b, DEBUG_RANGES) + _size_of(b, DEBUG_RNGLISTS))
    )


def _size_of(b: Bytes, name: int) -> int:
    start, end = section(b, name)
    return end - start


def _sections(b: Bytes, about: Ints, what: int) -> bool:
    """Note where the sections are; whether there are entries and tables."""
    start, end = section(b, DEBUG_INFO)
    tables, tables_end = section(b, DEBUG_ABBREV)
    if end == 0 or tables_end == 0:
        return False
    about[_START], about[_END], about[_TABLES], about[_TABLES_END] = start, end, tables, tables_end
    about[_TABLE], about[_READ] = -1, 0
    located = what == FOUND_LOCATIONS
    size = _note(b, DEBUG_LOC if located else DEBUG_RANGES, about, _LISTS, 0)
    size = _note(b, DEBUG_LOCLISTS if located else DEBUG_RNGLISTS, about, _LISTS_5, size)
    if what != FOUND_ENTRIES:
        for n in range(marks_room(size)):
            about[_MARKS + n] = 0
    return True


def _note(b: Bytes, name: int, about: Ints, at: int, marks: int) -> int:
    """Note where a section of lists is, whose first byte has mark ``marks``; how many marks there
    are with its own."""
    start, end = section(b, name)
    about[at], about[at + 1], about[at + 2] = start, end, marks - start
    return marks + end - start


def _unit(b: Bytes, p: int, about: Ints) -> int:
    """Note what the unit at ``b[p]`` is, and the end of it; where its entries begin, 0 where they
    are not read."""
    end = i64(about[_END])
    about[_STOP] = -1
    if p + _HEADER > end:
        return 0
    length = u32_at(b, p)
    if length < _HEADER - 4 or length >= _LONG or p + 4 + length > end:
        return 0
    about[_STOP] = p + 4 + length
    about[_UNIT], about[_VERSION], about[_BASE] = p, u16_at(b, p + 4), -1
    if about[_VERSION] == 5:
        if p + _HEADER_5 > about[_STOP]:
            return 0
        kind, table, first = i64(b[p + 6]), u32_at(b, p + 8), p + _HEADER_5
        if b[p + 7] != about[WIDTH] or kind == 0 or kind > 6:
            return 0
        first += 12 if kind in (2, 6) else (8 if kind >= 4 else 0)
    else:
        table, first = u32_at(b, p + 6), p + _HEADER
        if about[_VERSION] < 3 or about[_VERSION] > 5 or b[p + 10] != about[WIDTH]:
            return 0
    if first >= about[_STOP] or not _read_table(b, table, about):
        return 0
    return first


def _head(b: Bytes, p: int, about: Ints, rows: Ints, room: int, count: int) -> int:
    """The numbers before the entries of a unit."""
    base = in_entries(about, p - i64(about[_START]))
    count = add(rows, room, count, p, BASED, base + 4 + u32_at(b, p), base + 4)
    table = p + (8 if about[_VERSION] == 5 else 6)
    return number(b, table, DECLARED, about, rows, room, count)


def _read_table(b: Bytes, table: int, about: Ints) -> bool:
    """Note where the attributes of each code are declared, unless that is known; whether it is."""
    if table == about[_TABLE]:
        return i64(about[_CODES]) > 0
    p, end = i64(about[_TABLES]) + table, i64(about[_TABLES_END])
    about[_TABLE], about[_CODES] = table, 0
    if about[_READ] > len(b):
        return False
    first = p
    while 0 <= p < end:
        code, p = varint(b, p, end)
        if p < 0 or code != about[_CODES] + 1 or code >= MOST_CODES:
            break
        q = leb_end(b, p, end) + 1  # behind the tag, and whether there are children
        p = _behind_attributes(b, q, end) if q > 0 else -1
        if p >= 0:
            about[_FIRST + code] = q
            about[_CODES] = code
    about[_READ] += (p if p >= 0 else end) - first if first < end else 0
    return i64(about[_CODES]) > 0


def _behind_attributes(b: Bytes, p: int, end: int) -> int:
    """Where declared attributes end; -1 where they do not, or are too many."""
    for _ in range(MOST_ATTRIBUTES + 1):
        name, p = varint(b, p, end)
        form, p = varint(b, p, end)
        if p >= 0 and form == IMPLICIT:
            p = leb_end(b, p, end)
        if p < 0 or (name == 0 and form == 0):
            return p
    return -1


def _entries(
    b: Bytes, p: int, about: Ints, what: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """The sites of some entries; where the next one begins, -1 where reading of the unit ends, and
    how many rows there are then."""
    stop = i64(about[_STOP])
    for _ in range(_PIECE):
        if p >= stop:
            return p, count
        code = i64(b[p])
        p += 1
        if code >= 128:
            code, p = varint(b, p - 1, stop)
        if p < 0 or code > about[_CODES]:
            return -1, count
        if code > 0:
            p, count = _entry(b, p, i64(about[_FIRST + code]), about, what, rows, room, count)
            if p < 0:
                return -1, count
            about[_BASE] = max(about[_BASE], 0)
    return p, count


def _entry(
    b: Bytes, p: int, at: int, about: Ints, what: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """The sites of the entry whose attributes are at ``b[p]`` and declared at ``b[at]``; where it
    ends, -1 where it does not lie in the unit, and how many rows there are then."""
    stop, end = i64(about[_STOP]), i64(about[_TABLES_END])
    while p >= 0:
        name, form = i64(b[at]), i64(b[at + 1])
        at += 2
        if name >= 128 or form >= 128:
            name, at = varint(b, at - 2, end)
            form, at = varint(b, at, end)
        if name == 0 and form == 0:
            return p, count
        if form == IMPLICIT:
            at = leb_end(b, at, end)
        size = i64(about[WIDTH]) if form == ADDRESS else size_of_form(form)
        q = behind(b, p, stop, size)
        if q >= 0:
            if name == _LOW and form == ADDRESS and about[_BASE] < 0:
                about[_BASE] = raw_address(b, p, about)
            if what == FOUND_ENTRIES:
                count = _found(b, p, q, name, form, about, rows, room, count)
            elif form == SECTION:
                count = _listed(b, u32_at(b, p), name, about, what, rows, room, count)
        p = q
    return -1, count


def _found(
    b: Bytes, p: int, q: int, name: int, form: int, about: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The site that the attribute in ``b[p:q]`` is, or those in its expression."""
    unit = i64(about[_UNIT]) - i64(about[_START])
    if form == REFERENCE:
        base = in_entries(about, unit)
        count = add(rows, room, count, p, BASED, base + u32_at(b, p), base)
    elif form == STRING:
        count = number(b, p, STRINGS, about, rows, room, count)
    elif form == LINE_STRING:
        count = number(b, p, LINE_STRINGS, about, rows, room, count)
    elif form == SECTION:
        if name not in _BASES and name not in _MACROS:
            kind = LINES if name == _LINES_OF else (RANGES if name == _RANGES_OF else LOCATIONS)
            count = number(b, p, kind, about, rows, room, count)
    elif form == ADDRESS:
        count = address(b, p, about, rows, room, count)
    elif form == PLACE:
        count = number(b, p, ENTRIES, about, rows, room, count)
    elif form == CODE:
        _, first = varint(b, p, q)
        count = expression(b, first, q, unit, about, rows, room, count)
    return count


def _listed(
    b: Bytes, place: int, name: int, about: Ints, what: int, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """The sites of the list at a place of its section, if it is one that the finder is for."""
    located = what == FOUND_LOCATIONS
    if name in _BASES or name in _MACROS or name in (_LINES_OF, _VIEWS):
        return count
    if located == (name == _RANGES_OF):
        return count
    new = about[_VERSION] == 5
    lists = _LISTS_5 if new else _LISTS
    p, end, mark = i64(about[lists]) + place, i64(about[lists + 1]), i64(about[lists + 2])
    if p >= end or about[_READ] > len(b):
        return count
    unit, marks = i64(about[_UNIT]) - i64(about[_START]), about[_MARKS : len(about)]
    base = max(i64(about[_BASE]), 0)
    first = p
    if new:
        p, count = list_5(b, p, end, unit, located, marks, mark, about, rows, room, count)
    else:
        p, count = list_4(b, p, end, base, unit, located, marks, mark, about, rows, room, count)
    about[_READ] += p - first
    return count

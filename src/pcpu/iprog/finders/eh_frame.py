"""Addresses in the tables by which functions are unwound (spec/iprog-finders.md G48, G49, G69,
G80).

Which records are common, and how the others give what they have, is kept in ``common``: how many
there are, and for each its place in the section times 4, with a bit for functions and one for data.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    EH_FRAME,
    EH_FRAME_HDR,
    address_of,
    is_wide,
    named,
    size_of,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i32_at, u32_at

# Encodings, of numbers relative to their own place.
DISTANCE = 0x1B  # 4 bytes, signed
LONG_DISTANCE = 0x10  # 8 bytes
_HEADER = 0x3B031B01  # of a sorted table of distances from its section
_LONG = 0xFFFFFFF0  # lengths from here on are of another form
_Z, _R, _L, _P = 0x7A, 0x52, 0x4C, 0x50  # letters
_FUNCTIONS, _DATA = 1, 2  # bits
_RELATIVE, _BASED, _BEHIND = Form.RELATIVE.value, Form.BASED.value, Form.BEHIND.value


def _next(b: Bytes, p: int, stop: int) -> int:
    """Where the record at ``b[p]`` ends; -1 where none is."""
    if p + 8 > stop:
        return -1
    length = u32_at(b, p)
    if length < 4 or length >= _LONG or p + 4 + length > stop:
        return -1
    return p + 4 + length


def frames(b: Bytes, common: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 5: what records of ``.eh_frame`` are about, and which others they refer to."""
    s = named(b, EH_FRAME)
    if s == 0:
        return count
    start = start_of(b, s)
    stop = start + size_of(b, s)
    bias = address_of(b, s) - start
    pointer = 8 if is_wide(b) else 4
    return find_records(b, start, stop, bias, DISTANCE, pointer, common, rows, room, count)


def find_records(
    b: Bytes, start: int, stop: int, bias: int, encoding: int, pointer: int, common: Ints,
    rows: Ints, room: int, count: int,
) -> int:  # fmt: skip
    """The sites of the records in ``b[start:stop]`` that give what they have in one encoding; how
    many rows there are then. ``pointer`` is the bytes of an address, ``common`` has the numbers
    that ``records_room`` says."""
    size = 4 if encoding == DISTANCE else 8
    common[0] = 0
    p = start
    end = _next(b, p, stop)
    while end > 0:
        back = u32_at(b, p + 4)
        if back == 0:
            common[0] += 1
            common[common[0]] = (p - start) << 2 | _encodings(b, p + 8, end, encoding, pointer)
        else:
            known = _known(common, p + 4 - back - start)
            if known & _FUNCTIONS != 0:
                count = _distance(b, p + 8, end, bias, rows, room, count)
                data = p + 8 + 2 * size
                if known & _DATA != 0 and data < end and b[data] == size:
                    count = _distance(b, data + 1, end, bias, rows, room, count)
            count = add(rows, room, count, p + 4, _BEHIND, p + 4 - back + bias, 0)
        p = end
        end = _next(b, p, stop)
    return count


def common_room(b: Bytes) -> int:
    """How many numbers ``frames`` needs."""
    s = named(b, EH_FRAME)
    if s == 0:
        return 1
    return records_room(start_of(b, s), start_of(b, s) + size_of(b, s))


def records_room(p: int, stop: int) -> int:
    """How many numbers ``common`` needs for the records of ``b[p:stop]``, at most: each has 8 bytes
    at least."""
    return 1 + (stop - p) // 8


def _known(common: Ints, place: int) -> int:
    """The bits of the common record that begins at a place of the section; 0 where none does."""
    low = 1
    high = common[0] + 1
    while low < high:
        middle = (low + high) // 2
        if common[middle] >> 2 < place:
            low = middle + 1
        else:
            high = middle
    if low <= common[0] and common[low] >> 2 == place:
        return i64(common[low]) & 3
    return 0


def _distance(
    b: Bytes, p: int, end: int, bias: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The field at ``b[p]``, where the record has it and it leads somewhere."""
    if p + 4 > end or i32_at(b, p) == 0:
        return count
    return add(rows, room, count, p, _RELATIVE, p + bias + i32_at(b, p), 0)


def _encodings(b: Bytes, p: int, end: int, wanted: int, pointer: int) -> int:
    """Whether records that refer to a common one give their function, and their language's data,
    in the wanted encoding. Its version is at ``b[p]``."""
    letters = p + 1
    at = letters
    while at < end and b[at] != 0:
        at += 1
    if at >= end or b[letters] != _Z:
        return 0
    last = at
    at += 1
    for _ in range(4):  # two factors of alignment, a register, a length
        while at < end and b[at] >= 128:
            at += 1
        at += 1
    found = 0
    for letter in range(letters + 1, last):
        encoding = i64(b[at]) if at < end else 0
        if b[letter] == _R:
            found = found & ~_FUNCTIONS | (_FUNCTIONS if encoding == wanted else 0)
            at += 1
        elif b[letter] == _L:
            found = found & ~_DATA | (_DATA if encoding == wanted else 0)
            at += 1
        elif b[letter] == _P:
            at += 1 + _size_of(encoding, pointer)
    return found


def _size_of(encoding: int, pointer: int) -> int:
    """The bytes of what is given in an encoding."""
    if encoding & 15 == 0:
        return pointer
    return 8 if encoding & 15 in (4, 12) else 4


def search_table(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 6: ``.eh_frame_hdr``, by which a record is found."""
    s = named(b, EH_FRAME_HDR)
    if s == 0 or size_of(b, s) < 12:
        return count
    p = start_of(b, s)
    address = address_of(b, s)
    if u32_at(b, p) != _HEADER:
        return count
    count = add(rows, room, count, p + 4, _RELATIVE, address + 4 + i32_at(b, p + 4), 0)
    pairs = min(u32_at(b, p + 8), (size_of(b, s) - 12) // 8)
    for at in range(p + 12, p + 12 + 8 * pairs, 4):
        count = add(rows, room, count, at, _BASED, address + i32_at(b, at), address)
    return count

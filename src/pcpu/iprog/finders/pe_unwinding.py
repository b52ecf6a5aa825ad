"""What unwinding of functions goes by in PE images of 64 bits (spec/iprog-finders.md G98): what
Windows defines, and behind it what compilers of C++ and Rust have for exceptions.

All of it is found from the table of functions. It is gone through once for each kind of thing, as
things of one kind lie in the order of functions.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import COUNT
from pcpu.iprog.finders.pe import (
    ARM64,
    ARM_FUNCTION,
    FUNCTION,
    PACKED,
    base_of,
    content_of,
    functions,
    holder,
    length_of,
    machine_of,
    offset_of,
)  # fmt: skip
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u32_at

_BASED = Form.BASED.value
_USUAL = COUNT  # a number of ``image``: the section that nearly all of it lies in, where one does
_INFO, _ABOUT, _UNWINDS, _TRIES, _HANDLERS, _STATES = range(6)  # kinds of things
_KINDS = 6
_HANDLED, _CHAINED = 3, 4  # flags
_MAGIC, _VERSIONS = 0x19930520, 3
_FIELDS = 36  # bytes of what is known about exceptions in a function
_UNWIND, _TRY, _HANDLER, _STATE = 8, 20, 20, 8  # bytes of rows
_LEAST = 0x1000  # what is less is no offset
_SCOPE = 16
_PIECE = 1024 * FUNCTION  # bytes of whole entries of either size that are looked at in one call


def pe_unwinding(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 57: offsets in what unwinding goes by."""
    base = base_of(b)
    start, stop = functions(b, image)
    first = start + (4 if machine_of(b) == ARM64 else 8)
    image[_USUAL] = holder(b, image, u32_at(b, first)) if start < stop else 0
    for kind in range(_KINDS):
        left, before = len(b), 0  # bytes that may be looked at; what was known about the last one
        for p in range(start, stop, _PIECE):
            last = min(p + _PIECE, stop)
            left, before, count = _functions(
                b, image, p, last, kind, left, before, base, rows, room, count
            )  # fmt: skip
    return count


def _place_in(b: Bytes, image: Ints, offset: int, size: int) -> int:
    """Where ``size`` bytes at a distance from the base lie in the blob; 0 where they do not lie in
    the content of a section."""
    s = image[_USUAL]
    if s == 0 or not lies(offset - offset_of(b, s), size, length_of(b, s)):
        s = holder(b, image, offset)
        if s == 0 or not lies(offset - offset_of(b, s), size, length_of(b, s)):
            return 0
    return content_of(b, s) + offset - offset_of(b, s)


def _functions(
    b: Bytes, image: Ints, p: int, stop: int, kind: int, left: int, before: int, base: int,
    rows: Ints, room: int, count: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Things of a kind of some functions; how many bytes may be looked at yet, what is known about
    the last one, and how many rows there are. Parts of a function that handle exceptions follow it,
    and name the same as it does."""
    arm = machine_of(b) == ARM64
    while p < stop:
        begin = u32_at(b, p)
        if arm:
            flags, more, end = _arm_function(b, image, p)
            p += ARM_FUNCTION
        else:
            flags, more, end = _function(b, image, p)
            p += FUNCTION
        if more == 0 or flags == 0 or left <= 0:
            continue
        if flags & _CHAINED:
            if kind == _INFO:
                count = _offsets(b, more, 12, base, rows, room, count)
                left -= 12
        elif flags & _HANDLED:
            left -= 12
            if kind == _INFO:
                count = _offsets(b, more, 4, base, rows, room, count)
            about = _place_in(b, image, u32_at(b, more + 4), _FIELDS)
            if about == 0:
                if kind == _INFO:
                    left, count = _scopes(
                        b, begin, end, more + 4, left, base, rows, room, count
                    )  # fmt: skip
            elif 0 <= u32_at(b, about) - _MAGIC < _VERSIONS and (kind == _INFO or about != before):
                before = about
                left, count = _exceptions(
                    b, image, more + 4, about, kind, left, base, rows, room, count
                )  # fmt: skip
    return left, before, count


def _function(b: Bytes, image: Ints, at: int) -> tuple[int, int, int]:
    """The flags of a function, where what they are about lies, and where the function ends; 0
    where nothing is known of it."""
    info = _place_in(b, image, u32_at(b, at + 8), 4)
    if info == 0:
        return 0, 0, 0
    codes = (i64(b[info + 2]) + 1) // 2 * 4
    more = _place_in(b, image, u32_at(b, at + 8) + 4 + codes, 12)
    return i64(b[info]) >> 3, more, u32_at(b, at + 4)


def _arm_function(b: Bytes, image: Ints, at: int) -> tuple[int, int, int]:
    """The same for AArch64, where all that is known of a function may be in its entry."""
    offset = u32_at(b, at + 4)
    info = _place_in(b, image, offset, 8)
    if info == 0 or offset & PACKED != 0 or b[info + 2] & 0x10 == 0:
        return 0, 0, 0
    about = u32_at(b, info)
    ends, codes, head = about >> 22 & 31, about >> 27, 4
    if ends == 0 and codes == 0:
        ends, codes, head = u32_at(b, info + 4) & 0xFFFF, i64(b[info + 6]), 8
    if about & 0x200000 != 0:
        ends = 0  # one alone, which is told of in place of how many there are
    more = _place_in(b, image, offset + head + 4 * (ends + codes), 12)
    return _HANDLED, more, u32_at(b, at) + 4 * (about & 0x3FFFF)


def _scopes(
    b: Bytes, first: int, last: int, p: int, left: int, base: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """The parts of a function that are tried, of which ``b[p]`` says how many there are, if it
    does: what is no such part ends them."""
    many = u32_at(b, p)
    p += 4
    while many > 0 and left > 0 and p + _SCOPE <= len(b):
        if not first <= u32_at(b, p) < u32_at(b, p + 4) <= last:
            return left, count
        count = _offsets(b, p, _SCOPE, base, rows, room, count)
        p += _SCOPE
        left -= _SCOPE
        many -= 1
    return left, count


def _offsets(
    b: Bytes, p: int, size: int, base: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The offsets among ``size`` bytes."""
    for at in range(p, p + size, 4):
        count = _offset(b, at, base, rows, room, count)
    return count


def _offset(b: Bytes, p: int, base: int, rows: Ints, room: int, count: int) -> int:
    value = u32_at(b, p)
    return add(rows, room, count, p, _BASED, base + value, base) if value >= _LEAST else count


def _exceptions(
    b: Bytes, image: Ints, p: int, about: int, kind: int, left: int, base: int, rows: Ints,
    room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Things of a kind of a function that is known to have something to do in exceptions."""
    if kind == _INFO:
        return left, _offset(b, p, base, rows, room, count)
    if kind == _ABOUT:
        for field in range(8, _FIELDS, 8):
            count = _offset(b, about + field, base, rows, room, count)
        return left - _FIELDS, count
    if kind == _UNWINDS:
        return _table(b, image, about + 4, _UNWIND, 4, left, base, rows, room, count)
    if kind == _TRIES:
        return _table(b, image, about + 12, _TRY, 16, left, base, rows, room, count)
    if kind == _STATES:
        return _table(b, image, about + 20, _STATE, 0, left, base, rows, room, count)
    tries = _rows_of(b, image, about + 12, _TRY, left)
    if tries != 0:
        for n in range(u32_at(b, about + 12)):
            table = tries + _TRY * n + 12
            left, count = _table(b, image, table, _HANDLER, 12, left, base, rows, room, count)
        left -= _TRY * u32_at(b, about + 12)
    return left, count


def _rows_of(b: Bytes, image: Ints, p: int, size: int, left: int) -> int:
    """Where the rows begin of which ``p`` says how many there are, and their offset; 0 where there
    are none, or more than may be looked at."""
    many = u32_at(b, p)
    return _place_in(b, image, u32_at(b, p + 4), size * many) if 0 < size * many <= left else 0


def _table(
    b: Bytes, image: Ints, p: int, size: int, field: int, left: int, base: int, rows: Ints,
    room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """An offset of each row of such a table; of a handler also that of its type."""
    start = _rows_of(b, image, p, size, left)
    if start == 0:
        return left, count
    for n in range(u32_at(b, p)):
        row = start + size * n
        if field == 12:
            count = _offset(b, row + 4, base, rows, room, count)
        count = _offset(b, row + field, base, rows, room, count)
    return left - size * u32_at(b, p), count

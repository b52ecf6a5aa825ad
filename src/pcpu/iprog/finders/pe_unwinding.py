"""What unwinding of functions goes by in PE images of 64 bits (spec/iprog-finders.md G98): what
Windows defines, and behind it what compilers of C++ and Rust have for exceptions.

All of it is found from the table of functions. It is gone through once for each kind of thing, as
things of one kind lie in the order of functions.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.pe import FUNCTION, UNWINDING, base_of, directory, place_in
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u32_at

_BASED = Form.BASED.value
_INFO, _ABOUT, _UNWINDS, _TRIES, _HANDLERS, _STATES = range(6)  # kinds of things
_KINDS = 6
_HANDLED, _CHAINED = 3, 4  # flags
_MAGIC, _VERSIONS = 0x19930520, 3
_FIELDS = 36  # bytes of what is known about exceptions in a function
_UNWIND, _TRY, _HANDLER, _STATE = 8, 20, 20, 8  # bytes of rows
_LEAST = 0x1000  # what is less is no offset
_MOST_SCOPES = 1 << 12
_SCOPE = 16
_PIECE = 1024  # functions that are looked at in one call


def pe_unwinding(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 57: offsets in what unwinding goes by."""
    base = base_of(b)
    start, stop = directory(b, image, UNWINDING)
    stop = start + (stop - start) // FUNCTION * FUNCTION
    for kind in range(_KINDS):
        left = len(b)  # bytes that are looked at: many functions may name one thing
        for p in range(start, stop, FUNCTION * _PIECE):
            last = min(p + FUNCTION * _PIECE, stop)
            left, count = _functions(b, image, p, last, kind, left, base, rows, room, count)
    return count


def _functions(
    b: Bytes, image: Ints, p: int, stop: int, kind: int, left: int, base: int, rows: Ints,
    room: int, count: int,
) -> tuple[int, int]:  # fmt: skip
    """Things of a kind of some functions; how many bytes may be looked at yet, and how many rows
    there are."""
    for at in range(p, stop, FUNCTION):
        info = place_in(b, image, u32_at(b, at + 8), 4)
        if info == 0 or left <= 0:
            continue
        codes = (i64(b[info + 2]) + 1) // 2 * 4
        flags = i64(b[info]) >> 3
        more = place_in(b, image, u32_at(b, at + 8) + 4 + codes, 12)
        if more == 0 or flags == 0:
            continue
        if flags & _CHAINED:
            if kind == _INFO:
                count = _offsets(b, more, 12, base, rows, room, count)
                left -= 12
        elif flags & _HANDLED:
            left -= 12
            if kind == _INFO:
                count = _offsets(b, more, 4, base, rows, room, count)
            about = place_in(b, image, u32_at(b, more + 4), _FIELDS)
            if about == 0:
                size = _SCOPE * u32_at(b, more + 4)
                if kind == _INFO and size <= min(_SCOPE * _MOST_SCOPES, len(b) - more - 8):
                    count = _offsets(b, more + 8, size, base, rows, room, count)
                    left -= size
            elif 0 <= u32_at(b, about) - _MAGIC < _VERSIONS:
                left, count = _exceptions(
                    b, image, more + 4, about, kind, left, base, rows, room, count
                )  # fmt: skip
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
    return place_in(b, image, u32_at(b, p + 4), size * many) if 0 < size * many <= left else 0


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

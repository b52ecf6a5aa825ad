"""Tables of call sites: where exceptions go that pass a function (spec/iprog-finders.md G94).

A table counts from the start of its function, so that all of it changes where the function grows at
its start. It is told by differences: where a call site begins from where the one before ends, and
where it goes to from where the one before goes to. Numbers keep their lengths.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import CALL_SITES, named, size_of, start_of
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel import i64

NOTHING = 0xFF  # a byte in place of what a table may have
DISTANCES = 1  # the way in which call sites are given that is known
LONGEST = 4  # bytes of a number
DIFFERENCES = 6 << 40  # addresses from here on: differences
_UNSIGNED = Form.UNSIGNED.value


def leb(b: Bytes, p: int, stop: int) -> tuple[int, int]:
    """The number at ``b[p]``, and its bytes; 0 and 0 where there is none before ``b[stop]``."""
    value = 0
    for n in range(min(LONGEST, stop - p)):
        value |= i64(b[p + n] & 127) << 7 * n
        if b[p + n] < 128:
            return value, n + 1
    return 0, 0


def head(b: Bytes, p: int, stop: int) -> tuple[int, int, int]:
    """Of the table at ``b[p]``: where its call sites begin and end, and where the next table is
    looked for. 0s where there is no table."""
    if p + 4 > stop or b[p] != NOTHING:
        return 0, 0, 0
    q, types = p + 2, 0
    if b[p + 1] != NOTHING:
        distance, size = leb(b, q, stop)
        if size == 0:
            return 0, 0, 0
        q += size
        types = q + distance
    if q >= stop or b[q] != DISTANCES:
        return 0, 0, 0
    length, size = leb(b, q + 1, stop)
    if size == 0:
        return 0, 0, 0
    q += 1 + size
    return q, min(q + length, stop), min(max(q + length, types), stop)


def call_sites(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 53: numbers of tables of call sites."""
    s = named(b, CALL_SITES)
    if s == 0:
        return count
    return find_call_sites(b, start_of(b, s), start_of(b, s) + size_of(b, s), rows, room, count)


def find_call_sites(
    b: Bytes, start: int, stop: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The same in ``b[start:stop]``."""
    p = start
    while p < stop:
        first, last, after = head(b, p, stop)
        if first == 0:
            p += 1
            continue
        count = _find_in_table(b, first, last, rows, room, count)
        p = after
    return count


def _find_in_table(
    b: Bytes, p: int, stop: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    end, pad = 0, 0  # of the call site before
    while p < stop:
        begin, size = leb(b, p, stop)
        length, more = leb(b, p + size, stop)
        to, last = leb(b, p + size + more, stop)
        at = p + size + more
        _, action = leb(b, at + last, stop)
        if size == 0 or more == 0 or last == 0 or action == 0:
            return count
        told = begin - end & (1 << 7 * size) - 1
        if told != begin:
            count = add(rows, room, count, p, _UNSIGNED, DIFFERENCES + told, size)
        if to != 0:
            told = to - pad & (1 << 7 * last) - 1
            if told == 0:
                told = -pad & (1 << 7 * last) - 1
            if told != to:
                count = add(rows, room, count, at, _UNSIGNED, DIFFERENCES + told, last)
            pad = to
        end = begin + length
        p = at + last + action
    return count

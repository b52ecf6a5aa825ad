"""Packed sites (spec/iprog-abi.md D14), which become records."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import pcpu_zstd, pcpu_zstd_workspace
from pcpu.iprog.decoder.state import fail, signed, take, varint
from pcpu.iprog.sites import NEAR, REST, Form
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import i64_at, put_64, u32_at

RECORD = 32  # bytes of a site: place, form, target, extra (D8)
_LENGTH = 4  # bytes that say how long the columns are
_LONGEST = 28  # bytes of a site in them: three numbers and a form
_FORMS = max(Form) + 1
_KNOWN = sum(1 << form for form in Form)  # a bit for each
_NEAR = sum(1 << form for form in NEAR)
_REST = sum(1 << form for form in REST)
_RULE = 0  # none of plans: sites files are not theirs


def room(s: Ints, size: int) -> int:
    """Where so many bytes begin that the caller may use until the next call but ``unpack``."""
    if s[S.BLOCK] >= 0 or s[S.LOADING] >= 0 or s[S.MAP_READY]:
        return fail(s, S.NOT_NOW, _RULE)
    s[S.TOP] = s[S.AFTER_HEADER]
    return take(s, size)


def unpack(s: Ints, heap: Memory, start: int, length: int, count: int, to: int) -> int:
    """Make ``count`` records, from ``to`` on, of the page of ``length`` bytes at ``start``; a
    status."""
    if count == 0 and length == 0:
        return 0
    size = u32_at(heap, start) if length >= _LENGTH else 0
    if count < 0 or not 0 < size <= _LONGEST * count:
        return fail(s, S.DAMAGED, _RULE)
    mark = s[S.TOP]
    columns, last = take(s, size + S.SLACK), take(s, 16 * _FORMS)
    workspace = s[S.WORKSPACE] if s[S.OPEN] else take(s, pcpu_zstd_workspace())
    s[S.TOP] = mark
    if columns < 0 or last < 0 or workspace < 0:
        return fail(s, S.NO_MEMORY, 0)
    content = heap[columns : columns + size]
    stored = heap[start + _LENGTH : start + length]
    work = heap[workspace : workspace + pcpu_zstd_workspace()]
    if pcpu_zstd(content, stored, heap[0:0], work) < 0:
        return fail(s, S.DAMAGED, _RULE)
    for n in range(2 * _FORMS):
        put_64(heap, last + 8 * n, 0)
    at = _places(heap, content, count, to)
    at = _forms(heap, content, at, count, to)
    at = _extras(heap, content, at, count, to, last)
    at = _targets(heap, content, at, count, to, last + 8 * _FORMS)
    return 0 if at == size else fail(s, S.DAMAGED, _RULE)


# Each reads a column that begins at ``at``, and gives where it ends; below 0 where it is damaged,
# as it was before.


def _places(heap: Memory, content: Bytes, count: int, to: int) -> int:
    at, place = 0, 0
    for n in range(count):
        gap, at = varint(content, at, len(content))
        if at < 0:
            return at
        place += gap
        put_64(heap, to + RECORD * n, place)
    return at


def _forms(heap: Memory, content: Bytes, at: int, count: int, to: int) -> int:
    if at < 0 or at + count > len(content):
        return -1
    for n in range(count):
        form = int(content[at + n])
        if form >= _FORMS or _KNOWN >> form & 1 == 0:
            return -1
        put_64(heap, to + RECORD * n + 8, form)
    return at + count


def _extras(heap: Memory, content: Bytes, at: int, count: int, to: int, last: int) -> int:
    """Less that of the site of this form before."""
    for n in range(count):
        if at < 0:
            return at
        record = to + RECORD * n
        more, at = signed(content, at, len(content))
        before = last + 8 * i64_at(heap, record + 8)
        extra = i64_at(heap, before) + more
        put_64(heap, before, extra)
        put_64(heap, record + 24, extra)
    return at


def _targets(heap: Memory, content: Bytes, at: int, count: int, to: int, last: int) -> int:
    """Less the place where a form is about a distance, less the target before where it is the rest
    of one, else less that of the site of this form before."""
    target = 0
    for n in range(count):
        if at < 0:
            return at
        record = to + RECORD * n
        more, at = signed(content, at, len(content))
        form = i64_at(heap, record + 8)
        before = last + 8 * form
        if _NEAR >> form & 1:
            target = i64_at(heap, record) + more
        elif _REST >> form & 1:
            target += more
        else:
            target = i64_at(heap, before) + more
        put_64(heap, before, target)
        put_64(heap, record + 16, target)
    return at

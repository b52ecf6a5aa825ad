"""Packed sites (spec/iprog-abi.md D14), which become records (D8): rows before."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import pcpu_zstd, pcpu_zstd_workspace
from pcpu.iprog.decoder.reader import read_from, read_number, read_signed
from pcpu.iprog.decoder.records import ROW, record_of
from pcpu.iprog.decoder.state import check, fail, take
from pcpu.iprog.finders.record import RECORD
from pcpu.iprog.sites import NEAR, REST, Form
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i64_at, put_64, u32_at

_HEAD = 8  # bytes that say how long the columns are, and their check
_LONGEST = 28  # bytes of a site in them: three numbers and a form
_FORMS = max(Form) + 1
_KNOWN = sum(1 << form for form in Form)  # a bit for each
_NEAR = sum(1 << form for form in NEAR)
_REST = sum(1 << form for form in REST)
_PLACES, _EXTRAS, _TARGETS = 0, 24, 16  # of records, whose columns are read alike
_RULE = 0  # none of plans: sites files are not theirs


def room(s: State, size: int) -> int:
    """Where so many bytes begin that the caller may use until the next call but ``unpack``."""
    if s[S.BLOCK] >= 0 or s[S.LOADING] >= 0 or s[S.MAP_READY]:
        return fail(S.NOT_NOW, _RULE)
    s[S.TOP] = s[S.AFTER_HEADER]
    return take(s, size)


def unpack(s: State, heap: Memory, start: int, length: int, count: int, to: int) -> int:
    """Make records, from ``to`` on, of the page of ``length`` bytes at ``start``, which has
    ``count`` sites; how many records, or a status."""
    if count == 0 and length == 0:
        return 0
    size = u32_at(heap, start) if length >= _HEAD else 0
    if count < 0 or not 0 < size <= _LONGEST * count:
        return fail(S.DAMAGED, _RULE)
    mark = s[S.TOP]
    columns, last = take(s, size + S.SLACK), take(s, 8 * _FORMS)
    rows = take(s, ROW * count)
    workspace = s[S.WORKSPACE] if s[S.OPEN] else take(s, pcpu_zstd_workspace())
    s[S.TOP] = mark
    if columns | last | rows | workspace < 0:
        return fail(S.NO_MEMORY, 0)
    stored, stored_length = start + _HEAD, length - _HEAD
    if pcpu_zstd(columns, size, stored, stored_length, 0, 0, workspace) < 0:
        return fail(S.DAMAGED, _RULE)
    if check(columns, size) != u32_at(heap, start + 4):
        return fail(S.DAMAGED, _RULE)
    read_from(s, columns, columns + size)
    _column(s, heap, _PLACES, count, rows, last)
    for n in range(count):
        form = int(heap[s[S.AT]]) if s[S.AT] < s[S.END] else _FORMS
        if form >= _FORMS or _KNOWN >> form & 1 == 0:
            return fail(S.DAMAGED, _RULE)
        put_64(heap, rows + ROW * n + 8, form)
        s[S.AT] += 1
    _column(s, heap, _EXTRAS, count, rows, last)
    _column(s, heap, _TARGETS, count, rows, last)
    whole = s[S.END] and s[S.AT] == s[S.END]
    if not whole:
        return fail(S.DAMAGED, _RULE)
    end = to
    for n in range(count):
        end = record_of(heap, rows + ROW * n, end)
    return (end - to) // RECORD


def _column(s: State, heap: Memory, column: int, count: int, to: int, last: int) -> None:
    """Read a column: extras less that of the site of this form before, targets less the place
    where a form is about a distance, less the target before where it is the rest of one, else less
    that of the site of this form before. ``last`` has room for a number of each form."""
    for n in range(_FORMS):
        put_64(heap, last + 8 * n, 0)
    value = 0
    for n in range(count):
        row = to + ROW * n
        if column == _PLACES:
            value += read_number(s, heap)
        else:
            form = i64_at(heap, row + 8)
            before = last + 8 * form
            if column == _EXTRAS:
                value = i64_at(heap, before)
            elif _NEAR >> form & 1:
                value = i64_at(heap, row)
            elif _REST >> form & 1 == 0:
                value = i64_at(heap, before)
            value += read_signed(s, heap)
            put_64(heap, before, value)
        put_64(heap, row + column, value)

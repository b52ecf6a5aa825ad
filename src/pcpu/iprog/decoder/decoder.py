"""What a caller calls (spec/iprog-abi.md D3-D8): a header, what is wanted, a window."""

from __future__ import annotations

from pcpu.iprog.decoder import covers
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import read_index, seek
from pcpu.iprog.decoder.covers import begin_covers
from pcpu.iprog.decoder.groups import (
    MAP,
    ROW,
    begin_group,
    load_group,
    pcpu_zstd_workspace,
    stream,
)
from pcpu.iprog.decoder.header import open_header
from pcpu.iprog.decoder.sites import RECORD, resolve_held
from pcpu.iprog.decoder.state import fail, signed, take, varint
from pcpu.iprog.decoder.window import MAX_ROWS, make_window, want_covers
from pcpu.kernel import Bytes, Ints
from pcpu.kernel.memory import i64_at, put_64

_LARGEST_SHIFT = 1 << 62


def open_plan(s: Ints, heap: Bytes, plan: Bytes) -> int:
    """Read the header in ``plan``; a status."""
    status = open_header(s, heap, plan)
    if status < 0:
        return status
    s[S.MAP_READY], s[S.BLOCK], s[S.LOADING], s[S.READY], s[S.WINDOW] = 0, -1, -1, -1, -1
    s[S.GIVEN_COUNT], s[S.SITE], s[S.PIECES] = 0, 0, 0
    if S.COMPRESSED:
        s[S.WORKSPACE] = take(s, pcpu_zstd_workspace())
    s[S.OUT] = take(s, (1 << s[S.WINDOW_BITS]) + S.SLACK)
    if s[S.OUT] < 0:
        return s[S.OUT]
    s[S.AFTER_HEADER] = s[S.TOP]
    return 0


def want(s: Ints, heap: Bytes, plan: Bytes, header: Bytes, reference: Bytes, window: int) -> int:
    """What a window needs yet: how many rows, or a status."""
    if not s[S.OPEN] or window < 0 or window >= s[S.WINDOWS]:
        return fail(s, S.NOT_NOW, 0)
    if s[S.FINDERS] and s[S.REFERENCE_HELD] and not s[S.SITES_HELD]:
        return fail(s, S.NOT_NOW, 0)
    if s[S.READY] == window:
        return 0
    s[S.READY] = -1
    if S.RELOCATES and s[S.FINDERS] and not s[S.MAP_READY]:
        rows = _want_map(s, heap, plan, header, reference)
        if rows:
            return rows
    rows = _want_block(s, heap, plan, header, reference, window)
    if rows:
        return rows
    bits = s[S.WINDOW_BITS]
    s[S.OUT_LENGTH] = min(1 << bits, s[S.SIZE] - (window << bits))
    if s[S.WINDOW] != window:
        seek(s, _content(s, heap, plan), window)
        begin_covers(s)
        s[S.WINDOW] = window
    if not s[S.REFERENCE_HELD]:
        content = _content(s, heap, plan)
        rows = want_covers(s, heap, content, s[S.OUT_LENGTH], window << bits)
        if rows:
            s[S.WINDOW] = window if rows > 0 else -1
            return rows
    s[S.READY], s[S.WINDOW] = window, -1
    return 0


def make(s: Ints, heap: Bytes, plan: Bytes, reference: Bytes, window: int) -> int:
    """Make the window of which nothing is missing; a status."""
    if not s[S.OPEN] or s[S.READY] != window or window < 0:
        return fail(s, S.NOT_NOW, 0)
    s[S.READY] = -1
    content = _content(s, heap, plan)
    start = window << s[S.WINDOW_BITS]
    return make_window(s, heap, content, reference, s[S.OUT_LENGTH], start)


def give_sites(s: Ints, count: int) -> int:
    """Room for the sites that were asked for; where they go, or a status."""
    if not s[S.OPEN] or count < 0:
        return fail(s, S.NOT_NOW, 0)
    s[S.GIVEN_SITES] = take(s, RECORD * count)
    s[S.GIVEN_COUNT] = count if s[S.GIVEN_SITES] >= 0 else 0
    return s[S.GIVEN_SITES]


def hold_sites(s: Ints, count: int) -> int:
    """Room for all sites of the blob; where they go, or a status."""
    if not s[S.OPEN] or s[S.BLOCK] >= 0 or s[S.MAP_READY] or count != s[S.SITES]:
        return fail(s, S.NOT_NOW if count == s[S.SITES] else S.DAMAGED, 9)
    records = take(s, RECORD * count)
    if records >= 0:
        s[S.HELD_SITES], s[S.HELD_COUNT], s[S.SITES_HELD] = records, count, 1
        s[S.AFTER_HEADER] = s[S.TOP]
    return records


def _content(s: Ints, heap: Bytes, plan: Bytes) -> Bytes:
    """The streams of the group that was loaded."""
    last = 2 * S.LITERALS + S.STREAM
    length = s[last] + s[last + 1]
    start = s[S.CONTENT]
    return plan[start : start + length] if s[S.CONTENT_IN_PLAN] else heap[start : start + length]


def _want_map(s: Ints, heap: Bytes, plan: Bytes, header: Bytes, reference: Bytes) -> int:
    if s[S.LOADING] != MAP:
        s[S.TOP], s[S.FRAME_AT] = s[S.AFTER_HEADER], s[S.HEADER_LENGTH] + 4
        status = begin_group(s, heap, header, MAP, s[S.MAP_AT], 2)
        if status < 0:
            return status
    s[S.BLOCK] = -1
    rows = load_group(s, heap, plan, header, reference)
    if rows:
        return rows
    status = _read_map(s, heap, plan)
    if status < 0:
        return status
    if s[S.SITES_HELD]:
        resolve_held(s, heap)
    s[S.MAP_READY], s[S.AFTER_HEADER] = 1, s[S.TOP]
    return 0


def _read_map(s: Ints, heap: Bytes, plan: Bytes) -> int:
    """G25; a status. A piece has at least a byte in each stream."""
    for n in range(2, 8):
        s[S.STREAM + 2 * n] = s[S.STREAM + 2] + s[S.STREAM + 3]
        s[S.STREAM + 2 * n + 1] = 0
    content = _content(s, heap, plan)
    starts, shifts = stream(s, content, 0), stream(s, content, 1)
    count, at = 0, 0
    while at < len(starts):
        _, at = varint(starts, at, len(starts))
        if at < 0:
            return fail(s, S.DAMAGED, 25)
        count += 1
    table = take(s, 16 * count)
    if table < 0:
        return table
    s[S.STARTS], s[S.SHIFTS] = table, table + 8 * count
    address, amount, at, place = 0, 0, 0, 0
    for n in range(count):
        gap, at = varint(starts, at, len(starts))
        more, place = signed(shifts, place, len(shifts))
        if place < 0 or (n > 0 and gap < 1):
            return fail(s, S.DAMAGED, 25)
        address += gap
        amount += more
        if address < 0 or not -_LARGEST_SHIFT < amount < _LARGEST_SHIFT:
            return fail(s, S.DAMAGED, 25)
        put_64(heap, table + 8 * n, address)
        put_64(heap, table + 8 * (count + n), amount)
    if place != len(shifts):
        return fail(s, S.DAMAGED, 25)
    s[S.PIECES] = count
    return 0


def _want_block(
    s: Ints, heap: Bytes, plan: Bytes, header: Bytes, reference: Bytes, window: int
) -> int:
    """Load the block of a window, where it is not there; how many rows it needs, or a status."""
    first, windows = s[S.BLOCK_FIRST], s[S.BLOCK_WINDOWS]
    if s[S.BLOCK] >= 0 and first <= window < first + windows:
        return 0
    block = _block_of(s, heap, window)
    if s[S.LOADING] != block + 1:
        row = s[S.BLOCK_TABLE] + 24 * block
        s[S.BLOCK], s[S.WINDOW], s[S.TOP] = -1, -1, s[S.AFTER_HEADER]
        s[S.FRAME_AT] = i64_at(heap, row + 16)
        status = begin_group(s, heap, header, block + 1, i64_at(heap, row + 8), 8)
        if status < 0:
            return status
    rows = load_group(s, heap, plan, header, reference)
    if rows:
        return rows
    row = s[S.BLOCK_TABLE] + 24 * block
    s[S.BLOCK_FIRST] = i64_at(heap, row)
    s[S.BLOCK_WINDOWS] = i64_at(heap, row + 24) - s[S.BLOCK_FIRST]
    s[S.ROWS], s[S.COVERS] = take(s, ROW * MAX_ROWS), take(s, covers.ROW * (covers.MANY + 1))
    status = read_index(s, _content(s, heap, plan), s[S.BLOCK_WINDOWS])
    if s[S.ROWS] < 0 or s[S.COVERS] < 0 or status < 0:
        return min(min(s[S.ROWS], s[S.COVERS]), status)
    s[S.BLOCK], s[S.AFTER_BLOCK] = block, s[S.TOP]
    return 0


def _block_of(s: Ints, heap: Bytes, window: int) -> int:
    low, high = 0, s[S.BLOCKS]
    while low + 1 < high:
        middle = (low + high) // 2
        if i64_at(heap, s[S.BLOCK_TABLE] + 24 * middle) <= window:
            low = middle
        else:
            high = middle
    return low

"""What a caller calls (spec/iprog-abi.md D3-D8): a header, what is wanted, a window."""

from __future__ import annotations

from pcpu.iprog.decoder import covers
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.block import seek
from pcpu.iprog.decoder.covers import begin_covers
from pcpu.iprog.decoder.groups import MAP, load_group, pcpu_zstd_workspace
from pcpu.iprog.decoder.header import open_header
from pcpu.iprog.decoder.relocation import INDEX_SITES, READ_MAP, relocate, relocate_if
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.decoder.wanted import ROW
from pcpu.iprog.decoder.window import MAX_ROWS, make_window, want_covers
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i64_at


def open_plan(s: State, heap: Memory) -> int:
    """Read the header of the plan; a status."""
    status = open_header(s, heap)
    if status < 0:
        return status
    s[S.MAP_READY], s[S.BLOCK], s[S.LOADING], s[S.READY], s[S.WINDOW] = 0, -1, -1, -1, -1
    if S.COMPRESSED:
        s[S.WORKSPACE] = take(s, pcpu_zstd_workspace())
    s[S.OUT] = take(s, (1 << s[S.WINDOW_BITS]) + S.SLACK)
    s[S.AFTER_HEADER] = s[S.TOP]
    return s[S.WRONG]


def want(s: State, heap: Memory, window: int) -> int:
    """What a window needs yet: how many rows, or a status."""
    if not s[S.OPEN] or window < 0 or window >= s[S.WINDOWS]:
        return fail(S.NOT_NOW, 0)
    if s[S.FINDERS] and s[S.REFERENCE_HELD] and not s[S.SITES_HELD]:
        return fail(S.NOT_NOW, 0)
    if s[S.READY] == window:
        return 0
    s[S.READY] = -1
    if S.RELOCATES and s[S.FINDERS] and not s[S.MAP_READY]:
        rows = _want_map(s, heap)
        if rows:
            return rows
    rows = _want_block(s, heap, window)
    if rows:
        return rows
    bits = s[S.WINDOW_BITS]
    s[S.OUT_LENGTH] = min(1 << bits, s[S.SIZE] - (window << bits))
    if s[S.WINDOW] != window:
        status = seek(s, heap, window)
        if status < 0:
            return status
        begin_covers(s)
        s[S.WINDOW] = window
    if not s[S.REFERENCE_HELD]:
        rows = want_covers(s, heap, s[S.OUT_LENGTH], window << bits)
        if rows:
            s[S.WINDOW] = window if rows > 0 else -1
            return rows
    s[S.READY], s[S.WINDOW] = window, -1
    return 0


def make(s: State, heap: Memory, window: int) -> int:
    """Make the window of which nothing is missing; a status."""
    if not s[S.OPEN] or s[S.READY] != window or window < 0:
        return fail(S.NOT_NOW, 0)
    s[S.READY] = -1
    return make_window(s, heap, s[S.OUT_LENGTH], window << s[S.WINDOW_BITS])


def _want_map(s: State, heap: Memory) -> int:
    rows = load_group(s, heap, MAP)
    if rows:
        return rows
    status = relocate(s, heap, READ_MAP, s[S.STREAM + 2], 0)
    s[S.MAP_READY], s[S.AFTER_HEADER] = 1 if status >= 0 else 0, s[S.TOP]
    return status


def _want_block(s: State, heap: Memory, window: int) -> int:
    """Load the block of a window, where it is not there; how many rows it needs, or a status."""
    block = _block_of(s, heap, window)
    if s[S.BLOCK] == block:
        return 0
    rows = load_group(s, heap, block)
    if rows:
        return rows
    s[S.ROWS], s[S.COVERS] = take(s, ROW * MAX_ROWS), take(s, covers.ROW * (covers.MANY + 1))
    covers_ = s[S.STREAM + S.LENGTHS] - s[S.STREAM + S.GAPS]
    relocate_if(s, heap, INDEX_SITES, covers_, 0)
    s[S.BLOCK], s[S.AFTER_BLOCK] = block, s[S.TOP]
    s[S.CURSOR] = s[S.BLOCK_FIRST] + s[S.BLOCK_WINDOWS]
    return 0


def _block_of(s: State, heap: Memory, window: int) -> int:
    low, high = 1, s[S.BLOCKS] + 1
    while low + 1 < high:
        middle = (low + high) // 2
        if i64_at(heap, s[S.GROUP_TABLE] + 24 * middle) <= window:
            low = middle
        else:
            high = middle
    return low

"""What plans that relocate need besides (G9, G20, G24 to G29, G93, G95).

``iprog.wasm`` is without it until it is given ``iprog-relocation.wasm`` (spec/iprog-abi.md D15): so
it has one entrance, which is called through a pointer there.
"""

from __future__ import annotations

from pcpu.iprog.decoder import covers
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.calls import restore_calls
from pcpu.iprog.decoder.map import read_map
from pcpu.iprog.decoder.moving import restore
from pcpu.iprog.decoder.reader import read_from
from pcpu.iprog.decoder.relocation_header import read_relocation
from pcpu.iprog.decoder.sites import index_room, index_sites, move_cover, move_prefix
from pcpu.iprog.decoder.spans import read_span
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.decoder.wanted import SITES, put_row
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i64_at

# The steps of decoding that it takes part in, and what ``a`` and ``b`` of each are. Each has a
# status; those that ask give the number of rows, too.
(
    READ_HEADER,
    READ_MAP,  # the length of the first stream
    INDEX_SITES,  # about how many covers a block has
    ASK_SPANS,  # how many rows there are; the sites of the spans of a prefix
    MOVE_SPANS,
    ASK_COVERS,  # the same as above; of the covers that were read
    MOVE_COVERS,  # where in the file the window begins
    PLACE_COVERS,  # the same, and where in it the run before the first cover begins
    RESTORE_CALLS,  # where in the file the window begins
) = range(9)


def relocate(s: State, heap: Memory, step: int, a: int, b: int) -> int:
    """Take part in a step; a status, or what it asks for."""
    if step == READ_HEADER:
        read_relocation(s, heap)
    elif step == READ_MAP:
        return _read_map(s, heap, a)
    elif step == INDEX_SITES:
        if s[S.SITES_HELD]:
            index_sites(s, heap, a)
    elif step == ASK_SPANS:
        return _ask_spans(s, heap, a)
    elif step == MOVE_SPANS:
        _move_spans(s, heap)
    elif step == ASK_COVERS:
        return _ask_covers(s, heap, a)
    elif step == MOVE_COVERS:
        _move_covers(s, heap, a)
    elif step == PLACE_COVERS:
        _place_covers(s, heap, a, b)
    elif S.TELLS_CALLS:
        restore_calls(s, heap, heap[s[S.OUT] : s[S.OUT] + s[S.OUT_LENGTH]], a)
    return 0


def relocate_if(s: State, heap: Memory, step: int, a: int, b: int) -> int:
    """The same where a plan relocates; else ``a``."""
    return relocate(s, heap, step, a, b) if S.RELOCATES and s[S.FINDERS] else a


def absent(s: State, heap: Memory, step: int, a: int, b: int) -> int:
    """What is called in place of it where it is not there: the first step fails."""
    return fail(S.UNSUPPORTED, 9)


def _read_map(s: State, heap: Memory, starts: int) -> int:
    status = read_map(s, heap, starts)
    if status >= 0 and s[S.SITES_HELD]:
        s[S.SITE_INDEX] = status = take(s, index_room(s))
    return min(status, 0)


def _ask_spans(s: State, heap: Memory, rows: int) -> int:
    """Ask for the sites that are moved in the prefix."""
    if s[S.REFERENCE_HELD] or s[S.SITES_HELD] or not s[S.TRANSFORM]:
        return rows
    read_from(s, s[S.SPANS_AT], s[S.HEADER_END])
    start = 0
    for _ in range(s[S.PREFIX_SPANS]):
        start = read_span(s, heap, start)
        length = s[S.SPAN_LENGTH]
        rows = _ask(s, heap, rows, start, length)
        start += length
    return rows


def _move_spans(s: State, heap: Memory) -> None:
    """Make of the prefix that of the moved reference (G29)."""
    read_from(s, s[S.SPANS_AT], s[S.HEADER_END])
    start, to = 0, s[S.PREFIX]
    for _ in range(s[S.PREFIX_SPANS] if s[S.TRANSFORM] else 0):
        start = read_span(s, heap, start)
        length = s[S.SPAN_LENGTH]
        move_prefix(s, heap, to, length, start)
        start += length
        to += length
    s[S.GIVEN_COUNT] = 0


def _ask_covers(s: State, heap: Memory, rows: int) -> int:
    """Ask for the sites in the covers that were read."""
    if not s[S.SITES_HELD]:
        for row in range(s[S.COVERS], s[S.COVERS] + covers.ROW * s[S.BATCH], covers.ROW):
            length, source = i64_at(heap, row + 8), i64_at(heap, row + 16)
            if length:
                rows = _ask(s, heap, rows, source, length)
    return rows


def _ask(s: State, heap: Memory, rows: int, start: int, length: int) -> int:
    """Ask for the sites in a span of the reference, where it has some of the blob with sites; how
    many rows there are then."""
    first = max(start - s[S.BLOB_FIRST], 0)
    last = min(start + length - s[S.BLOB_FIRST], s[S.BLOB_SIZE])
    if first >= last:
        return rows
    put_row(s, heap, rows, first, last - first, 0, SITES)
    return rows + 1


def _move_covers(s: State, heap: Memory, start: int) -> None:
    """Move the sites of the covers that were read last."""
    for row in range(s[S.COVERS], s[S.COVERS] + covers.ROW * s[S.BATCH], covers.ROW):
        at, length, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
        if length:
            move_cover(s, heap, at, length, source, start)
    s[S.GIVEN_COUNT] = 0


def _place_covers(s: State, heap: Memory, start: int, end: int) -> None:
    """Change the runs before the covers that were read last, and move their sites where that was
    not done before."""
    held, window = s[S.REFERENCE_HELD], heap[s[S.OUT] : s[S.OUT] + s[S.OUT_LENGTH]]
    for row in range(s[S.COVERS], s[S.COVERS] + covers.ROW * s[S.BATCH], covers.ROW):
        at, length, source = i64_at(heap, row), i64_at(heap, row + 8), i64_at(heap, row + 16)
        if end < at and s[S.TRANSFORM]:
            restore(s, heap, window, start, end, at)
        if held and length:
            move_cover(s, heap, at, length, source, start)
        end = at + length

"""Frame groups (G11-G13): checked when the header is read, later loaded frame by frame.

A frame is first asked for: what of it is not held becomes rows of what is wanted. Then it is
decoded.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import ROOM, decode_adaptive
from pcpu.iprog.decoder.foreseen import ROOM as FORESEEN_ROOM
from pcpu.iprog.decoder.foreseen import decode_foreseen
from pcpu.iprog.decoder.reader import read_from, read_limited, read_number, refuse_if
from pcpu.iprog.decoder.sites import move_prefix
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.format import (
    ALIKE,
    CODECS,
    MAX_ADAPTIVE,
    MAX_FORESEEN,
    MAX_PREFIX,
    MAX_SIZE,
    MAX_SPANS,
    MAX_STREAMS,
    MIN_PREFIX,
    PAGE_BITS,
    Codec,
)
from pcpu.kernel import Bytes, Extern, Ints, Memory
from pcpu.kernel.memory import put_64

PLAN, REFERENCE, SITES = 0, 1, 2  # sources of rows
ROW = 32  # bytes
MAP = 0  # the number of the map's group; block n has n + 1
RAW, ZSTD, ZSTD_PREFIX, ADAPTIVE, FORESEEN = map(int, Codec)
_WITH_PREFIX = 1 << ZSTD_PREFIX | 1 << FORESEEN


# Decode a frame of Zstandard to exactly ``to``; below 0 where it is none.
pcpu_zstd = Extern("pcpu_zstd", ("Bytes", "Bytes", "Bytes", "Bytes"))
pcpu_zstd_workspace = Extern("pcpu_zstd_workspace", ())


# Reading


def check_group(s: Ints, heap: Memory, streams: int, head: int) -> int:
    """How many bytes a group of the header has stored, with ``head`` bytes before its frames."""
    _read_streams(s, heap, streams, head)
    stored = head
    while s[S.LEFT] and not s[S.WRONG]:
        _read_frame(s, heap)
        stored += s[S.STORED_LENGTH]
        s[S.LEFT] -= s[S.FRAME_LENGTH]
    return stored


def _read_streams(s: Ints, heap: Memory, streams: int, head: int) -> None:
    """What stands before the frames. Stream 0 is the head, which stands before them, too."""
    stated = read_limited(s, heap, 0, (1 << streams) - 1, 11)
    total, size = head, 0
    s[S.STREAM], s[S.STREAM + 1] = 0, head
    for n in range(streams):
        most = MAX_STREAMS - total
        if stated >> n & 1:
            size = read_limited(s, heap, 0, most, 11)
        size *= stated >> n & 1 | ALIKE >> n & 1
        refuse_if(s, size > most, fail(S.DAMAGED, 11))
        s[S.STREAM + 2 * n + 2], s[S.STREAM + 2 * n + 3] = total, size
        total += size
    s[S.CONTENT_LENGTH], s[S.LEFT], s[S.HEAD] = total, total - head, head
    s[S.STREAMS], s[S.NEXT_STREAM] = streams + 1, 1


def _read_frame(s: Ints, heap: Memory) -> None:
    """What the header says of the next frame."""
    codec = read_number(s, heap)
    count = codec // CODECS + 1
    codec %= CODECS
    if count > s[S.STREAMS] - s[S.NEXT_STREAM]:
        count = 0
        refuse_if(s, True, fail(S.DAMAGED, 12))
    length = 0
    for n in range(s[S.NEXT_STREAM], s[S.NEXT_STREAM] + count):
        length += s[S.STREAM + 2 * n + 1]
    s[S.NEXT_STREAM] += count
    s[S.FRAME_STREAMS], s[S.FRAME_LENGTH] = count, length
    s[S.CODEC], s[S.PREFIX_SPANS], s[S.PREFIX_LENGTH] = codec, 0, 0
    refuse_if(s, codec > FORESEEN, fail(S.UNSUPPORTED, 12))
    if _WITH_PREFIX >> codec & 1:
        _read_spans(s, heap)
    s[S.STORED_LENGTH] = length
    if codec:
        s[S.STORED_LENGTH] = read_limited(s, heap, 0, MAX_SIZE, 12)
        refuse_if(s, length == 0, fail(S.DAMAGED, 13))
        refuse_if(s, codec >= ADAPTIVE and length > MAX_ADAPTIVE, fail(S.DAMAGED, 12))


def _read_spans(s: Ints, heap: Memory) -> None:
    """Those of a prefix."""
    least = 0 if s[S.CODEC] == FORESEEN else MIN_PREFIX
    most = MAX_FORESEEN if s[S.CODEC] == FORESEEN else MAX_PREFIX
    s[S.PREFIX_SPANS] = read_limited(s, heap, 0, MAX_SPANS, 12)
    s[S.SPANS_AT] = s[S.AT]
    end = total = 0
    for _ in range(s[S.PREFIX_SPANS]):
        end = _read_span(s, heap, end) + s[S.SPAN_LENGTH]
        total += s[S.SPAN_LENGTH]
        refuse_if(s, total > most or end > s[S.REFERENCE_SIZE], fail(S.DAMAGED, 13))
    s[S.PREFIX_LENGTH] = total
    refuse_if(s, total < least, fail(S.DAMAGED, 13))


def _read_span(s: Ints, heap: Memory, end: int) -> int:
    """Where the span begins that follows the one that ends at ``end``; and its length."""
    bits = PAGE_BITS if s[S.CODEC] == FORESEEN else 0
    start = end + (read_limited(s, heap, 0, MAX_SIZE, 12) << bits)
    length = read_limited(s, heap, 1, MAX_PREFIX, 13) << bits
    if bits:  # the last page of the reference may be shorter
        length = min(length, s[S.REFERENCE_SIZE] - start)
        refuse_if(s, length < 1, fail(S.DAMAGED, 13))
    s[S.SPAN_LENGTH] = length
    return start


# Loading


def load_group(
    s: Ints, heap: Memory, group: int, at: int, streams: int, head: int, frame_at: int
) -> int:
    """Go on with the group of this number, or begin with it, which is ``at`` in the header, and
    whose ``head`` bytes and frames are from ``frame_at`` of the plan on: how many rows are wanted
    for it, or a status. In the end its streams' places are those of STREAM, in memory from CONTENT
    on."""
    if s[S.LOADING] != group:
        s[S.BLOCK], s[S.WINDOW], s[S.TOP] = -1, -1, s[S.AFTER_HEADER]
        read_from(s, at, s[S.HEADER_END])
        _read_streams(s, heap, streams, head)
        s[S.FRAME_AT], s[S.GROUP_AT], s[S.LOADING] = frame_at, s[S.AT], group
        s[S.CONTENT] = s[S.ASKED] = s[S.WRONG] = 0
    status = 0
    while s[S.LEFT] and status >= 0:
        if not s[S.ASKED]:
            status = _ask(s, heap)
            s[S.ASKED] = 1
        if status > 0:
            return status
        if status == 0:
            status = _decode(s, heap)
        s[S.LEFT] -= s[S.FRAME_LENGTH]
        s[S.ASKED] = 0
        s[S.TOP] = s[S.FRAME_MARK]
    s[S.LOADING] = -1
    return status


def _ask(s: Ints, heap: Memory) -> int:
    """Make rows of what is not held of the next frame, and room for it; how many, or a status."""
    read_from(s, s[S.GROUP_AT], s[S.HEADER_END])
    _read_frame(s, heap)
    s[S.GROUP_AT] = s[S.AT]
    if s[S.WRONG]:
        return s[S.WRONG]
    if s[S.PREFIX_SPANS] and s[S.LOADING] == MAP:
        return fail(S.DAMAGED, 25)  # it may be moved by the map
    stored, length = s[S.HEAD] + s[S.STORED_LENGTH], s[S.HEAD] + s[S.FRAME_LENGTH]
    s[S.STORED] = s[S.PLAN_AT] + s[S.FRAME_AT]
    if s[S.PLAN_HELD] and s[S.CODEC] == RAW and length == s[S.CONTENT_LENGTH]:
        s[S.CONTENT] = s[S.STORED]  # it need not be copied
    if not s[S.CONTENT]:
        s[S.CONTENT] = s[S.FILLED] = take(s, s[S.CONTENT_LENGTH] + S.SLACK)
    s[S.FRAME_MARK] = s[S.TOP]
    s[S.PREFIX] = take(s, s[S.PREFIX_LENGTH])
    s[S.ROWS] = take(s, ROW * (2 * s[S.PREFIX_SPANS] + 1))
    if not s[S.PLAN_HELD]:
        s[S.STORED] = take(s, stored)
    if s[S.CONTENT] | s[S.PREFIX] | s[S.ROWS] | s[S.STORED] < 0:
        return fail(S.NO_MEMORY, 0)
    rows = 0
    if not s[S.PLAN_HELD] and stored:
        put_row(s, heap, 0, s[S.FRAME_AT], stored, s[S.STORED], PLAN)
        rows = 1
    s[S.FRAME_AT] += stored
    read_from(s, s[S.SPANS_AT], s[S.HEADER_END])
    start, to = 0, s[S.PREFIX]
    for _ in range(s[S.PREFIX_SPANS]):
        start = _read_span(s, heap, start)
        length = s[S.SPAN_LENGTH]
        if s[S.REFERENCE_HELD]:
            source = s[S.REFERENCE_AT] + start
            heap[to : to + length] = heap[source : source + length]
        else:
            put_row(s, heap, rows, start, length, to, REFERENCE)
            rows += 1
            if s[S.TRANSFORM] and not s[S.SITES_HELD]:
                rows += put_site_row(s, heap, rows, start, length)
        start += length
        to += length
    return rows


def put_row(s: Ints, heap: Memory, row: int, start: int, length: int, to: int, source: int) -> None:
    """Say that bytes are wanted; ``to`` is where in the heap they go."""
    at = s[S.ROWS] + ROW * row
    put_64(heap, at, start)
    put_64(heap, at + 8, length)
    put_64(heap, at + 16, to | source << 32)
    put_64(heap, at + 24, 0)


def put_site_row(s: Ints, heap: Memory, row: int, start: int, length: int) -> int:
    """Say that the sites in a span of the reference are wanted; 1, or 0 where it has none of the
    blob with sites."""
    first = max(start - s[S.BLOB_FIRST], 0)
    last = min(start + length - s[S.BLOB_FIRST], s[S.BLOB_SIZE])
    if first >= last:
        return 0
    put_row(s, heap, row, first, last - first, 0, SITES)
    return 1


def _decode(s: Ints, heap: Memory) -> int:
    """Decode the frame that is asked for, all of which is there now, and take the head that stands
    before it."""
    if s[S.CONTENT] == s[S.STORED]:
        return 0
    start, length, at, head = s[S.FILLED], s[S.FRAME_LENGTH], s[S.STORED], s[S.HEAD]
    if s[S.CODEC] == RAW:
        head += length
        length = 0
    heap[start : start + head] = heap[at : at + head]
    stored = heap[at + head : at + s[S.HEAD] + s[S.STORED_LENGTH]]
    to = heap[start + head : start + head + length]
    s[S.FILLED], s[S.HEAD] = start + head + length, 0
    if not length:
        return 0
    if S.LEARNS and s[S.CODEC] == ADAPTIVE:
        return _decode_adaptive(s, heap, to, stored)
    if S.FORESEES and s[S.CODEC] == FORESEEN:
        return _decode_foreseen(s, heap, to, stored)
    if S.COMPRESSED:
        return _decompress(s, heap, to, stored)
    return fail(S.NOT_NOW, 0)


def _decode_adaptive(s: Ints, heap: Memory, to: Bytes, stored: Bytes) -> int:
    at = take(s, ROOM)
    if at < 0:
        return at
    if not decode_adaptive(s, heap, to, stored, at):
        return fail(S.DAMAGED, 33)
    return 0


def _decode_foreseen(s: Ints, heap: Memory, to: Bytes, stored: Bytes) -> int:
    at = take(s, FORESEEN_ROOM)
    if at < 0:
        return at
    _move_spans(s, heap)
    found = decode_foreseen(heap, to, stored, s[S.PREFIX], s[S.PREFIX_LENGTH], at)
    return 0 if found else fail(S.DAMAGED, 105)


def _decompress(s: Ints, heap: Memory, to: Bytes, stored: Bytes) -> int:
    _move_spans(s, heap)
    prefix = heap[s[S.PREFIX] : s[S.PREFIX] + s[S.PREFIX_LENGTH]]
    workspace = heap[s[S.WORKSPACE] : s[S.WORKSPACE] + pcpu_zstd_workspace()]
    return fail(S.DAMAGED, 13) if pcpu_zstd(to, stored, prefix, workspace) < 0 else 0


def _move_spans(s: Ints, heap: Memory) -> None:
    """Make of the prefix that of the moved reference (G29)."""
    if S.RELOCATES and s[S.TRANSFORM]:
        _move_all(s, heap)
    s[S.GIVEN_COUNT] = 0


def _move_all(s: Ints, heap: Memory) -> None:
    read_from(s, s[S.SPANS_AT], s[S.HEADER_END])
    start, to = 0, s[S.PREFIX]
    for _ in range(s[S.PREFIX_SPANS]):
        start = _read_span(s, heap, start)
        length = s[S.SPAN_LENGTH]
        move_prefix(s, heap, to, length, start)
        start += length
        to += length

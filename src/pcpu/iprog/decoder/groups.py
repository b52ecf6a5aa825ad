"""Frame groups (G11-G13): checked when the header is read, later loaded frame by frame.

A frame is first asked for: what of it is not held becomes rows of what is wanted. Then it is
decoded.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import ROOM, decode_adaptive
from pcpu.iprog.decoder.sites import move_prefix
from pcpu.iprog.decoder.state import check, fail, take, varint
from pcpu.iprog.format import (
    MAX_ADAPTIVE,
    MAX_PREFIX,
    MAX_SIZE,
    MAX_SPANS,
    MAX_STREAMS,
    MIN_PREFIX,
    Codec,
)
from pcpu.kernel import Bytes, Extern, Ints, Memory
from pcpu.kernel.memory import put_64, u32_at

PLAN, REFERENCE, SITES = 0, 1, 2  # sources of rows
ROW = 32  # bytes
MAP = 0  # the number of the map's group; block n has n + 1
RAW, ZSTD, ZSTD_PREFIX, ADAPTIVE = map(int, Codec)


# Decode a frame of Zstandard to exactly ``to``; below 0 where it is none.
pcpu_zstd = Extern("pcpu_zstd", ("Bytes", "Bytes", "Bytes", "Bytes"))
pcpu_zstd_workspace = Extern("pcpu_zstd_workspace", ())


# Checking


def check_group(s: Ints, b: Bytes, at: int, streams: int) -> tuple[int, int]:
    """Where a group of the header ``b`` ends, and how many bytes its frames have stored; a status
    as the former where it breaks a rule."""
    sizes, total = at, 0
    for _ in range(streams):
        size, at = varint(b, at, len(b))
        if at < 0 or size > MAX_STREAMS:
            return fail(s, S.DAMAGED, 11), 0
        total += size
    frames, at = varint(b, at, len(b))
    if at < 0 or total > MAX_STREAMS or not 1 <= frames <= streams:
        return fail(s, S.DAMAGED, 11), 0
    left, stored = streams, 0
    for _ in range(frames):
        count, at = varint(b, at, len(b))
        if at < 0 or not 1 <= count <= left:
            return fail(s, S.DAMAGED, 12), 0
        content = 0
        for _ in range(count):
            size, sizes = varint(b, sizes, len(b))
            content += size
        left -= count
        at, length = _check_frame(s, b, at, content)
        if at < 0:
            return at, 0
        stored += length
    if left:
        return fail(s, S.DAMAGED, 12), 0
    return at, stored


def _check_frame(s: Ints, b: Bytes, at: int, content: int) -> tuple[int, int]:
    """Where a frame's header ends, from its codec on, and how many bytes it has stored."""
    codec, at = varint(b, at, len(b))
    if at < 0:
        return fail(s, S.DAMAGED, 12), 0
    if codec > ADAPTIVE:
        return fail(s, S.UNSUPPORTED, 12), 0
    if codec == ZSTD_PREFIX:
        at = _check_spans(s, b, at)
        if at < 0:
            return at, 0
    stored, at = varint(b, at, len(b))
    if at < 0 or at + 4 > len(b) or stored > MAX_SIZE:
        return fail(s, S.DAMAGED, 12), 0
    if (codec == RAW and stored != content) or (codec != RAW and content == 0):
        return fail(s, S.DAMAGED, 13), 0
    if codec == ADAPTIVE and content > MAX_ADAPTIVE:
        return fail(s, S.DAMAGED, 12), 0
    return at + 4, stored


def _check_spans(s: Ints, b: Bytes, at: int) -> int:
    spans, at = varint(b, at, len(b))
    if at < 0 or not 1 <= spans <= MAX_SPANS:
        return fail(s, S.DAMAGED, 12)
    end = total = 0
    for _ in range(spans):
        start, at = varint(b, at, len(b))
        if at < 0 or start > MAX_SIZE:
            return fail(s, S.DAMAGED, 12)
        length, at = varint(b, at, len(b))
        if at < 0 or not 1 <= length <= MAX_PREFIX - total:
            return fail(s, S.DAMAGED, 13)
        end += start + length
        total += length
    if total < MIN_PREFIX or end > s[S.REFERENCE_SIZE]:
        return fail(s, S.DAMAGED, 13)
    return at


# Loading


def begin_group(s: Ints, heap: Memory, header: Bytes, number: int, at: int, streams: int) -> int:
    """Begin to load the group at ``at`` of the header, of whose frames the first begins at FRAME_AT
    of the plan; a status. Its streams' places are those of STREAM."""
    s[S.LOADING] = -1
    total = 0
    for n in range(streams):
        size, at = varint(header, at, len(header))
        s[S.STREAM + 2 * n] = total
        s[S.STREAM + 2 * n + 1] = size
        total += size
    frames, at = varint(header, at, len(header))
    _, after = varint(header, at, len(header))
    codec, _ = varint(header, after, len(header))
    s[S.CONTENT_IN_PLAN] = 0
    if frames == 1 and codec == RAW and s[S.PLAN_HELD]:
        s[S.CONTENT_IN_PLAN] = 1  # it need not be copied
        s[S.CONTENT] = s[S.FRAME_AT]
    else:
        s[S.CONTENT] = take(s, total + S.SLACK)
        if s[S.CONTENT] < 0:
            return s[S.CONTENT]
    s[S.GROUP_AT], s[S.STREAMS_LEFT], s[S.FILLED] = at, streams, 0
    s[S.NEXT_STREAM], s[S.ASKED], s[S.LOADING] = 0, 0, number
    return 0


def load_group(s: Ints, heap: Memory, plan: Bytes, header: Bytes, reference: Bytes) -> int:
    """Go on with the group that was begun: how many rows of it are wanted, or a status."""
    while s[S.STREAMS_LEFT]:
        if not s[S.ASKED]:
            s[S.FRAME_MARK] = s[S.TOP]
            _read_frame(s, header)
            if s[S.CODEC] == ZSTD_PREFIX and s[S.LOADING] == MAP:
                s[S.LOADING] = -1  # a prefix may be moved by the map
                return fail(s, S.DAMAGED, 25)
            rows = _ask(s, heap, header)
            if rows:
                return rows
        status = _decode(s, heap, plan, header, reference)
        if status < 0:
            s[S.LOADING] = -1
            return status
        s[S.STREAMS_LEFT] -= s[S.FRAME_STREAMS]
        s[S.ASKED] = 0
        s[S.TOP] = s[S.FRAME_MARK]
    s[S.LOADING] = -1
    return 0


def _read_frame(s: Ints, header: Bytes) -> None:
    """Read what the header says of the next frame."""
    at, spans, content = s[S.GROUP_AT], 0, 0
    streams, at = varint(header, at, len(header))
    s[S.CODEC], at = varint(header, at, len(header))
    if s[S.CODEC] == ZSTD_PREFIX:
        spans, at = varint(header, at, len(header))
        s[S.SPANS_AT] = at
        for _ in range(2 * spans):
            _, at = varint(header, at, len(header))
    s[S.PREFIX_SPANS] = spans
    s[S.STORED_LENGTH], at = varint(header, at, len(header))
    s[S.STORED_CHECK] = u32_at(header, at)
    s[S.GROUP_AT] = at + 4
    for n in range(s[S.NEXT_STREAM], s[S.NEXT_STREAM] + streams):
        content += s[S.STREAM + 2 * n + 1]
    s[S.NEXT_STREAM] += streams
    s[S.FRAME_STREAMS], s[S.CONTENT_LENGTH] = streams, content
    s[S.ASKED] = 1


def _ask(s: Ints, heap: Memory, header: Bytes) -> int:
    """Make rows of what is not held, and room for it."""
    spans, total, rows, at = s[S.PREFIX_SPANS], 0, 0, s[S.SPANS_AT]
    for n in range(2 * spans):
        number, at = varint(header, at, len(header))
        total += number if n & 1 else 0
    s[S.PREFIX], s[S.PREFIX_LENGTH] = take(s, total), total
    s[S.ROWS] = take(s, ROW * (2 * spans + 1))
    s[S.STORED] = take(s, 0 if s[S.PLAN_HELD] else s[S.STORED_LENGTH])
    if s[S.PREFIX] < 0 or s[S.ROWS] < 0 or s[S.STORED] < 0:
        return fail(s, S.NO_MEMORY, 0)
    if not s[S.PLAN_HELD] and s[S.STORED_LENGTH]:
        put_row(s, heap, 0, s[S.FRAME_AT], s[S.STORED_LENGTH], s[S.STORED], PLAN)
        rows = 1
    at, start, to = s[S.SPANS_AT], 0, s[S.PREFIX]
    for _ in range(0 if s[S.REFERENCE_HELD] else spans):
        gap, at = varint(header, at, len(header))
        length, at = varint(header, at, len(header))
        start += gap
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


def _decode(s: Ints, heap: Memory, plan: Bytes, header: Bytes, reference: Bytes) -> int:
    """Decode the frame that is asked for, all of which is there now."""
    length = s[S.STORED_LENGTH]
    if s[S.PLAN_HELD]:
        if s[S.FRAME_AT] + length > len(plan):
            return fail(s, S.DAMAGED, 6)
        stored = plan[s[S.FRAME_AT] : s[S.FRAME_AT] + length]
    else:
        stored = heap[s[S.STORED] : s[S.STORED] + length]
    s[S.FRAME_AT] += length
    if check(stored) != s[S.STORED_CHECK]:
        return fail(s, S.DAMAGED, 12)
    if s[S.CONTENT_IN_PLAN] or not s[S.CONTENT_LENGTH]:
        return 0
    start = s[S.CONTENT] + s[S.FILLED]
    to: Bytes = heap[start : start + s[S.CONTENT_LENGTH]]
    s[S.FILLED] += s[S.CONTENT_LENGTH]
    if s[S.CODEC] == RAW:
        to[0:length] = stored
        return 0
    if S.LEARNS and s[S.CODEC] == ADAPTIVE:
        return _decode_adaptive(s, heap, to, stored)
    if S.COMPRESSED:
        return _decompress(s, heap, header, reference, to, stored)
    return fail(s, S.NOT_NOW, 0)


def _decode_adaptive(s: Ints, heap: Memory, to: Bytes, stored: Bytes) -> int:
    at = take(s, ROOM)
    if at < 0:
        return at
    if not decode_adaptive(s, heap, to, stored, at):
        return fail(s, S.DAMAGED, 33)
    return 0


def _decompress(
    s: Ints, heap: Memory, header: Bytes, reference: Bytes, to: Bytes, stored: Bytes
) -> int:
    prefix = heap[s[S.PREFIX] : s[S.PREFIX] + s[S.PREFIX_LENGTH]]
    _fill_prefix(s, heap, header, reference, prefix)
    workspace = heap[s[S.WORKSPACE] : s[S.WORKSPACE] + pcpu_zstd_workspace()]
    if pcpu_zstd(to, stored, prefix, workspace) < 0:
        return fail(s, S.DAMAGED, 13)
    return 0


def _fill_prefix(s: Ints, heap: Memory, header: Bytes, reference: Bytes, prefix: Bytes) -> None:
    at, start, to = s[S.SPANS_AT], 0, 0
    for _ in range(s[S.PREFIX_SPANS]):
        gap, at = varint(header, at, len(header))
        length, at = varint(header, at, len(header))
        start += gap
        if s[S.REFERENCE_HELD]:
            prefix[to : to + length] = reference[start : start + length]
        if S.RELOCATES and s[S.TRANSFORM]:
            move_prefix(s, heap, s[S.PREFIX] + to, length, start)
        start += length
        to += length
    s[S.GIVEN_COUNT] = 0


def stream(s: Ints, content: Bytes, number: int) -> Bytes:
    """A stream of the group that was loaded."""
    start = s[S.STREAM + 2 * number]
    return content[start : start + s[S.STREAM + 2 * number + 1]]

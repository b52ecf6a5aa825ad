"""Frame groups (G11-G13): checked when the header is read, later loaded frame by frame.

A frame is first asked for: what of it is not held becomes rows of what is wanted. Then it is
decoded.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import ROOM, decode_adaptive
from pcpu.iprog.decoder.foreseen import foresee
from pcpu.iprog.decoder.reader import read_from, read_limited, read_number, refuse_if
from pcpu.iprog.decoder.relocation import ASK_SPANS, MOVE_SPANS, relocate_if
from pcpu.iprog.decoder.spans import read_span
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.decoder.wanted import PLAN, REFERENCE, ROW, put_row
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
    Codec,
)
from pcpu.kernel import Extern, Memory, State
from pcpu.kernel.memory import move_bytes

MAP = 0  # the number of the map's group; block n has n + 1
MAP_STREAMS, STREAMS = 2, 7  # of a group, but for the head
RAW, ZSTD, ZSTD_PREFIX, ADAPTIVE, FORESEEN = map(int, Codec)


# Decode a frame of Zstandard: where its content goes and its length, where the frame is and its
# length, the same of a prefix; where it may work. Below 0 where it is none.
pcpu_zstd = Extern("pcpu_zstd", ("int", "int", "int", "int", "int", "int", "int"))
pcpu_zstd_workspace = Extern("pcpu_zstd_workspace", ())


# Reading


def check_group(s: State, heap: Memory, streams: int, head: int) -> int:
    """How many bytes a group of the header has stored, with ``head`` bytes before its frames."""
    _read_streams(s, heap, streams, head)
    stored = head
    while s[S.LEFT] and not s[S.WRONG]:
        _read_frame(s, heap)
        stored += s[S.STORED_LENGTH]
        s[S.LEFT] -= s[S.FRAME_LENGTH]
    return stored


def _read_streams(s: State, heap: Memory, streams: int, head: int) -> None:
    """What stands before the frames. Stream 0 is the head, which stands before them, too."""
    stated = read_limited(s, heap, 0, (1 << streams) - 1, 11)
    total, size = head, 0
    s[S.STREAM], s[S.STREAM + 1] = 0, head
    for n in range(streams):
        most = MAX_STREAMS - total
        if stated >> n & 1:
            size = read_limited(s, heap, 0, most, 11)
        elif ALIKE >> n & 1 == 0:
            size = 0
        refuse_if(s, size > most, fail(S.DAMAGED, 11))
        s[S.STREAM + 2 * n + 2], s[S.STREAM + 2 * n + 3] = total, size
        total += size
    s[S.CONTENT_LENGTH], s[S.LEFT], s[S.HEAD] = total, total - head, head
    s[S.STREAMS], s[S.NEXT_STREAM] = streams + 1, 1


def _read_frame(s: State, heap: Memory) -> None:
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
    if S.COMPRESSED and codec == ZSTD_PREFIX:
        _read_spans(s, heap, MIN_PREFIX, MAX_PREFIX)
    if S.FORESEES and codec == FORESEEN:
        status = foresee(s, heap, 0, 0, 0)
        refuse_if(s, status < 0, status)
        _read_spans(s, heap, 0, MAX_FORESEEN)
    s[S.STORED_LENGTH] = length
    if codec:
        s[S.STORED_LENGTH] = read_limited(s, heap, 0, MAX_SIZE, 12)
        refuse_if(s, length == 0, fail(S.DAMAGED, 13))
        refuse_if(s, codec >= ADAPTIVE and length > MAX_ADAPTIVE, fail(S.DAMAGED, 12))


def _read_spans(s: State, heap: Memory, least: int, most: int) -> None:
    """Those of a prefix, which the map cannot have: it may be moved by that."""
    spans = read_limited(s, heap, 0, MAX_SPANS, 12)
    refuse_if(s, spans > 0 and s[S.STREAMS] <= MAP_STREAMS + 1, fail(S.DAMAGED, 25))
    s[S.PREFIX_SPANS], s[S.SPANS_AT] = spans, s[S.AT]
    end = total = 0
    for _ in range(spans):
        end = read_span(s, heap, end) + s[S.SPAN_LENGTH]
        total += s[S.SPAN_LENGTH]
        refuse_if(s, total > most or end > s[S.REFERENCE_SIZE], fail(S.DAMAGED, 13))
    s[S.PREFIX_LENGTH] = total
    refuse_if(s, total < least, fail(S.DAMAGED, 13))


# Loading


def load_group(
    s: State, heap: Memory, group: int, at: int, streams: int, head: int, frame_at: int
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
        if s[S.ASKED]:
            status = _decode(s, heap)
            s[S.LEFT] -= s[S.FRAME_LENGTH]
            s[S.ASKED], s[S.TOP] = 0, s[S.FRAME_MARK]
        else:
            status = _ask(s, heap)
            s[S.ASKED] = 1
            if status > 0:
                return status
    s[S.LOADING] = -1
    return status


def _ask(s: State, heap: Memory) -> int:
    """Make rows of what is not held of the next frame, and room for it; how many, or a status."""
    read_from(s, s[S.GROUP_AT], s[S.HEADER_END])
    _read_frame(s, heap)
    s[S.GROUP_AT] = s[S.AT]
    stored, length = s[S.HEAD] + s[S.STORED_LENGTH], s[S.HEAD] + s[S.FRAME_LENGTH]
    s[S.STORED] = s[S.PLAN_AT] + s[S.FRAME_AT]
    if s[S.PLAN_HELD] and s[S.CODEC] == RAW and length == s[S.CONTENT_LENGTH]:
        s[S.CONTENT] = s[S.STORED]  # it need not be copied
    if not s[S.CONTENT]:
        s[S.CONTENT] = s[S.FILLED] = take(s, s[S.CONTENT_LENGTH] + S.SLACK)
    s[S.FRAME_MARK] = s[S.TOP]
    s[S.PREFIX] = take(s, s[S.PREFIX_LENGTH])
    s[S.ROWS] = take(s, ROW * (2 * s[S.PREFIX_SPANS] + 1))
    rows = 0
    if not s[S.PLAN_HELD] and stored:
        s[S.STORED] = take(s, stored)
        rows = 1
    if s[S.WRONG]:
        return s[S.WRONG]
    if rows:
        put_row(s, heap, 0, s[S.FRAME_AT], stored, s[S.STORED], PLAN)
    s[S.FRAME_AT] += stored
    read_from(s, s[S.SPANS_AT], s[S.HEADER_END])
    start, to = 0, s[S.PREFIX]
    for _ in range(s[S.PREFIX_SPANS]):
        start = read_span(s, heap, start)
        length = s[S.SPAN_LENGTH]
        if s[S.REFERENCE_HELD]:
            move_bytes(heap, to, heap, s[S.REFERENCE_AT] + start, length)
        else:
            put_row(s, heap, rows, start, length, to, REFERENCE)
            rows += 1
        start += length
        to += length
    return relocate_if(s, heap, ASK_SPANS, rows, 0)


def _decode(s: State, heap: Memory) -> int:
    """Decode the frame that is asked for, all of which is there now, and take the head that stands
    before it."""
    at, to, length, head = s[S.STORED], s[S.FILLED], s[S.FRAME_LENGTH], s[S.HEAD]
    if s[S.CONTENT] == at:
        return 0
    end = at + head + s[S.STORED_LENGTH]
    s[S.FILLED], s[S.HEAD] = to + head + length, 0
    if s[S.CODEC] == RAW:
        head += length
    move_bytes(heap, to, heap, at, head)
    if s[S.CODEC] == RAW:
        return 0
    to += head
    at += head
    if S.LEARNS and s[S.CODEC] == ADAPTIVE:
        room = take(s, ROOM)
        if room < 0:
            return room
        return 0 if decode_adaptive(s, heap, to, at, end, room) else fail(S.DAMAGED, 33)
    relocate_if(s, heap, MOVE_SPANS, 0, 0)
    if S.FORESEES and s[S.CODEC] == FORESEEN:
        return foresee(s, heap, to, at, end)
    if not S.COMPRESSED:
        return fail(S.NOT_NOW, 0)
    got = pcpu_zstd(to, length, at, end - at, s[S.PREFIX], s[S.PREFIX_LENGTH], s[S.WORKSPACE])
    return fail(S.DAMAGED, 13) if got < 0 else 0

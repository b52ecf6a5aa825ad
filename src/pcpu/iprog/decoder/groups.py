"""Frame groups (G11-G13): checked when the header is read, later loaded frame by frame.

A frame is first asked for: what of it is not held becomes rows of what is wanted. Then it is
decoded.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import ROOM, decode_adaptive
from pcpu.iprog.decoder.foreseen import foresee
from pcpu.iprog.decoder.reader import accept, read_from, read_limited, read_number, refuse_if
from pcpu.iprog.decoder.relocation import ASK_SPANS, MOVE_SPANS, relocate_if
from pcpu.iprog.decoder.spans import read_span
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.decoder.wanted import PLAN, REFERENCE, ROW, put_row
from pcpu.iprog.format import (
    ALIKE,
    CHECK,
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
from pcpu.kernel.memory import i64_at, move_bytes

MAP = 0  # the number of the map's group; block n, from 1, has n
MAP_STREAMS, STREAMS = 2, 7  # of a group, but for the head
RAW, ZSTD, ZSTD_PREFIX, ADAPTIVE, FORESEEN, MATCHED = map(int, Codec)
_OF_BYTES = 1 << ZSTD_PREFIX | 1 << MATCHED  # that have a prefix told in bytes
_WITH_PREFIX = _OF_BYTES | 1 << FORESEEN
_SHORT = 1 << ADAPTIVE | 1 << FORESEEN


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
    return stored


def _read_streams(s: State, heap: Memory, streams: int, head: int) -> None:
    """What stands before the frames. Stream 0 is the head, which stands before them, too."""
    stated = read_limited(s, heap, 0, (1 << streams) - 1, 11)
    total, size = head, 0
    s[S.STREAM], s[S.STREAM + 1] = 0, head
    for n in range(streams):
        size *= ALIKE >> n & 1
        if stated >> n & 1:
            size = read_limited(s, heap, 0, MAX_STREAMS, 11)
        total += size
        s[S.STREAM + 2 + n] = total
    refuse_if(s, total > MAX_STREAMS, fail(S.DAMAGED, 11))
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
    s[S.NEXT_STREAM] += count
    length = s[S.STREAM + s[S.NEXT_STREAM]] - s[S.CONTENT_LENGTH] + s[S.LEFT]
    s[S.LEFT] -= length
    s[S.FRAME_STREAMS], s[S.FRAME_LENGTH] = count, length
    s[S.CODEC] = codec
    refuse_if(s, codec > MATCHED, fail(S.UNSUPPORTED, 12))
    _read_spans(s, heap)
    s[S.STORED_LENGTH] = length
    if codec:
        s[S.STORED_LENGTH] = read_limited(s, heap, 0, MAX_SIZE, 12)
        refuse_if(s, length == 0, fail(S.DAMAGED, 13))
        refuse_if(s, length > MAX_ADAPTIVE and _SHORT >> codec & 1 == 1, fail(S.DAMAGED, 12))


def _read_spans(s: State, heap: Memory) -> None:
    """Those of a prefix, which the map cannot have: it may be moved by that."""
    least, most, spans = 0, MAX_FORESEEN, 0
    if _OF_BYTES >> s[S.CODEC] & 1:
        least, most = MIN_PREFIX, MAX_PREFIX
    if S.LEARNS_MUCH and s[S.CODEC] >= FORESEEN:
        accept(s, foresee(s, heap, 0, 0, 0))
    if _WITH_PREFIX >> s[S.CODEC] & 1:
        spans = read_limited(s, heap, 0, MAX_SPANS, 12)
    refuse_if(s, spans > 0 and s[S.STREAMS] <= MAP_STREAMS + 1, fail(S.DAMAGED, 25))
    s[S.PREFIX_SPANS], s[S.SPANS_AT] = spans, s[S.AT]
    end = total = 0
    while spans:
        end = read_span(s, heap, end) + s[S.SPAN_LENGTH]
        total += s[S.SPAN_LENGTH]
        wrong = total > most or end > s[S.REFERENCE_SIZE] or s[S.SPAN_LENGTH] < 1
        refuse_if(s, wrong, fail(S.DAMAGED, 13))
        spans -= 1
    s[S.PREFIX_LENGTH] = total
    refuse_if(s, total < least, fail(S.DAMAGED, 13))


# Loading


def load_group(s: State, heap: Memory, group: int) -> int:
    """Go on with the group of this number, or begin with it: how many rows are wanted for it, or a
    status. In the end its streams' places are those of STREAM, in memory from CONTENT on."""
    if s[S.LOADING] != group:
        s[S.BLOCK], s[S.WINDOW], s[S.TOP] = -1, -1, s[S.AFTER_HEADER]
        row = s[S.GROUP_TABLE] + 24 * group
        s[S.BLOCK_FIRST] = i64_at(heap, row)
        s[S.BLOCK_WINDOWS] = i64_at(heap, row + 24) - s[S.BLOCK_FIRST]
        read_from(s, i64_at(heap, row + 8), s[S.HEADER_END])
        streams = MAP_STREAMS if group == MAP else STREAMS
        _read_streams(s, heap, streams, CHECK * s[S.BLOCK_WINDOWS])
        s[S.FRAME_AT], s[S.GROUP_AT], s[S.LOADING] = i64_at(heap, row + 16), s[S.AT], group
        s[S.CONTENT] = s[S.ASKED] = s[S.WRONG] = 0
    status = 0
    while s[S.LEFT] | s[S.ASKED] and status >= 0:
        if s[S.ASKED]:
            status = _decode(s, heap)
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
    stored = s[S.HEAD] + s[S.STORED_LENGTH]
    s[S.STORED] = s[S.PLAN_AT] + s[S.FRAME_AT]
    if not s[S.CONTENT]:
        s[S.CONTENT] = s[S.STORED]  # it need not be copied where it is the frame
        if s[S.CODEC] | s[S.LEFT] or not s[S.PLAN_HELD]:
            s[S.CONTENT] = take(s, s[S.CONTENT_LENGTH] + S.SLACK)
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
    start, to, spans = 0, s[S.PREFIX], s[S.PREFIX_SPANS]
    while spans:
        start = read_span(s, heap, start)
        length = s[S.SPAN_LENGTH]
        if s[S.REFERENCE_HELD]:
            move_bytes(heap, to, heap, s[S.REFERENCE_AT] + start, length)
        else:
            put_row(s, heap, rows, start, length, to, REFERENCE)
            rows += 1
        start += length
        to += length
        spans -= 1
    return relocate_if(s, heap, ASK_SPANS, rows, 0)


def _decode(s: State, heap: Memory) -> int:
    """Decode the frame that is asked for, all of which is there now, and take the head that stands
    before it."""
    at, head, length = s[S.STORED], s[S.HEAD], s[S.FRAME_LENGTH]
    to = s[S.CONTENT] + s[S.CONTENT_LENGTH] - s[S.LEFT] - length
    if s[S.CONTENT] == at:
        return 0
    s[S.HEAD] = 0
    move_bytes(heap, to - head, heap, at, head if s[S.CODEC] else head + length)
    if s[S.CODEC] == RAW:
        return 0
    at += head
    end = at + s[S.STORED_LENGTH]
    if S.LEARNS and s[S.CODEC] == ADAPTIVE:
        room = take(s, ROOM)
        if room < 0:
            return room
        return 0 if decode_adaptive(s, heap, to, at, end, room) else fail(S.DAMAGED, 33)
    relocate_if(s, heap, MOVE_SPANS, 0, 0)
    if S.LEARNS_MUCH and s[S.CODEC] >= FORESEEN:
        return foresee(s, heap, to, at, end)
    if not S.COMPRESSED:
        return fail(S.NOT_NOW, 0)
    got = pcpu_zstd(to, length, at, end - at, s[S.PREFIX], s[S.PREFIX_LENGTH], s[S.WORKSPACE])
    return fail(S.DAMAGED, 13) if got < 0 else 0

"""Frame groups (G11-G13): checked when the header is read, later loaded frame by frame.

A frame is first asked for: what of it is not held becomes rows of what is wanted. Then it is
decoded.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.adaptive import ROOM, decode_adaptive
from pcpu.iprog.decoder.reader import read_from, read_limited, read_number, refuse_if
from pcpu.iprog.decoder.relocation import ASK_SPANS, MOVE_SPANS, relocate_if
from pcpu.iprog.decoder.state import check, fail, take
from pcpu.iprog.decoder.wanted import PLAN, REFERENCE, ROW, put_row
from pcpu.iprog.format import (
    MAX_ADAPTIVE,
    MAX_PREFIX,
    MAX_SIZE,
    MAX_SPANS,
    MAX_STREAMS,
    MIN_PREFIX,
    Codec,
)
from pcpu.kernel import Extern, Memory, State
from pcpu.kernel.memory import move_bytes, u32_at

MAP = 0  # the number of the map's group; block n has n + 1
MAP_STREAMS, STREAMS = 2, 8  # of a group
RAW, ZSTD, ZSTD_PREFIX, ADAPTIVE = map(int, Codec)


# Decode a frame of Zstandard: where its content goes and its length, where the frame is and its
# length, the same of a prefix; where it may work. Below 0 where it is none.
pcpu_zstd = Extern("pcpu_zstd", ("int", "int", "int", "int", "int", "int", "int"))
pcpu_zstd_workspace = Extern("pcpu_zstd_workspace", ())


# Reading


def check_group(s: State, heap: Memory, streams: int) -> int:
    """How many bytes the frames of a group of the header have stored."""
    _read_streams(s, heap, streams)
    stored = 0
    for _ in range(s[S.FRAMES]):
        _read_frame(s, heap)
        stored += s[S.STORED_LENGTH]
    refuse_if(s, s[S.NEXT_STREAM] != streams, fail(S.DAMAGED, 12))
    return stored


def _read_streams(s: State, heap: Memory, streams: int) -> None:
    """What stands before the frames."""
    total = 0
    for n in range(streams):
        size = read_limited(s, heap, 0, MAX_STREAMS - total, 11)
        s[S.STREAM + 2 * n], s[S.STREAM + 2 * n + 1] = total, size
        total += size
    s[S.CONTENT_LENGTH], s[S.STREAMS], s[S.NEXT_STREAM] = total, streams, 0
    s[S.FRAMES] = read_limited(s, heap, 1, streams, 11)


def _read_frame(s: State, heap: Memory) -> None:
    """What the header says of the next frame."""
    count = read_limited(s, heap, 1, s[S.STREAMS] - s[S.NEXT_STREAM], 12)
    length = 0
    for n in range(s[S.NEXT_STREAM], s[S.NEXT_STREAM] + count):
        length += s[S.STREAM + 2 * n + 1]
    s[S.NEXT_STREAM] += count
    s[S.FRAME_STREAMS], s[S.FRAME_LENGTH] = count, length
    codec = read_number(s, heap)
    s[S.CODEC], s[S.PREFIX_SPANS], s[S.PREFIX_LENGTH] = codec, 0, 0
    refuse_if(s, codec > ADAPTIVE, fail(S.UNSUPPORTED, 12))
    if codec == ZSTD_PREFIX:
        _read_spans(s, heap)
    stored = read_limited(s, heap, 0, MAX_SIZE, 12)
    s[S.STORED_LENGTH] = stored
    s[S.AT] += 4
    refuse_if(
        s, s[S.AT] > s[S.END] or (codec == ADAPTIVE and length > MAX_ADAPTIVE), fail(S.DAMAGED, 12)
    )
    if not s[S.WRONG]:
        s[S.STORED_CHECK] = u32_at(heap, s[S.AT] - 4)
    refuse_if(s, length == 0 if codec else stored != length, fail(S.DAMAGED, 13))


def _read_spans(s: State, heap: Memory) -> None:
    """Those of a prefix, which the map cannot have: it may be moved by that."""
    refuse_if(s, s[S.STREAMS] == MAP_STREAMS, fail(S.DAMAGED, 25))
    s[S.PREFIX_SPANS] = read_limited(s, heap, 1, MAX_SPANS, 12)
    s[S.SPANS_AT] = s[S.AT]
    end = total = 0
    for _ in range(s[S.PREFIX_SPANS]):
        start = read_limited(s, heap, 0, MAX_SIZE, 12)
        length = read_limited(s, heap, 1, MAX_PREFIX - total, 13)
        end += start + length
        total += length
    s[S.PREFIX_LENGTH] = total
    refuse_if(s, total < MIN_PREFIX or end > s[S.REFERENCE_SIZE], fail(S.DAMAGED, 13))


# Loading


def load_group(s: State, heap: Memory, group: int, at: int, streams: int, frame_at: int) -> int:
    """Go on with the group of this number, or begin with it, which is ``at`` in the header, and
    whose first frame is at ``frame_at`` of the plan: how many rows are wanted for it, or a status.
    In the end its streams' places are those of STREAM, in memory from CONTENT on."""
    if s[S.LOADING] != group:
        s[S.BLOCK], s[S.WINDOW], s[S.TOP] = -1, -1, s[S.AFTER_HEADER]
        read_from(s, at, s[S.HEADER_END])
        _read_streams(s, heap, streams)
        s[S.FRAME_AT], s[S.GROUP_AT], s[S.LOADING] = frame_at, s[S.AT], group
        s[S.CONTENT] = s[S.ASKED] = s[S.WRONG] = 0
    status = 0
    while s[S.FRAMES] and status >= 0:
        if s[S.ASKED]:
            status = _decode(s, heap)
            s[S.FRAMES] -= 1
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
    s[S.STORED] = s[S.PLAN_AT] + s[S.FRAME_AT]
    if s[S.PLAN_HELD] and s[S.CODEC] == RAW and s[S.FRAME_STREAMS] == s[S.STREAMS]:
        s[S.CONTENT] = s[S.STORED]  # it need not be copied
    if not s[S.CONTENT]:
        s[S.CONTENT] = s[S.FILLED] = take(s, s[S.CONTENT_LENGTH] + S.SLACK)
    s[S.FRAME_MARK] = s[S.TOP]
    s[S.PREFIX] = take(s, s[S.PREFIX_LENGTH])
    s[S.ROWS] = take(s, ROW * (2 * s[S.PREFIX_SPANS] + 1))
    rows = 0
    if not s[S.PLAN_HELD] and s[S.STORED_LENGTH]:
        s[S.STORED] = take(s, s[S.STORED_LENGTH])
        rows = 1
    if s[S.WRONG]:
        return s[S.WRONG]
    if rows:
        put_row(s, heap, 0, s[S.FRAME_AT], s[S.STORED_LENGTH], s[S.STORED], PLAN)
    s[S.FRAME_AT] += s[S.STORED_LENGTH]
    read_from(s, s[S.SPANS_AT], s[S.HEADER_END])
    start, to = 0, s[S.PREFIX]
    for _ in range(s[S.PREFIX_SPANS]):
        start += read_number(s, heap)
        length = read_number(s, heap)
        if s[S.REFERENCE_HELD]:
            move_bytes(heap, to, heap, s[S.REFERENCE_AT] + start, length)
        else:
            put_row(s, heap, rows, start, length, to, REFERENCE)
            rows += 1
        start += length
        to += length
    return relocate_if(s, heap, ASK_SPANS, rows, 0)


def _decode(s: State, heap: Memory) -> int:
    """Decode the frame that is asked for, all of which is there now."""
    stored, stored_length, to = s[S.STORED], s[S.STORED_LENGTH], s[S.FILLED]
    if check(stored, stored_length) != s[S.STORED_CHECK]:
        return fail(S.DAMAGED, 12)
    length = s[S.FRAME_LENGTH]
    if not length or s[S.CONTENT] == stored:
        return 0
    s[S.FILLED] += length
    if s[S.CODEC] == RAW:
        move_bytes(heap, to, heap, stored, length)
        return 0
    if S.LEARNS and s[S.CODEC] == ADAPTIVE:
        room = take(s, ROOM)
        if room < 0:
            return room
        whole = decode_adaptive(s, heap, to, stored, stored + stored_length, room)
        return 0 if whole else fail(S.DAMAGED, 33)
    if not S.COMPRESSED:
        return fail(S.NOT_NOW, 0)
    relocate_if(s, heap, MOVE_SPANS, 0, 0)
    prefix, prefix_length, work = s[S.PREFIX], s[S.PREFIX_LENGTH], s[S.WORKSPACE]
    got = pcpu_zstd(to, length, stored, stored_length, prefix, prefix_length, work)
    return fail(S.DAMAGED, 13) if got < 0 else 0

"""Reading a header (G5-G12): all of it is checked before memory is taken for what it says."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import check_group
from pcpu.iprog.decoder.reader import read_from, read_limited, read_number, refuse_if
from pcpu.iprog.decoder.relocation import READ_HEADER, relocate
from pcpu.iprog.decoder.state import check, fail, take
from pcpu.iprog.decoder.text import is_name
from pcpu.iprog.format import (
    MAGIC,
    MAX_BLOBS,
    MAX_BLOCKS,
    MAX_FINDERS,
    MAX_HEADER,
    MAX_NAME,
    MAX_SIZE,
    VERSION,
    WINDOW_BITS,
)
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i64_at, put_64, u32_at

_MAGIC = int.from_bytes(MAGIC, "little")
_FRAME = 16  # bytes of a plan around its header
_START = 12  # of them before it
_SHA = 32
_LEAST_BITS, _MOST_BITS = WINDOW_BITS[0], WINDOW_BITS[-1]


def open_header(s: State, heap: Memory) -> int:
    """Read the header of the plan, of which at least that is there; a status."""
    s[S.OPEN] = s[S.WRONG] = 0
    start, room = s[S.PLAN_AT], s[S.PLAN_LENGTH] - _FRAME
    if room < 0 or i64_at(heap, start) != _MAGIC:
        return fail(S.DAMAGED, 6)
    length = u32_at(heap, start + 8)
    if length > min(MAX_HEADER, room):
        return fail(S.DAMAGED, 6)
    end = start + _START + length
    if check(start, end - start) != u32_at(heap, end):
        return fail(S.DAMAGED, 6)
    s[S.HEADER_END] = end
    read_from(s, start + _START, end)
    _about(s, heap)
    _relocation(s, heap)
    _blocks(s, heap)
    refuse_if(s, s[S.AT] != end, fail(S.DAMAGED, 7))
    refuse_if(s, s[S.PLAN_HELD] == 1 and s[S.PLAN_SIZE] != s[S.PLAN_LENGTH], fail(S.DAMAGED, 6))
    s[S.OPEN] = 0 if s[S.WRONG] else 1
    return s[S.WRONG]


def _about(s: State, heap: Memory) -> None:
    """The file and the blobs (G7, G8)."""
    refuse_if(s, read_number(s, heap) != VERSION, fail(S.UNSUPPORTED, 7))
    s[S.SIZE] = _content(s, heap)
    bits = read_limited(s, heap, _LEAST_BITS, _MOST_BITS, 7)
    s[S.BLOBS] = read_limited(s, heap, 0, MAX_BLOBS, 7)
    s[S.BLOBS_AT] = s[S.AT]
    s[S.REFERENCE_SIZE] = _contents(s, heap, s[S.BLOBS])
    refuse_if(s, s[S.REFERENCE_SIZE] > MAX_SIZE, fail(S.DAMAGED, 8))
    s[S.WINDOW_BITS] = bits
    s[S.WINDOWS] = (s[S.SIZE] + (1 << bits) - 1) >> bits


def _contents(s: State, heap: Memory, count: int) -> int:
    """The sizes of so many contents, together."""
    total = 0
    for _ in range(count):
        total += _content(s, heap)
    return total


def _content(s: State, heap: Memory) -> int:
    """Size, hash and name; the size."""
    size = read_limited(s, heap, 0, MAX_SIZE, 7)
    s[S.AT] += _SHA
    length = read_limited(s, heap, 0, MAX_NAME, 5)
    start = s[S.AT]
    s[S.AT] = start + length
    refuse_if(s, s[S.AT] > s[S.END] or not is_name(heap, start, s[S.AT]), fail(S.DAMAGED, 5))
    return size


def _relocation(s: State, heap: Memory) -> None:
    """G9."""
    s[S.FINDERS] = read_limited(s, heap, 0, MAX_FINDERS, 9)
    s[S.MAP_FRAMES] = 0
    if S.RELOCATES and s[S.FINDERS]:
        status = relocate(s, heap, READ_HEADER, 0, 0)
        refuse_if(s, status < 0, status)
        s[S.MAP_AT] = s[S.AT]
        s[S.MAP_FRAMES] = check_group(s, heap, 2)


def _blocks(s: State, heap: Memory) -> None:
    """G10. Their frames lie one behind the other, the map's first."""
    blocks = read_limited(s, heap, 0, min(MAX_BLOCKS, s[S.END] - s[S.AT]), 7)
    row = take(s, 24 * (blocks + 1))
    if s[S.WRONG]:
        return
    s[S.BLOCKS], s[S.BLOCK_TABLE] = blocks, row
    first, s[S.PLAN_SIZE] = 0, s[S.HEADER_END] + 4 - s[S.PLAN_AT] + s[S.MAP_FRAMES]
    while blocks and not s[S.WRONG]:
        windows = read_limited(s, heap, 1, MAX_SIZE, 10)
        put_64(heap, row, first)
        put_64(heap, row + 8, s[S.AT])
        put_64(heap, row + 16, s[S.PLAN_SIZE])
        s[S.PLAN_SIZE] += check_group(s, heap, 8)
        first += windows
        row += 24
        blocks -= 1
    put_64(heap, row, first)
    refuse_if(s, first != s[S.WINDOWS], fail(S.DAMAGED, 10))

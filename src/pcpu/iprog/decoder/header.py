"""Reading a header (G5-G12): all of it is checked before memory is taken for what it says."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import check_group
from pcpu.iprog.decoder.reader import limited, number, read_from, refuse, signed_number
from pcpu.iprog.decoder.state import check, fail, take
from pcpu.iprog.decoder.text import is_name
from pcpu.iprog.format import (
    BIAS_LIMIT,
    MAGIC,
    MAX_BLOBS,
    MAX_BLOCKS,
    MAX_FINDERS,
    MAX_HEADER,
    MAX_NAME,
    MAX_REGIONS,
    MAX_SIZE,
    VERSION,
    WINDOW_BITS,
    Transform,
)
from pcpu.kernel import Ints, Memory
from pcpu.kernel.memory import i64_at, put_64, u32_at

_MAGIC = int.from_bytes(MAGIC, "little")
_FRAME = 16  # bytes of a plan around its header
_START = 12  # of them before it
_SHA = 32
_LAST_TRANSFORM = max(Transform).value
_LEAST_BITS, _MOST_BITS = WINDOW_BITS[0], WINDOW_BITS[-1]
_MOST_BASE, _MOST_SPAN = (1 << 62) - 1, (1 << 31) - 1


def open_header(s: Ints, heap: Memory) -> int:
    """Read the header of the plan, of which at least that is there; a status."""
    s[S.OPEN] = s[S.WRONG] = 0
    start, room = s[S.PLAN_AT], s[S.PLAN_LENGTH] - _FRAME
    if room < 0 or i64_at(heap, start) != _MAGIC:
        return fail(S.DAMAGED, 6)
    length = u32_at(heap, start + 8)
    if length > min(MAX_HEADER, room):
        return fail(S.DAMAGED, 6)
    end = start + _START + length
    if check(heap[start:end]) != u32_at(heap, end):
        return fail(S.DAMAGED, 6)
    s[S.HEADER_END] = end
    read_from(s, start + _START, end)
    _about(s, heap)
    _relocation(s, heap)
    _blocks(s, heap)
    if s[S.AT] != end:
        refuse(s, fail(S.DAMAGED, 7))
    if s[S.PLAN_HELD] and s[S.PLAN_SIZE] != s[S.PLAN_LENGTH]:
        refuse(s, fail(S.DAMAGED, 6))
    s[S.OPEN] = 0 if s[S.WRONG] else 1
    return s[S.WRONG]


def _about(s: Ints, heap: Memory) -> None:
    """The file and the blobs (G7, G8)."""
    if number(s, heap) != VERSION:
        refuse(s, fail(S.UNSUPPORTED, 7))
    s[S.SIZE] = _content(s, heap)
    bits = limited(s, heap, _LEAST_BITS, _MOST_BITS, 7)
    s[S.BLOBS] = limited(s, heap, 0, MAX_BLOBS, 7)
    s[S.BLOBS_AT] = s[S.AT]
    s[S.REFERENCE_SIZE] = _contents(s, heap, s[S.BLOBS])
    if s[S.REFERENCE_SIZE] > MAX_SIZE:
        refuse(s, fail(S.DAMAGED, 8))
    s[S.WINDOW_BITS] = bits
    s[S.WINDOWS] = (s[S.SIZE] + (1 << bits) - 1) >> bits


def _contents(s: Ints, heap: Memory, count: int) -> int:
    """The sizes of so many contents, together."""
    total = 0
    for _ in range(count):
        total += _content(s, heap)
    return total


def _content(s: Ints, heap: Memory) -> int:
    """Size, hash and name; the size."""
    size = limited(s, heap, 0, MAX_SIZE, 7)
    s[S.AT] += _SHA
    length = limited(s, heap, 0, MAX_NAME, 5)
    start = s[S.AT]
    s[S.AT] = start + length
    if s[S.AT] > s[S.END] or not is_name(heap, start, s[S.AT]):
        refuse(s, fail(S.DAMAGED, 5))
    return size


def _relocation(s: Ints, heap: Memory) -> None:
    """G9."""
    s[S.FINDERS] = limited(s, heap, 0, MAX_FINDERS, 9)
    s[S.TRANSFORM] = s[S.REGIONS] = s[S.MAP_FRAMES] = 0
    if not s[S.FINDERS]:
        return
    blob = limited(s, heap, 0, s[S.BLOBS] - 1, 9)
    after = s[S.AT]
    s[S.AT] = s[S.BLOBS_AT]
    s[S.BLOB_FIRST] = _contents(s, heap, blob)
    s[S.BLOB_SIZE] = _content(s, heap)
    s[S.AT] = after
    _finders(s, heap)
    s[S.SITES] = limited(s, heap, 0, s[S.BLOB_SIZE], 9)
    s[S.TRANSFORM] = number(s, heap)
    if s[S.TRANSFORM] > _LAST_TRANSFORM:
        refuse(s, fail(S.UNSUPPORTED, 28))
    s[S.BASE] = limited(s, heap, 0, _MOST_BASE, 9)
    s[S.SPAN] = limited(s, heap, 0, _MOST_SPAN, 9)
    _regions(s, heap)
    s[S.MAP_AT] = s[S.AT]
    s[S.MAP_FRAMES] = check_group(s, heap, 2)


def _finders(s: Ints, heap: Memory) -> None:
    table = take(s, 8 * s[S.FINDERS])
    s[S.FINDER_TABLE] = table
    if table < 0:
        refuse(s, table)
        return
    for n in range(s[S.FINDERS]):
        finder = number(s, heap)
        for k in range(n):
            if i64_at(heap, table + 8 * k) == finder:
                refuse(s, fail(S.DAMAGED, 9))
        put_64(heap, table + 8 * n, finder)


def _regions(s: Ints, heap: Memory) -> None:
    """A table of them; before the first nothing is added."""
    regions = limited(s, heap, 0, MAX_REGIONS, 9)
    row = take(s, 24 * (regions + 1))
    if row < 0:
        refuse(s, row)
        return
    s[S.REGIONS], s[S.REGION_TABLE] = regions + 1, row
    start, bias, code = 0, 0, 0
    for n in range(regions + 1):
        put_64(heap, row, start)
        put_64(heap, row + 8, bias)
        put_64(heap, row + 16, code)
        row += 24
        if n < regions:
            start += limited(s, heap, 1 if n else 0, MAX_SIZE, 9)
            bias += signed_number(s, heap)
            code = limited(s, heap, 0, 1, 9)
            if not -BIAS_LIMIT < bias < BIAS_LIMIT:
                refuse(s, fail(S.DAMAGED, 9))


def _blocks(s: Ints, heap: Memory) -> None:
    """G10. Their frames lie one behind the other, the map's first."""
    blocks = limited(s, heap, 0, min(MAX_BLOCKS, s[S.END] - s[S.AT]), 7)
    row = take(s, 24 * (blocks + 1))
    if row < 0:
        refuse(s, row)
        return
    s[S.BLOCKS], s[S.BLOCK_TABLE] = blocks, row
    first, s[S.PLAN_SIZE] = 0, s[S.HEADER_END] + 4 - s[S.PLAN_AT] + s[S.MAP_FRAMES]
    while blocks and not s[S.WRONG]:
        windows = limited(s, heap, 1, MAX_SIZE, 10)
        put_64(heap, row, first)
        put_64(heap, row + 8, s[S.AT])
        put_64(heap, row + 16, s[S.PLAN_SIZE])
        s[S.PLAN_SIZE] += check_group(s, heap, 8)
        first += windows
        row += 24
        blocks -= 1
    put_64(heap, row, first)
    if first != s[S.WINDOWS]:
        refuse(s, fail(S.DAMAGED, 10))

"""Reading a header (G5-G12): all of it is checked before memory is taken for what it says."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import check_group
from pcpu.iprog.decoder.reader import read_from, read_limited, read_number, read_signed, refuse_if
from pcpu.iprog.decoder.state import check, fail, take
from pcpu.iprog.format import (
    BIAS_LIMIT,
    BLOBS,
    BLOCKS,
    CHECK,
    HASH,
    LEAST,
    MAGIC,
    MAX_BLOBS,
    MAX_BLOCKS,
    MAX_FINDERS,
    MAX_HEADER,
    MAX_NAME,
    MAX_REGIONS,
    MAX_SIZE,
    MOVES,
    NAMES,
    VERSION,
    WINDOW_BITS,
    WINDOW_FLAGS,
    Transform,
)
from pcpu.iprog.regions import RegionKind
from pcpu.kernel import Ints, Memory
from pcpu.kernel.memory import i64_at, put_64, u32_at

_MAGIC = int.from_bytes(MAGIC, "little")
_LENGTH_AT = 4  # bytes of a plan before the length of its header
_MAGIC_BITS = 24
_LAST_KIND = max(RegionKind).value
_TRANSFORMS = sum(1 << transform for transform in Transform)  # a bit for each
_MOST_SHIFT = 62
_LEAST_BITS, _MOST_BITS = WINDOW_BITS[0], WINDOW_BITS[-1]
_MOST_BASE, _MOST_SPAN = (1 << 62) - 1, (1 << 31) - 1


def open_header(s: Ints, heap: Memory) -> int:
    """Read the header of the plan, of which at least that is there; a status."""
    s[S.OPEN] = s[S.WRONG] = 0
    start, room = s[S.PLAN_AT], s[S.PLAN_LENGTH]
    if room < LEAST:
        return fail(S.DAMAGED, 6)
    begins = u32_at(heap, start)
    read_from(s, start + _LENGTH_AT, start + room)
    end = read_limited(s, heap, 0, MAX_HEADER, 6) + s[S.AT]
    if begins & ((1 << _MAGIC_BITS) - 1) != _MAGIC or end + CHECK > start + room:
        return fail(S.DAMAGED, 6)
    if check(heap[start:end]) != u32_at(heap, end):
        return fail(S.DAMAGED, 6)
    refuse_if(s, begins >> _MAGIC_BITS != VERSION, fail(S.UNSUPPORTED, 7))
    s[S.HEADER_END] = s[S.END] = end
    _about(s, heap)
    _relocation(s, heap)
    _blocks(s, heap)
    refuse_if(s, s[S.AT] != end, fail(S.DAMAGED, 7))
    refuse_if(s, s[S.PLAN_HELD] == 1 and s[S.PLAN_SIZE] != s[S.PLAN_LENGTH], fail(S.DAMAGED, 6))
    s[S.OPEN] = 0 if s[S.WRONG] else 1
    return s[S.WRONG]


def _about(s: Ints, heap: Memory) -> None:
    """The file and the blobs (G7, G8)."""
    s[S.FLAGS] = read_limited(s, heap, 0, 2 * BLOCKS - 1, 7)
    bits = (s[S.FLAGS] & WINDOW_FLAGS) + _LEAST_BITS
    refuse_if(s, bits > _MOST_BITS, fail(S.DAMAGED, 7))
    s[S.SIZE] = read_limited(s, heap, 0, MAX_SIZE, 7)
    _hash_and_name(s, heap)
    s[S.BLOBS] = _several(s, heap, BLOBS, 0, MAX_BLOBS, 1)
    s[S.BLOBS_AT] = s[S.AT]
    s[S.REFERENCE_SIZE] = _contents(s, heap, s[S.BLOBS])
    refuse_if(s, s[S.REFERENCE_SIZE] > MAX_SIZE, fail(S.DAMAGED, 8))
    s[S.WINDOW_BITS] = bits
    s[S.WINDOWS] = (s[S.SIZE] + (1 << bits) - 1) >> bits


def _several(s: Ints, heap: Memory, flag: int, least: int, most: int, usual: int) -> int:
    """How many there are: what is stated with this flag, what is usual without it."""
    return read_limited(s, heap, least, most, 7) if s[S.FLAGS] & flag else usual


def _contents(s: Ints, heap: Memory, count: int) -> int:
    """The sizes of so many blobs, together; that of the last one is kept."""
    total, size = 0, s[S.SIZE]
    for _ in range(count):
        size += read_signed(s, heap)
        refuse_if(s, not 0 <= size <= MAX_SIZE, fail(S.DAMAGED, 7))
        _hash_and_name(s, heap)
        total += size
    s[S.BLOB_SIZE] = size
    return total


def _hash_and_name(s: Ints, heap: Memory) -> None:
    s[S.AT] += HASH
    length = read_limited(s, heap, 0, MAX_NAME, 5) if s[S.FLAGS] & NAMES else 0
    s[S.AT] += length
    refuse_if(s, s[S.AT] > s[S.END], fail(S.DAMAGED, 5))


def _relocation(s: Ints, heap: Memory) -> None:
    """G9."""
    s[S.FINDERS] = s[S.TRANSFORM] = s[S.REGIONS] = s[S.MAP_FRAMES] = 0
    if not s[S.FLAGS] & MOVES:
        return
    s[S.FINDERS] = read_limited(s, heap, 1, MAX_FINDERS, 9)
    blob = _several(s, heap, BLOBS, 0, s[S.BLOBS] - 1, 0)
    after = s[S.AT]
    s[S.AT] = s[S.BLOBS_AT]
    s[S.BLOB_FIRST] = _contents(s, heap, blob + 1) - s[S.BLOB_SIZE]
    s[S.AT] = after
    _finders(s, heap)
    s[S.SITES] = read_limited(s, heap, 0, s[S.BLOB_SIZE], 9)
    s[S.TRANSFORM] = read_number(s, heap)
    known = _TRANSFORMS >> max(0, min(s[S.TRANSFORM], _MOST_SHIFT)) & 1
    refuse_if(s, known == 0, fail(S.UNSUPPORTED, 28))
    if s[S.TRANSFORM]:
        s[S.BASE] = read_limited(s, heap, 0, _MOST_BASE, 9)
        s[S.SPAN] = read_limited(s, heap, 0, _MOST_SPAN, 9)
    _regions(s, heap)
    s[S.MAP_AT] = s[S.AT]
    s[S.MAP_FRAMES] = check_group(s, heap, 2, 0)


def _finders(s: Ints, heap: Memory) -> None:
    table = take(s, 8 * s[S.FINDERS])
    s[S.FINDER_TABLE] = table
    refuse_if(s, table < 0, table)
    if table < 0:
        return
    for n in range(s[S.FINDERS]):
        finder = read_number(s, heap)
        for k in range(n):
            refuse_if(s, i64_at(heap, table + 8 * k) == finder, fail(S.DAMAGED, 9))
        put_64(heap, table + 8 * n, finder)


def _regions(s: Ints, heap: Memory) -> None:
    """A table of them; before the first nothing is added."""
    regions = read_limited(s, heap, 0, MAX_REGIONS, 9)
    row = take(s, 24 * (regions + 1))
    refuse_if(s, row < 0, row)
    if row < 0:
        return
    s[S.REGIONS], s[S.REGION_TABLE] = regions + 1, row
    start, bias, kind = 0, 0, 0
    for n in range(regions + 1):
        put_64(heap, row, start)
        put_64(heap, row + 8, bias)
        put_64(heap, row + 16, kind)
        row += 24
        if n < regions:
            start += read_limited(s, heap, 1 if n else 0, MAX_SIZE, 9)
            bias += read_signed(s, heap)
            kind = read_limited(s, heap, 0, _LAST_KIND, 9)
            refuse_if(s, not -BIAS_LIMIT < bias < BIAS_LIMIT, fail(S.DAMAGED, 9))


def _blocks(s: Ints, heap: Memory) -> None:
    """G10. Their frames lie one behind the other, the map's first."""
    usual = min(s[S.WINDOWS], 1)
    blocks = _several(s, heap, BLOCKS, 1, min(MAX_BLOCKS, s[S.END] - s[S.AT]), usual)
    row = take(s, 24 * (blocks + 1))
    refuse_if(s, row < 0, row)
    if row < 0:
        return
    s[S.BLOCKS], s[S.BLOCK_TABLE] = blocks, row
    first, s[S.PLAN_SIZE] = 0, s[S.HEADER_END] + 4 - s[S.PLAN_AT] + s[S.MAP_FRAMES]
    while blocks and not s[S.WRONG]:
        windows = s[S.WINDOWS] - first
        if blocks > 1:
            windows = read_limited(s, heap, 1, windows, 10)
        refuse_if(s, windows < 1, fail(S.DAMAGED, 10))
        put_64(heap, row, first)
        put_64(heap, row + 8, s[S.AT])
        put_64(heap, row + 16, s[S.PLAN_SIZE])
        s[S.PLAN_SIZE] += check_group(s, heap, 7, CHECK * windows)
        first += windows
        row += 24
        blocks -= 1
    put_64(heap, row, first)

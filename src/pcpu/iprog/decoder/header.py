"""Reading a header (G5-G12): all of it is checked before memory is taken for what it says."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.groups import check_group
from pcpu.iprog.decoder.state import check, fail, signed, take, varint
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
from pcpu.iprog.regions import RegionKind
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import i64_at, put_64, u32_at

_MAGIC = int.from_bytes(MAGIC, "little")
_FRAME = 16  # bytes of a plan around its header
_SHA = 32
_LAST_KIND = max(RegionKind).value
_TRANSFORMS = sum(1 << transform for transform in Transform)  # a bit for each
_LEAST_BITS, _MOST_BITS = WINDOW_BITS[0], WINDOW_BITS[-1]


def open_header(s: Ints, heap: Memory, plan: Bytes) -> int:
    """Read the header of ``plan``, which holds at least that; a status."""
    s[S.OPEN] = 0
    if len(plan) < _FRAME or i64_at(plan, 0) != _MAGIC:
        return fail(s, S.DAMAGED, 6)
    length = u32_at(plan, 8)
    if length > MAX_HEADER or length + _FRAME > len(plan):
        return fail(s, S.DAMAGED, 6)
    if check(plan[0 : 12 + length]) != u32_at(plan, 12 + length):
        return fail(s, S.DAMAGED, 6)
    s[S.HEADER_LENGTH] = 12 + length
    at = _about(s, plan[0 : 12 + length])
    if at < 0:
        return at
    header = plan[0 : 12 + length]
    at = _relocation(s, heap, header, at)
    if at < 0:
        return at
    at = _blocks(s, heap, header, at)
    if at < 0:
        return at
    if at != len(header):
        return fail(s, S.DAMAGED, 7)
    if s[S.PLAN_HELD] and s[S.PLAN_SIZE] != len(plan):
        return fail(s, S.DAMAGED, 6)
    s[S.OPEN] = 1
    return 0


def _about(s: Ints, b: Bytes) -> int:
    """The file and the blobs (G7, G8); where that ends, or a status."""
    version, at = varint(b, 12, len(b))
    if at < 0:
        return fail(s, S.DAMAGED, 7)
    if version != VERSION:
        return fail(s, S.UNSUPPORTED, 7)
    size, at = _content(s, b, at)
    if at < 0:
        return at
    bits, at = varint(b, at, len(b))
    if at < 0 or not _LEAST_BITS <= bits <= _MOST_BITS:
        return fail(s, S.DAMAGED, 7)
    blobs, at = varint(b, at, len(b))
    if at < 0 or blobs > MAX_BLOBS:
        return fail(s, S.DAMAGED, 7)
    s[S.BLOBS_AT], s[S.BLOBS] = at, blobs
    total = 0
    for _ in range(blobs):
        one, at = _content(s, b, at)
        if at < 0:
            return at
        total += one
    if total > MAX_SIZE:
        return fail(s, S.DAMAGED, 8)
    s[S.SIZE], s[S.WINDOW_BITS], s[S.REFERENCE_SIZE] = size, bits, total
    s[S.WINDOWS] = (size + (1 << bits) - 1) >> bits
    return at


def _content(s: Ints, b: Bytes, at: int) -> tuple[int, int]:
    """Size, hash and name; the size, and where they end or a status."""
    size, at = varint(b, at, len(b))
    if at < 0 or size > MAX_SIZE or at + _SHA > len(b):
        return 0, fail(s, S.DAMAGED, 7)
    length, at = varint(b, at + _SHA, len(b))
    if at < 0 or length > MAX_NAME or at + length > len(b) or not is_name(b, at, at + length):
        return 0, fail(s, S.DAMAGED, 5)
    return size, at + length


def _relocation(s: Ints, heap: Memory, b: Bytes, at: int) -> int:
    """G9; where it ends, or a status."""
    finders, at = varint(b, at, len(b))
    if at < 0 or finders > MAX_FINDERS:
        return fail(s, S.DAMAGED, 9)
    s[S.FINDERS], s[S.TRANSFORM], s[S.REGIONS], s[S.MAP_FRAMES] = finders, 0, 0, 0
    if not finders:
        return at
    blob, at = varint(b, at, len(b))
    if at < 0 or blob >= s[S.BLOBS]:
        return fail(s, S.DAMAGED, 9)
    _choose_blob(s, b, blob)
    at = _finders(s, heap, b, at)
    if at < 0:
        return at
    sites, at = varint(b, at, len(b))
    if at < 0 or sites > s[S.BLOB_SIZE]:
        return fail(s, S.DAMAGED, 9)
    transform, at = varint(b, at, len(b))
    if at >= 0 and (transform > 62 or _TRANSFORMS >> min(transform, 62) & 1 == 0):
        return fail(s, S.UNSUPPORTED, 28)
    base, span = 0, 0
    if at >= 0:
        base, at = varint(b, at, len(b))
    if at >= 0:
        span, at = varint(b, at, len(b))
    if at < 0 or base >= 1 << 62 or span >= 1 << 31:
        return fail(s, S.DAMAGED, 9)
    s[S.SITES], s[S.TRANSFORM], s[S.BASE], s[S.SPAN] = sites, transform, base, span
    at = _regions(s, heap, b, at)
    if at < 0:
        return at
    s[S.MAP_AT] = at
    at, stored = check_group(s, b, at, 2)
    s[S.MAP_FRAMES] = stored
    return at


def _choose_blob(s: Ints, b: Bytes, blob: int) -> None:
    """Where the blob with sites lies in the reference."""
    first, size, at = 0, 0, s[S.BLOBS_AT]
    for _ in range(blob + 1):
        first += size
        size, at = _content(s, b, at)
    s[S.BLOB_FIRST], s[S.BLOB_SIZE] = first, size


def _finders(s: Ints, heap: Memory, b: Bytes, at: int) -> int:
    table = take(s, 8 * s[S.FINDERS])
    s[S.FINDER_TABLE] = table
    if table < 0:
        return table
    for n in range(s[S.FINDERS]):
        number, at = varint(b, at, len(b))
        if at < 0:
            return fail(s, S.DAMAGED, 9)
        for k in range(n):
            if i64_at(heap, table + 8 * k) == number:
                return fail(s, S.DAMAGED, 9)
        put_64(heap, table + 8 * n, number)
    return at


def _regions(s: Ints, heap: Memory, b: Bytes, at: int) -> int:
    regions, at = varint(b, at, len(b))
    if at < 0 or regions > MAX_REGIONS:
        return fail(s, S.DAMAGED, 9)
    table = take(s, 24 * (regions + 1))
    if table < 0:
        return table
    put_64(heap, table, 0)  # before the first region nothing is added
    put_64(heap, table + 8, 0)
    put_64(heap, table + 16, 0)
    start, bias, rest = 0, 0, at
    for n in range(regions):
        gap, rest = varint(b, rest, len(b))
        if rest < 0 or gap > MAX_SIZE or (n > 0 and gap < 1):
            return fail(s, S.DAMAGED, 9)
        more, rest = signed(b, rest, len(b))
        if rest < 0:
            return fail(s, S.DAMAGED, 9)
        kind, rest = varint(b, rest, len(b))
        if rest < 0 or kind > _LAST_KIND:
            return fail(s, S.DAMAGED, 9)
        start += gap
        bias += more
        if not -BIAS_LIMIT < bias < BIAS_LIMIT:
            return fail(s, S.DAMAGED, 9)
        row = table + 24 * (n + 1)
        put_64(heap, row, start)
        put_64(heap, row + 8, bias)
        put_64(heap, row + 16, kind)
    s[S.REGIONS], s[S.REGION_TABLE] = regions + 1, table
    return rest


def _blocks(s: Ints, heap: Memory, b: Bytes, at: int) -> int:
    """G10; where they end, or a status. Their frames lie one behind the other, the map's first."""
    blocks, at = varint(b, at, len(b))
    if at < 0 or blocks > MAX_BLOCKS or blocks > len(b):
        return fail(s, S.DAMAGED, 7)
    table = take(s, 24 * (blocks + 1))
    if table < 0:
        return table
    first, frames = 0, s[S.HEADER_LENGTH] + 4 + s[S.MAP_FRAMES]
    for n in range(blocks):
        windows, at = varint(b, at, len(b))
        if at < 0 or windows < 1 or windows > MAX_SIZE:
            return fail(s, S.DAMAGED, 10)
        row = table + 24 * n
        put_64(heap, row, first)
        put_64(heap, row + 8, at)
        put_64(heap, row + 16, frames)
        at, stored = check_group(s, b, at, 8)
        if at < 0:
            return at
        first += windows
        frames += stored
    if first != s[S.WINDOWS]:
        return fail(s, S.DAMAGED, 10)
    put_64(heap, table + 24 * blocks, first)
    s[S.BLOCKS], s[S.BLOCK_TABLE], s[S.PLAN_SIZE] = blocks, table, frames
    return at

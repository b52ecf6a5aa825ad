"""What a header says of relocation (G9)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.contents import read_blobs, several
from pcpu.iprog.decoder.reader import read_limited, read_number, read_signed, refuse_if
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.format import BIAS_LIMIT, BLOBS, MAX_REGIONS, MAX_SIZE, Transform
from pcpu.iprog.regions import RegionKind
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i64_at, put_64

_LAST_KIND = max(RegionKind).value
_TRANSFORMS = sum(1 << transform for transform in Transform)  # a bit for each
_MOST_SHIFT = 62
_MOST_BASE, _MOST_SPAN = (1 << 62) - 1, (1 << 31) - 1


def read_relocation(s: State, heap: Memory) -> None:
    """All but how many finders there are, and the map."""
    s[S.REGIONS] = s[S.GIVEN_COUNT] = s[S.PIECES] = s[S.INDEXED] = 0
    blob = several(s, heap, BLOBS, 0, s[S.BLOBS] - 1, 0)
    after = s[S.AT]
    s[S.AT] = s[S.BLOBS_AT]
    s[S.BLOB_FIRST] = read_blobs(s, heap, blob + 1) - s[S.BLOB_SIZE]
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


def _finders(s: State, heap: Memory) -> None:
    table = take(s, 8 * s[S.FINDERS])
    s[S.FINDER_TABLE] = table
    if s[S.WRONG]:
        return
    for n in range(s[S.FINDERS]):
        finder = read_number(s, heap)
        for k in range(n):
            refuse_if(s, i64_at(heap, table + 8 * k) == finder, fail(S.DAMAGED, 9))
        put_64(heap, table + 8 * n, finder)


def _regions(s: State, heap: Memory) -> None:
    """A table of them; before the first nothing is added."""
    regions = read_limited(s, heap, 0, MAX_REGIONS, 9)
    row = take(s, 24 * (regions + 1))
    if s[S.WRONG]:
        return
    s[S.REGIONS] = regions + 1
    s[S.REGION_TABLE] = s[S.REGION] = row
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

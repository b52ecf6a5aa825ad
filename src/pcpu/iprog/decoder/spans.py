"""The spans of the prefix of a frame, as a header says them (G12)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.reader import read_limited
from pcpu.iprog.format import MAX_PREFIX, MAX_SIZE, PAGE_BITS, Codec
from pcpu.kernel import Memory, State

_FORESEEN = int(Codec.FORESEEN)


def read_span(s: State, heap: Memory, end: int) -> int:
    """Where the span begins that follows the one that ends at ``end``; and its length, below 1
    where it is none."""
    bits = PAGE_BITS if S.FORESEES and s[S.CODEC] == _FORESEEN else 0
    start = end + (read_limited(s, heap, 0, MAX_SIZE, 12) << bits)
    length = read_limited(s, heap, 1, MAX_PREFIX, 13) << bits
    if bits:  # the last page of the reference may be shorter
        length = min(length, s[S.REFERENCE_SIZE] - start)
    s[S.SPAN_LENGTH] = length
    return start

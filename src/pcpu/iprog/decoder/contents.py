"""What a header says of the file and the blobs (G7)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.reader import read_limited, read_signed, refuse_if
from pcpu.iprog.decoder.state import fail
from pcpu.iprog.format import HASH, MAX_NAME, MAX_SIZE, NAMES
from pcpu.kernel import Memory, State


def several(s: State, heap: Memory, flag: int, least: int, most: int, usual: int) -> int:
    """How many there are: what is stated with this flag, what is usual without it."""
    return read_limited(s, heap, least, most, 7) if s[S.FLAGS] & flag else usual


def read_blobs(s: State, heap: Memory, count: int) -> int:
    """The sizes of so many blobs, together; that of the last one is kept."""
    total, size = 0, s[S.SIZE]
    while count:
        size += read_signed(s, heap)
        refuse_if(s, not 0 <= size <= MAX_SIZE, fail(S.DAMAGED, 7))
        skip_hash_and_name(s, heap)
        total += size
        count -= 1
    s[S.BLOB_SIZE] = size
    return total


def skip_hash_and_name(s: State, heap: Memory) -> None:
    s[S.AT] += HASH
    name = read_limited(s, heap, 0, MAX_NAME, 5) if s[S.FLAGS] & NAMES else 0
    s[S.AT] += name
    refuse_if(s, s[S.AT] > s[S.END], fail(S.DAMAGED, 5))

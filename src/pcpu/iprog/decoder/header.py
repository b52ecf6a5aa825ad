"""Reading a header (G5-G12): all of it is checked before memory is taken for what it says."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.contents import read_blobs, several, skip_hash_and_name
from pcpu.iprog.decoder.groups import MAP_STREAMS, STREAMS, check_group
from pcpu.iprog.decoder.reader import accept, read_from, read_limited, read_number, refuse_if
from pcpu.iprog.decoder.relocation import READ_HEADER, relocate
from pcpu.iprog.decoder.renames import rename
from pcpu.iprog.decoder.state import check, fail, take
from pcpu.iprog.format import (
    BLOBS,
    BLOCKS,
    CHECK,
    LEAST,
    MAGIC,
    MAX_BLOBS,
    MAX_BLOCKS,
    MAX_FINDERS,
    MAX_HEADER,
    MAX_SIZE,
    MOVES,
    RENAMES,
    VERSION,
    WINDOW_BITS,
    WINDOW_FLAGS,
)
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import put_64, u32_at

_MAGIC = int.from_bytes(MAGIC, "little")
_LENGTH_AT = 4  # bytes of a plan before the length of its header
_MAGIC_BITS = 24
_LEAST_BITS, _MOST_BITS = WINDOW_BITS[0], WINDOW_BITS[-1]


def open_header(s: State, heap: Memory) -> int:
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
    if check(start, end - start) != u32_at(heap, end):
        return fail(S.DAMAGED, 6)
    if begins >> _MAGIC_BITS != VERSION:
        return fail(S.UNSUPPORTED, 7)
    s[S.HEADER_END] = s[S.END] = end
    _about(s, heap)
    _relocation(s, heap)
    _blocks(s, heap)
    refuse_if(s, s[S.AT] != end, fail(S.DAMAGED, 7))
    refuse_if(s, s[S.PLAN_HELD] == 1 and s[S.PLAN_SIZE] != s[S.PLAN_LENGTH], fail(S.DAMAGED, 6))
    s[S.OPEN] = 0 if s[S.WRONG] else 1
    return s[S.WRONG]


def hash_at(s: State, heap: Memory) -> int:
    """Where the hash of the file is (G7), in a header that was read."""
    read_from(s, s[S.PLAN_AT] + _LENGTH_AT, s[S.HEADER_END])
    for _ in range(3):  # the length of the header, the flags, the size
        read_number(s, heap)
    return s[S.AT]


def _about(s: State, heap: Memory) -> None:
    """The file and the blobs (G7, G8)."""
    s[S.FLAGS] = read_limited(s, heap, 0, 2 * RENAMES - 1, 7)
    bits = (s[S.FLAGS] & WINDOW_FLAGS) + _LEAST_BITS
    refuse_if(s, bits > _MOST_BITS, fail(S.DAMAGED, 7))
    if S.FORESEES_NAMES and s[S.FLAGS] >= RENAMES:
        accept(s, rename(s, heap))
    s[S.SIZE] = read_limited(s, heap, 0, MAX_SIZE, 7)
    skip_hash_and_name(s, heap)
    s[S.BLOBS] = several(s, heap, BLOBS, 0, MAX_BLOBS, 1)
    s[S.BLOBS_AT] = s[S.AT]
    s[S.REFERENCE_SIZE] = read_blobs(s, heap, s[S.BLOBS])
    refuse_if(s, s[S.REFERENCE_SIZE] > MAX_SIZE, fail(S.DAMAGED, 8))
    s[S.WINDOW_BITS] = bits
    s[S.WINDOWS] = (s[S.SIZE] - 1 >> bits) + 1


def _relocation(s: State, heap: Memory) -> None:
    """G9."""
    s[S.FINDERS] = s[S.MAP_STORED] = 0
    if S.RELOCATES and s[S.FLAGS] & MOVES:
        s[S.FINDERS] = read_limited(s, heap, 1, MAX_FINDERS, 9)
        accept(s, relocate(s, heap, READ_HEADER, 0, 0))
        s[S.MAP_AT] = s[S.AT]
        s[S.MAP_STORED] = check_group(s, heap, MAP_STREAMS, 0)


def _blocks(s: State, heap: Memory) -> None:
    """G10. Their frames lie one behind the other, the map's first."""
    usual = min(s[S.WINDOWS], 1)
    blocks = several(s, heap, BLOCKS, 1, min(MAX_BLOCKS, s[S.END] - s[S.AT]), usual)
    row = take(s, 24 * (blocks + 2))
    if s[S.WRONG]:
        return
    s[S.BLOCKS], s[S.GROUP_TABLE] = blocks, row
    first, s[S.PLAN_SIZE] = 0, s[S.HEADER_END] + CHECK - s[S.PLAN_AT]
    _note_group(s, heap, row, 0, s[S.MAP_AT])
    s[S.PLAN_SIZE] += s[S.MAP_STORED]
    row += 24
    while blocks and not s[S.WRONG]:
        windows = s[S.WINDOWS] - first
        if blocks > 1:
            windows = read_limited(s, heap, 1, windows, 10)
        refuse_if(s, windows < 1, fail(S.DAMAGED, 10))
        _note_group(s, heap, row, first, s[S.AT])
        s[S.PLAN_SIZE] += check_group(s, heap, STREAMS, CHECK * windows)
        first += windows
        row += 24
        blocks -= 1
    put_64(heap, row, first)


def _note_group(s: State, heap: Memory, row: int, first: int, at: int) -> None:
    put_64(heap, row, first)
    put_64(heap, row + 8, at)
    put_64(heap, row + 16, s[S.PLAN_SIZE])

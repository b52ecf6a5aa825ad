"""What a decoder knows: numbers in one array, whose places are named here; and memory.

A status below 0 is an error, of the kinds of spec/iprog-abi.md D2. ``heap`` is one array; what lies
in it begins at a number of the state.
"""

from __future__ import annotations

from pcpu.kernel import Extern, State

DAMAGED, UNSUPPORTED, WRONG_BLOB, NO_MEMORY, NOT_NOW = -1, -2, -3, -4, -5

# fmt: off
(
    TOP, LIMIT,  # of memory: what is used, and what there is. All parts of a decoder know the first
    RULE,  # that a plan breaks
    OPEN,  # 1: a header was read
    PLAN_HELD, PLAN_AT, PLAN_LENGTH,  # where it is whole
    REFERENCE_HELD, REFERENCE_AT, REFERENCE_LENGTH,
    HEADER_END, PLAN_SIZE, FLAGS,
    AT, END, WRONG,  # reading numbers (reader.py)
    SIZE, WINDOW_BITS, WINDOWS, REFERENCE_SIZE,
    BLOBS, BLOBS_AT,
    BLOCKS,
    GROUP_TABLE,  # rows of three, the map's first: its first window, where it is in the header, and
    # where in the plan what it stores
    FINDERS, FINDER_TABLE, BLOB_FIRST, BLOB_SIZE, SITES, TRANSFORM, BASE, SPAN,
    REGIONS, REGION_TABLE,  # rows of three: start, bias, code
    REGION,  # the row that was looked up last
    MAP_AT, MAP_STORED,  # where it is in the header, how many bytes it stores
    MAP_READY, PIECES, MAP, MAP_INDEX,
    HELD_SITES, HELD_COUNT, SITES_HELD,  # records
    SITE_INDEX, INDEXED,  # of them; 1: it is made
    GIVEN_SITES, GIVEN_COUNT,
    AFTER_HEADER, AFTER_BLOCK,  # of memory
    # a group that is being loaded
    LOADING, GROUP_AT, LEFT, HEAD, STREAMS, NEXT_STREAM, FRAME_AT, FRAME_MARK, ASKED,
    CODEC, STORED, STORED_LENGTH, FRAME_LENGTH, FRAME_STREAMS,
    PREFIX_SPANS, SPANS_AT, SPAN_LENGTH, PREFIX, PREFIX_LENGTH,
    CONTENT, CONTENT_LENGTH,
    # the block that is ready
    BLOCK, BLOCK_FIRST, BLOCK_WINDOWS,
    CURSOR,  # the window that the next numbers are about
    # the window that is being made
    WINDOW, COVER_AT, COVER_SKEW, GAP, LENGTH, TURN, BATCH,
    SITE,  # the record behind those of sites that were moved last
    ROWS, COVERS, OUT, OUT_LENGTH, READY, WORKSPACE,
    FIRST_ARRAY,
) = range(90)
# fmt: on
STREAM = FIRST_ARRAY  # nine: where streams begin in the content, and where the last one ends
NEXT = STREAM + 9  # seven: where the cursor is in columns of the index
# Seven: where in memory a window's parts of streams begin and end; the skew before it and its own.
START = NEXT + 7
STOP = START + 7
STATE_LENGTH = STOP + 7

CHECKS, INDEX, GAPS, LENGTHS, TURNS, STEPS, FIXES, LITERALS = range(8)
# What a decoder for one plan need not do is left out of it.
COMPRESSED, LEARNS, RELOCATES, TELLS_CALLS = 1, 1, 1, 1
FORESEES, FORESEES_NAMES, HAS_MATCHES = 1, 1, 1
LEARNS_MUCH = 1  # FORESEES or HAS_MATCHES

MOST = 1 << 48  # the largest address

SLACK = 64  # bytes behind a window that copies may write to


# Make memory of so many bytes in all; how many there are then.
pcpu_more = Extern("pcpu_more", ("int",))
# The check (G4) of bytes, where they are and how many.
pcpu_crc32c = Extern("pcpu_crc32c", ("int", "int"))


def fail(status: int, rule: int) -> int:
    """A status below 0 that holds the rule, too."""
    return status - 8 * rule


def told(s: State, status: int) -> int:
    """The status as a caller gets it, who may ask for the rule (D2)."""
    if status >= 0:
        return status
    s[RULE] = -status >> 3
    return -(-status & 7)


def take(s: State, size: int) -> int:
    """Where so many bytes of memory begin; below 0 if there are none, which WRONG says too."""
    start = (s[TOP] + 15) // 16 * 16
    end = start + size
    if 0 <= size <= MOST and end <= MOST:
        if end > s[LIMIT]:
            s[LIMIT] = pcpu_more(end)
        if end <= s[LIMIT]:
            s[TOP] = end
            return start
    s[WRONG] = fail(NO_MEMORY, 0)
    return s[WRONG]


def check(at: int, length: int) -> int:
    """The check of bytes of memory."""
    return pcpu_crc32c(at, length) & 0xFFFFFFFF

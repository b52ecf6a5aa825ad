"""The functions that a module exports (spec/iprog-abi.md), as kernels.

Memory is one array from address 0 on, so that where something begins in it is also its address.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.decoder import give_sites, make, open_plan, want
from pcpu.iprog.decoder.decoder import hold_sites as hold_all_sites
from pcpu.iprog.decoder.packed import room as room_for
from pcpu.iprog.decoder.packed import unpack as unpack_page
from pcpu.iprog.decoder.state import fail, take, told
from pcpu.kernel import Bytes, Extern, Ints, Memory

# Where memory begins that nothing else uses.
pcpu_heap = Extern("pcpu_heap", ())


def forget(s: Ints) -> None:
    for n in range(S.STATE_LENGTH):
        if n != S.LIMIT:
            s[n] = 0
    s[S.TOP] = pcpu_heap()


def reference_of(s: Ints, heap: Memory) -> Bytes:
    return heap[s[S.REFERENCE_AT] : s[S.REFERENCE_AT] + s[S.REFERENCE_LENGTH]]


# Any plan


def header(s: Ints, heap: Memory, length: int) -> int:
    return told(s, plan_room(s, length))


def hold(s: Ints, heap: Memory, source: int, length: int) -> int:
    """Room for all of the plan (0) or of the reference (1)."""
    if source:
        return told(s, blob_room(s, length))
    status = plan_room(s, length)
    s[S.PLAN_HELD] = 1
    return told(s, status)


def plan_room(s: Ints, length: int) -> int:
    """Room for a plan, or the beginning of one."""
    forget(s)
    s[S.PLAN_AT], s[S.PLAN_LENGTH] = take(s, length), length
    return s[S.PLAN_AT]


def blob_room(s: Ints, length: int) -> int:
    """Room for the reference."""
    if not s[S.OPEN] or s[S.BLOCK] >= 0 or s[S.MAP_READY]:
        return fail(S.NOT_NOW, 0)
    if length != s[S.REFERENCE_SIZE]:
        return fail(S.WRONG_BLOB, 8)
    s[S.TOP] = s[S.AFTER_HEADER]
    s[S.REFERENCE_AT], s[S.REFERENCE_LENGTH] = take(s, length + S.SLACK), length
    if s[S.REFERENCE_AT] >= 0:
        s[S.REFERENCE_HELD], s[S.AFTER_HEADER] = 1, s[S.TOP]
    return s[S.REFERENCE_AT]


def open(s: Ints, heap: Memory, length: int) -> int:
    if s[S.PLAN_AT] <= 0 or length > s[S.PLAN_LENGTH]:
        return told(s, fail(S.NOT_NOW, 0))
    s[S.PLAN_LENGTH] = length
    return told(s, open_plan(s, heap))


def size(s: Ints, heap: Memory) -> int:
    return s[S.SIZE] if s[S.OPEN] else 0


def plan_size(s: Ints, heap: Memory) -> int:
    return s[S.PLAN_SIZE] if s[S.OPEN] else 0


def reference_size(s: Ints, heap: Memory) -> int:
    return s[S.REFERENCE_SIZE] if s[S.OPEN] else 0


def window_size(s: Ints, heap: Memory) -> int:
    return 1 << s[S.WINDOW_BITS] if s[S.OPEN] else 0


def windows(s: Ints, heap: Memory) -> int:
    return s[S.WINDOWS] if s[S.OPEN] else 0


def sites_wanted(s: Ints, heap: Memory) -> int:
    return 1 if s[S.OPEN] and s[S.FINDERS] else 0


def want_window(s: Ints, heap: Memory, window: int) -> int:
    return told(s, want(s, heap, window))


def wants(s: Ints, heap: Memory) -> int:
    return s[S.ROWS]


def loaded(s: Ints, heap: Memory) -> int:
    return s[S.BLOCK_FIRST] + s[S.BLOCK_WINDOWS] if s[S.OPEN] and s[S.BLOCK] >= 0 else 0


def again(s: Ints, heap: Memory) -> int:
    s[S.READY], s[S.WINDOW] = -1, -1
    return 0


def make_window(s: Ints, heap: Memory, window: int) -> int:
    return told(s, make(s, heap, window))


def out(s: Ints, heap: Memory) -> int:
    return s[S.OUT]


def out_length(s: Ints, heap: Memory) -> int:
    return s[S.OUT_LENGTH]


def sites(s: Ints, heap: Memory, count: int) -> int:
    return told(s, give_sites(s, count))


def hold_sites(s: Ints, heap: Memory, count: int) -> int:
    return told(s, hold_all_sites(s, count))


def room(s: Ints, heap: Memory, length: int) -> int:
    if not s[S.OPEN]:
        forget(s)
        s[S.BLOCK], s[S.LOADING], s[S.AFTER_HEADER] = -1, -1, s[S.TOP]
    return told(s, room_for(s, length))


def unpack(s: Ints, heap: Memory, start: int, length: int, count: int, to: int) -> int:
    return told(s, unpack_page(s, heap, start, length, count, to))


def rule(s: Ints, heap: Memory) -> int:
    return s[S.RULE]

"""The functions that a module exports (spec/iprog-abi.md), as kernels.

Memory is one array from address 0 on, so that where something begins in it is also its address.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.decoder import make, open_plan, want
from pcpu.iprog.decoder.state import fail, take, told
from pcpu.kernel import Bytes, Extern, Memory, State

# Where memory begins that nothing else uses.
pcpu_heap = Extern("pcpu_heap", ())


def forget(s: State) -> None:
    s[S.OPEN] = s[S.REFERENCE_HELD] = s[S.SITES_HELD] = s[S.MAP_READY] = 0
    s[S.TOP] = pcpu_heap()


def reference_of(s: State, heap: Memory) -> Bytes:
    return heap[s[S.REFERENCE_AT] : s[S.REFERENCE_AT] + s[S.REFERENCE_LENGTH]]


# Any plan


def header(s: State, heap: Memory, length: int) -> int:
    return told(s, plan_room(s, length, 0))


def hold(s: State, heap: Memory, source: int, length: int) -> int:
    """Room for all of the plan (0) or of the reference (1)."""
    return told(s, blob_room(s, length) if source else plan_room(s, length, 1))


def plan_room(s: State, length: int, held: int) -> int:
    """Room for a plan, or the beginning of one."""
    forget(s)
    s[S.PLAN_AT], s[S.PLAN_LENGTH], s[S.PLAN_HELD] = take(s, length), length, held
    return s[S.PLAN_AT]


def blob_room(s: State, length: int) -> int:
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


def open(s: State, heap: Memory, length: int) -> int:
    if s[S.PLAN_AT] <= 0 or length > s[S.PLAN_LENGTH]:
        return told(s, fail(S.NOT_NOW, 0))
    s[S.PLAN_LENGTH] = length
    return told(s, open_plan(s, heap))


def size(s: State, heap: Memory) -> int:
    return s[S.SIZE]


def plan_size(s: State, heap: Memory) -> int:
    return s[S.PLAN_SIZE]


def reference_size(s: State, heap: Memory) -> int:
    return s[S.REFERENCE_SIZE]


def window_size(s: State, heap: Memory) -> int:
    return 1 << s[S.WINDOW_BITS]


def windows(s: State, heap: Memory) -> int:
    return s[S.WINDOWS]


def sites_wanted(s: State, heap: Memory) -> int:
    return 1 if s[S.FINDERS] else 0


def want_window(s: State, heap: Memory, window: int) -> int:
    return told(s, want(s, heap, window))


def wants(s: State, heap: Memory) -> int:
    return s[S.ROWS]


def loaded(s: State, heap: Memory) -> int:
    return s[S.BLOCK_FIRST] + s[S.BLOCK_WINDOWS] if s[S.BLOCK] >= 0 else 0


def again(s: State, heap: Memory) -> int:
    s[S.READY], s[S.WINDOW] = -1, -1
    return 0


def make_window(s: State, heap: Memory, window: int) -> int:
    return told(s, make(s, heap, window))


def out(s: State, heap: Memory) -> int:
    return s[S.OUT]


def out_length(s: State, heap: Memory) -> int:
    return s[S.OUT_LENGTH]


def rule(s: State, heap: Memory) -> int:
    return s[S.RULE]

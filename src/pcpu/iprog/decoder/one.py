"""The functions that a reconstructor exports, which holds its plan (spec/iprog-abi.md D10, D11)."""

from __future__ import annotations

from pcpu.iprog.decoder import exports
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.decoder import make, open_plan, want
from pcpu.iprog.decoder.exports import forget, reference_of
from pcpu.iprog.decoder.finding import find
from pcpu.iprog.decoder.state import fail, told
from pcpu.kernel import Extern, Memory, State

# Where the plan begins.
pcpu_plan_at = Extern("pcpu_plan_at", ())
pcpu_plan_length = Extern("pcpu_plan_length", ())


def begin(s: State, heap: Memory) -> int:
    """Read the plan's header, where that was not done yet; a status."""
    if s[S.OPEN]:
        return 0
    forget(s)
    s[S.PLAN_HELD], s[S.PLAN_AT], s[S.PLAN_LENGTH] = 1, pcpu_plan_at(), pcpu_plan_length()
    return open_plan(s, heap)


def blob(s: State, heap: Memory, length: int) -> int:
    s[S.OPEN] = 0
    status = begin(s, heap)
    return told(s, status if status < 0 else exports.blob_room(s, length))


def prepare(s: State, heap: Memory) -> int:
    status = begin(s, heap)
    if status >= 0:
        if not s[S.REFERENCE_HELD]:
            status = exports.blob_room(s, 0)
        elif S.RELOCATES and s[S.FINDERS] and not s[S.SITES_HELD]:
            status = find(s, heap, reference_of(s, heap))
    return told(s, status)


def window(s: State, heap: Memory, number: int) -> int:
    if not s[S.OPEN] or not s[S.REFERENCE_HELD]:
        return told(s, fail(S.NOT_NOW, 0))
    status = want(s, heap, number)
    return told(s, status if status < 0 else make(s, heap, number))


def size(s: State, heap: Memory) -> int:
    begin(s, heap)
    return exports.size(s, heap)


def reference_size(s: State, heap: Memory) -> int:
    begin(s, heap)
    return exports.reference_size(s, heap)


def window_size(s: State, heap: Memory) -> int:
    begin(s, heap)
    return exports.window_size(s, heap)


def windows(s: State, heap: Memory) -> int:
    begin(s, heap)
    return exports.windows(s, heap)

"""What modules export that ``iprog.wasm`` is given: of sites, and finders (spec/iprog-abi.md)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.exports import forget, reference_of
from pcpu.iprog.decoder.finding import find as find_in
from pcpu.iprog.decoder.given import give_sites
from pcpu.iprog.decoder.given import hold_sites as hold_all_sites
from pcpu.iprog.decoder.packed import room as room_for
from pcpu.iprog.decoder.packed import unpack as unpack_page
from pcpu.iprog.decoder.state import fail, told
from pcpu.kernel import Memory, State


def sites(s: State, heap: Memory, count: int) -> int:
    return told(s, give_sites(s, count))


def hold_sites(s: State, heap: Memory, count: int) -> int:
    return told(s, hold_all_sites(s, count))


def room(s: State, heap: Memory, length: int) -> int:
    if not s[S.OPEN]:
        forget(s)
        s[S.BLOCK], s[S.LOADING], s[S.AFTER_HEADER] = -1, -1, s[S.TOP]
    return told(s, room_for(s, length))


def unpack(s: State, heap: Memory, start: int, length: int, count: int, to: int) -> int:
    return told(s, unpack_page(s, heap, start, length, count, to))


def find(s: State, heap: Memory) -> int:
    """Find the sites of the reference that is held, and hold them."""
    if not s[S.OPEN] or not s[S.FINDERS] or not s[S.REFERENCE_HELD] or s[S.SITES_HELD]:
        return told(s, fail(S.NOT_NOW, 0))
    return told(s, find_in(s, heap, reference_of(s, heap)))

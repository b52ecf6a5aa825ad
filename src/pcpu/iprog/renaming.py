"""Names in the planner (spec/iprog.md G124): what is compared without them, and what is stored
where they are foreseen."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.index import Octets, common
from pcpu.iprog.jit import for_loops, jit, read_only
from pcpu.iprog.renames import NAME_BYTES, PAIR_BITS, RUN, pair_of
from pcpu.iprog.sites import Places
from pcpu.kernel import i64

_PAIRS = 1 << PAIR_BITS
# Whether names are of a byte.
_NAMED = np.array([RUN.match(bytes([byte])) is not None for byte in range(256)])

for_loops(pair_of)


def blanked(content: Octets) -> Octets:
    """The same with zeros in place of names: what is alike in it is alike but for its names."""
    found: Octets = _blank(content, _NAMED)
    return found


@jit
def _blank(content: Any, named: Any) -> Any:
    found = content.copy()
    at, size = 0, len(content)
    while at < size:
        end = at
        while end < size and named[content[end]]:
            end += 1
        if end - at <= NAME_BYTES:
            found[at:end] = 0
        at = end + 1
    return found


def foresee(
    told: Octets, guess: Octets, stored: Octets, start: Places, stop: Places, bits: int
) -> tuple[Octets, Octets]:
    """What a piece of the file, ``told``, is before fixes where covers, which begin and end at such
    places, give ``guess``, and its literals as they are to be ``stored``. Windows of ``2^bits``
    bytes begin with it."""
    literals, window = stored.copy(), guess.copy()
    _foresee(told, window, literals, start, stop, bits, _NAMED)
    return window, read_only(literals)


@jit
def _foresee(
    told: Any, window: Any, literals: Any, start: Any, stop: Any, bits: Any, named: Any
) -> None:
    """Literals are stored by the names that the reference has for theirs, where these are known:
    they are foreseen as those of covers are, and look like what is there before them."""
    size, at, cover = len(told), 0, 0
    for i in range(len(start)):
        window[at : start[i]] = literals[at : start[i]]
        at = stop[i]
    window[at:] = literals[at:]
    old, new = np.empty(_PAIRS, np.uint32), np.empty(_PAIRS, np.uint32)
    back, of = np.empty(_PAIRS, np.uint32), np.empty(_PAIRS, np.uint32)  # new names, and their old
    for low in range(0, size, 1 << bits):
        for pairs in (old, new, back, of):
            pairs[:] = 0
        high = min(low + (1 << bits), size)
        # What stays as it is need not be known.
        at = low + common(told, low, window, low, high - low)
        while at > low and named[window[at - 1]]:
            at -= 1
        while at < high:
            end = at
            while end < high and named[window[end]]:
                end += 1
            if at < end <= at + NAME_BYTES:
                key, became = _key(window, at, end), _key(told, at, end)
                while cover < len(stop) and stop[cover] <= at:
                    cover += 1
                if cover == len(start) or end <= start[cover]:  # of a literal
                    pair = pair_of(became)
                    before = i64(of[pair])
                    own = pair_of(before)
                    known = old[own] == before and new[own] == became
                    if before and back[pair] == became and known:
                        key = before
                        _put(literals, at, end, key)
                pair = pair_of(key)
                _put(window, at, end, i64(new[pair]) if old[pair] == key else key)
                old[pair], new[pair] = key, became
                pair = pair_of(became)
                back[pair], of[pair] = became, key
            at = end + 1


@jit
def _key(content: Any, at: Any, end: Any) -> int:
    key = 0
    for n in range(end - at):
        key |= i64(content[at + n]) << 8 * n
    return key


@jit
def _put(content: Any, at: Any, end: Any, key: Any) -> None:
    for n in range(end - at):
        content[at + n] = key >> 8 * n & 255

"""Reading the numbers of a header, where the cursor is (AT), up to where they end (END).

The first thing that is wrong is kept in WRONG, and ends what there is to read: so a caller looks
once, behind all that it reads. Where there is nothing to read a number is -1, and 0 where it is
asked for within limits.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.state import fail
from pcpu.kernel import Memory, State

_BITS = 63  # that a number may have


def read_from(s: State, at: int, end: int) -> None:
    s[S.AT], s[S.END] = at, end


def read_number(s: State, heap: Memory) -> int:
    """A varint (G2), or -1."""
    at, value = s[S.AT], 0
    for bits in range(0, _BITS, 7):
        if at >= s[S.END]:
            break
        byte = int(heap[at])
        at += 1
        value |= (byte & 127) << bits
        if byte < 128:
            s[S.AT] = at
            return value
    s[S.END] = 0
    return -1


def read_signed(s: State, heap: Memory) -> int:
    """The same for a number with a sign (G3); 0 where there is none."""
    z = read_number(s, heap)
    return (z >> 1) ^ -(z & 1)


def read_limited(s: State, heap: Memory, least: int, most: int, rule: int) -> int:
    """A varint that breaks a rule where it is not within limits."""
    value = read_number(s, heap)
    refuse_if(s, not least <= value <= most, fail(S.DAMAGED, rule))
    return 0 if s[S.WRONG] else value


def accept(s: State, status: int) -> None:
    """Keep a status below 0, and read no more."""
    refuse_if(s, status < 0, status)


def refuse_if(s: State, wrong: bool, status: int) -> None:
    """Keep a status, unless there is one already, and read no more."""
    if wrong:
        s[S.END] = 0
        if not s[S.WRONG]:
            s[S.WRONG] = status

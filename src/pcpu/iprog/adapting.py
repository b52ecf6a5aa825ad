"""Writing adaptive frames (spec/iprog.md G33), with what kernels do of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.decoder import adaptive
from pcpu.iprog.decoder.adaptive import ENTRIES, LESS_OFTEN, NODES, OFTEN, RATES, WORD
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import for_loops, i64, jit
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Places

Numbers = npt.NDArray[np.int32]

likely: Any = adaptive.likely
between: Any = adaptive.between
for_loops(likely, between)
_COUNT = 5  # low bits of an entry, which count


def encode(streams: Sequence[Bytes]) -> bytes:
    """At most eight streams as an adaptive frame."""
    to, stops = _encoded(*_joined(streams), _entries())
    return to[: stops[-1]].tobytes()


def sizes(streams: Sequence[Bytes]) -> list[list[int]]:
    """How many bytes an adaptive frame of streams takes: for each stream that may be its first one,
    by how many follow it."""
    content, ends = _joined(streams)
    starts, entries = [0, *ends[:-1].tolist()], _entries()
    return [
        _encoded(content[start:], ends[first:] - start, entries)[1].tolist()
        for first, start in enumerate(starts)
    ]


def _joined(streams: Sequence[Bytes]) -> tuple[Octets, Places]:
    """Their bytes, and where each ends."""
    ends = np.array([*accumulate(map(len, streams))], np.int64)
    return np.frombuffer(b"".join(streams), np.uint8), ends


def _entries() -> Numbers:
    """Room for what is learnt: memory that is new takes longer than to encode what is short."""
    return np.empty(ENTRIES, np.int32)


def _encoded(content: Octets, ends: Places, entries: Numbers) -> tuple[Octets, Places]:
    """A frame, and how long it would be if it ended behind each of its streams."""
    to = np.empty(12 * len(content) + 8, np.uint8)  # a bit takes 12 bits at most
    stops = np.empty(len(ends), np.int64)
    _encode(content, ends, entries, to, stops)
    return to, stops


@jit
def _encode(content: Any, ends: Any, entries: Any, to: Any, stops: Any) -> None:
    low, high, used, at = 0, WORD, 0, 0
    is_known = np.zeros(8 + 256, np.bool_)
    for stream in range(len(ends)):
        before = 0
        _forget(entries, is_known, stream)
        while at < ends[stream]:
            node = 1
            _forget(entries, is_known, 8 + before)
            for place in range(7, -1, -1):
                a, b = stream * NODES + node, (8 + before) * NODES + node
                part = likely((i64(entries[a]) >> _COUNT) + (i64(entries[b]) >> _COUNT))
                middle = between(low, high, part)
                bit = i64(content[at]) >> place & 1
                if bit:
                    high = middle
                else:
                    low = middle + 1
                _learn(entries, a, (bit << 12) - part, OFTEN)
                _learn(entries, b, (bit << 12) - part, LESS_OFTEN)
                node = node << 1 | bit
                while (low ^ high) >> 24 == 0:
                    to[used] = low >> 24
                    used += 1
                    low, high = low << 8 & WORD, high << 8 & WORD | 255
            before = node & 255
            at += 1
        stops[stream] = end(low, high, to, used)


@jit
def _forget(entries: Any, is_known: Any, row: Any) -> None:
    """Begin with entries that are used for the first time: most never are."""
    if not is_known[row]:
        is_known[row] = True
        entries[NODES * row : NODES * (row + 1)] = 0


@jit
def _learn(entries: Any, at: Any, error: Any, often: Any) -> None:
    """Bring an entry nearer to what was found."""
    entry = i64(entries[at])
    seen = entry & ((1 << _COUNT) - 1)
    odds = (entry >> _COUNT) + error * i64(RATES[seen])
    entries[at] = odds << _COUNT | min(seen + 1, often)


@jit
def end(low: Any, high: Any, to: Any, used: Any) -> Any:
    """Write as few bytes as tell a number from ``low`` to ``high``, which zeros follow; how many
    there are then. What is written here others may overwrite."""
    for count in range(5):
        unit = 1 << (32 - 8 * count)
        least = (low + unit - 1) // unit * unit
        if least <= high:
            for n in range(count):
                to[used + n] = least >> (24 - 8 * n) & 255
            return used + count
    return used

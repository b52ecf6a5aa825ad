"""Content-defined chunks of three sizes (spec/bank.md K3-K6): what two files have in common.

cut(data) -> a Level for each size, with the name and the length of each distinct chunk
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.jit import jit
from pcpu.iprog.sites import Octets, Places

Names = npt.NDArray[np.uint32]

LEVELS = 3
LEAST = 16  # bytes of a chunk of the first level but the last one
_MOST = (256, 2048, 16384)  # bytes after which a chunk ends at the next end of a smaller one
_BITS = (5, 8, 11)  # of the rolling hash, which are 0 where a chunk ends
_LOW = 16  # the lowest of these bits
_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3  # FNV-1a
_STEP = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


@dataclass(frozen=True)
class Level:
    """The distinct chunks of one size: their names, rising, and the bytes of each."""

    names: Names
    lengths: Places

    @cached_property
    def bytes_before(self) -> Places:
        """The bytes of all chunks before each, and of all."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @cached_property
    def mean(self) -> float:
        """Bytes of a chunk."""
        return float(self.lengths.mean()) if len(self.lengths) else 1.0


def cut(data: Octets) -> tuple[Level, ...]:
    """The chunks of ``data`` on each level, the smallest first."""
    room = len(data) // LEAST + 1
    hashes = np.empty((LEVELS, room), np.uint64)
    lengths = np.empty((LEVELS, room), np.int64)
    counts = _cut(data, _GEARS, hashes, lengths)
    return tuple(_distinct(hashes[n, :count], lengths[n, :count]) for n, count in enumerate(counts))


def _distinct(hashes: Any, lengths: Places) -> Level:
    names, first = np.unique((hashes >> np.uint64(32)).astype(np.uint32), return_index=True)
    return Level(names, lengths[first])


def _mixed(value: int) -> int:
    """The end of SplitMix64."""
    value ^= value >> 30
    value = value * _MIX[0] % (1 << 64)
    value ^= value >> 27
    value = value * _MIX[1] % (1 << 64)
    return value ^ value >> 31


_GEARS = np.array([_mixed((n + 1) * _STEP % (1 << 64)) for n in range(256)], np.uint64)


@jit
def _mix(value: Any) -> Any:
    value ^= value >> np.uint64(30)
    value *= np.uint64(_MIX[0])
    value ^= value >> np.uint64(27)
    value *= np.uint64(_MIX[1])
    return value ^ value >> np.uint64(31)


@jit
def _cut(data: Any, gears: Any, hashes: Any, lengths: Any) -> Any:
    """Write the hashes and lengths of chunks; how many there are on each level."""
    counts = np.zeros(LEVELS, np.int64)
    starts = np.zeros(LEVELS, np.int64)
    states = np.full(LEVELS, np.uint64(_OFFSET))
    prime, rolling, state = np.uint64(_PRIME), np.uint64(0), np.uint64(_OFFSET)
    start, size = 0, len(data)
    for at in range(size):
        rolling = (rolling << np.uint64(1)) + gears[data[at]]
        state = (state ^ np.uint64(data[at])) * prime
        length, last = at + 1 - start, at + 1 == size
        low = rolling >> np.uint64(_LOW)
        if not last and (length < LEAST or (low & np.uint64(31) != 0 and length < _MOST[0])):
            continue
        name = _mix(state)
        for n in range(LEVELS):
            length = at + 1 - starts[n]
            if n > 0:
                states[n] = (states[n] ^ name) * prime
                open_ = low & np.uint64((1 << _BITS[n]) - 1) != 0 and length < _MOST[n]
                if open_ and not last:
                    break
                name = _mix(states[n])
                states[n] = np.uint64(_OFFSET)
            hashes[n, counts[n]], lengths[n, counts[n]] = name, length
            counts[n] += 1
            starts[n] = at + 1
        start, state = at + 1, np.uint64(_OFFSET)
    return counts

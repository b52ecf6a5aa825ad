"""How near blobs are to a file, from sketches or from all chunks (spec/bank.md K11, K12).

The measure is the density of edits that would explain what is shared: were there ``d`` edits a
byte, a chunk of ``n`` bytes would be left whole with the likelihood ``exp(-d n)``. Small chunks
tell it for files that are far apart, of which they still share some; large chunks for near ones,
as they stand for more bytes each. One density for all three sizes takes of each what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.bank.chunks import Level, Names
from pcpu.iprog.bank.sketch import KEPT, Sketch
from pcpu.iprog.sites import Places

_DENSITIES = np.geomspace(1e-7, 1, 400)  # edits a byte
DOUBT = 1.0  # of a chunk that was not found: what was not looked for is not taken to be shared
_LARGEST = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Seen:
    """What was seen of one size: chunks looked for and found, their bytes, and how many bytes a
    chunk has."""

    wanted: int
    found: int
    wanted_bytes: int
    found_bytes: int
    mean: float


@dataclass(frozen=True)
class Nearness:
    """``density`` of edits, about, and the ``share`` of the file's bytes in chunks that the blob
    has too, of the smallest size; ``seen`` is what that follows from."""

    density: float
    share: float
    seen: tuple[Seen, ...]


def from_sketch(levels: Sequence[Level], sketch: Sketch) -> Nearness:
    """How near a blob is to the file with these chunks, as its sketch tells."""
    return _nearness(
        [
            _seen(level, names, _reach(names, kept, count))
            for level, names, kept, count in zip(
                levels, sketch.names, KEPT, sketch.chunks, strict=True
            )
        ]
    )


def from_chunks(levels: Sequence[Level], blob: Sequence[Level]) -> Nearness:
    """The same from all chunks of the blob."""
    return _nearness(
        [_seen(own, other.names, _LARGEST) for own, other in zip(levels, blob, strict=True)]
    )


def _reach(names: Names, kept: int, count: int) -> Any:
    """Up to which name a sketch has all."""
    return names[-1] if len(names) == kept < count else _LARGEST


def _seen(level: Level, names: Names, reach: Any) -> Seen:
    wanted = int(np.searchsorted(level.names, reach, side="right"))
    found = level.lengths[_places(level.names, names)]
    return Seen(
        wanted, len(found), int(level.bytes_before[wanted]), int(found.sum()), level.mean
    )  # fmt: skip


def _places(names: Names, wanted: Names) -> Places:
    """Where those of ``wanted`` stand that are among ``names``; both rise."""
    if not len(names):
        return np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    found: Places = places[names[places] == wanted]
    return found


def _nearness(seen: Sequence[Seen]) -> Nearness:
    smallest = seen[0]
    share = smallest.found_bytes / smallest.wanted_bytes if smallest.wanted_bytes else 0.0
    return Nearness(_density(seen), share, tuple(seen))


def _density(seen: Sequence[Seen]) -> float:
    """The likeliest one."""
    likely: npt.NDArray[np.float64] = np.zeros(len(_DENSITIES))
    for level in seen:
        whole = _DENSITIES * level.mean  # minus the logarithm of the likelihood
        missing = level.wanted - level.found + DOUBT
        likely += missing * np.log(-np.expm1(-whole)) - level.found * whole
    return float(_DENSITIES[np.argmax(likely)])

"""What a plan from a blob may cost, from what was seen of their chunks (spec/bank.md K12).

The density of edits (rank.py) tells versions of a file apart. It takes a part that is missing for
edits that lie together, though new bytes cost a plan much more than edits between bytes that are
there. So here both are asked for: the part of the file that the blob does not have, and the density
of edits in the rest. Chunks of three sizes tell them apart, as all lose the same part, and the
larger ones more by edits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pcpu.iprog.bank.chunks import Level
from pcpu.iprog.bank.rank import DOUBT, Seen

_DENSITIES = np.geomspace(1e-7, 1, 100)[:, None]  # edits a byte
_MISSING = np.concatenate([[0], np.geomspace(1e-4, 0.999, 50)])[None, :]  # parts of the file
_NEW, _EDIT = 0.35, 2.5  # bytes of a plan for a new byte, and for an edit
_AROUND = 30  # bytes beside a chunk that its ends hang on
_LENGTHS = np.linspace(0.01, 0.99, 40)  # of chunks, at which they are looked at
_LEAST = 1e-12  # a likelihood, so that it has a logarithm

Logarithms = npt.NDArray[np.float64]  # of likelihoods, by density and missing part


class Costs:
    """What plans of the file with these chunks may cost, in bytes for each byte of the file."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._tables = [_likelihoods(level) for level in levels]
        rest = (1 - _MISSING) * np.minimum(_NEW, _DENSITIES * _EDIT)
        self._costs = _MISSING * _NEW + rest

    def of(self, seen: Sequence[Seen]) -> float:
        """The cost of the likeliest blob of which this was seen."""
        likely = np.zeros(self._costs.shape)
        for (found, missing), level in zip(self._tables, seen, strict=True):
            likely += level.found * found + (level.wanted - level.found + DOUBT) * missing
        return float(self._costs.flat[np.argmax(likely)])


def _likelihoods(level: Level) -> tuple[Logarithms, Logarithms]:
    """That a chunk is found, and that it is not."""
    lengths = np.quantile(level.lengths, _LENGTHS) if len(level.lengths) else np.ones(1)
    whole = np.exp(-_DENSITIES * (lengths + _AROUND)).mean(axis=1, keepdims=True)
    found = np.clip((1 - _MISSING) * whole, _LEAST, 1 - _LEAST)
    return np.log(found), np.log1p(-found)

"""Names that a minifier gives anew, foreseen (spec/iprog.md G124).

For the decoder that is read beside the specification. Those that are compiled have
decoder/renames.py, and the planner has renaming.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcpu.iprog.numbers import Bytes

NAME_BYTES = 4  # at most
PAIR_BITS = 13  # of the number of a pair
SPREAD = 0x9E3779B1  # of hashes

RUN = re.compile(rb"[A-Za-z0-9_$]+")
_WORD = 0xFFFFFFFF


class Renames:
    """What each name became last in a window."""

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[int, bytes]] = {}

    def foresee(self, name: bytes) -> bytes:
        """What a name becomes."""
        key = int.from_bytes(name, "little")
        known, became = self._pairs.get(pair_of(key), (0, b""))
        return became if known == key else name

    def learn(self, name: bytes, became: bytes) -> None:
        key = int.from_bytes(name, "little")
        self._pairs[pair_of(key)] = key, became


def names(window: Bytes) -> Iterator[tuple[int, int]]:
    """Where names begin and end."""
    for match in RUN.finditer(window):
        if match.end() - match.start() <= NAME_BYTES:
            yield match.span()


def pair_of(key: int) -> int:
    """The number of the pair of a name."""
    return (key * SPREAD & _WORD) >> 32 - PAIR_BITS

"""Parts of a file: where each lies in memory, and what it holds (spec/iprog.md G9, G26)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class RegionKind(IntEnum):
    """What a region holds, by which it is told (G28, G93, G95)."""

    OTHER = 0
    CODE = 1
    WORDS = 2  # numbers of 4 bytes, each like the one before
    PAIRS = 3  # the same, like the last but one
    CALLS = 4  # tables of call sites, which are told by differences (G95)


@dataclass(frozen=True)
class Region:
    """The file from ``start`` on lies ``bias`` further in the address space."""

    start: int
    bias: int
    kind: RegionKind

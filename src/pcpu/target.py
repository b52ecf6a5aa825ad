"""What a target is: a row of data and a few functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Level:
    """What some processors of an architecture have besides what all have: LLVM's names."""

    cpu: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """A machine that programs are compiled for.

    ``lanes`` is the number of bytes that a vector loop handles at a time, a multiple of 16;
    ``shuffles`` says that the machine can move the bytes of a vector of 16. ``plain_engine``
    says that another compiler runs what LLVM wrote, and runs it as it stands (docs/notes/
    wasm-for-v8.md). ``link`` turns an object into ``linked``, given the names to export. ``embed``
    puts a manifest into what is linked, and ``count_vectors`` counts the vector instructions of
    each export of it; None where no manifest travels with the code.

    ``rebuilder`` is what a plan is compiled to; empty where it cannot be.

    ``crc_tables`` says how many tables a CRC by table has, each of 256 entries: 16, 8, 4 or 1.
    ``crc_usual``, where it is not 0, says that CRCs are to take little room, in one thread, and of
    how many bytes most are: tables are computed when they are first used, and there are
    no forms but those of little code.

    What is linked has code for each of ``levels`` too, and takes the last that the processor has
    (levels.py, detect.zig).
    """

    name: str
    doc: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    reloc: str
    pointer_bits: int
    lanes: int
    shuffles: bool
    plain_engine: bool
    linked: str
    link: Callable[[bytes, Sequence[str]], bytes]
    levels: tuple[Level, ...] = ()
    crc_tables: int = 16
    crc_usual: int = 0
    embed: Callable[[bytes, dict[str, Any]], bytes] | None = None
    count_vectors: Callable[[bytes, Sequence[str]], dict[str, int]] | None = None
    rebuilder: Literal["", "module", "executable"] = ""

    @property
    def machine(self) -> str:
        """What manifests call it: its triple, without what is unknown."""
        return self.triple.removesuffix("-unknown-unknown")

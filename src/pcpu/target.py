"""What a target is: a row of data and a few functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A machine that programs are compiled for.

    ``lanes`` is the number of bytes that a vector loop handles at a time, a multiple of 16;
    ``shuffles`` says that the machine can move the bytes of a vector of 16. ``plain_engine``
    says that another compiler runs what LLVM wrote, and runs it as it stands (docs/notes/
    wasm-for-v8.md). ``link`` turns an object into ``linked``, given the names to export.
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

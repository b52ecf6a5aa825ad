"""The types of functions that are programs, and what these functions may call.

They say to a type checker and to ``pcpu.program`` what a function means; Python itself never runs
its body.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

from pcpu.sdk.only import only_in_programs
from pcpu.sdk.operations import SpanOperations


@dataclass(frozen=True)
class Bits:
    """In ``Annotated[int, Bits(24)]``: a parameter that is a number of so many bits, 1 to 64."""

    bits: int


@dataclass(frozen=True)
class Length:
    """In ``Annotated[bytes, Length(4)]``: a parameter of so many bytes, or from ``least`` to
    ``most``."""

    least: int
    most: int | None = None


U8 = Annotated[int, Bits(8)]
U16 = Annotated[int, Bits(16)]
U32 = Annotated[int, Bits(32)]
U64 = Annotated[int, Bits(64)]


def Bytes(least: int, most: int | None = None) -> Any:
    """Short for ``Annotated[bytes, Length(least, most)]``, where no type checker reads it."""
    return Annotated[bytes, Length(least, most)]


class Span(SpanOperations):
    """Bytes of a buffer: every operation is a method, ``data[4:20]`` are some of them.

    A slice that leaves its buffer is a trap when the program runs: none is shortened.
    """

    def __len__(self) -> int:
        raise only_in_programs()

    def __getitem__(self, part: slice) -> Span:
        raise only_in_programs()

    def __setitem__(self, part: slice, value: Span | bytes) -> None:
        """Write another span's bytes, or these bytes; as many as the slice has."""
        raise only_in_programs()

    def windows(self, size: int) -> Iterator[Window]:
        """The bytes in windows of ``size`` each, the last one perhaps shorter; for ``for``."""
        raise only_in_programs()

    def spans(self, spans: Spans) -> Iterator[Window]:
        """The bytes at each span of a list; for ``for``."""
        raise only_in_programs()


class InOut(Span):
    """A buffer that is changed in place."""


class In(Span):
    """A buffer that is only read."""


class Out(Span):
    """A buffer that the program makes: ``out = pcpu.out(len(data) + 4)``."""


class Window(Span):
    """What a loop over windows or spans is at.

    ``start`` is where it begins in its buffer, ``index`` the number of the turn, from 0.
    """

    start: int
    index: int


class Spans:
    """A list of spans: for each an offset and a length."""

    def __len__(self) -> int:
        raise only_in_programs()


class Rows:
    """A table of numbers, with a row for each turn of a loop over windows or spans."""

    def append(self, *columns: int, **named: int) -> None:
        """As the last statement of the loop: a row. Columns have the names of variables."""
        raise only_in_programs()


def out(size: int) -> Out:
    """A buffer of ``size`` bytes, zeros at first, that the program gives back. The size is made of
    numeric parameters and the lengths of buffers."""
    raise only_in_programs()


def rows() -> Rows:
    """A table that the program gives back."""
    raise only_in_programs()


def fuse() -> AbstractContextManager[None]:
    """``with pcpu.fuse():`` the operations of the block, all on one span, run in one pass where
    they can."""
    raise only_in_programs()

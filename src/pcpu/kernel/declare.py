"""What kernels are declared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast, overload

import numpy as np

from pcpu.errors import InternalError


class Array:
    """An array of numbers, as type checkers see it; compiled code has memory, Python an array of
    numpy. A slice is a view."""

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> int | Self:
        raise NotImplementedError

    @overload
    def __setitem__(self, place: int, value: int) -> None: ...
    @overload
    def __setitem__(self, place: slice, value: Self) -> None: ...
    def __setitem__(self, place: int | slice, value: int | Self) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class Bytes(Array):
    """Of bytes."""


class Memory(Bytes):
    """All of memory, by address: nothing is passed for it, and what is read or written of it is not
    checked, as every address is in it."""


class Ints(Array):
    """Of numbers of 64 bits with a sign."""


class State(Ints):
    """Numbers that are named by constants. Some machines hold the first of them in variables of
    the module, so that only constants are places of those, and nothing is passed for them."""


# A number of 64 bits of what is in an array: octets are widened before they are shifted.
i64 = cast(Callable[[Any], int], np.int64)


@dataclass(frozen=True)
class Extern:
    """A function of another object file. Arrays are passed as a pointer and a length, both of the
    target's pointer size, numbers as that size too, and so is the result."""

    symbol: str
    arguments: tuple[str, ...]  # the kinds of its parameters: int, Bytes or Ints

    def __call__(self, *arguments: Any) -> int:
        """What a type checker sees; only compiled code can call it."""
        raise InternalError(f"{self.symbol} is called from Python")

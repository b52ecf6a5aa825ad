"""Loops that numba compiles. They are plain Python over numpy arrays, and run as that too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

# What kernels take besides int and bool: arrays of one dimension, of uint8 and of int64.
Bytes = Any
Ints = Any

i64 = cast(Callable[[Any], int], np.int64)

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """``function``, compiled when it is first called and then kept on disk; without the GIL."""
    return cast(F, numba.njit(cache=True, nogil=True)(function))


@jit
def signed_at(data: Bytes, at: int) -> int:
    """The number of 32 bits with a sign at ``data[at]``."""
    # Octets are widened first: numba would make numbers without a sign of them.
    low = i64(data[at]) | i64(data[at + 1]) << 8
    high = i64(data[at + 2]) | i64(data[at + 3]) << 8
    raw = low | high << 16
    return raw - ((raw >> 31) << 32)


@jit
def put(data: Bytes, at: int, value: int, width: int) -> None:
    """Write the low ``width`` bytes of a number."""
    for n in range(width):
        data[at + n] = (value >> (8 * n)) & 255

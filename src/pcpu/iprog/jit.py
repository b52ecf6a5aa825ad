"""Loops that numba compiles. They are plain Python over numpy arrays, and run as that too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """``function``, compiled when it is first called and then kept on disk; without the GIL."""
    return cast(F, numba.njit(cache=True, nogil=True)(function))

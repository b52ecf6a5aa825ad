"""Steps that run in threads beside each other: loops that numba compiled, Zstandard and what is
compiled from decoder/ let other threads run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

THREADS = 2  # more would take more memory at once


def each(step: Callable[[T], U], things: Sequence[T]) -> list[U]:
    """``step`` of each thing, in order."""
    if len(things) < THREADS:
        return [step(thing) for thing in things]
    with ThreadPoolExecutor(THREADS) as pool:
        return [*pool.map(step, things)]


def both(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    """What both return; the first one is done by this thread."""
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(second)
        return first(), other.result()

"""Work that signals need not wait for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn, TypeVar

T = TypeVar("T")


def waited(work: Callable[[], T]) -> T:
    """What ``work`` returns, done by another thread: Python answers no signal while its first
    thread is in a compiled loop, which may take a minute."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(work).result()
    finally:
        pool.shutdown(wait=False)


def leave_at_once(code: int) -> NoReturn:
    """Exit without waiting for threads, which may be in loops that cannot be stopped."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, say
            stream.flush()
    os._exit(code)

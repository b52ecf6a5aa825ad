"""Giving memory back.

glibc keeps what is freed below a threshold, and raises that as it goes; and what was read of a
mapped file stays in memory.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from contextlib import suppress
from functools import cache

_THRESHOLD, _HEAPS = -3, -8  # M_MMAP_THRESHOLD, M_ARENA_MAX
_FORGET = getattr(mmap, "MADV_DONTNEED", None)
_LARGE = 1 << 17  # bytes from which on an array has pages of its own
# Advice of Linux's: memory that is touched first costs more than what is done with it.
_LARGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)
LARGE = 1 << 22  # bytes that are worth it: a large page has 2 MiB


@cache
def return_large_arrays() -> bool:
    """From now on arrays of 128 KiB go back to the system when they are freed, too, and what is
    smaller is in one heap, where each thread would keep its own; whether this C library can be told
    so."""
    try:
        library = ctypes.CDLL(None)
        return bool(library.mallopt(_THRESHOLD, _LARGE) and library.mallopt(_HEAPS, 1))
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False


def return_freed() -> None:
    """Give back what was freed in small pieces, which glibc keeps: before much is asked for."""
    with suppress(AttributeError, OSError, TypeError):  # another C library, or another system
        ctypes.CDLL(None).malloc_trim(0)


def physical() -> int | None:
    """How many bytes of memory this machine has, if it says so."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE
    except (AttributeError, OSError, ValueError):  # another system
        return None


def ask_for_large_pages(memory: mmap.mmap) -> None:
    """Take memory in large pages, where the system has them."""
    if _LARGE_PAGES is not None:
        with suppress(OSError):  # the kernel has none
            memory.madvise(_LARGE_PAGES)


class MappedFile(mmap.mmap):
    """The bytes of a file on disk, which are not written to."""

    def leave(self) -> None:
        """Take no memory until the bytes are looked at again."""
        if _FORGET is not None:
            self.madvise(_FORGET)


class Room(mmap.mmap):
    """Memory that is taken where it is written to, and given back piece by piece."""

    def __new__(cls, size: int) -> Room:
        """``size`` bytes, 0 where nothing was written."""
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        return super().__new__(cls, -1, max(size, mmap.PAGESIZE), flags)

    def forget(self, start: int, stop: int) -> None:
        """Give back the pages that lie wholly within these bytes, which are not looked at again."""
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        size = stop // mmap.PAGESIZE * mmap.PAGESIZE - first
        if _FORGET is not None and size > 0:
            self.madvise(_FORGET, first, size)

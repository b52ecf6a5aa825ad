"""Giving memory back.

glibc keeps what is freed below a threshold, and raises that as it goes; and what was read of a
mapped file stays in memory.
"""

from __future__ import annotations

import ctypes
import mmap
from functools import cache

_THRESHOLD = -3  # M_MMAP_THRESHOLD
_LARGE = 1 << 20  # bytes from which on an array has pages of its own


@cache
def return_large_arrays() -> bool:
    """From now on arrays of a MiB and more go back to the system when they are freed; whether this
    C library can be told so."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_THRESHOLD, _LARGE))
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False


class MappedFile(mmap.mmap):
    """The bytes of a file on disk, which are not written to."""

    def leave(self) -> None:
        """Take no memory until the bytes are looked at again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.madvise(mmap.MADV_DONTNEED)

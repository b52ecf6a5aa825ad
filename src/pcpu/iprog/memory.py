"""Giving memory back, and how much there is.

glibc keeps what is freed below a threshold, and raises that as it goes; and what was read of a
mapped file stays in memory.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

_THRESHOLD, _HEAPS = -3, -8  # M_MMAP_THRESHOLD, M_ARENA_MAX
_FORGET = getattr(mmap, "MADV_DONTNEED", None)
_LARGE = 1 << 17  # bytes from which on an array has pages of its own
# Advice of Linux's: memory that is touched first costs more than what is done with it.
_LARGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)
LARGE = 1 << 22  # bytes that are worth it: a large page has 2 MiB
# By version: where control groups are, and the file of each that has its limit.
_GROUPS: Mapping[int, tuple[str, str]] = MappingProxyType({
    1: ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    2: ("sys/fs/cgroup", "memory.max"),
})  # fmt: skip


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


def limit(root: Path = Path("/")) -> int | None:
    """How many bytes of memory this process may have, if something says so: all of the machine, or
    less where a control group has less. ``root`` is that of the files that say it."""
    return min((*_of_machine(), *_of_groups(root)), default=None)


def _of_machine() -> Iterator[int]:
    with suppress(AttributeError, OSError, ValueError):  # another system
        yield os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE


def _of_groups(root: Path) -> Iterator[int]:
    """The limits of the process's control groups, of Linux (cgroups(7)), and of those around them.
    A container may have its own group where others have the first one."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # another system
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, name = _GROUPS[1 if controllers else 2]
        own = PurePosixPath(path.lstrip("/"))
        for group in (own, *own.parents):
            with suppress(OSError, ValueError):  # it is not seen from here, or says "max"
                yield int((root / folder / group / name).read_text())


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

"""Names (G5)."""

from __future__ import annotations

from pcpu.kernel import Memory

_SLASH = 0x2F


def is_name(heap: Memory, at: int, end: int) -> bool:
    """Whether ``heap[at:end]`` is UTF-8 without what names may not have."""
    while at < end:
        first = int(heap[at])
        more = 0 if first < 128 else 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if 128 <= first < 0xC2 or first > 0xF4 or at + more >= end:
            return False
        point = first if more == 0 else first & (0x3F >> more)
        for n in range(1, more + 1):
            byte = int(heap[at + n])
            if byte & 0xC0 != 0x80:
                return False
            point = point << 6 | byte & 63
        if point < 0x20 or 0x7F <= point <= 0x9F or point == _SLASH:
            return False
        if (more == 2 and point < 0x800) or 0xD800 <= point <= 0xDFFF:
            return False
        if more == 3 and not 0x10000 <= point <= 0x10FFFF:
            return False
        at += more + 1
    return True

"""Names (G5)."""

from __future__ import annotations

from pcpu.kernel import Memory

_SLASH = 0x2F


def is_name(heap: Memory, at: int, end: int) -> bool:
    """Whether ``heap[at:end]`` is UTF-8 without what names may not have."""
    while at < end:
        first = int(heap[at])
        more = int(first >= 128) + int(first >= 0xE0) + int(first >= 0xF0)
        if 128 <= first < 0xC2 or first > 0xF4 or at + more >= end:
            return False
        point = first if more == 0 else first & (0x3F >> more)
        for n in range(1, more + 1):
            byte = int(heap[at + n])
            if byte & 0xC0 != 0x80:
                return False
            point = point << 6 | byte & 63
        # Two bytes are for seven bits at least, and each one more for five besides.
        if more and point >> 5 * more + 1 == 0:
            return False
        if point < 0x20 or 0x7F <= point <= 0x9F or point == _SLASH:
            return False
        if point >> 11 == 0xD800 >> 11 or point > 0x10FFFF:
            return False
        at += more + 1
    return True

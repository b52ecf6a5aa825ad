"""Universal Mach-O files, which hold images for several machines (spec/iprog-finders.md G77-G79).

Each image is looked at as if it were alone. What is found then gets places in the whole, and where
the image is for AArch64 addresses of its own: ``OTHER_IMAGE`` is added.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.macho import AMD64, ARM64, machine_of, macho_room, read_macho
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import EXTRA, FORM, PLACE, TARGET
from pcpu.iprog.finders.sort import NUMBERS
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import u32_at

IMAGES = 2  # that are looked at: that for x86-64, and that for AArch64
_MAGIC = 0xBEBAFECA
_TABLE, _ENTRY = 8, 20  # where the table of images begins, and bytes of an entry
_MOST = 32  # entries; what is a class of Java has more
_ABSOLUTE, _BASED = Form.ABSOLUTE.value, Form.BASED.value


def big(b: Bytes, p: int) -> int:
    """The number of four bytes at ``b[p]``, the highest first."""
    value = u32_at(b, p)
    return (value & 0xFF) << 24 | (value & 0xFF00) << 8 | value >> 8 & 0xFF00 | value >> 24


def is_fat(b: Bytes) -> bool:
    """Whether a blob is a universal file."""
    if len(b) < _TABLE or u32_at(b, 0) != _MAGIC:
        return False
    return 1 <= big(b, 4) <= _MOST and _TABLE + _ENTRY * big(b, 4) <= len(b)


def image_in(b: Bytes, n: int) -> tuple[int, int]:
    """Where image ``n`` of a universal file begins and ends; 0 and 0 where there is none."""
    machine = ARM64 if n else AMD64
    p, last = _TABLE, _TABLE + _ENTRY * (big(b, 4) - 1)
    while p < last and big(b, p) != machine:
        p += _ENTRY
    start, size = big(b, p + 8), big(b, p + 12)
    if big(b, p) != machine or not lies(start, size, len(b)):
        return 0, 0
    return start, start + size


def read_part(part: Bytes, n: int, image: Ints) -> bool:
    """Describe image ``n`` of a universal file, which is ``part`` of it; whether it is one."""
    return read_macho(part, image) > 0 and machine_of(part) == (ARM64 if n else AMD64)


def fat_room(b: Bytes) -> int:
    """How many numbers ``macho_frames`` needs as ``common`` for any of the images."""
    room = 1
    if is_fat(b):
        for n in range(IMAGES):
            start, stop = image_in(b, n)
            room = max(room, macho_room(b[start:stop]))
    return room


def displace(rows: Ints, first: int, last: int, start: int, more: int) -> None:
    """Make rows that were found in an image that begins at ``start`` rows of the whole, where its
    addresses are so much more."""
    for at in range(NUMBERS * first, NUMBERS * last, NUMBERS):
        form = i64(rows[at + FORM])
        rows[at + PLACE] += start
        rows[at + TARGET] += more
        if form == _ABSOLUTE or (form == _BASED and rows[at + EXTRA] != 0):
            rows[at + EXTRA] += more

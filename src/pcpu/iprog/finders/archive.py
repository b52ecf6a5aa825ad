"""Archives of objects, as static libraries are (spec/iprog-finders.md G97).

Each member is looked at as if it were alone. What is found then gets places in the whole, and
addresses of its own.
"""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import machine_of, read_elf
from pcpu.iprog.finders.elf_names import names
from pcpu.iprog.finders.elf_objects import is_object, object_relocations, object_symbols
from pcpu.iprog.finders.fat import big, displace
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64

_MAGIC = np.frombuffer(b"!<arch>\n", np.uint8)
_HEADER, _SIZE, _DIGITS = 60, 48, 10  # bytes before a member; where these say its size
_INDEX = np.frombuffer(b"/ ", np.uint8)  # what the name of the index begins with
_PLACES = 5 << SPACE  # a kind of numbers: places of members
_MEMBERS = (1 << 14) - 1  # numbers that tell members apart
_OWN = SPACE + 8  # the bit from which on addresses say of which member they are
_BIG = Form.BIG_ENDIAN.value
_RELOCATIONS, _SYMBOLS = 0, 1


def is_archive(b: Bytes) -> bool:
    """Whether a blob is an archive."""
    return _begins(b, 0, _MAGIC)


def _begins(b: Bytes, p: int, with_: Bytes) -> bool:
    """Whether these bytes are there."""
    if p + len(with_) > len(b):
        return False
    n = 0
    while n < len(with_) and b[p + n] == with_[n]:
        n += 1
    return n == len(with_)


def in_archive(b: Bytes, elf: Ints, what: int, rows: Ints, room: int, count: int) -> int:
    """Finders 55 and 56, where ``what`` is 0 or 1; others find nothing."""
    p, member = i64(len(_MAGIC)), 0
    while p + _HEADER <= len(b):
        start, size = p + _HEADER, _decimal(b, p + _SIZE)
        if not lies(start, size, len(b)):
            break
        part, first = b[start : start + size], count
        if what == _SYMBOLS and _begins(b, p, _INDEX):
            count = _index(b, start, start + size, rows, room, count)
        elif read_elf(part, elf) > 0 and is_object(part) and machine_of(part) != 0:
            if what == _RELOCATIONS:
                count = object_relocations(part, elf, rows, room, count)
            elif what == _SYMBOLS:
                count = names(part, elf, rows, room, object_symbols(part, elf, rows, room, count))
            own = (member & _MEMBERS) << _OWN
            displace(rows, min(first, room), min(count, room), start, own)
        p = start + size + (size & 1)
        member += 1
    return count


def _decimal(b: Bytes, p: int) -> int:
    """The number whose digits begin at ``b[p]``."""
    value, n = 0, 0
    while n < _DIGITS and 0x30 <= b[p + n] <= 0x39:
        value = 10 * value + i64(b[p + n]) - 0x30
        n += 1
    return value


def _index(b: Bytes, p: int, stop: int, rows: Ints, room: int, count: int) -> int:
    """Where members lie, as the list says that has a number for each symbol."""
    if p + 4 > stop:
        return count
    for at in range(p + 4, min(p + 4 + 4 * big(b, p), stop - 3), 4):
        count = add(rows, room, count, at, _BIG, _PLACES + big(b, at), 4)
    return count

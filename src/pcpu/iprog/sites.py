"""Sites: the fields of a blob that hold addresses (spec/iprog.md G24)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Narrow = npt.NDArray[np.signedinteger[Any]]  # of 32 bits where all fit: sites are many
Octets = npt.NDArray[np.uint8]


class Form(IntEnum):
    """What a site holds, and how it is written."""

    CODE = 0
    RELATIVE = 1
    ABSOLUTE = 2
    BASED = 3
    BEHIND = 4
    UNSIGNED = 5  # a LEB128 number, as is the next
    SIGNED = 6
    WORD = 7
    BRANCH = 8  # parts of instructions of AArch64, as are the next two
    PAGE = 9
    LOW = 10
    ARM_BRANCH = 11  # parts of instructions of 32-bit ARM, as is the next
    THUMB_BRANCH = 12
    ARM_PREL = 13  # a distance of 31 bits
    ARM_POOL = 14  # a distance from an instruction that is elsewhere
    RISCV_JUMP = 15  # parts of instructions of RISC-V, as are the next three
    RISCV_HIGH = 16
    RISCV_LOAD = 17
    RISCV_STORE = 18
    NARROW = 19  # a number behind which a tag may stand; two bytes, the next four
    WIDE = 20
    ENTRY = 22  # the kind and the last 12 bits of a place, as PE lists what is relocated
    SYMBOL = 23  # the upper 24 bits of a number
    BIG_ENDIAN = 24  # a number of as many bytes as its extra says, the highest first
    ROW = 25  # the same of groups of 7 bits
    IN_PAGE = 26  # how far behind the start of its page something is, the highest byte first


OTHER_IMAGE = 1 << 44  # what addresses of a second image in one file are more than its own
SPACE = 40  # bits: addresses from k << SPACE on are numbers of things of kind k
TAGGED = (19, 20)  # forms of numbers behind which a tag stands
# Forms that are about a distance, and those that hold the rest of what the site before is about.
NEAR = (0, 1, 4, 8, 9, 11, 12, 13, 14, 15, 16)
REST = (10, 17, 18)
_PIECE = 1 << 16  # sites
LEB = (5, 6)  # of numbers in LEB128
SIZED = (*LEB, 24, 25)  # forms of as many bytes as their extra says
_SIZES: dict[int, int] = {
    Form.ABSOLUTE: 8,
    Form.UNSIGNED: 0,
    Form.SIGNED: 0,
    Form.BIG_ENDIAN: 0,
    Form.ROW: 0,
    Form.NARROW: 2,
    Form.ENTRY: 2,
    Form.IN_PAGE: 2,
}  # others have 4
WIDTHS = np.array([_SIZES.get(n, 4) for n in range(max(Form) + 1)], np.int64)  # bytes, by form
_IS_SIZED = np.isin(np.arange(256), SIZED)


def narrow_type(least: int, most: int) -> type[np.int32 | np.int64]:
    """The type of numbers from ``least`` to ``most``, neither of which is the last of its type."""
    limits = np.iinfo(np.int32)
    return np.int32 if limits.min < least and most < limits.max else np.int64


def narrowed(numbers: Places) -> Narrow:
    """The same numbers, of 32 bits where all fit."""
    if not len(numbers):
        return numbers.astype(np.int32)
    found: Narrow = numbers.astype(narrow_type(int(numbers.min()), int(numbers.max())))
    return found


def widths(form: Octets, extra: Narrow) -> Places:
    """The bytes of sites."""
    return np.where(_IS_SIZED[form], extra, WIDTHS[form])


@dataclass(frozen=True)
class Sites:
    """Parallel arrays: ``place`` in the blob, ``form``, ``target``; ``extra``, the ``e`` of G24;
    ``finder``, the number of who found it."""

    place: Narrow
    form: Octets
    target: Places
    extra: Narrow
    finder: Octets

    def __len__(self) -> int:
        return len(self.place)

    def __getitem__(self, chosen: slice | npt.NDArray[Any]) -> Sites:
        """Those of a slice, a mask or an array of numbers."""
        return Sites(
            self.place[chosen], self.form[chosen], self.target[chosen], self.extra[chosen],
            self.finder[chosen],
        )  # fmt: skip

    def pieces(self) -> Iterator[Sites]:
        """The same in order, some at a time."""
        for first in range(0, len(self), _PIECE):
            yield self[first : first + _PIECE]

    def between(self, start: int, stop: int) -> Sites:
        """Those whose place is at least ``start`` and less than ``stop``."""
        type_ = self.place.dtype  # of another one the places would be copied
        borders = np.minimum([start, stop], np.iinfo(type_).max).astype(type_)
        first, last = np.searchsorted(self.place, borders)
        return self[int(first) : int(last)]

    @property
    def end(self) -> Places:
        """The places behind them."""
        return self.place + widths(self.form, self.extra)

    @property
    def nbytes(self) -> int:
        """The memory that they take."""
        return sum(array.nbytes for array in (*self.arrays, self.finder))

    @property
    def arrays(self) -> tuple[Narrow, Octets, Places, Narrow]:
        """What they are, without who found them."""
        return self.place, self.form, self.target, self.extra

    @staticmethod
    def none() -> Sites:
        """No sites."""
        octets, narrow = np.empty(0, np.uint8), np.empty(0, np.int32)
        return Sites(narrow, octets, np.empty(0, np.int64), narrow, octets)

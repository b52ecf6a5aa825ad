"""Sites: the fields of a blob that hold addresses (spec/iprog.md G24)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.numbers import Bytes

Places = npt.NDArray[np.int64]
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


LEB = (5, 6)  # forms of as many bytes as their extra says
_WIDTHS = np.array([4, 4, 8, 4, 4, 0, 0, 4, 4, 4, 4])


def widths(form: Octets, extra: Places) -> Places:
    """The bytes of sites."""
    return np.where(np.isin(form, LEB), extra, _WIDTHS[form])


@dataclass(frozen=True)
class Sites:
    """Parallel arrays: ``place`` in the blob, ``form``, ``target``; ``extra``, the ``e`` of G24;
    ``finder``, the number of who found it."""

    place: Places
    form: Octets
    target: Places
    extra: Places
    finder: Octets

    def __len__(self) -> int:
        return len(self.place)

    def __getitem__(self, chosen: slice | npt.NDArray[Any]) -> Sites:
        """Those of a slice, a mask or an array of numbers."""
        return Sites(
            self.place[chosen], self.form[chosen], self.target[chosen], self.extra[chosen],
            self.finder[chosen],
        )  # fmt: skip

    @property
    def end(self) -> Places:
        """The places behind them."""
        return self.place + widths(self.form, self.extra)

    @property
    def arrays(self) -> tuple[Places, Octets, Places, Places]:
        """What they are, without who found them."""
        return self.place, self.form, self.target, self.extra

    def of_finder(self, number: int) -> Sites:
        """The same, found by the finder ``number``."""
        return replace(self, finder=np.full(len(self), number, np.uint8))

    @staticmethod
    def of(
        place: npt.ArrayLike, form: Form, target: npt.ArrayLike, extra: npt.ArrayLike = 0
    ) -> Sites:
        """Sites of one form."""
        places = np.asarray(place, np.int64)
        return Sites(
            places,
            np.full(places.shape, form, np.uint8),
            np.broadcast_to(np.asarray(target, np.int64), places.shape),
            np.broadcast_to(np.asarray(extra, np.int64), places.shape),
            np.zeros(places.shape, np.uint8),
        )

    @staticmethod
    def joined(several: Sequence[Sites]) -> Sites:
        """All of ``several``, one after the other."""
        none = Sites.of([], Form.CODE, [])
        columns = zip(*((*s.arrays, s.finder) for s in (none, *several)), strict=True)
        return Sites(*(np.concatenate(column) for column in columns))


def words_at(data: Bytes, places: Places) -> Places:
    """The u32 at each place."""
    octets: Octets = np.frombuffer(data, np.uint8)
    found = np.stack([octets[places + n] for n in range(4)], axis=-1)
    return found.reshape(-1, 4).view("<u4").ravel().astype(np.int64)


def in_order(found: Sequence[Sites]) -> Sites:
    """What several finders found, sorted and without overlaps (G24)."""
    sites = Sites.joined(found)
    sites = sites[sites.target >= 0]
    sites = sites[np.argsort(sites.place, kind="stable")]
    ends = sites.end
    reach = np.maximum.accumulate(ends)
    kept = np.ones(len(sites), bool)
    for number in np.flatnonzero(sites.place[1:] < reach[:-1]) + 1:  # there are few
        before = number - 1
        while not kept[before]:
            before -= 1
        kept[number] = sites.place[number] >= ends[before]
    return sites[kept]

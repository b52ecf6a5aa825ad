"""What copied sites show: where one was, the file has a site at the same place, whose target shows
how far its own target moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.align import Covers
from pcpu.iprog.jit import jit
from pcpu.iprog.sites import Form, Places, Sites

_BASED = Form.BASED.value
_BITS = 10  # of a first table of what was seen
_FACTOR = 0x1E3779B97F4A7C15


@dataclass(frozen=True)
class Seen:
    """Addresses, by how much what is there moved, and how often that was seen."""

    address: Places
    shift: Places
    often: Places

    @staticmethod
    def none() -> Seen:
        """Nothing."""
        return Seen(*np.empty((3, 0), np.int64))

    @staticmethod
    def joined(parts: Sequence[Seen]) -> Seen:
        """What several have seen."""
        columns = zip(*((part.address, part.shift, part.often) for part in parts), strict=True)
        return Seen(*map(np.concatenate, columns))


def seen(
    covers: Covers, first: int, old: Sites, new: Sites, left_out: npt.NDArray[np.bool_]
) -> Seen:
    """What copies show of the sites ``old`` of a blob that begins at ``first`` of the reference;
    ``new`` are the sites of the file, of which some are ``left_out``."""
    found, bases = _seen(
        covers.start, covers.stop, covers.skew - first, old.place, old.form, old.target, old.extra,
        new.place, new.form, new.target, new.extra, left_out,
    )  # fmt: skip
    bases[:, 2] = 1  # what a base shows, each of its sites does
    address, shift, often = np.concatenate([found, bases]).T.copy()
    return Seen(address, shift, often)


@jit
def _seen(
    start: Any, stop: Any, skew: Any, old: Any, old_form: Any, old_target: Any, old_extra: Any,
    new: Any, new_form: Any, new_target: Any, new_extra: Any, left_out: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Rows of address, shift and how often, of targets and of what they are based on."""
    table, rows = _new_table(_BITS)
    base_table, bases = _new_table(_BITS)
    count = base_count = j = 0
    for i in range(len(start)):
        k = np.searchsorted(old, start[i] + skew[i])
        while j < len(new) and new[j] < start[i]:
            j += 1
        while k < len(old) and old[k] < stop[i] + skew[i]:
            place = old[k] - skew[i]
            while j < len(new) and new[j] < place:
                j += 1
            if j == len(new):
                break
            if new[j] == place and old_form[k] == new_form[j] and not left_out[j]:
                count += _note(table, rows, count, old_target[k], new_target[j] - old_target[k])
                if count == len(rows):
                    table, rows = _grown(rows)
                if old_form[k] == _BASED:
                    moved = new_extra[j] - old_extra[k]
                    base_count += _note(base_table, bases, base_count, old_extra[k], moved)
                    if base_count == len(bases):
                        base_table, bases = _grown(bases)
            k += 1
    return rows[:count], bases[:base_count]


@jit
def _new_table(bits: Any) -> tuple[Any, Any]:
    """A table of numbers of rows and 1, and room for half as many rows."""
    return np.zeros(1 << bits, np.int32), np.empty((1 << (bits - 1), 3), np.int64)


@jit
def _note(table: Any, rows: Any, count: Any, address: Any, shift: Any) -> Any:
    """Count what was seen; whether it is new, so that there is a row more."""
    at = _slot(table, address, shift)
    while table[at]:
        row = table[at] - 1
        if rows[row, 0] == address and rows[row, 1] == shift:
            rows[row, 2] += 1
            return 0
        at = (at + 1) & (len(table) - 1)
    table[at] = count + 1
    rows[count, 0], rows[count, 1], rows[count, 2] = address, shift, 1
    return 1


@jit
def _slot(table: Any, address: Any, shift: Any) -> Any:
    value = (address + shift * 31) * _FACTOR
    return (value ^ value >> 29) & (len(table) - 1)


@jit
def _grown(rows: Any) -> tuple[Any, Any]:
    """A table that is twice as large, and its rows."""
    table = np.zeros(4 * len(rows), np.int32)
    larger = np.empty((2 * len(rows), 3), np.int64)
    larger[: len(rows)] = rows
    for row in range(len(rows)):
        at = _slot(table, rows[row, 0], rows[row, 1])
        while table[at]:
            at = (at + 1) & (len(table) - 1)
        table[at] = row + 1
    return table, larger

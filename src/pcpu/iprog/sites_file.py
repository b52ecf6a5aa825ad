"""Sites files: what finders found in a blob, for who has none (spec/iprog-abi.md D13, D14)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import IO

import numpy as np

from pcpu.errors import PcpuError
from pcpu.iprog.columns import write_varints
from pcpu.iprog.finders import find_sites
from pcpu.iprog.finders import record as layout
from pcpu.iprog.format import check
from pcpu.iprog.frames import at_level
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import digest
from pcpu.iprog.sites import NEAR, REST, Form, Octets, Places, Sites

MAGIC = b"\x89SITES\r\n"
VERSION = 4
PAGE_BITS = 15  # a page costs as much to begin with as some hundred of its sites take
ALIGNMENT = 32
_LEVEL = 12  # of Zstandard: higher ones take longer and save little
_MOST = 1 << 61  # numbers below this differ by what a varint can say


def write_sites(blob: Bytes, finders: Sequence[int], out: IO[bytes]) -> int:
    """Write what ``finders``, in this order, find in ``blob``; how many sites that are.

    Raises UnsupportedPlanError where a finder is not known.
    """
    sites = find_sites(blob, finders)
    made = len(records(sites)) // layout.RECORD
    head = MAGIC + struct.pack("<IIQQQ", VERSION, PAGE_BITS, len(sites), made, len(blob))
    head += digest(blob)
    head += struct.pack(f"<I{len(finders)}I", len(finders), *finders)
    out.write(_padded(head))
    borders = np.arange(1 + (-(-len(blob) >> PAGE_BITS)), dtype=np.int64) << PAGE_BITS
    borders[-1] = max(len(blob), borders[-1])
    firsts = np.searchsorted(sites.place, borders)
    pages = [_packed(sites[first:last]) for first, last in pairwise(firsts)]
    start = len(_padded(head)) + len(_padded(bytes(16 * len(firsts))))
    places = start + np.cumsum([0, *map(len, pages)])
    out.write(_padded(np.stack([firsts, places], axis=-1).astype("<u8").tobytes()))
    for page in pages:
        out.write(page)
    return len(sites)


def _packed(sites: Sites) -> bytes:
    """A page; nothing where it has no sites. Raises PcpuError."""
    if not len(sites):
        return b""
    if max(int(sites.target.max()), int(abs(sites.extra).max())) >= _MOST:
        raise PcpuError("the blob has sites whose addresses are too large for a sites file")
    place: Places = sites.place.astype(np.int64)
    columns = b"".join((
        _varints(np.diff(place, prepend=0)),
        sites.form.astype(np.uint8).tobytes(),
        _signed(_changes(sites.extra.astype(np.int64), sites.form)),
        _signed(_distances(sites)),
    ))  # fmt: skip
    return struct.pack("<II", len(columns), check(columns)) + at_level(columns, _LEVEL)


def _changes(values: Places, form: Octets) -> Places:
    """Each less that of the same form before it."""
    found = np.empty_like(values)
    for each in np.unique(form):
        chosen = form == each
        found[chosen] = np.diff(values[chosen], prepend=0)
    return found


def _distances(sites: Sites) -> Places:
    found = _changes(sites.target, sites.form)
    near = np.isin(sites.form, NEAR)
    found[near] = (sites.target - sites.place)[near]
    rest = np.isin(sites.form, REST)
    found[rest] = np.diff(sites.target, prepend=0)[rest]
    return found


def _varints(values: Places) -> bytes:
    return write_varints(values)[0].tobytes()


def _signed(values: Places) -> bytes:
    return _varints((values << 1) ^ (values >> 63))


def records(sites: Sites) -> bytes:
    """The sites as decoders take them (D8)."""
    place, form, target, extra = (column.astype(np.int64) for column in sites.arrays)
    based, away = form == Form.BASED, target - extra
    split = based & (extra >> layout.UPPER >= 0) & (away == away.astype(np.int32))
    more = np.where(split, extra >> layout.UPPER, extra)
    apart = (based & ~split) | (abs(more) >= -layout.APART)
    more[apart] = layout.APART
    second = np.where(split & ~apart, extra << layout.UPPER | away & layout.LOWER, target)
    first = place | form << layout.FORM | more << layout.EXTRA
    own = np.flatnonzero(apart) + 1
    first = np.insert(first, own, place[apart] | layout.OWN_RECORD << layout.FORM)
    return np.stack([first, np.insert(second, own, extra[apart])], axis=-1).astype("<i8").tobytes()


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % ALIGNMENT)

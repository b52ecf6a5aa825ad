"""Where pieces of a file stand in the reference: a suffix array, and seeds from it.

A *seed* is an alignment that is worth a try: the skew (place in the reference minus place in the
file) of a long common piece, and the place in the file from which on to try it.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pydivsufsort

from pcpu.errors import PcpuError
from pcpu.iprog.jit import i64, jit, read_only
from pcpu.iprog.memory import limit
from pcpu.iprog.sites import Places
from pcpu.iprog.threads import THREADS, each

Octets = npt.NDArray[np.uint8]

LEAST = 12  # bytes of a common piece that make a seed
STRIDE = 3  # of the places that are looked up where nothing fits
_LOOK = 32  # bytes ahead by which an alignment is judged
_FITS = 24  # of these, for it to go on
_PATIENCE = 3  # times that it may go on so before something better is looked for
_BACK = 512  # bytes before a common piece from which on its alignment is tried at most
_PART = 1 << 20  # bytes of a file that are worth a thread
_LONG = 1 << 12  # bytes of a common piece beyond which any other one is as good
_MANY = 64  # bytes; a power of 2
_NEIGHBOURS = 16  # equally long pieces among which the nearest is chosen
_ASKED = 1 << 10  # places of a file by which it is seen whether much is new
_NEW = 1 / 32  # of these, that have no common piece
_SPARSE = 2  # times as many bits as places, or up to twice that: two in five are set at most
_PAIRS = 1 << 16  # of bytes
_BYTE = 3  # the least logarithm of bits
_ROW = 3  # pieces that a filter has, one behind the other, in those bytes that make a seed
_NOTED = LEAST - _ROW + 1  # bytes of one
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)


@dataclass(frozen=True)
class Index:
    """The suffix array of ``data``, and where in it suffixes with each first two bytes begin."""

    data: Octets
    suffixes: Any
    firsts: Any


@dataclass(frozen=True)
class Seeds:
    """Sorted by ``start``."""

    start: Places
    skew: Places

    def within(self, first: int, last: int, before: int) -> Seeds:
        """Those of a part of the file, told as of a file of its own; and as many as ``before`` that
        begin earlier."""
        low, high = np.searchsorted(self.start, [first, last])
        own = slice(max(0, int(low) - before), int(high))
        return Seeds(np.maximum(self.start[own] - first, 0), self.skew[own] + first)


def check_memory(size: int) -> None:
    """Raise PcpuError where this process may not have the memory for so many bytes and their
    index: the machine would stand still, and the system end the process or others."""
    there, wanted = limit(), size * (5 if size < 1 << 31 else 9)
    if there is not None and wanted > there:
        raise PcpuError(
            f"to plan from {size} bytes takes more than {wanted >> 30} GiB of memory, and this "
            f"process may have {there >> 30}; plan from a smaller blob, or a part of it"
        )


def make_index(data: Octets) -> Index:
    suffixes = pydivsufsort.divsufsort(_open(data)) if len(data) else np.empty(0, np.int32)
    firsts = np.zeros(_PAIRS + 1, suffixes.dtype)
    _first_suffixes(read_only(data), firsts)
    return Index(read_only(data), suffixes, firsts)


def _open(data: Octets) -> Octets:
    """The same bytes as an array that may be written to: the sorter takes no other, though it only
    reads, and a copy would be large."""
    same: Octets = np.ctypeslib.as_array(
        (ctypes.c_uint8 * len(data)).from_address(data.ctypes.data)
    )
    return same


@jit
def _first_suffixes(data: Any, firsts: Any) -> None:
    for place in range(len(data)):
        pair = i64(data[place]) << 8
        if place + 1 < len(data):
            pair |= data[place + 1]
        firsts[pair + 1] += 1
    for pair in range(_PAIRS):
        firsts[pair + 1] += firsts[pair]


@jit
def common(a: Any, i: Any, b: Any, j: Any, most: Any) -> Any:
    """How many bytes of ``a[i:]`` and ``b[j:]`` agree, up to ``most``."""
    length = 0
    while length < most and a[i + length] == b[j + length]:
        length += 1
        if length & (_MANY - 1) == 0:
            # As long as that goes on, many at a time.
            while length + _MANY <= most and _agree(
                a[i + length : i + length + _MANY], b[j + length : j + length + _MANY]
            ):
                length += _MANY
    return length


@jit
def _agree(a: Any, b: Any) -> Any:
    """Whether so many bytes agree, which processors compare together."""
    equal = 0
    for k in range(_MANY):
        equal += a[k] == b[k]
    return equal == _MANY


@jit
def _longest(a: Any, i: int, b: Any, suffixes: Any, firsts: Any, near: Any) -> Any:
    """Place and length of the longest piece of ``b`` that is a beginning of ``a[i:]``. Of several
    the one nearest to ``near``, as far as that is seen at once."""
    n, m = len(a), len(b)
    if i + 1 >= n:
        return 0, 0
    pair = i64(a[i]) << 8 | a[i + 1]
    low, high = i64(firsts[pair]), i64(firsts[pair + 1])
    if low >= high:
        return 0, 0
    left = _first_not_before(a, i, b, suffixes, low, high - 1)
    best, place = i64(0), i64(0)
    for at in (left - 1, left):
        if low <= at < high:
            j = i64(suffixes[at])
            length = common(a, i, b, j, min(n - i, m - j))
            if length > best or (length == best and abs(j - near) < abs(place - near)):
                best, place = length, j
    for step in (-1, 1):
        if best > _LONG or best < LEAST:  # to compare takes long; or nobody asks for what is short
            break
        at = left - 1 if step < 0 else left
        for _ in range(_NEIGHBOURS):
            at += step
            if not low <= at < high:
                break
            j = i64(suffixes[at])
            if m - j < best or common(a, i, b, j, best) < best:
                break
            if abs(j - near) < abs(place - near):
                place = j
    return place, best


@jit
def _first_not_before(a: Any, i: int, b: Any, suffixes: Any, left: Any, right: Any) -> Any:
    """The first of these suffixes of ``b`` that does not come before ``a[i:]``, or the last one;
    all of them have its first two bytes."""
    n, m = len(a), len(b)
    left_common = right_common = i64(2)
    while left < right:
        middle = (left + right) >> 1
        j = i64(suffixes[middle])
        most = min(n - i, m - j)
        length = min(left_common, right_common, most)
        while length < most and a[i + length] == b[j + length]:
            length += 1
        if (length < most and a[i + length] > b[j + length]) or (length == most and m - j < n - i):
            left, left_common = middle + 1, length
        else:
            right, right_common = middle, length
    return left


@jit
def _is_new(a: Any, b: Any, suffixes: Any, firsts: Any) -> Any:
    """Whether so much of ``a`` is new that it is worth asking a filter first."""
    missed, step = 0, max(1, len(a) // _ASKED)
    for i in range(0, len(a), step):
        # To compare more of it than that may take long.
        missed += _longest(a[i : i + _MANY], 0, b, suffixes, firsts, i)[1] < LEAST
    return missed > _NEW * len(a) / step


@jit
def _filter(data: Any, bits: Any) -> Any:
    """A table of ``2^bits`` bits, in which those of all pieces of ``data`` are set."""
    table = np.zeros(1 << bits >> _BYTE, np.uint8)
    for place in range(len(data) - _NOTED + 1):
        bit = _bit_of(data, place, bits)
        table[bit >> 3] |= 1 << (bit & 7)
    return table


@jit
def _bit_of(data: Any, place: Any, bits: Any) -> Any:
    """The bit of the piece from a place on."""
    low, high = np.uint64(0), np.uint64(0)
    for k in range(8):
        low |= np.uint64(data[place + k]) << np.uint64(8 * k)
        high |= np.uint64(data[place + k + _NOTED - 8]) << np.uint64(8 * k)
    value = (low * _FACTORS[0] ^ high) * _FACTORS[1]
    return i64(value >> np.uint64(64 - bits))


@jit
def _may_be(a: Any, i: Any, table: Any, bits: Any) -> Any:
    """Whether what was put into a filter may have ``a[i:]``, as far as that makes a seed."""
    if bits == 0 or i + LEAST > len(a):
        return bits == 0
    for place in range(i, i + _ROW):
        bit = _bit_of(a, place, bits)
        if table[bit >> 3] >> (bit & 7) & 1 == 0:
            return False
    return True


@jit
def _seeds(
    a: Any, i: Any, n: Any, b: Any, suffixes: Any, firsts: Any, table: Any, bits: Any, start: Any,
    skew: Any,
) -> Any:  # fmt: skip
    """Write the seeds of ``a[i:n]``; how many they are. ``table`` is a filter of ``2^bits`` bits of
    what is in ``b``, or none if that is 0."""
    m, count, last = len(b), 1, i
    current = i64(0)
    start[0], skew[0], doubts = i, 0, 0
    while i < n:
        source = i + current
        if 0 <= source < m:
            most = min(_LOOK, n - i, m - source)
            equal = _how_many_equal(a, i, b, source, most)
            if equal == most:
                doubts = 0
                i += most
                i += common(a, i, b, i + current, min(n - i, m - i - current))
                continue
            if equal >= _FITS and doubts < _PATIENCE:
                doubts += 1
                i += 8
                continue
        doubts = 0
        place = length = i64(0)
        if _may_be(a, i, table, bits):
            place, length = _longest(a, i, b, suffixes, firsts, source)
        if length < LEAST:
            i += STRIDE
            continue
        if place - i != current:
            current = place - i
            if count == len(start):
                break
            start[count] = _begin(a, b, i, current, last)
            skew[count] = current
            count += 1
            last = max(last, i - 64)
        i += length
    return count


@jit
def _how_many_equal(a: Any, i: Any, b: Any, j: Any, most: Any) -> Any:
    """How many of ``most`` bytes from there on are the same."""
    equal = 0
    for k in range(most):
        equal += a[i + k] == b[j + k]
    return equal


@jit
def _begin(a: Any, b: Any, i: Any, skew: Any, last: Any) -> Any:
    """Where before ``i`` an alignment may begin to fit: not before ``last``, nor before 8
    differing bytes in a row."""
    at, differing = i, 0
    while at > last and at + skew > 0 and differing < 8 and i - at < _BACK:
        at -= 1
        differing = 0 if a[at] == b[at + skew] else differing + 1
    return at


def find_seeds(file: Octets, index: Index) -> Seeds:
    """The seeds of ``file`` in the data of ``index``."""
    file = read_only(file)
    bits, table = 0, np.empty(0, np.uint8)
    if _is_new(file, index.data, index.suffixes, index.firsts):
        bits = max(_BYTE, (_SPARSE * len(index.data) - 1).bit_length())
        table = _filter(index.data, bits)
    size = max(_PART, -(-len(file) // THREADS))
    part = partial(_part, file, index, table, bits, size)
    found = each(part, range(0, len(file), size))
    del table, part  # which are large
    none = np.empty(0, np.int64)
    start = np.concatenate([none, *(part[0] for part in found)])
    skew = np.concatenate([none, *(part[1] for part in found)])
    order = np.argsort(start, kind="stable")
    return Seeds(start[order], skew[order])


def _part(
    file: Octets, index: Index, table: Octets, bits: int, size: int, first: int
) -> tuple[Places, Places]:
    """Starts and skews of the seeds of a part of the file."""
    last = min(first + size, len(file))
    start, skew = (np.empty((last - first) // LEAST + 2, np.int64) for _ in range(2))
    count = _seeds(
        file, first, last, index.data, index.suffixes, index.firsts, table, bits, start, skew
    )
    return start[:count].copy(), skew[:count].copy()

"""The map (G25): by how much addresses move.

Where a piece begins is in a table, and how far things move from there on in another. An index says
for each part of the addresses of a kind which pieces begin in it: about one, so that few have to be
looked at for an address.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.state import fail, signed, take, varint
from pcpu.iprog.sites import SPACE
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

_LARGEST_SHIFT = 1 << 62
_NEAR = 28  # bits of addresses that are few enough to be looked up together
_MOST_PARTS = 1 << 16  # of a kind
_KINDS = 5  # of addresses: near ones, others, and those of three kinds of things (SPACE) or more
_ROW = 32  # bytes of the index about a kind: where its parts are, the first address, bits of their
_FIRST, _BITS, _LAST = 8, 16, 24  # size, the last part


def read_map(s: Ints, heap: Memory, starts: Bytes, shifts: Bytes) -> int:
    """Read the map from its streams; a status. A piece has at least a byte in each."""
    count, at = 0, 0
    while at < len(starts):
        _, at = varint(starts, at, len(starts))
        if at < 0:
            return fail(S.DAMAGED, 25)
        count += 1
    table = take(s, 16 * count)
    if table < 0:
        return table
    s[S.STARTS], s[S.SHIFTS] = table, table + 8 * count
    address, amount, at, place = 0, 0, 0, 0
    for n in range(count):
        gap, at = varint(starts, at, len(starts))
        more, place = signed(shifts, place, len(shifts))
        if place < 0 or (n > 0 and gap < 1):
            return fail(S.DAMAGED, 25)
        address += gap
        amount += more
        if address < 0 or not -_LARGEST_SHIFT < amount < _LARGEST_SHIFT:
            return fail(S.DAMAGED, 25)
        put_64(heap, table + 8 * n, address)
        put_64(heap, table + 8 * (count + n), amount)
    if place != len(shifts):
        return fail(S.DAMAGED, 25)
    s[S.PIECES] = count
    return _index_map(s, heap)


def _index_map(s: Ints, heap: Memory) -> int:
    """Make the index; a status. A part has the number of the first piece that begins in it or
    behind it."""
    room = min(8 * s[S.PIECES], _KINDS * _MOST_PARTS) + 2 * _KINDS
    at = take(s, _ROW * _KINDS + 4 * room)
    if at < 0:
        return at
    s[S.MAP_INDEX] = at
    part, last = at + _ROW * _KINDS, 0
    for kind in range(_KINDS):
        piece = last
        while last < s[S.PIECES] and _kind(_start(s, heap, last)) == kind:
            last += 1
        first = _start(s, heap, piece) if piece < last else 0
        parts, bits = 1, 0
        while parts < min(4 * (last - piece), _MOST_PARTS):
            parts *= 2
        while piece < last and _start(s, heap, last - 1) - first >> bits >= parts:
            bits += 1
        put_64(heap, at, part)
        put_64(heap, at + _FIRST, first)
        put_64(heap, at + _BITS, bits)
        put_64(heap, at + _LAST, parts - 1)
        at += _ROW
        for n in range(parts + 1):
            while piece < last and _start(s, heap, piece) - first >> bits < n:
                piece += 1
            put_32(heap, part, piece)
            part += 4
    return 0


def _kind(address: int) -> int:
    return min((address >> SPACE) + (1 if address >> _NEAR > 0 else 0), _KINDS - 1)


def _start(s: Ints, heap: Memory, piece: int) -> int:
    return i64_at(heap, s[S.STARTS] + 8 * piece)


def shift(s: Ints, heap: Memory, address: int) -> int:
    """By how much an address moved."""
    if s[S.PIECES] == 0 or address < 0:
        return 0
    row = s[S.MAP_INDEX] + _ROW * _kind(address)
    behind = max(address - i64_at(heap, row + _FIRST), 0)
    part = min(behind >> i64_at(heap, row + _BITS), i64_at(heap, row + _LAST))
    at = i64_at(heap, row) + 4 * part
    low, high = u32_at(heap, at), u32_at(heap, at + 4)
    while low < high:
        middle = (low + high) >> 1
        if _start(s, heap, middle) <= address:
            low = middle + 1
        else:
            high = middle
    return i64_at(heap, s[S.SHIFTS] + 8 * (low - 1)) if low > 0 else 0

"""The map (G25): by how much addresses move.

A table says where each piece begins and how far things move from there on. Before its first row
stands one for what is before all pieces, behind its last one that hardly an address comes to. An
index says for each part of the addresses of a kind how far all of it moves, which it most often
does, or which piece is the first that begins in it: most often the only one.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.reader import read_from, read_limited, read_signed, refuse_if
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.sites import SPACE
from pcpu.kernel import Memory, State
from pcpu.kernel.memory import i32_at, i64_at, put_32, put_64

_LARGEST_SHIFT = 1 << 62
_NEAR = 28  # bits of addresses that are few enough to be looked up together
_MOST_PARTS = 1 << 16  # of a kind
_KINDS = 5  # of addresses: near ones, others, and those of three kinds of things (SPACE) or more
_ROW = 32  # bytes of the index about a kind: where its parts are, the first address, bits of their
_FIRST, _BITS, _LAST = 8, 16, 24  # size, the last part
_PIECE = 16  # bytes of the table about a piece
_PARTS = 8  # of a piece, at least, unless those are too many
_LOOKED_UP = 16  # sites of a part, at most, likewise
_FAR = 1 << 30  # shifts that the index has no room for
_BEHIND_ALL = (1 << 63) - 1


def read_map(s: State, heap: Memory, starts: int) -> int:
    """Read the map from the group that was loaded, whose first stream has so many bytes; a status.
    A piece has at least a byte in each of the two streams."""
    table, middle = take(s, _PIECE * (starts + 2)), s[S.CONTENT] + starts
    if table < 0:
        return table
    s[S.MAP] = table
    put_64(heap, table, 0)
    put_64(heap, table + 8, 0)
    read_from(s, s[S.CONTENT], middle)
    last, address, amount = table, 0, 0
    while s[S.AT] < s[S.END]:
        address += read_limited(s, heap, 1 if last > table else 0, _BEHIND_ALL - 1 - address, 25)
        last += _PIECE
        put_64(heap, last, address)
    read_from(s, middle, s[S.CONTENT] + s[S.CONTENT_LENGTH])
    for piece in range(table + _PIECE, last + _PIECE, _PIECE):
        amount += read_signed(s, heap)
        refuse_if(s, not -_LARGEST_SHIFT < amount < _LARGEST_SHIFT, fail(S.DAMAGED, 25))
        put_64(heap, piece + 8, amount)
    refuse_if(s, s[S.AT] != s[S.END], fail(S.DAMAGED, 25))
    put_64(heap, last + _PIECE, _BEHIND_ALL)
    put_64(heap, last + _PIECE + 8, amount)
    s[S.PIECES], s[S.TOP] = (last - table) // _PIECE, last + 2 * _PIECE
    return s[S.WRONG] if s[S.WRONG] else _index_map(s, heap)


def _index_map(s: State, heap: Memory) -> int:
    """Make the index; a status."""
    most = max(_PARTS * s[S.PIECES], s[S.SITES] // _LOOKED_UP)
    room = min(2 * most, _MOST_PARTS) * _KINDS + 2 * _KINDS
    at = take(s, _ROW * _KINDS + 4 * room)
    if at < 0:
        return at
    s[S.MAP_INDEX] = at
    part, last = at + _ROW * _KINDS, 0
    for kind in range(_KINDS):
        piece = last
        while last < s[S.PIECES] and _kind(_start(s, heap, last)) == kind:
            last += 1
        first = _start(s, heap, piece) if kind and piece < last else 0
        parts, bits = 1, 0
        while piece < last and parts < min(most, _MOST_PARTS):
            parts *= 2
        while piece < last and _start(s, heap, last - 1) - first >> bits >= parts:
            bits += 1
        put_64(heap, at, part)
        put_64(heap, at + _FIRST, first)
        put_64(heap, at + _BITS, bits)
        put_64(heap, at + _LAST, parts - 1)
        at += _ROW
        for n in range(parts):
            before = piece
            while piece < last and _start(s, heap, piece) - first >> bits <= n:
                piece += 1
            amount = i64_at(heap, s[S.MAP] + _PIECE * before + 8)
            parted = piece > before or not -_FAR < amount < _FAR
            put_32(heap, part, 2 * before + 1 if parted else 2 * amount)
            part += 4
    return 0


def _kind(address: int) -> int:
    return min((address >> SPACE) + (1 if address >> _NEAR > 0 else 0), _KINDS - 1)


def _start(s: State, heap: Memory, piece: int) -> int:
    return i64_at(heap, s[S.MAP] + _PIECE * (piece + 1))


def shift(s: State, heap: Memory, address: int) -> int:
    """By how much an address moved."""
    row, behind = s[S.MAP_INDEX], address
    if address >> _NEAR:
        if address < 0:
            return 0
        row += _ROW * _kind(address)
        behind = max(address - i64_at(heap, row + _FIRST), 0)
    bits, last = i64_at(heap, row + _BITS), i64_at(heap, row + _LAST)
    told = i32_at(heap, i64_at(heap, row) + 4 * min(behind >> bits, last))
    return shift_among(s, heap, told >> 1, address) if told & 1 else told >> 1


def is_near(address: int) -> bool:
    """Whether an address is of those that are looked up together."""
    return address >> _NEAR == 0


def near_parts(s: State, heap: Memory) -> tuple[int, int, int]:
    """What ``near_shift`` looks up near addresses with, the same for all."""
    row = s[S.MAP_INDEX]
    return i64_at(heap, row), i64_at(heap, row + _BITS), i64_at(heap, row + _LAST)


def near_shift(s: State, heap: Memory, address: int, parts: int, bits: int, last: int) -> int:
    """By how much a near address moved."""
    told = i32_at(heap, parts + 4 * min(address >> bits, last))
    return shift_among(s, heap, told >> 1, address) if told & 1 else told >> 1


def shift_among(s: State, heap: Memory, before: int, address: int) -> int:
    """The shift of an address that does not lie before the last of so many pieces."""
    low, step = s[S.MAP] + _PIECE * before, _PIECE
    end = s[S.MAP] + _PIECE * (s[S.PIECES] + 1)
    high = low
    while high < end and i64_at(heap, high + _PIECE) <= address:
        low = high + _PIECE
        high = min(low + step, end)
        step *= 2
    while low < high:
        middle = low + (high - low + _PIECE) // (2 * _PIECE) * _PIECE
        if i64_at(heap, middle) <= address:
            low = middle
        else:
            high = middle - _PIECE
    return i64_at(heap, low + 8)

"""The map (G25): by how much addresses move.

A table says where each piece begins and how far things move from there on. Before its first row
stands one for what is before all pieces, behind its last one that hardly an address comes to. An
index says for each part of the addresses of a kind which pieces begin in it: most often none or
one, so that one has to be looked at for an address.
"""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.reader import read_from, read_limited, read_signed, refuse_if
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.sites import SPACE
from pcpu.kernel import Ints, Memory
from pcpu.kernel.memory import i64_at, put_32, put_64, u32_at

_LARGEST_SHIFT = 1 << 62
_NEAR = 28  # bits of addresses that are few enough to be looked up together
_MOST_PARTS = 1 << 16  # of a kind
_KINDS = 5  # of addresses: near ones, others, and those of three kinds of things (SPACE) or more
_ROW = 32  # bytes of the index about a kind: where its parts are, the first address, bits of their
_FIRST, _BITS, _LAST = 8, 16, 24  # size, the last part
_PIECE = 16  # bytes of the table about a piece
_PARTS = 8  # of a piece, at least, unless those are too many
_LOOKED_UP = 16  # sites of a part, at most, likewise
_BEHIND_ALL = (1 << 63) - 1


def read_map(s: Ints, heap: Memory) -> int:
    """Read the map from the group that was loaded; a status. A piece has at least a byte in each of
    the two streams."""
    table, middle = take(s, _PIECE * (s[S.STREAM + 3] + 2)), s[S.CONTENT] + s[S.STREAM + 3]
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
    read_from(s, middle, middle + s[S.STREAM + 5])
    for piece in range(table + _PIECE, last + _PIECE, _PIECE):
        amount += read_signed(s, heap)
        refuse_if(s, not -_LARGEST_SHIFT < amount < _LARGEST_SHIFT, fail(S.DAMAGED, 25))
        put_64(heap, piece + 8, amount)
    refuse_if(s, s[S.AT] != s[S.END], fail(S.DAMAGED, 25))
    put_64(heap, last + _PIECE, _BEHIND_ALL)
    put_64(heap, last + _PIECE + 8, amount)
    s[S.PIECES], s[S.TOP] = (last - table) // _PIECE, last + 2 * _PIECE
    return s[S.WRONG] if s[S.WRONG] else _index_map(s, heap)


def _index_map(s: Ints, heap: Memory) -> int:
    """Make the index; a status. A part has the number of the first piece that begins in it or
    behind it."""
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
        for n in range(parts + 1):
            while piece < last and _start(s, heap, piece) - first >> bits < n:
                piece += 1
            put_32(heap, part, piece)
            part += 4
    return 0


def _kind(address: int) -> int:
    return min((address >> SPACE) + (1 if address >> _NEAR > 0 else 0), _KINDS - 1)


def _start(s: Ints, heap: Memory, piece: int) -> int:
    return i64_at(heap, s[S.MAP] + _PIECE * (piece + 1))


def shift(s: Ints, heap: Memory, address: int) -> int:
    """By how much an address moved."""
    row, behind = s[S.MAP_INDEX], address
    if address >> _NEAR:
        if address < 0:
            return 0
        row += _ROW * _kind(address)
        behind = max(address - i64_at(heap, row + _FIRST), 0)
    number = min(behind >> i64_at(heap, row + _BITS), i64_at(heap, row + _LAST))
    part = i64_at(heap, row) + 4 * number
    piece = s[S.MAP] + _PIECE * u32_at(heap, part)
    piece += _PIECE if i64_at(heap, piece + _PIECE) <= address else 0
    if i64_at(heap, piece + _PIECE) <= address:
        piece = _last_piece(heap, piece, s[S.MAP] + _PIECE * u32_at(heap, part + 4), address)
    return i64_at(heap, piece + 8)


def _last_piece(heap: Memory, low: int, high: int, address: int) -> int:
    """The last piece from ``low`` to ``high`` that does not begin behind an address, as the first
    does not."""
    while low < high:
        middle = low + (high - low + _PIECE) // (2 * _PIECE) * _PIECE
        if i64_at(heap, middle) <= address:
            low = middle
        else:
            high = middle - _PIECE
    return low

"""The bytes of a block of an FNV chain, transposed to rows; docs/notes/fnv-parallel.md has more.

A block is ``8 * width`` chunks of ``rows`` bytes. In memory it becomes 8 columns of ``rows``
vectors of ``width`` bytes: byte ``a`` of a vector of column ``r`` belongs to chunk ``8a + r``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from llvmlite import ir

from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.lane import joined, shuffle

STRIP = 16  # rows that are transposed at a time: the bytes of one load
EachRow = Callable[..., None]
Array = tuple[Value, int]  # an address, and the bytes of a row


@dataclass(frozen=True)
class Rows:
    """Rows in ``memory``, whose columns are ``stride`` bytes apart."""

    memory: Value
    width: int
    stride: int

    def emit(self, code: Code, data: Value, rows: Value, usual: Sequence[int]) -> None:
        """Fill them from a block's bytes; for ``usual`` numbers of rows there is special code."""
        done = code.function.append_basic_block("rows")
        for number in usual:
            known = code.size(number)
            with code.when(code.b.icmp_unsigned("==", rows, known)):
                self._tiles(code, data, known, partial(self._halves, code, 8 * number))
                code.b.branch(done)
        self._tiles(code, data, rows, partial(self._tile, code, code.b.mul(rows, code.size(8))))
        code.b.branch(done)
        code.b.position_at_end(done)

    def _tiles(
        self, code: Code, data: Value, rows: Value, tile: Callable[[Value, Value], None]
    ) -> None:
        """``tile`` with where each begins in the data and in memory: 16 rows of a column."""
        with (
            code.loop(code.size(0), rows, STRIP, plain=True) as row,
            code.loop(code.size(0), code.size(8), 1, plain=True) as r,
        ):
            start = code.byte_at(data, code.b.add(row, code.b.mul(r, rows)))
            column = code.byte_at(self.memory, code.b.mul(r, code.size(self.stride)))
            to = code.byte_at(column, code.b.mul(row, code.size(self.width)))
            tile(code.opaque(start), code.opaque(to))

    def _tile(self, code: Code, stride: Value, start: Value, to: Value) -> None:
        """16 bytes of the chunks of a column, which are ``stride`` apart in the data."""
        piece = ir.VectorType(I8, STRIP)
        lanes = []
        for lane in range(STRIP):
            parts = []
            for part in range(0, self.width, STRIP):
                offset = code.b.mul(stride, code.size(part + lane))
                parts.append(code.load(piece, code.byte_at(start, offset), align=1))
            lanes.append(joined(code, parts))
        for i, vector in enumerate(transpose_bytes(code, lanes)):
            code.b.store(vector, at(code, to, i * self.width))

    def _halves(self, code: Code, stride: int, start: Value, to: Value) -> None:
        """The same for a known stride and vectors of 16 bytes, which then lasts with V8's
        registers: all offsets are in the instructions, and 8 rows are made at a time."""
        piece = ir.VectorType(I8, STRIP)
        for half in range(2):
            places = [at(code, start, lane * stride) for lane in range(STRIP)]
            lanes = [code.load(piece, place, align=1) for place in places]
            for i, vector in enumerate(_half_transposed(code, lanes, half)):
                code.b.store(vector, at(code, to, (8 * half + i) * self.width))


def transpose_bytes(code: Code, vectors: Sequence[Value]) -> list[Value]:
    """16 vectors, each within its 16-byte parts: byte q of vector i to byte i of vector q.

    Four rounds of interleaving the first with the second half, which processors have as
    instructions on 8-bit units; wider units would do for later rounds but not for the order.
    """
    rows = list(vectors)
    for _ in range(4):
        rows = _interleaved(code, rows)
    return rows


def _half_transposed(code: Code, vectors: Sequence[Value], half: int) -> list[Value]:
    """8 of the vectors of ``transpose_bytes``, the first or the last: they fit in registers."""
    rows = _interleaved(code, vectors)[half::2]
    for _ in range(3):
        rows = _interleaved(code, rows)
    return rows


def _interleaved(code: Code, rows: Sequence[Value]) -> list[Value]:
    """The first half of the vectors with the second half, each in two vectors."""
    count = rows[0].type.count
    lows, highs = [], []
    for part in range(0, count, 16):
        for lane in range(part, part + 8):
            lows += [lane, count + lane]
            highs += [8 + lane, count + 8 + lane]
    mixed = []
    middle = len(rows) // 2
    for first, second in zip(rows[:middle], rows[middle:], strict=True):
        mixed.append(shuffle(code, first, second, lows))
        mixed.append(shuffle(code, first, second, highs))
    return mixed


def at(code: Code, pointer: Value, offset: int) -> Value:
    """The address ``offset`` bytes behind ``pointer``."""
    return code.within(pointer, code.size(offset))


def scratch(code: Code, size: int, align: int) -> Value:
    """The address of so many bytes that end with the function."""
    slot = code.local(ir.ArrayType(I8, size))
    slot.align = align
    slot.type = POINTER  # llvmlite would else take it for a pointer to arrays
    return slot


def each_row(code: Code, rows: Value, arrays: Sequence[Array], *bodies: EachRow) -> None:
    """A body with the places of each row in several arrays.

    A turn has a row for each of the bodies: with two the places move half as often.
    """
    with code.loop(code.size(0), rows, len(bodies), plain=True) as row:
        offsets = [code.b.mul(row, code.size(size)) for _, size in arrays]
        places = [
            code.opaque(code.byte_at(base, offset))
            for (base, _), offset in zip(arrays, offsets, strict=True)
        ]
        for k, body in enumerate(bodies):
            pairs = zip(places, arrays, strict=True)
            body(*(at(code, place, k * size) for place, (_, size) in pairs))

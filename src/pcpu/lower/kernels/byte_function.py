"""Values that hang on a byte alone and take many instructions: looked up in tables that are made
when compiling.

Of 256 values, 16 at a time are looked up by the low bits of a byte (table.py). In WebAssembly that
pays for two kinds. Where the value is that of the low half of the byte joined with that of the high
half, as in counts and permutations of bits, two rows do. And where it is the byte or nothing,
joined with a number, but for a few rows, these do (few_rows.py), as for letters and digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import add, xor

from llvmlite import ir

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Var, function, walk
from pcpu.lower.code import Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.table import HALF, SIZE, Method, method
from pcpu.lower.lane import joined, lane_type, pieces, shuffle

ROW = 16
ROWS = 4  # that may be looked up one by one
# Instructions of V8 for a vector: what operators take, and what look-ups do.
_OPERATORS = {"<<": 2, ">>": 2, "*": 5, "%": 10, **dict.fromkeys(COMPARISONS, 2)}
_CHOICE, _HALVES, _SIMPLE, _ROW = 3, 8, 2, 4
_AFFINE = 4
_WHOLE = 12  # from so many on, all of a table that a processor has instructions for takes less


@dataclass(frozen=True)
class _Found:
    """A way to look up, and roughly the instructions that it takes."""

    cost: int
    emit: Callable[[Code, Value], Value]


def looked_up(code: Code, expr: Expr, byte: Value) -> Value | None:
    """``expr`` of each lane of ``byte``, in 8 bits, by look-ups; None where it is about more than
    the byte, or these take no less than what is written."""
    cost = _cost(expr)
    if cost is None or cost <= _HALVES:
        return None
    value = function(expr, ("byte",), 8)
    found = _cheapest(code, [value(byte) for byte in range(SIZE)])
    return found.emit(code, byte) if found is not None and found.cost < cost else None


def _cost(expr: Expr) -> int | None:
    total = 0
    for node in set(walk(expr)):
        match node:
            case Binary(op, _, _):
                total += _OPERATORS.get(op, 1)
            case Cond():
                total += _CHOICE
            case Const() | Var("byte"):
                pass
            case _:
                return None
    return total


def _cheapest(code: Code, table: Sequence[int]) -> _Found | None:
    if code.target.plain_engine:
        return _by_halves(table) or _by_rows(table)
    how = method(code.target)
    if "+gfni" in code.target.features and _made_of(table, xor, [1 << bit for bit in range(8)]):
        return _Found(_AFFINE, partial(_affine, table))
    return None if how is None or how.differences else _Found(_WHOLE, partial(_whole, how, table))


def _made_of(table: Sequence[int], join: Callable[[int, int], int], parts: Sequence[int]) -> bool:
    """Whether the value of each byte is that of 0 joined with what each of its ``parts``, bits that
    are apart, makes of that."""
    for byte in range(SIZE):
        value = table[0]
        for part in parts:
            value = join(value, _differs(table, join, byte & part))
        if value & 255 != table[byte]:
            return False
    return True


def _differs(table: Sequence[int], join: Callable[[int, int], int], byte: int) -> int:
    """What the value of ``byte`` is joined of besides that of 0."""
    return (table[byte] ^ table[0] if join is xor else table[byte] - table[0]) & 255


def _affine(table: Sequence[int], code: Code, byte: Value) -> Value:
    """By the instruction that multiplies by matrices over GF(2), whose first row is the highest."""
    count = min(byte.type.count, vectors.width(code.target))
    columns = [table[1 << bit] ^ table[0] for bit in range(8)]
    rows = [sum((c >> bit & 1) << k for k, c in enumerate(columns)) for bit in range(7, -1, -1)]
    kind = lane_type(8, count)
    name = f"llvm.x86.vgf2p8affineqb.{8 * count}"
    matrix, number = kind(rows * (count // 8)), ir.IntType(8)(table[0])
    parts = pieces(code, byte, count)
    return joined(code, [vectors.call(code, name, kind, [part, matrix, number]) for part in parts])


def _whole(how: Method, table: Sequence[int], code: Code, byte: Value) -> Value:
    """By the processor's instructions for tables."""
    kind, count = lane_type(8, how.row), byte.type.count
    rows = [kind(list(table[at : at + how.row])) for at in range(0, SIZE, how.row)]
    if count < how.lanes:
        lanes = [i % count for i in range(how.lanes)]
        wide = how.look_up(code, rows, shuffle(code, byte, byte, lanes))
        return shuffle(code, wide, wide, range(count))
    parts = pieces(code, byte, how.lanes)
    return joined(code, [how.look_up(code, rows, part) for part in parts])


def _by_halves(table: Sequence[int]) -> _Found | None:
    halves = (ROW - 1, SIZE - ROW)
    how = next((join for join in (xor, add) if _made_of(table, join, halves)), None)
    return None if how is None else _Found(_HALVES, partial(_halves, table, how))


def _halves(table: Sequence[int], how: Callable[[int, int], int], code: Code, byte: Value) -> Value:
    """By a look-up for each half of the byte."""
    high = [_differs(table, how, at) for at in range(0, SIZE, ROW)]
    b, rows = code.b, [code.kept_row(bytes(row)) for row in (table[:ROW], high)]

    def found(part: Value) -> Value:
        mask = code.kept(ROW - 1, 8, ROW)
        words = b.bitcast(part, lane_type(16, ROW // 2))
        upper = b.bitcast(b.lshr(words, words.type([4] * words.type.count)), part.type)
        places = (b.and_(part, mask), b.and_(upper, mask))
        values = [_swizzle(code, row, at) for row, at in zip(rows, places, strict=True)]
        return b.xor(*values) if how is xor else b.add(*values)

    return joined(code, [found(part) for part in pieces(code, byte, ROW)])


def _by_rows(table: Sequence[int]) -> _Found | None:
    # The byte itself or nothing, and a number that makes the first or the last byte right.
    best: tuple[dict[int, bytes], int, int] | None = None
    for mask in (0, 255):
        for at in (0, SIZE - 1, HALF):
            number = table[at] ^ at & mask
            left = [t ^ b & mask ^ number for b, t in enumerate(table)]
            rows = {k: bytes(left[k : k + ROW]) for k in range(0, SIZE, ROW)}
            rows = {k: row for k, row in rows.items() if any(row)}
            if len(rows) <= ROWS and (best is None or len(rows) < len(best[0])):
                best = rows, mask, number
    if best is None:
        return None
    return _Found(_SIMPLE + _ROW * len(best[0]), partial(_few, *best))


def _few(rows: dict[int, bytes], mask: int, number: int, code: Code, byte: Value) -> Value:
    """By a look-up for each row that is not simple."""
    b = code.b
    kept = [(first, code.kept_row(row)) for first, row in rows.items()]

    def found(part: Value) -> Value:
        splat = code.kept(number, 8, ROW)
        here = b.xor(part, splat) if mask else splat
        for first, row in kept:
            here = b.xor(here, _swizzle(code, row, b.sub(part, code.kept(first, 8, ROW))))
        return here

    return joined(code, [found(part) for part in pieces(code, byte, ROW)])


def _swizzle(code: Code, row: Value, places: Value) -> Value:
    kind = ir.VectorType(ir.IntType(8), ROW)
    return vectors.call(code, "llvm.wasm.swizzle", kind, [row, places])

"""Array folds whose bin and value depend on the byte alone: count the bytes, then do each once.

Steps that follow each other wait for each other where they meet in one bin in memory, some five
cycles for each byte of a run. So eight neighbouring bytes count in a table each, and a bin is met
again only in the next eight. At the end byte b with the count c changes its bin as c steps would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from llvmlite import ir

from pcpu.expr import Expr, uses
from pcpu.isa import Op
from pcpu.lower.code import I8, I32, I64, Code, Value
from pcpu.lower.forms import Combine, combination
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.accumulators import combine
from pcpu.lower.kernels.function import inside, kernel_function, variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.lane import lane_type
from pcpu.lower.stage import Stage

TABLES = 8
LEAST = 1024  # bytes from where on the tables are worth their start and their end
PIECE = 1 << 31  # bytes whose counts fit in 32 bits


@dataclass(frozen=True)
class Histogram:
    """``state = combine(state, value)`` in the bin of a byte."""

    combine: Combine
    value: Expr


def histogram(op: Op) -> Histogram | None:
    """The step of an array fold as a Histogram, None where it is something else."""
    if op.bin_expr is None or uses(op.bin_expr, "index") or uses(op.step_expr, "index"):
        return None
    found = combination(op.step_expr)
    return None if found is None or found[0] == "mul" else Histogram(*found)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    function, body = kernel_function(code, "histogram", I8, stages)
    if body is not None:
        _write(body, *inside(body, stages))
    code.b.call(function, [I8(0), data, length, *variables(stages)])


def _write(code: Code, stage: Stage) -> None:
    data, length = code.function.args[1:3]
    with code.pieces(code.size(0), length, PIECE) as (begin, end):
        size, start = code.b.sub(end, begin), code.byte_at(data, begin)
        with code.b.if_else(code.b.icmp_unsigned("<", size, code.size(LEAST))) as (short, long):
            with short:
                _each(code, stage, start, size)
            with long:
                tables = _Words(code) if code.target.plain_engine else _Bytes(code)
                whole = code.b.and_(size, code.size(-TABLES))
                with code.pieces(code.size(0), whole, tables.limit) as piece:
                    with code.loop(*piece, TABLES) as i:
                        tables.count(code.byte_at(start, i))
                    tables.flush()
                _each(code, stage, code.byte_at(start, whole), code.b.sub(size, whole))
                _add(code, stage, tables)
    code.b.ret(I8(0))


def _each(code: Code, stage: Stage, data: Value, length: Value) -> None:
    with code.loop(code.size(0), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, stage, code.load(I8, address), address)


class _Tables(Protocol):
    limit: int | None
    """The bytes after which a count could overflow without a ``flush``."""

    def count(self, pointer: Value) -> None:
        """Count TABLES bytes, each in a table of its own."""

    def flush(self) -> None: ...

    def total(self, byte: Value) -> Value:
        """How often a byte, as wide as a pointer, has been counted; in 32 bits."""


class _Words:
    """Counts of 32 bits at an address that is constant, which saves an addition a byte."""

    limit: int | None = None
    # Tables that lie a multiple of 4096 bytes apart look to some processors like one.
    STRIDE = 256 * 4 + 64

    def __init__(self, code: Code) -> None:
        self._code = code
        size = TABLES * self.STRIDE
        self._tables = code.memory("histogram.tables", size)
        code.fill(self._tables, I8(0), code.size(size))

    def _place(self, number: int, byte: Value) -> Value:
        table = self._code.byte_at(self._tables, self._code.size(self.STRIDE * number))
        return self._code.b.gep(table, [byte], inbounds=True, source_etype=I32)

    def count(self, pointer: Value) -> None:
        code = self._code
        for number in range(TABLES):
            byte = code.load(I8, code.byte_at(pointer, code.size(number)))
            place = self._place(number, code.resize(byte, code.usize.width))
            code.b.store(code.b.add(code.load(I32, place), I32(1)), place)

    def flush(self) -> None:
        pass

    def total(self, byte: Value) -> Value:
        places = (self._place(number, byte) for number in range(TABLES))
        return reduce(self._code.b.add, [self._code.load(I32, place) for place in places])


class _Bytes:
    """Counts of 8 bits, those of a byte side by side: the fewer lines of the cache there are, the
    more stores meet in one. Before they overflow they are added to counts of 32 bits, two a byte.
    """

    limit: int | None = 255 * TABLES

    def __init__(self, code: Code) -> None:
        self._code = code
        self._tables, self._totals = code.room(256 * TABLES), code.room(256 * 8)
        for room in (self._tables, self._totals):
            code.fill(room, I8(0), code.size(2048))

    def count(self, pointer: Value) -> None:
        code = self._code
        word = code.load(I64, pointer, 1)
        for number in range(TABLES):
            byte = code.b.and_(code.b.lshr(word, I64(8 * number)), I64(255))
            byte = code.resize(byte, code.usize.width)
            place = code.b.add(code.b.mul(byte, code.size(TABLES)), code.size(number))
            place = code.byte_at(self._tables, place)
            code.b.store(code.b.add(code.load(I8, place), I8(1)), place)

    def flush(self) -> None:
        code, lanes = self._code, vectors.width(self._code.target)
        bytes_, words = lane_type(8, lanes), lane_type(32, lanes // 4)
        with code.loop(code.size(0), code.size(256 * TABLES), lanes) as i:
            counts, totals = code.byte_at(self._tables, i), code.byte_at(self._totals, i)
            sums = vectors.pair_sums(code, code.load(bytes_, counts, 8))
            sums = vectors.half_sums(code, sums)
            code.b.store(code.b.add(code.load(words, totals, 8), sums), totals, 8)
            code.b.store(ir.Constant(bytes_, None), counts, 8)

    def total(self, byte: Value) -> Value:
        code = self._code
        pair = code.b.gep(self._totals, [byte], inbounds=True, source_etype=I64)
        second = code.byte_at(pair, code.size(4))
        return code.b.add(code.load(I32, pair), code.load(I32, second))


def _add(code: Code, stage: Stage, tables: _Tables) -> None:
    """To each bin what all bytes for it make of it."""
    form = histogram(stage.op)
    assert form is not None
    with code.loop(code.size(0), code.size(256), 1) as i:
        count = tables.total(i)
        given = {"byte": code.resize(i, 8)}
        slot, state = chain.bin_of(code, stage, given)
        value = stage.scalar(code, form.value, given, stage.op.state_bits)
        after = combine(code, form.combine, state, _times(code, form.combine, value, count))
        if form.combine not in ("add", "sub", "xor"):
            met = code.b.icmp_unsigned("!=", count, I32(0))
            after = code.b.select(met, after, state)
        code.b.store(code.resize(after, 64), slot)


def _times(code: Code, how: Combine, value: Value, count: Value) -> Value:
    """What ``value`` makes ``count`` times, for those ways that it makes a difference for."""
    bits = value.type.width
    if how in ("add", "sub"):
        return code.b.mul(value, code.resize(count, bits))
    if how == "xor":
        return code.b.mul(value, code.resize(code.b.and_(count, I32(1)), bits))
    return value


KERNEL = Kernel(
    "histogram",
    "counts of the bytes in several tables, each byte's step once at the end",
    lambda op, target: histogram(op) is not None,
    emit,
    fuses=False,
)

"""Maps that look bytes up wherever an expression says: one byte after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial, reduce

from llvmlite import ir

from pcpu.lower import obstacle
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.kernels import few_rows, lanes
from pcpu.lower.kernels.accumulators import combine
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Bytes, Stage

LONG = 512  # bytes from where on it pays to move tables
WORTH_A_LOOK = 4096  # bytes from where on it pays to look at what is in tables
UNROLLED = 16
WORD = 4  # bytes that are written together
SMALL = 64  # names, constants and operators up to which a byte's code may be repeated
TABLE = 256  # bytes of one that is moved


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    if not code.target.plain_engine:
        _each(code, stages, data, length)
        return
    with code.b.if_else(code.b.icmp_unsigned("<", length, code.size(LONG))) as (short, long):
        with short:
            _each(code, stages, data, length)
        with long:
            _long(code, _moved(code, stages), data, length)


def _long(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    """On vectors, if they allow it and so do the tables; else one byte after the other."""
    if not all(few_rows.accepts(stage.op) for stage in stages):
        _each(code, stages, data, length)
        return
    apart = [few_rows.TakenApart(code, stage) for stage in stages]
    needed = code.local(code.usize, code.size(few_rows.ROWS + 1))
    with code.when(code.b.icmp_unsigned(">=", length, code.size(WORTH_A_LOOK))):
        rows = [count for each in apart for count in each.rows()]
        code.b.store(reduce(partial(combine, code, "umax"), rows, code.size(0)), needed)
    most = code.load(code.usize, needed)
    with ExitStack() as stack:
        for count in (few_rows.ROWS // 2, few_rows.ROWS):
            enough = code.b.icmp_unsigned("<=", most, code.size(count))
            vectors, other = stack.enter_context(code.b.if_else(enough))
            with vectors:
                pairs = zip(stages, apart, strict=True)
                tables = [few_rows.FewRows(code, stage, each, count) for stage, each in pairs]
                lanes.emit(code, stages, data, length, tables)
            stack.enter_context(other)
        _each(code, stages, data, length)


def _each(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    done = code.local(code.usize, code.size(0))
    small = sum(stage.op.terms for stage in stages) <= SMALL
    # LLVM would take the bytes out of vectors, and put them back into others.
    for step in (UNROLLED, 1) if small else (1,):
        # A processor takes a store a cycle, and V8 writes what it is told.
        word = WORD if code.target.plain_engine and step > 1 else 1
        with code.loop(code.load(code.usize, done), length, step, plain=True) as i:
            here = code.opaque(code.byte_at(data, i))
            for k in range(0, step, word):
                _bytes(code, stages, code.within(here, code.size(k)), word)
            code.b.store(code.b.add(i, code.size(step)), done)


def _bytes(code: Code, stages: Sequence[Stage], address: Value, count: int) -> None:
    """``count`` bytes, written together."""
    kind, word = ir.IntType(8 * count), None
    for k in range(count):
        byte = code.resize(_byte(code, stages, code.within(address, code.size(k))), 8 * count)
        byte = code.b.shl(byte, kind(8 * k)) if k else byte
        word = byte if word is None else code.b.or_(word, byte)
    code.b.store(word, address, 1)


def _byte(code: Code, stages: Sequence[Stage], address: Value) -> Value:
    byte = code.load(I8, address)
    for stage in stages:
        byte = stage.scalar(code, stage.op.map_expr, stage.given(code, byte, address), 8)
    return byte


def _given(stage: Stage) -> list[Bytes]:
    """The tables that are not known when compiling."""
    return [
        value
        for imm, value in zip(stage.op.immediates, stage.immediates, strict=True)
        if imm.sizes == (TABLE, TABLE) and isinstance(value, Bytes) and value.content is None
    ]


def _moved(code: Code, stages: Sequence[Stage]) -> list[Stage]:
    """The stages with their tables at addresses that are constants, where an engine that checks
    every address has less to check."""
    places: dict[Bytes, Bytes] = {}
    for table in (table for stage in stages for table in _given(stage)):
        place = code.memory(f"table.{len(places)}", TABLE)
        code.move(place, table.pointer, code.size(TABLE))
        places[table] = replace(table, pointer=place)
    return [
        replace(stage, immediates=tuple(places.get(value, value) for value in stage.immediates))
        for stage in stages
    ]


KERNEL = Kernel(
    "lookup",
    "one byte after the other",
    lambda op, target: op.kind == "map",
    emit,
    fuses=True,
    serial=True,
    why=lambda op, target: obstacle.of_map(op),
)

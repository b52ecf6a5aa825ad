"""Maps that look bytes up wherever an expression says: one byte after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pcpu.lower.code import I8, Code, Value
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Bytes, Stage

LONG = 512  # bytes from where on it pays to move tables
UNROLLED = 16
SMALL = 64  # names, constants and operators up to which a byte's code may be repeated
TABLE = 256  # bytes of one that is moved


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    if not code.target.plain_engine or not any(map(_given, stages)):
        _each(code, stages, data, length)
        return
    with code.b.if_else(code.b.icmp_unsigned("<", length, code.size(LONG))) as (short, long):
        with short:
            _each(code, stages, data, length)
        with long:
            _each(code, _moved(code, stages), data, length)


def _each(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    done = code.local(code.usize, code.size(0))
    small = sum(stage.op.terms for stage in stages) <= SMALL
    # LLVM would take the bytes out of vectors, and put them back into others.
    for step in (UNROLLED, 1) if small else (1,):
        with code.loop(code.load(code.usize, done), length, step, plain=True) as i:
            here = code.byte_at(data, i)
            for k in range(step):
                _byte(code, stages, code.byte_at(here, code.size(k)))
            code.b.store(code.b.add(i, code.size(step)), done)


def _byte(code: Code, stages: Sequence[Stage], address: Value) -> None:
    byte = code.load(I8, address)
    for stage in stages:
        byte = stage.scalar(code, stage.op.map_expr, stage.given(code, byte, address), 8)
    code.b.store(byte, address)


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
)

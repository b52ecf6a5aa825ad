"""Folds that join a state with each byte by its place, bit by bit:

    state = state ^ f(byte, index mod m)        f(a ^ b, p) = f(a, p) ^ f(b, p)

and the same of ``|``. So bytes whose places are equal modulo m may be joined first: vectors of a
multiple of m bytes, one after the other. What they make goes through the step as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llvmlite import ir

from pcpu.lower.code import I8, Code, Value
from pcpu.lower.columns import WIDTH, Columns, columns
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage

_LEAST = 4 * WIDTH  # bytes from which on that pays


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = columns(stage.op)
    assert form is not None
    whole = code.local(code.usize, code.size(0))
    with code.when(code.b.icmp_unsigned(">=", length, code.size(_LEAST))):
        end = code.b.and_(length, code.size(-WIDTH))
        code.b.store(end, whole)
        room = code.room(WIDTH, 64)
        code.b.store(_joined(code, form, data, end), room, align=64)
        place = code.b.ptrtoint(room, code.usize)
        origin = code.b.sub(stage.index(code, data), code.resize(place, 64))
        chain.emit(code, [replace(stage, origin=origin)], room, code.size(WIDTH))
    done = code.load(code.usize, whole)
    chain.emit(code, stages, code.byte_at(data, done), code.b.sub(length, done))


def _joined(code: Code, form: Columns, data: Value, end: Value) -> Value:
    """All vectors before ``end`` joined to one."""
    kind = ir.VectorType(I8, WIDTH)
    total = code.local(kind, ir.Constant(kind, None))
    join = code.b.xor if form.join == "xor" else code.b.or_
    with code.loop(code.size(0), end, WIDTH, plain=True) as i:
        loaded = code.load(kind, code.byte_at(data, i), align=1)
        code.b.store(join(code.load(kind, total), loaded), total)
    return code.load(kind, total)


KERNEL = Kernel(
    "columns",
    "bytes whose places are alike are joined first, on vectors",
    lambda op, target: columns(op) is not None,
    emit,
    fuses=False,
)

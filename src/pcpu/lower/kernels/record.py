"""Folds that change at records alone: the greatest byte and where it is.

    state = value(byte) > key(state) ? next(state, byte) : state
    key(next(state, byte)) = value(byte)

While no byte of a vector passes, none of them changes the state, and so neither what they are
compared with. A record raises that, so there are few; they go one after the other. Whether the key
of the next state is the byte's value is tried: the speed hangs on it, not the result.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import Binary, Cond, Expr, Index, function, uses, walk
from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.forms import lane_bits
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import Values
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type, splat
from pcpu.lower.linear import STATE
from pcpu.lower.stage import Stage
from pcpu.target import Target

_BLOCK = 64  # bytes that are looked at together
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True)
class Record:
    """The state changes where ``value`` of a byte, of 8 bits, compares with ``key`` of it as
    ``how`` says."""

    how: str
    value: Expr
    key: Expr


def record(op: Op) -> Record | None:
    """The step of a fold as Record, None where it is something else."""
    if not op.is_plain_fold or any(isinstance(node, Index) for node in walk(op.step_expr)):
        return None
    match op.step_expr:
        case Cond(Binary(how, left, right), then, other) if how in _MIRRORED:
            pass
        case _:
            return None
    if then == STATE:
        how, then, other = _OPPOSITES[how], other, then
    if other != STATE:
        return None
    for form in (Record(how, left, right), Record(_MIRRORED[how], right, left)):
        if _is_of_byte(op, form.value) and _is_of_state(form.key) and _follows(op, form, then):
            return form
    return None


def _is_of_byte(op: Op, value: Expr) -> bool:
    return uses(value, "byte") and lane_bits(op, value) == 8


def _is_of_state(key: Expr) -> bool:
    return uses(key, "state") and not uses(key, "byte") and not uses(key, "index")


def _follows(op: Op, form: Record, then: Expr) -> bool:
    """Whether a byte that changes the state is its key from there on, as far as tried."""
    dice, bits = random.Random(0), op.state_bits
    names = ("state", "byte", "index", *(imm.name for imm in op.immediates))
    value, key, after = (function(expr, names, bits) for expr in (form.value, form.key, then))
    for byte in range(256):
        rest = (byte, dice.getrandbits(32), *(dice.getrandbits(i.bits) for i in op.immediates))
        state = after(dice.getrandbits(bits), *rest)
        if key(state, *rest) != value(state, *rest):
            return False
    return True


def _accepts(op: Op, target: Target) -> bool:
    form = record(op)
    return form is not None and in_lanes(op, form.value, target)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form, bits = record(stage.op), stage.op.state_bits
    assert form is not None
    values = Values(code, stage, [form.value])
    whole = code.b.and_(length, code.size(-_BLOCK))
    with code.loop(code.size(0), whole, _BLOCK, plain=True) as i:
        here = code.byte_at(data, i)
        state = code.load(ir.IntType(bits), stage.state)
        key = stage.scalar(code, form.key, {"state": state}, bits)
        greatest = key.type(255)
        above = code.b.icmp_unsigned(">", key, greatest)
        key = code.resize(code.b.select(above, greatest, key), 8)
        value = values.of(code.load(lane_type(8, _BLOCK), here, 1), form.value, 8)
        passes = code.b.icmp_unsigned(form.how, value, splat(code, key, _BLOCK))
        some = vectors.any_true(code, passes)
        if form.how == "<":  # a greater key is above all bytes
            some = code.b.or_(some, above)
        with code.b.if_then(some, likely=False):
            chain.emit(code, stages, here, code.size(_BLOCK))
    chain.emit(code, stages, code.byte_at(data, whole), code.b.sub(length, whole))


KERNEL = Kernel(
    "record", "bytes that pass a test of the state, which few do", _accepts, emit, fuses=False
)

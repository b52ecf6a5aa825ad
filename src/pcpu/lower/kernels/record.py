"""Folds that change at records alone: the greatest byte and where it is, the two greatest.

    state = value(byte) > key(state) ? next(state, byte) : state

While no byte of a vector passes, none of them changes the state, and so neither what they are
compared with. There may be several tests, one where the other fails. How often any bytes change a
state is tried: the speed hangs on it, not the result.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from llvmlite import ir

from pcpu.expr import MIRRORED, OPPOSITES, Binary, Cond, Expr, Index, function, uses, walk
from pcpu.isa import Op
from pcpu.lower.code import I1, Code, Value
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
_TRIED, _OFTEN = 2048, 32  # bytes, and what part of them is often


@dataclass(frozen=True)
class Record:
    """The state may change where ``value`` of a byte, of 8 bits, compares with ``key`` of it as
    ``how`` says."""

    how: str
    value: Expr
    key: Expr


def records(op: Op) -> list[Record]:
    """The tests that a fold's step begins with, at none of which the state stays as it is; nothing
    where it is something else, or they are passed often."""
    if not op.is_plain_fold or any(isinstance(node, Index) for node in walk(op.step_expr)):
        return []
    found, rest = [], op.step_expr
    while rest != STATE:
        match rest:
            case Cond(Binary(how, left, right), then, other) if how in MIRRORED:
                pass
            case _:
                return []
        if then == STATE:  # so what else there is comes where the opposite holds
            how, other = OPPOSITES[how], STATE
        rest = other
        sides = Record(how, left, right), Record(MIRRORED[how], right, left)
        form = next((f for f in sides if _is_of_byte(op, f.value) and _is_of_state(f.key)), None)
        if form is None:
            return []
        found.append(form)
    return found if _are_few(op) else []


def _is_of_byte(op: Op, value: Expr) -> bool:
    return uses(value, "byte") and lane_bits(op, value) == 8


def _is_of_state(key: Expr) -> bool:
    return uses(key, "state") and not uses(key, "byte") and not uses(key, "index")


def _are_few(op: Op) -> bool:
    """Whether few of many bytes change the state, as tried with any."""
    dice = random.Random(0)
    known = {imm.name: dice.getrandbits(imm.bits) for imm in op.immediates}
    step = function(op.step_expr, ("state", "byte", "index"), op.state_bits, known)
    state, changes = dice.getrandbits(op.state_bits), 0
    for place in range(2 * _TRIED):
        before, state = state, step(state, dice.randrange(256), place)
        changes += place >= _TRIED and state != before
    return changes < _TRIED // _OFTEN


def _accepts(op: Op, target: Target) -> bool:
    found = records(op)
    return bool(found) and all(in_lanes(op, form.value, target) for form in found)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    found, bits = records(stage.op), stage.op.state_bits
    values = Values(code, stage, [form.value for form in found])
    whole = code.b.and_(length, code.size(-_BLOCK))
    with code.loop(code.size(0), whole, _BLOCK, plain=True) as i:
        here = code.byte_at(data, i)
        state = code.load(ir.IntType(bits), stage.state)
        loaded = code.load(lane_type(8, _BLOCK), here, 1)
        passing, some = [], I1(0)
        for form in found:
            key = stage.scalar(code, form.key, {"state": state}, bits)
            greatest = key.type(255)
            above = code.b.icmp_unsigned(">", key, greatest)
            key = code.resize(code.b.select(above, greatest, key), 8)
            value = values.of(loaded, form.value, 8)
            passing.append(code.b.icmp_unsigned(form.how, value, splat(code, key, _BLOCK)))
            if form.how == "<":  # a greater key is above all bytes
                some = code.b.or_(some, above)
        some = code.b.or_(some, vectors.any_true(code, reduce(code.b.or_, passing)))
        with code.b.if_then(some, likely=False):
            chain.emit(code, stages, here, code.size(_BLOCK))
    chain.emit(code, stages, code.byte_at(data, whole), code.b.sub(length, whole))


KERNEL = Kernel(
    "record", "bytes that pass a test of the state, which few do", _accepts, emit, fuses=False
)

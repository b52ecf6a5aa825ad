"""Folds whose state rests at most bytes: a longest run of zeros, the depth of brackets.

    state = test(byte) ? step(state, byte) : rest(state)        rest(rest(state)) = rest(state)

Only the bytes at which it does not go one after the other, and between them a single ``rest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr
from pcpu.isa import Op
from pcpu.lower.code import I1, I8, Code, Value
from pcpu.lower.forms import lane_bits
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import Values
from pcpu.lower.kernels.search import ALWAYS, NEVER, chosen, is_of_byte
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type
from pcpu.lower.linear import STATE, settled
from pcpu.lower.stage import Stage
from pcpu.target import Target


@dataclass(frozen=True)
class Idle:
    """Where ``busy``, which lanes of ``bits`` bits have exactly, is 0 the step is ``rest``."""

    busy: Expr
    rest: Expr
    bits: int


def idle(op: Op) -> Idle | None:
    """The step of a fold as Idle, None where it is something else."""
    if not op.is_plain_fold:
        return None
    step = settled(op.step_expr, op.state_bits)
    rests = list(dict.fromkeys(_rests(step)))
    if not rests:
        return None
    rest = STATE if STATE in rests else rests[0]
    busy = _busy(step, rest)
    bits = lane_bits(op, busy)
    return None if bits is None or busy == NEVER else Idle(busy, rest, bits)


def _rests(step: Expr) -> list[Expr]:
    """What the step may be that does the same once and twice."""
    match step:
        case Cond(test, then, other) if is_of_byte(test):
            return [*_rests(then), *_rests(other)]
        case Binary("&" | "|", left, Const()) | Binary("&" | "|", Const(), left) if left == STATE:
            return [step]
        case Binary(">>", Binary("<<", left, Const(a)), Const(b)) if left == STATE and a == b:
            return [step]
        case Binary("<<", Binary(">>", left, Const(a)), Const(b)) if left == STATE and a == b:
            return [step]
    return [step] if step == STATE else []


def _busy(step: Expr, rest: Expr) -> Expr:
    """Whether the step is something else than ``rest``."""
    match step:
        case Cond(test, then, other) if is_of_byte(test):
            return chosen(test, _busy(then, rest), _busy(other, rest))
    return NEVER if step == rest else ALWAYS


def _accepts(op: Op, target: Target) -> bool:
    form = idle(op)
    return form is not None and in_lanes(op, form.busy, target)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = idle(stage.op)
    assert form is not None
    lanes, values = vectors.width(code.target), Values(code, stage, [form.busy])
    whole = code.b.and_(length, code.size(-lanes))
    with code.loop(code.size(0), whole, lanes, plain=True) as i:
        here = code.byte_at(data, i)
        loaded = code.load(lane_type(8, lanes), here, 1)
        busy = values.of(loaded, form.busy, form.bits)
        truths = code.b.icmp_unsigned("!=", busy, ir.Constant(busy.type, None))
        mask = vectors.mask(code, truths)
        every = code.b.icmp_unsigned("==", mask, mask.type(-1))
        with code.b.if_else(every) as (busiest, other):
            with busiest:
                _each(code, stage, data, i, code.b.add(i, code.size(lanes)))
            with other:
                _busy_ones(code, stage, form, here, mask)
    _each(code, stage, data, whole, length)


def _each(code: Code, stage: Stage, data: Value, start: Value, end: Value) -> None:
    with code.loop(start, end, 1) as i:
        address = code.byte_at(data, i)
        chain.step(code, stage, code.load(I8, address), address)


def _busy_ones(code: Code, stage: Stage, form: Idle, start: Value, mask: Value) -> None:
    """The steps of a vector's bytes, of which those that ``mask`` has are busy."""
    kind, lanes = mask.type, mask.type.width
    left, after = code.local(kind, mask), code.local(code.usize, code.size(0))
    head, body, done = (code.function.append_basic_block(n) for n in ("head", "busy", "done"))
    code.b.branch(head)
    code.b.position_at_end(head)
    now = code.load(kind, left)
    code.b.cbranch(code.b.icmp_unsigned("!=", now, kind(0)), body, done)
    code.b.position_at_end(body)
    first = vectors.call(code, f"llvm.cttz.i{lanes}", kind, [now, I1(1)])
    place = code.resize(first, code.usize.width)
    _rest_unless(code, stage, form, code.b.icmp_unsigned("==", place, code.load(code.usize, after)))
    address = code.byte_at(start, place)
    # Which of them comes next no predictor knows, and what is waited for is elsewhere.
    chain.step(code, stage, code.load(I8, address), address, branches=False)
    code.b.store(code.b.add(place, code.size(1)), after)
    code.b.store(code.b.and_(now, code.b.sub(now, kind(1))), left)
    code.b.branch(head)
    code.b.position_at_end(done)
    end = code.b.icmp_unsigned("==", code.load(code.usize, after), code.size(lanes))
    _rest_unless(code, stage, form, end)


def _rest_unless(code: Code, stage: Stage, form: Idle, condition: Value) -> None:
    """What all bytes at which the state rests, one or more, make of it."""
    if form.rest == STATE:
        return
    state = code.load(ir.IntType(stage.op.state_bits), stage.state)
    rested = stage.scalar(code, form.rest, {"state": state}, stage.op.state_bits)
    code.b.store(code.b.select(condition, state, rested), stage.state)


KERNEL = Kernel(
    "idle",
    "only bytes at which the state does not rest, one after the other",
    _accepts,
    emit,
    fuses=False,
)

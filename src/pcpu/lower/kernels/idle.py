"""Folds whose state rests at most bytes: a longest run of zeros, the depth of brackets.

    state = test(byte) ? step(state, byte) : rest(state)

where ``rest`` twice is the same as once, or adds a number. Only the bytes at which the state does
not rest go one after the other, and between them all rests at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, Var, substitute, uses
from pcpu.isa import Op
from pcpu.lower.code import I1, I8, Code, Value
from pcpu.lower.forms import joined, lane_bits
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import Values
from pcpu.lower.kernels.search import ALWAYS, NEVER, chosen, is_of_byte
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type
from pcpu.lower.linear import STATE, settled, simplified
from pcpu.lower.stage import Stage
from pcpu.target import Target

_FEW = 4  # bytes that are compared with one after the other
_BYTE = Var("byte")


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
        busy = _busy_bytes(step, op.state_bits)
        return None if busy is None else Idle(busy, STATE, 8)
    rest = STATE if STATE in rests else rests[0]
    busy = _busy(step, rest)
    bits = lane_bits(op, busy)
    return None if bits is None or busy == NEVER else Idle(busy, rest, bits)


def _rests(step: Expr) -> list[Expr]:
    """What the step may be that is done at once for many bytes."""
    match step:
        case Cond(test, then, other) if is_of_byte(test):
            return [*_rests(then), *_rests(other)]
        case Binary("&" | "|", left, Const()) | Binary("&" | "|", Const(), left) if left == STATE:
            return [step]
        case Binary(">>", Binary("<<", left, Const(a)), Const(b)) if left == STATE and a == b:
            return [step]
        case Binary("<<", Binary(">>", left, Const(a)), Const(b)) if left == STATE and a == b:
            return [step]
    return [step] if step == STATE or _added(step) is not None else []


def _added(rest: Expr) -> int | None:
    """What ``rest`` adds to the state, if that is what it does."""
    match rest:
        case Binary("+", left, Const(number)) | Binary("+", Const(number), left) if left == STATE:
            return number
        case Binary("-", left, Const(number)) if left == STATE:
            return -number
    return None


def _busy(step: Expr, rest: Expr) -> Expr:
    """Whether the step is something else than ``rest``."""
    match step:
        case Cond(test, then, other) if is_of_byte(test):
            return chosen(test, _busy(then, rest), _busy(other, rest))
    return NEVER if step == rest else ALWAYS


def _busy_bytes(step: Expr, bits: int) -> Expr | None:
    """Whether a byte is one of the few at which the state does not rest; None where they are many
    or none. They are told by what the step becomes with each byte in its place."""
    if uses(step, "index"):
        return None
    each = (simplified(substitute(step, {"byte": byte}), bits) for byte in range(256))
    busy = [byte for byte, made in enumerate(each) if made != STATE]
    if not 0 < len(busy) <= _FEW:
        return None
    return joined([Binary("==", _BYTE, Const(byte)) for byte in busy], "|")


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
        count = vectors.call(code, f"llvm.ctpop.i{lanes}", mask.type, [mask])
        most = code.b.icmp_unsigned(">", count, mask.type(lanes - lanes // 4))
        with code.b.if_else(most) as (busiest, other):
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
    _rest(code, stage, form, code.b.sub(place, code.load(code.usize, after)))
    address = code.byte_at(start, place)
    # Which of them comes next no predictor knows, and what is waited for is elsewhere.
    chain.step(code, stage, code.load(I8, address), address, branches=False)
    code.b.store(code.b.add(place, code.size(1)), after)
    code.b.store(code.b.and_(now, code.b.sub(now, kind(1))), left)
    code.b.branch(head)
    code.b.position_at_end(done)
    _rest(code, stage, form, code.b.sub(code.size(lanes), code.load(code.usize, after)))


def _rest(code: Code, stage: Stage, form: Idle, count: Value) -> None:
    """What ``count`` bytes at which the state rests make of it."""
    if form.rest == STATE:
        return
    bits = stage.op.state_bits
    state = code.load(ir.IntType(bits), stage.state)
    if (number := _added(form.rest)) is not None:
        all_of_it = code.b.mul(code.resize(count, bits), state.type(number % (1 << bits)))
        code.b.store(code.b.add(state, all_of_it), stage.state)
        return
    rested = stage.scalar(code, form.rest, {"state": state}, bits)
    none = code.b.icmp_unsigned("==", count, code.size(0))
    code.b.store(code.b.select(none, state, rested), stage.state)


KERNEL = Kernel(
    "idle",
    "only bytes at which the state does not rest, one after the other",
    _accepts,
    emit,
    fuses=False,
)

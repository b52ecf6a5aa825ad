"""Folds that stop: once a bit of the state is set, or the state has come to a limit, nothing
changes it any more. The length of a text up to its NUL, the bytes that fit in a budget.

    state = stopped(state) ? state : step(state, byte)

Only few bytes can stop it, or none before so much has been added. So those bytes are looked for,
and what comes before them goes through the kernel of what the step is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, substitute, uses, walk
from pcpu.isa import Op
from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.forms import combination, lane_bits, maxima, upper_bound
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.inner import goes_by_byte, run, with_step
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.search import (
    ALWAYS,
    NEVER,
    NOWHERE,
    Search,
    chosen,
    is_of_byte,
    place_of,
    truth,
)
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.linear import STATE, settled, simplified
from pcpu.lower.sides import ABOVE, AT, BELOW, borders, sides
from pcpu.lower.stage import Stage
from pcpu.target import Target

PIECE = 1 << 14  # bytes that are looked through before their kernel takes them
FEW = 32  # bytes that go one after the other, where some may stop the state
_MANY = 64 * FEW  # that may be added at their most before a limit that is far


@dataclass(frozen=True)
class Halts:
    """The state stops where it has the bit ``flag``, or is no less than ``limit``. Before, the
    step is ``rest`` at all bytes but those of which ``when``, which lanes of ``bits`` bits have
    exactly, is not 0. That adds ``bound`` at most, 0 where it cannot stop the state."""

    flag: int | None
    limit: Expr | None
    when: Expr
    rest: Expr
    bits: int
    bound: int


def halts(op: Op) -> Halts | None:
    """The step of a fold as Halts, None where it is something else."""
    if not op.is_plain_fold or uses(op.step_expr, "index"):
        return None
    step = settled(_compared(op.step_expr, op.state_bits), op.state_bits)
    for flag in _flags(step):
        on, off = (simplified(_with_flag(step, flag, is_set), op.state_bits) for is_set in (1, 0))
        if on == STATE and (form := _form(op, off, flag, None)) is not None:
            return form
    for border in borders(step, STATE, op.state_bits):
        each = sides(step, STATE, border, op.state_bits)
        greatest = border == Const((1 << op.state_bits) - 1)
        if each[AT] in (STATE, border) and (greatest or each[ABOVE] == STATE):
            form = _form(op, each[BELOW], None, border)
            if form is not None:
                return form
    return None


def _compared(expr: Expr, bits: int) -> Expr:
    """Tests of the high bits of the state as comparisons with a number."""
    match expr:
        case Binary(">>", left, Const(amount)) if left == STATE and amount == bits - 1:
            return Binary(">=", STATE, Const(1 << amount))
        case Binary(op, left, right):
            return Binary(op, _compared(left, bits), _compared(right, bits))
        case Cond(Binary(">>", left, Const(amount)), then, other) if left == STATE:
            border = Const(1 << amount)
            if amount >= bits:
                return _compared(other, bits)
            then, other = _compared(then, bits), _compared(other, bits)
            return Cond(Binary(">=", STATE, border), then, other)
        case Cond(test, then, other):
            test = Binary(">=", STATE, Const(1)) if test == STATE else test
            return Cond(*(_compared(part, bits) for part in (test, then, other)))
    return expr


def _flags(step: Expr) -> Iterator[int]:
    """The bits that a step asks for alone."""
    for node in walk(step):
        match node:
            case Binary("&", left, Const(value)) | Binary("&", Const(value), left):
                if left == STATE and value and value & value - 1 == 0:
                    yield value


def _with_flag(expr: Expr, flag: int, is_set: int) -> Expr:
    """``expr`` where that bit of the state is set, or clear."""
    match expr:
        case Binary("&", left, Const(value)) | Binary("&", Const(value), left) if (
            left == STATE and value == flag
        ):
            return Const(flag * is_set)
        case Binary("|", left, Const(value)) | Binary("|", Const(value), left) if (
            left == STATE and value == flag and is_set
        ):
            return STATE
        case Binary(op, left, right):
            return Binary(op, *(_with_flag(part, flag, is_set) for part in (left, right)))
        case Cond(test, then, other):
            return Cond(*(_with_flag(part, flag, is_set) for part in (test, then, other)))
    return expr


def _form(op: Op, step: Expr, flag: int | None, limit: Expr | None) -> Halts | None:
    """``step``, which is what it is before the state stops, in two."""
    if limit == Const(1):  # the state is 0 up to there
        made = simplified(substitute(step, {"state": 0}), op.state_bits)
        when, bits = truth(made), lane_bits(op, made)
        return None if bits is None else Halts(None, limit, when, STATE, bits, 0)
    bounds: list[int] = []

    def parted(expr: Expr) -> tuple[Expr, Expr | None]:
        bound = _added(op, expr, flag, limit)
        if bound is not None:
            bounds.append(bound)
            return NEVER, expr
        match expr:
            case Cond(test, then, other) if is_of_byte(test):
                (first, one), (second, two) = parted(then), parted(other)
                rest = Cond(test, one, two) if one and two else one or two
                return chosen(test, first, second), rest
        return ALWAYS, None

    when, rest = parted(step)
    bits = lane_bits(op, when)
    if rest is None or bits is None:
        return None
    return Halts(flag, limit, when, rest, bits, max(bounds))


def _added(op: Op, expr: Expr, flag: int | None, limit: Expr | None) -> int | None:
    """What ``expr`` adds to the state at most, 0 where it cannot stop it; None where it may do so
    at once, or something else."""
    if expr == STATE:
        return 0
    found = combination(expr)
    if found is None:
        return None
    how, value = found
    if how == "and" or (how == "umin" and flag is None):
        return 0
    if how not in ("add", "or", "xor"):
        return None
    if flag is not None and _is_multiple(value, 2 * flag):
        return 0
    bound = upper_bound(value, maxima(op), op.state_bits)
    most = limit.value if isinstance(limit, Const) else flag
    return None if bound is None or (most is not None and bound >= most) else bound


def _is_multiple(value: Expr, of: int) -> bool:
    """Whether a value is one of such a power of two."""
    match value:
        case Const(number):
            return number % of == 0
        case Binary("*", _, Const(number)) | Binary("*", Const(number), _):
            return number % of == 0
        case Binary("<<", _, Const(amount)):
            return (1 << amount) % of == 0
        case Binary("+" | "|" | "^", left, right) | Cond(_, left, right):
            return _is_multiple(left, of) and _is_multiple(right, of)
    return False


def _accepts(others: Sequence[Kernel], op: Op, target: Target) -> bool:
    form = halts(op)
    if form is None or not (form.when == NEVER or in_lanes(op, form.when, target)):
        return False
    if _is_soon(op, form) and not goes_by_byte(others, op, target):
        return False
    return not goes_by_byte(others, with_step(op, "before", form.rest), target)


def _is_soon(op: Op, form: Halts) -> bool:
    """Whether few bytes may be so much that the state may stop, so that many go one by one."""
    most = form.limit.value if isinstance(form.limit, Const) else form.flag
    return form.bound * _MANY >= (1 << op.state_bits if most is None else most)


def _emit(
    others: Sequence[Kernel], code: Code, stages: Sequence[Stage], data: Value, length: Value
) -> None:
    (stage,) = stages
    form = halts(stage.op)
    assert form is not None
    before = with_step(stage.op, "before", form.rest)
    with _while_it_runs(code, stage, form, length) as (done, room):
        here = code.byte_at(data, code.load(code.usize, done))
        size = code.at_most(code.b.sub(length, code.load(code.usize, done)), code.size(PIECE))
        if form.bound:
            within = code.at_most(code.b.udiv(room, I64(form.bound)), I64(PIECE))
            size = code.at_most(code.to_size(within), size)
        with code.when(code.b.icmp_unsigned(">=", size, code.size(FEW))):
            if form.when != NEVER:
                search = Search(form.when, "<", form.bits)
                found = place_of(code, stage, search, here, size)
                nowhere = code.b.icmp_unsigned("==", found, NOWHERE)
                size = code.b.select(nowhere, size, code.to_size(found))
            run(code, others, stage, before, here, size)
            code.b.store(code.b.add(code.load(code.usize, done), size), done)
        start = code.load(code.usize, done)
        few = code.at_most(code.b.sub(length, start), code.size(FEW))
        end = code.b.add(start, few)
        with code.loop(start, end, 1, plain=True) as i:
            address = code.byte_at(data, i)
            chain.step(code, stage, code.load(I8, address), address)
        code.b.store(end, done)


@contextmanager
def _while_it_runs(
    code: Code, stage: Stage, form: Halts, length: Value
) -> Iterator[tuple[Value, Value]]:
    """A loop while there is data and the state has not stopped. Yields where the bytes that are
    ``done`` are kept, and how much can be added to the state, in 64 bits, before it stops."""
    done, kind = code.local(code.usize, code.size(0)), ir.IntType(stage.op.state_bits)
    head, runs, body, after = (
        code.function.append_basic_block(n) for n in ("head", "runs", "body", "after")
    )
    code.b.branch(head)
    code.b.position_at_end(head)
    left = code.b.icmp_unsigned("!=", code.load(code.usize, done), length)
    code.b.cbranch(left, runs, after)
    code.b.position_at_end(runs)
    state = code.load(kind, stage.state)
    if form.flag is None:
        assert form.limit is not None
        limit = stage.scalar(code, form.limit, {}, kind.width)
        stopped = code.b.icmp_unsigned(">=", state, limit)
        room = code.b.sub(code.b.sub(limit, state), kind(1))
    else:
        stopped = code.b.icmp_unsigned("!=", code.b.and_(state, kind(form.flag)), kind(0))
        room = code.b.sub(kind(form.flag - 1), code.b.and_(state, kind(form.flag - 1)))
    code.b.cbranch(stopped, after, body)
    code.b.position_at_end(body)
    yield done, code.resize(room, 64)
    code.b.branch(head)
    code.b.position_at_end(after)


def kernel(others: Sequence[Kernel]) -> Kernel:
    """The kernel, which takes one of ``others`` for what comes before the state stops."""
    return Kernel(
        "halts",
        "up to where the state stops, which is looked for",
        partial(_accepts, others),
        partial(_emit, others),
        fuses=False,
    )

"""Folds that begin anew: where a test of the byte is true the step gives what does not look at the
state, a column after the end of a line or a value that is kept.

    state = test(byte) ? value(byte) : rest(state, byte)

All before the last such byte is forgotten. So that is looked for, from the back, and what comes
behind it goes through the kernel of the ``rest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from pcpu.expr import Cond, Expr, show, uses
from pcpu.isa import Op
from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.forms import lane_bits
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.search import ALWAYS, NEVER, Scan, Search, chosen, is_of_byte
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.linear import STATE
from pcpu.lower.places import keyed
from pcpu.lower.stage import Stage
from pcpu.target import Target

_NOWHERE = I64(-1)


@dataclass(frozen=True)
class Resets:
    """Where ``when``, which lanes of ``bits`` bits have exactly, is not 0 the state is forgotten;
    elsewhere the step is ``rest``."""

    when: Expr
    rest: Expr
    bits: int


def resets(op: Op) -> Resets | None:
    """The step of a fold as Resets, None where it is something else."""
    if not op.is_plain_fold:
        return None
    when, rest = _parted(op.step_expr)
    bits = lane_bits(op, when)
    if rest is None or when == NEVER or bits is None:
        return None
    return Resets(when, rest, bits)


def _parted(step: Expr) -> tuple[Expr, Expr | None]:
    """Where a step forgets the state, and what it is elsewhere, if there is an elsewhere."""
    if not uses(step, "state"):
        return ALWAYS, None
    match step:
        case Cond(test, then, other) if is_of_byte(test):
            (first, one), (second, two) = _parted(then), _parted(other)
            rest = Cond(test, one, two) if one and two else one or two
            return chosen(test, first, second), rest
    return NEVER, step


def _accepts(op: Op, target: Target) -> bool:
    form = resets(op)
    return form is not None and in_lanes(op, form.when, target)


def _emit(
    others: Sequence[Kernel], code: Code, stages: Sequence[Stage], data: Value, length: Value
) -> None:
    (stage,) = stages
    form = resets(stage.op)
    assert form is not None
    done = code.local(code.usize, code.size(0))
    with code.when(code.b.icmp_unsigned("!=", length, code.size(0))):
        found = _last(code, stage, form, data, length)
        with code.when(code.b.icmp_unsigned("!=", found, _NOWHERE)):
            offset = code.to_size(found)
            address = code.byte_at(data, offset)
            chain.step(code, stage, code.load(I8, address), address)
            code.b.store(code.b.add(offset, code.size(1)), done)
    if form.rest == STATE:
        return
    start, op = code.load(code.usize, done), stage.op
    assert op.fold is not None
    fold = replace(op.fold, step=show(form.rest, op.state_bits))
    rest = keyed(code, replace(stage, op=replace(op, name=f"{op.name}.rest", fold=fold)))
    kernel = next(kernel for kernel in others if kernel.accepts(rest.op, code.target))
    kernel.emit(code, [rest], code.byte_at(data, start), code.b.sub(length, start))


def _last(code: Code, stage: Stage, form: Resets, data: Value, length: Value) -> Value:
    """The offset of the last byte, of one at least, that forgets the state."""
    place = code.local(I64, _NOWHERE)
    origin = code.b.neg(code.resize(code.b.ptrtoint(data, code.usize), 64))
    offsets = replace(stage, state=place, origin=origin)
    Scan(code, offsets, Search(form.when, None, form.bits), data, length).emit()
    return code.load(I64, place)


def kernel(others: Sequence[Kernel]) -> Kernel:
    """The kernel, which takes one of ``others`` for what comes behind the last reset."""
    return Kernel(
        "resets",
        "from the last byte on that forgets the state, which is looked for from the back",
        _accepts,
        partial(_emit, others),
        fuses=False,
    )

"""Folds that begin anew: where a test of the byte is true the step gives what does not look at the
state, a column after the end of a line or a value that is kept.

    state = test(byte) ? value(byte) : rest(state, byte)

All before the last such byte is forgotten. So that is looked for, from the back, and what comes
behind it goes through the kernel of the ``rest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pcpu.expr import Cond, Expr, uses
from pcpu.isa import Op
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import lane_bits
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.inner import run, with_step
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.search import ALWAYS, NEVER, NOWHERE, Search, chosen, is_of_byte, place_of
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.stage import Stage
from pcpu.target import Target


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
        found = place_of(code, stage, Search(form.when, None, form.bits), data, length)
        with code.when(code.b.icmp_unsigned("!=", found, NOWHERE)):
            offset = code.to_size(found)
            address = code.byte_at(data, offset)
            chain.step(code, stage, code.load(I8, address), address)
            code.b.store(code.b.add(offset, code.size(1)), done)
    start, rest = code.load(code.usize, done), with_step(stage.op, "rest", form.rest)
    run(code, others, stage, rest, code.byte_at(data, start), code.b.sub(length, start))


def kernel(others: Sequence[Kernel]) -> Kernel:
    """The kernel, which takes one of ``others`` for what comes behind the last reset."""
    return Kernel(
        "resets",
        "from the last byte on that forgets the state, which is looked for from the back",
        _accepts,
        partial(_emit, others),
        fuses=False,
    )

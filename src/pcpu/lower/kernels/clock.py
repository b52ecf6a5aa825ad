"""Folds whose low bits go round whatever the bytes are, and say what is added to the others: the
checksum of IP with a bit that tells whether a byte is the first of its word.

    low = after(low)        high = high + g(byte, low)

What the low bits are is then a place modulo the length of the round, and the rest a sum in lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var, function, show, substitute, walk
from pcpu.isa import Immediate, Op
from pcpu.lower.automaton import Known, keeps_above
from pcpu.lower.code import I64, Code, Value
from pcpu.lower.forms import PLACE, joined, reductions
from pcpu.lower.kernels import chain, lanes
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.linear import STATE, linear, settled
from pcpu.lower.stage import Bytes, Stage
from pcpu.target import Target

_WIDTHS = range(1, 4)  # bits that go round
_NAME = "clock"


@dataclass(frozen=True)
class Clock:
    """The low ``bits`` bits go from each of the values of ``round`` to the next one and from the
    last to the first; ``sum`` is the fold of what is above, where ``clock[index]`` is the number
    of the low bits' value."""

    bits: int
    round: tuple[int, ...]
    sum: Op


def clock(op: Op) -> Clock | None:
    """The step of a fold as a Clock, None where it is something else."""
    if not op.is_plain_fold or any(imm.name == _NAME for imm in op.immediates):
        return None
    step, init = (settled(e, op.state_bits) for e in (op.step_expr, op.init_expr))
    names = {node.name for node in walk(step) if isinstance(node, Var)}
    if not isinstance(init, Const) or names != {"state", "byte"}:
        return None
    if any(isinstance(node, Index) for node in walk(step)):
        return None
    found = (_of(op, step, bits, init.value) for bits in _WIDTHS if bits < op.state_bits)
    return next((form for form in found if form is not None), None)


def _of(op: Op, step: Expr, bits: int, first: int) -> Clock | None:
    if not keeps_above(step, op.state_bits, bits):
        return None
    taken, ones = function(step, ("state", "byte"), op.state_bits), (1 << bits) - 1
    values = [first & ones]
    while True:
        after = {taken(values[-1], byte) & ones for byte in range(256)}
        if len(after) != 1:
            return None
        (value,) = after
        if value in values:
            break
        values.append(value)
    if value != values[0] or len(values) < 2:
        return None
    added = [
        _added(op, step, bits, *pair) for pair in zip(values, values[1:] + values[:1], strict=True)
    ]
    chosen = added[-1]
    for number in reversed(range(len(values) - 1)):
        chosen = Cond(Binary("==", Index(_NAME, PLACE), Const(number)), added[number], chosen)
    assert op.fold is not None
    fold = replace(op.fold, step=show(Binary("+", STATE, chosen), op.state_bits))
    key = Immediate(_NAME, 0, (len(values), len(values)))
    made = replace(op, name=f"{op.name}.sum", fold=fold, immediates=(*op.immediates, key))
    forms = reductions(made)
    fit = forms and all(form.bits is not None for form in forms)
    return Clock(bits, tuple(values), made) if fit else None


def _added(op: Op, step: Expr, bits: int, low: int, after: int) -> Expr:
    """What a step from ``low`` to ``after`` adds to what is above."""
    width = op.state_bits
    known = Known(width, bits, low).of(step)
    alone = settled(substitute(known, {"top": 0, "high": 0}), width)
    total = linear(alone, width, lambda _: False)
    assert total is not None  # the state is in it no more
    number, terms = -after, []
    for term, times in total.items():
        if isinstance(term, Const):
            number += term.value * times
        else:
            terms.append(Binary("*", term, Const(times % (1 << width))))
    number %= 1 << width
    return joined([*terms, Const(number)] if number or not terms else terms, "+")


def _accepts(op: Op, target: Target) -> bool:
    form = clock(op)
    return form is not None and lanes.KERNEL.accepts(form.sum, target)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = clock(stage.op)
    assert form is not None
    kind = ir.IntType(stage.op.state_bits)
    start = code.load(kind, stage.state)
    low = code.b.and_(start, kind((1 << form.bits) - 1))
    # Whoever calls may give low bits that are not on the round.
    nowhere = len(form.round)
    numbers = [form.round.index(v) if v in form.round else nowhere for v in range(1 << form.bits)]
    table = code.table(f"{form.sum.name}.numbers", I64, numbers)
    place = code.b.gep(table, [code.resize(low, code.usize.width)], source_etype=I64)
    number = code.load(I64, place)
    with code.b.if_else(code.b.icmp_unsigned("!=", number, I64(nowhere))) as (known, other):
        with known:
            above = code.local(kind, code.b.sub(start, low))
            _sum(code, form, replace(stage, state=above), number, data, length)
            end = code.b.urem(code.b.add(number, code.resize(length, 64)), I64(nowhere))
            values = code.table(f"{form.sum.name}.values", kind, form.round)
            place = code.b.gep(values, [code.to_size(end)], source_etype=kind)
            code.b.store(code.b.add(code.load(kind, above), code.load(kind, place)), stage.state)
        with other:
            chain.emit(code, stages, data, length)


def _sum(code: Code, form: Clock, stage: Stage, number: Value, data: Value, length: Value) -> None:
    """The sum of what is above, from value ``number`` of the round on."""
    key = bytes(range(len(form.round)))
    clock = Bytes(code.array(key), code.size(len(key)), key)
    address = code.resize(code.b.ptrtoint(data, code.usize), 64)
    summed = replace(
        stage,
        op=form.sum,
        immediates=(*stage.immediates, clock),
        origin=code.b.sub(number, address),
    )
    lanes.KERNEL.emit(code, [summed], data, length)


KERNEL = Kernel(
    "clock",
    "sums in lanes by the place, which low bits of the state tell",
    _accepts,
    emit,
    fuses=False,
)

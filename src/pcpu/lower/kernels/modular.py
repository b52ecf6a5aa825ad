"""Sums that each step takes a remainder of, ``state = (state + g(byte, place)) % M``: check digits.
And those whose carry comes back at their low end, as IP's, or that are made less once they are more
than M: that is a remainder from 1 to M, and of nothing 0.

    state = (total & M) + (total >> k)        state = total > M ? total - M : total

The remainder can wait until the sum might overflow, so pieces of the data go through lanes without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, show
from pcpu.isa import Fold, Op
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import combination, maxima, reduced, reductions, upper_bound
from pcpu.lower.kernels import chain, lanes
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.linear import settled
from pcpu.lower.places import rounds, with_keys
from pcpu.lower.stage import Stage
from pcpu.target import Target

LEAST = 4096  # bytes of a piece that a remainder is worth
_BITS = 32  # of a sum at least


@dataclass(frozen=True)
class Modular:
    """The fold ``plain`` without its remainder by ``modulus``, which so many bytes need not;
    ``greatest`` is the modulus itself where that is one of the remainders."""

    plain: Op
    modulus: int
    greatest: int
    piece: int


def modular(op: Op) -> Modular | None:
    """The step of a fold as Modular, None where it is something else."""
    if not op.is_plain_fold or op.fold is None:
        return None
    found = _remainder(settled(op.step_expr, op.state_bits))
    if found is None:
        return None
    total, modulus, greatest = found
    bits = max(op.state_bits, _BITS)
    summed = combination(total)
    if bits > op.state_bits and (
        summed is None or upper_bound(summed[1], maxima(op), op.state_bits) is None
    ):
        return None  # in more bits it might be another value
    fold = Fold(bits, "0", show(total, bits), None, None)
    plain = replace(op, name=f"{op.name}.sum", returns=f"u{bits}", fold=fold)
    forms, most = reductions(with_keys(plain)[0]), 0
    for form in forms:
        if form.combine != "add" or form.mask is not None or form.bound is None:
            return None
        most += form.bound * form.scale
    is_whole = isinstance(op.step_expr, Binary) and op.step_expr.op == "%"
    if modulus + most >> op.state_bits or (not is_whole and most > modulus):
        return None  # a step might overflow, or one of them not be enough
    piece = ((1 << bits) - modulus) // most if most else 0
    return Modular(plain, modulus, greatest, piece) if piece >= LEAST else None


def _remainder(step: Expr) -> tuple[Expr, int, int] | None:
    """What ``step`` is a remainder of, by what, and the greatest one that there may be."""
    match step:
        case Binary("%", total, Const(modulus)):
            return total, modulus, modulus - 1
        case Binary("+", left, right):
            for low, high in ((left, right), (right, left)):
                total, size = reduced(low)
                if size and high == Binary(">>", total, Const(size.bit_length() - 1)):
                    return total, size - 1, size - 1
        case Cond(
            Binary(">" | ">=" as how, total, Const(least)), Binary("-", less, Const(by)), same
        ):
            if total == less == same and least == by:
                return total, by, by - (how == ">=")
    return None


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = modular(stage.op)
    assert form is not None
    start = _begin(code, stage, form, data, length)
    with code.when(code.b.icmp_unsigned("!=", start, length)):
        _sum(code, stage, form, data, start, length)


def _sum(code: Code, stage: Stage, form: Modular, data: Value, start: Value, length: Value) -> None:
    """The steps from ``start`` on, of one byte at least, where the state is a remainder."""
    own, kind = (ir.IntType(op.state_bits) for op in (stage.op, form.plain))
    slot = code.local(kind, code.resize(code.load(own, stage.state), kind.width))
    size = None if form.piece >> code.target.pointer_bits else form.piece
    with code.pieces(start, length, size) as (begin, end):
        here, plain = code.byte_at(data, begin), replace(stage, op=form.plain, state=slot)
        with rounds(code, [plain], here, code.b.sub(end, begin)) as (keyed, at, count):
            lanes.emit(code, keyed, at, count)
        code.b.store(_reduced(code, form, code.load(kind, slot)), slot)
    code.b.store(code.resize(code.load(kind, slot), own.width), stage.state)


def _reduced(code: Code, form: Modular, total: Value) -> Value:
    kind = total.type
    if form.greatest < form.modulus:
        return code.b.urem(total, kind(form.modulus))
    within = code.b.urem(code.b.sub(total, kind(1)), kind(form.modulus))
    none = code.b.icmp_unsigned("==", total, kind(0))
    return code.b.select(none, total, code.b.add(within, kind(1)))


def _begin(code: Code, stage: Stage, form: Modular, data: Value, length: Value) -> Value:
    """Take the steps up to where the state is a remainder, which a caller's may not be; how many
    these are."""
    kind, done = ir.IntType(stage.op.state_bits), code.local(code.usize, code.size(0))
    head, body, after = (code.function.append_basic_block(n) for n in ("head", "body", "after"))
    code.b.branch(head)
    code.b.position_at_end(head)
    at = code.load(code.usize, done)
    state = code.load(kind, stage.state)
    larger = code.b.icmp_unsigned(">", state, kind(form.greatest))
    going = code.b.and_(larger, code.b.icmp_unsigned("!=", at, length))
    code.b.cbranch(going, body, after)
    code.b.position_at_end(body)
    address = code.byte_at(data, at)
    chain.step(code, stage, code.load(I8, address), address)
    code.b.store(code.b.add(at, code.size(1)), done)
    code.b.branch(head)
    code.b.position_at_end(after)
    return code.load(code.usize, done)


def _accepts(op: Op, target: Target) -> bool:
    form = modular(op)
    return form is not None and lanes.accepts(with_keys(form.plain)[0], target)


KERNEL = Kernel(
    "modular sums",
    "sums in lanes, of which a remainder is taken now and then",
    _accepts,
    emit,
    fuses=False,
)

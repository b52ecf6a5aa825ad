"""Sums that each step takes a remainder of, ``state = (state + g(byte, place)) % M``: check digits.

The remainder can wait until the sum might overflow, so pieces of the data go through lanes without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Const, show
from pcpu.isa import Op
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.forms import reductions
from pcpu.lower.kernels import chain, lanes
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.places import rounds, with_keys
from pcpu.lower.stage import Stage
from pcpu.target import Target

LEAST = 4096  # bytes of a piece that a remainder is worth


@dataclass(frozen=True)
class Modular:
    """The fold ``plain`` without its remainder by ``modulus``, which so many bytes need not."""

    plain: Op
    modulus: int
    piece: int


def modular(op: Op) -> Modular | None:
    """The step of a fold as Modular, None where it is something else."""
    if not op.is_plain_fold or op.fold is None:
        return None
    match op.step_expr:
        case Binary("%", total, Const(modulus)):
            pass
        case _:
            return None
    fold = replace(op.fold, step=show(total, op.state_bits))
    plain = replace(op, name=f"{op.name}.sum", fold=fold)
    forms, most = reductions(with_keys(plain)[0]), 0
    for form in forms:
        if form.combine != "add" or form.mask is not None or form.bound is None:
            return None
        most += form.bound * form.scale
    piece = ((1 << op.state_bits) - modulus) // most if most else 0
    return Modular(plain, modulus, piece) if piece >= LEAST else None


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form, kind = modular(stage.op), ir.IntType(stage.op.state_bits)
    assert form is not None
    with code.when(code.b.icmp_unsigned("!=", length, code.size(0))):
        # A caller's state may be no remainder, with which the first step might overflow.
        chain.step(code, stage, code.load(I8, data), data)
        size = None if form.piece >> code.target.pointer_bits else form.piece
        with code.pieces(code.size(1), length, size) as (begin, end):
            here, plain = code.byte_at(data, begin), replace(stage, op=form.plain)
            with rounds(code, [plain], here, code.b.sub(end, begin)) as (keyed, at, count):
                lanes.emit(code, keyed, at, count)
            total = code.load(kind, stage.state)
            code.b.store(code.b.urem(total, kind(form.modulus)), stage.state)


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

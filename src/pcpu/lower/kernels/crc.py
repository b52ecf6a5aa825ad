"""CRCs of the Rocksoft model up to 64 bits: which form a model gets on a target."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from pcpu import gf2
from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.kernels import (
    crc_fold,
    crc_processors,
    crc_ring,
    crc_row,
    crc_slice,
    crc_sparse,
    vectors,
)
from pcpu.lower.kernels.crc_model import Field, emit_finish, field_of, initial
from pcpu.lower.kernels.function import variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import operations
from pcpu.lower.stage import Stage
from pcpu.target import Target

__all__ = ["KERNEL", "emit", "emit_finish", "initial"]

# Where CRCs are to take little room: so often a multiple's degree is what they are usually of, at
# least, and so many multiples are divided by.
_WORTH, _ROWS = 4, 2
# So many operations on each vector, beside the division by a ring of 32 bytes, take what it saves.
_BESIDE = 4


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    """One CRC, after those stages in lanes that it is fed by."""
    *fed, stage = stages
    model = stage.op.crc
    assert model is not None
    field = field_of(model)
    function = _function(code, field, fed)
    kind = ir.IntType(field.bits)
    register = code.load(kind, stage.state)
    register = code.b.call(function, [register, data, length, *variables(fed)])
    code.b.store(register, stage.state)


def _is_fed(op: Op, target: Target) -> bool:
    """Whether the CRC ``op`` loads its data in vectors on which it can run other stages."""
    assert op.crc is not None
    if multipliers := crc_processors.multipliers(target):
        return not multipliers[-1].in_words
    field = field_of(op.crc)
    if target.crc_usual:
        return False
    return target.shuffles and bool(gf2.multiples(field.width, field.poly))


def _function(code: Code, field: Field, fed: Sequence[Stage]) -> Value:
    """register, data, length -> register, in the fastest way that the target has.

    With the stages that it is fed by, if it is, it takes pointers to their states.
    """
    multipliers = crc_processors.multipliers(code.target)
    if instruction := crc_processors.instruction_of(code.target, field):
        function = crc_processors.by_instruction(code, field, instruction)
        multipliers = multipliers[-1:]
    else:
        function = crc_slice.function(code, field)
    if multipliers:
        return _folded(code, field, multipliers, function, fed)
    if code.target.shuffles:
        multiples = gf2.multiples(field.width, field.poly)
        if usual := code.target.crc_usual:
            kept = [m for m in multiples if m[0] * _WORTH <= usual and not gf2.near(m)]
            served = kept[-_ROWS:]
            if served and served[-1][0] > gf2.WINDOW:
                paired = gf2.paired(field.width, field.poly, usual // _WORTH)
                served[-1] = paired or served[-1]
            return crc_row.rows(code, field, served, function, usual) if served else function
        return crc_sparse.function(code, field, multiples, function, fed)
    return function


def _folded(
    code: Code,
    field: Field,
    multipliers: Sequence[crc_fold.Multiplier],
    short: Value,
    fed: Sequence[Stage],
) -> Value:
    """By multiplication, and long data by division where that is faster."""
    *narrower, widest = multipliers
    for multiplier in narrower:
        short = crc_fold.function(code, field, multiplier, short)
    function = crc_fold.function(code, field, widest, short, fed)
    multiple = _wide(code.target, field)
    if multiple is None or operations(fed) > _BESIDE:
        return function
    unfed = crc_fold.function(code, field, widest, short)
    return crc_ring.ring(code, field, crc_ring.wide_shape(multiple), unfed, fed, function)


def _wide(target: Target, field: Field) -> gf2.Multiple | None:
    """The multiple that a processor with vectors of 32 bytes divides long data by. One with those
    of 64 multiplies as many bytes in less time."""
    if vectors.width(target) != 32 or target.crc_usual:
        return None
    return gf2.wide(field.width, field.poly)


def _terms(multiples: Sequence[gf2.Multiple]) -> str:
    return ", ".join(f"{len(m)} terms up to x^{m[0]}" for m in multiples)


def _why(op: Op, target: Target) -> str:
    assert op.crc is not None
    multipliers, field = crc_processors.multipliers(target), field_of(op.crc)
    wide = _wide(target, field) if multipliers else None
    then = f"; long data by a multiple of the polynomial with {_terms([wide])}" if wide else ""
    if crc_processors.instruction_of(target, field):
        return "the processor has an instruction for this CRC" + then
    if multipliers:
        return "the processor multiplies without carries" + then
    multiples = gf2.multiples(op.crc.width, op.crc.poly) if target.shuffles else ()
    if not multiples:
        return "by tables"
    return f"multiples of the polynomial with {_terms(multiples)}; short data by tables"


KERNEL = Kernel(
    "crc",
    "sparse division on vectors, or carry-less multiplication where the processor has it",
    lambda op, target: op.crc is not None,
    emit,
    fuses=False,
    fed=_is_fed,
    why=_why,
)

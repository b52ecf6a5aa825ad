"""Joining the states of adjacent pieces of data, which is what lets cores share a stream.

A fold joins by its ``merge`` expression, both states begun from ``init``. A CRC needs none: its
register is linear over GF(2), so if the second piece is begun from zero, its register XORed with
the first one moved on by the second's length is the register of both. Moving on by n bytes is
multiplying by x^(8n) modulo the polynomial (Adler's crc32_combine in zlib does so too).
"""

from __future__ import annotations

from collections.abc import Callable

from pcpu import expr
from pcpu.errors import UsageError
from pcpu.ir import Instruction, Program
from pcpu.isa import CrcModel

# merge(a, b, length of b's piece) -> the state of both pieces
Merge = Callable[[int, int, int], int]


def merges(program: Program) -> list[Merge]:
    """One function for each result. Raises UsageError, naming the operations that do not merge."""
    folds = [i for i in program.instructions if i.name is not None]
    serial = sorted({i.op.name for i in folds if i.op.fold is not None and not i.op.fold.merge})
    if serial:
        raise UsageError(
            f"{', '.join(serial)} cannot be shared between threads: the operation declares no "
            "'merge', so each byte needs the state of all before it; run with one thread"
        )
    return [_merge(instruction) for instruction in folds]


def starts_from_zero(program: Program) -> list[bool]:
    """For each result, whether a later piece is begun from zero in place of ``init``."""
    return [i.op.crc is not None for i in program.instructions if i.name is not None]


def _merge(instruction: Instruction) -> Merge:
    op = instruction.op
    if op.crc is not None:
        return _crc_merge(op.crc)
    assert op.merge_expr is not None
    names = tuple(imm.name for imm in op.immediates)
    function = expr.function(op.merge_expr, ("a", "b", *names), op.state_bits)
    imms = instruction.immediates
    return lambda a, b, length: function(a, b, *imms)


def _crc_merge(model: CrcModel) -> Merge:
    from pcpu import gf2
    from pcpu.lower.kernels.crc_model import field_of, from_register, to_register

    field = field_of(model)
    divisor = 1 << model.width | model.poly

    def merge(a: int, b: int, length: int) -> int:
        moved = gf2.multiply(from_register(field, a), gf2.power(8 * length, divisor))
        return to_register(field, gf2.modulo(moved, divisor)) ^ b

    return merge

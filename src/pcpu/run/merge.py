"""Joining the states of adjacent pieces of data, which is what lets cores share a stream.

A fold joins by its ``merge`` expression, both states begun from ``init``. A CRC needs none: its
register is linear over GF(2), so if the second piece is begun from zero, its register XORed with
the first one moved on by the second's length is the register of both. Moving on by n bytes is
multiplying by x^(8n) modulo the polynomial (Adler's crc32_combine in zlib does so too).
"""

from __future__ import annotations

from collections.abc import Callable

from pcpu import interp
from pcpu.errors import UsageError
from pcpu.ir import Instruction, Program
from pcpu.isa import CrcModel

# merge(a, b, length of b's piece) -> the state of both pieces
Merge = Callable[[int, int, int], int]


def merges(program: Program) -> list[Merge]:
    """One function for each number of the results, an array's being several.

    Raises UsageError, naming the operations that do not merge.
    """
    folds = [i for i in program.instructions if i.name is not None]
    serial = sorted({i.op.name for i in folds if i.op.fold is not None and not i.op.fold.merge})
    if serial:
        raise UsageError(
            f"{', '.join(serial)} cannot be shared between threads: the operation declares no "
            "'merge', so each byte needs the state of all before it; run with one thread"
        )
    return [join for i in folds for join in [_merge(i)] * i.op.result_count]


def starts_from_zero(program: Program) -> list[bool]:
    """For each of ``merges``, whether a later piece is begun from zero in place of ``init``."""
    folds = [i.op for i in program.instructions if i.name is not None]
    return [zero for op in folds for zero in [op.crc is not None] * op.result_count]


def _merge(instruction: Instruction) -> Merge:
    op = instruction.op
    if op.crc is not None:
        return _crc_merge(op.crc)
    join = interp.merge(instruction)
    return lambda a, b, length: join(a, b)


def _crc_merge(model: CrcModel) -> Merge:
    from pcpu import gf2
    from pcpu.lower.kernels.crc_model import field_of, from_register, to_register

    field = field_of(model)
    divisor = 1 << model.width | model.poly

    def merge(a: int, b: int, length: int) -> int:
        moved = gf2.multiply(from_register(field, a), gf2.power(8 * length, divisor))
        return to_register(field, gf2.modulo(moved, divisor)) ^ b

    return merge

"""Kernels with operands that are bytes, called, and what the interpreter says of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from pcpu import interp
from pcpu.ir import Instruction, with_names
from pcpu.isa import Op
from tests.kernels.machine import GUARD, Machine, abi, any_operand

KEY, DATA = 0, 8192  # where operands and data lie in the machine's memory


def arguments(on: Machine, op: Op, operands: Sequence[int | bytes]) -> list[tuple[int, int]]:
    found, place = [], KEY
    for imm, operand in zip(op.immediates, operands, strict=True):
        if isinstance(operand, bytes):
            on.write(place, operand)
            found += [(on.base + place, on.pointer_bits), (len(operand), on.pointer_bits)]
            place += len(operand) + GUARD
        else:
            found.append((operand, 32 if imm.bits <= 32 else 64))
    return found


def operands_of(op: Op, dice: random.Random) -> tuple[int | bytes, ...]:
    return tuple(any_operand(imm, dice) for imm in op.immediates)


def updated(instruction: Instruction, data: bytes, index: int) -> bytes:
    """What a map makes of data that begins at ``index``."""
    run = interp.Interpreter(with_names([(instruction.op, instruction.immediates, None)]))
    run.update(bytes(index))
    return run.update(data)


def run_map(
    on: Machine, op: Op, start: int, length: int, operands: Sequence[int | bytes], index: int
) -> bytes:
    """The data after the map, having checked that nothing around it changed."""
    data = on.read(start, length)
    guard = b"\x5a" * GUARD
    on.write(start - GUARD, guard + data + guard)
    span = [(on.base + start, on.pointer_bits), (length, on.pointer_bits)]
    place = [(index, 64)] if op.uses_index else []
    on.call(f"pcpu_{op.name}", 0, [*span, *arguments(on, op, operands), *place])
    after = on.read(start - GUARD, length + 2 * GUARD)
    assert (after[:GUARD], after[-GUARD:]) == (guard, guard)
    return after[GUARD:-GUARD]


def check_map(
    on: Machine,
    op: Op,
    dice: random.Random,
    length: int,
    operands: tuple[int | bytes, ...] | None = None,
) -> None:
    """That a map of any data, with these operands or any, makes what the interpreter does."""
    if operands is None:
        operands = operands_of(op, dice)
    index = dice.choice((0, 1, dice.randrange(5000)))
    data, start = dice.randbytes(length), DATA + dice.randrange(64)
    on.write(start, data)
    got = run_map(on, op, start, length, operands, index)
    expected = updated(Instruction(op, operands), data, index)
    assert got == expected, (op.document, length, operands, index)


def check_fold(on: Machine, op: Op, dice: random.Random, length: int) -> None:
    """The same of a fold, of data in two pieces from any place on and of all at once."""
    operands, index = operands_of(op, dice), dice.randrange(5000)
    data, start = dice.randbytes(length), DATA + dice.randrange(64)
    cut = dice.randrange(length + 1)
    on.write(start, data)
    bits, given = abi(op.state_bits), arguments(on, op, operands)

    def span(begin: int, end: int) -> list[tuple[int, int]]:
        return [(on.base + start + begin, on.pointer_bits), (end - begin, on.pointer_bits)]

    state = on.call(f"pcpu_{op.name}_init", bits, given)
    for begin, end in ((0, cut), (cut, length)):
        place = [(index + begin, 64)] if op.uses_index else []
        called_with = [(state, bits), *span(begin, end), *given, *place]
        state = on.call(f"pcpu_{op.name}_update", bits, called_with)
    instruction, context = Instruction(op, operands, "result"), (op.document, length, cut, operands)
    assert [state] == interp.states(instruction, data, index), (context, index)
    whole = on.call(f"pcpu_{op.name}", bits, [*span(0, length), *given])
    assert [whole] == interp.states(instruction, data, 0), context

"""The verifier of pipelines. A parser runs each check where it knows the place; ``verify_pipeline``
runs them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pcpu.errors import ProgramError, plural
from pcpu.ir.model import (
    MAX_OPERATIONS,
    Program,
)
from pcpu.ir.names import RESERVED, Names
from pcpu.ir.statement import (
    DATA,
    Instruction,
    Operand,
)
from pcpu.isa import Op


def with_names(stages: Iterable[tuple[Op, Sequence[Operand], str | None]]) -> Program:
    """A pipeline from (op, immediates, name or None), with the missing names given."""
    names = Names()
    return Program(tuple(Instruction(op, tuple(i), names.add(op, name)) for op, i, name in stages))


def check_length(count: int) -> None:
    if count > MAX_OPERATIONS:
        raise ProgramError("too-long", f"a program has at most {MAX_OPERATIONS} operations")


def check_name(op: Op, name: str, taken: Iterable[str]) -> None:
    if not op.has_result:
        raise ProgramError("name-on-map", f"{op.name} changes the data and has no result to name")
    if name in RESERVED:
        raise ProgramError("syntax", f"{name!r} is a word of the language and no name")
    if name == DATA.buffer:
        raise ProgramError("duplicate-name", f"the bytes are called {name!r} already")
    if name in taken:
        raise ProgramError("duplicate-name", f"an earlier result is called {name!r} already")


def check_immediate_count(op: Op, count: int) -> None:
    wanted = len(op.immediates)
    if count != wanted:
        names = ", ".join(i.name for i in op.immediates)
        takes = plural(wanted, "immediate") if wanted else "no immediates"
        takes += f" ({names})" if names else ""
        raise ProgramError("immediate-count", f"{op.name} takes {takes}, {count} given")


def check_immediate(op: Op, index: int, value: Operand) -> None:
    """That a number or bytes of the program fit operand number ``index`` of ``op``."""
    imm = op.immediates[index]
    if imm.sizes is not None:
        if not isinstance(value, bytes):
            written = "'0x' and two hexadecimal digits for each byte"
            raise ProgramError("syntax", f"{imm.name} of {op.name} is bytes: {written}")
        least, most = imm.sizes
        if not least <= len(value) <= most:
            sizes = plural(most, "byte") if least == most else f"{least} to {most} bytes"
            message = f"{imm.name} of {op.name} is {sizes}, {len(value)} given"
            raise ProgramError("immediate-range", message)
        return
    if not isinstance(value, int):
        raise ProgramError("syntax", f"{imm.name} of {op.name} is a number")
    if value < 0 or value >> imm.bits:
        shown = str(value) if abs(value) < 10**30 else "the number"
        raise ProgramError(
            "immediate-range",
            f"{shown} is outside 0..{(1 << imm.bits) - 1}, the range of {imm.name} of {op.name}",
        )


def verify_pipeline(program: Program) -> None:
    """Raise ProgramError unless the pipeline ``program`` obeys spec/program.md."""
    if not program.body:
        raise ProgramError("syntax", "a program has at least one operation")
    check_length(len(program.body))
    taken: set[str] = set()
    for instruction in program.instructions:
        op, name = instruction.op, instruction.name
        if name is not None:
            check_name(op, name, taken)
            taken.add(name)
        elif op.has_result:
            raise ProgramError("syntax", f"the result of {op.name} has no name")
        check_immediate_count(op, len(instruction.immediates))
        for index, value in enumerate(instruction.immediates):
            check_immediate(op, index, value)

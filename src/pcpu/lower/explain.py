"""Which operations share a loop, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcpu.ir import Fuse, Instruction, Program, Statement, bodies
from pcpu.ir.text import show_operand, show_span
from pcpu.lower.fuse import describe
from pcpu.lower.kernels import select
from pcpu.target import Target


def explain(program: Program, target: Target) -> Iterator[str]:
    """One line for each loop over data that the operations of ``program`` become
    for ``target``, and one for each operation in it that goes byte by byte."""
    parts = [program.instructions] if program.is_stream else _parts(program.body)
    number = 0
    for part in parts:
        over = "" if program.is_stream else f" over {show_span(part[0].span)}"
        for kernel, instructions in describe(part, target):
            number += 1
            shown = " | ".join(map(_stage, instructions))
            yield f"loop {number}{over}, {kernel.name}: {shown}"
            for op in {i.op.name: i.op for i in instructions if kernel.serial}.values():
                beside = "others beside it do, and take as long"
                why = kernel.why(op, target) if select(op, target) is kernel else beside
                yield f"  {op.name} goes byte by byte: {why}"


def _parts(body: tuple[Statement, ...]) -> Iterator[Sequence[Instruction]]:
    """The operations that are lowered together."""
    for s in body:
        if isinstance(s, Fuse):
            yield s.body
        elif isinstance(s, Instruction):
            yield (s,)
        else:
            for block in bodies(s):
                yield from _parts(block)


def _stage(instruction: Instruction) -> str:
    return " ".join([instruction.op.name, *map(show_operand, instruction.immediates)])

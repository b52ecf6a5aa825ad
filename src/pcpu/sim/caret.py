"""Where in its source a check stands that failed."""

from __future__ import annotations

from pcpu.errors import TextPlace
from pcpu.ir import Each, Move
from pcpu.ir.traps import Check, Part, check_of
from pcpu.sim.source import Source
from pcpu.source.pasm_line import Line, code_of, parse_line

# Which operand, the span of an operation or the target of a move being the first.
_OPERANDS: dict[int, int] = {
    Part.TARGET: 0,
    Part.SOURCE: 1,
    Part.SOURCE_LENGTH: 1,
    Part.SECOND: 2,
    Part.SECOND_LENGTH: 2,
}


def trap_place(source: Source, status: int) -> TextPlace:
    """The place of the part of a statement whose check gave ``status``."""
    check = check_of(source.program, status)
    before = source.lines[: check.line - 1]
    line = parse_line(code_of(source.lines[check.line - 1]))
    offset = sum(len(text) + 1 for text in before) + _column(source, line, check) - 1
    return TextPlace(source.text, offset, source.file)


def _column(source: Source, line: Line, check: Check) -> int:
    statement = source.sites[check.index].statement
    if isinstance(statement, Each):
        _, size, over, _ = line.parts
        return int((over if check.part == Part.TARGET else size).column)
    operands = line.parts[2 if line.kind == "named" else 1 :]
    if isinstance(statement, Move) and check.part >= Part.OPERAND:
        index = len(operands) - 1
    else:
        index = _OPERANDS.get(check.part, check.part - Part.OPERAND + 1)
    return int(operands[index].column)

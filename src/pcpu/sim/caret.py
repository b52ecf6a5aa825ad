"""Where in its source a check stands that failed."""

from __future__ import annotations

from pcpu.errors import TextPlace
from pcpu.ir import Each, Instruction, Move, Path, Statement
from pcpu.ir.traps import Part, check_of
from pcpu.sim.source import Source


def trap_place(source: Source, status: int) -> TextPlace:
    """The place of the part of a statement whose check gave ``status``."""
    check = check_of(source.program, status)
    site = source.sites[check.index]
    path = (*site.path, *_within(site.statement, check.part))
    while path not in source.places:
        path = path[:-1]
    return TextPlace(source.text, source.places[path], source.file)


def _within(s: Statement, part: int) -> Path:
    """The path of a part of a statement, from there on."""
    match s:
        case Instruction():
            return ("span",) if part == Part.TARGET else ("imm", part - Part.OPERAND)
        case Move():
            if part == Part.TARGET:
                return ("target",)
            if part >= Part.OPERAND or not s.sources:
                return ("value",)
            return ("sources", int(part in (Part.SECOND, Part.SECOND_LENGTH)))
        case Each() if part == Part.TARGET:
            return ("in",)
        case Each():
            return ("spans",) if isinstance(s.size, str) else ("size",)
        case _:
            return ()

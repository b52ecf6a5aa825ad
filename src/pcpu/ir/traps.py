"""What is checked when a program runs, and how a failed check reads (spec/pasm.md S17).

A check has a number, its *status*, that says which statement it belongs to and which part of it.
So engines need no table to tell what went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from pcpu.errors import TrapError
from pcpu.ir.model import Program
from pcpu.ir.statement import (
    Each,
    Instruction,
    Move,
    Span,
    Statement,
    walk,
)

TrapCode = Literal["span-range", "length-mismatch", "immediate-range", "window-size", "spans-size"]

_MESSAGES: dict[TrapCode, str] = {
    "span-range": "{what}, {0} + {1}, leaves its {2} bytes",
    "length-mismatch": "{what} has {1} bytes, and the target {0}",
    "immediate-range": "{what} is {0}, and at most {1} fits",
    "window-size": "{what} is 0, and a window has at least one byte",
    "spans-size": "{what} has {0} bytes, which is no whole number of spans of 16",
}
NUMBERS = 3  # that a trap states, whatever its code


class Part(IntEnum):
    """The part of a statement that a check is about."""

    TARGET = 0  # or the span of an operation or a loop
    SOURCE = 1
    SECOND = 2
    SOURCE_LENGTH = 3
    SECOND_LENGTH = 4
    WINDOW = 5  # its size, or a span of a list
    LIST = 6
    OPERAND = 8  # and those after it, one for each operand


_PARTS = 32  # statuses for each statement


def status_of(index: int, part: int) -> int:
    """The status of a failed check of part ``part`` of statement number ``index``."""
    return 1 + index * _PARTS + part


@dataclass(frozen=True)
class Check:
    """A check that ``statement`` number ``index`` (in the order of ``walk``) may fail."""

    index: int
    part: int
    code: TrapCode
    what: str
    line: int

    @property
    def status(self) -> int:
        return status_of(self.index, self.part)

    @property
    def message(self) -> str:
        """With ``{0}`` to ``{2}`` where the numbers go."""
        what = self.what.replace("{", "{{").replace("}", "}}")
        return _MESSAGES[self.code].replace("{what}", what)

    def error(self, numbers: Sequence[int]) -> TrapError:
        filled = [*numbers, *(0,) * NUMBERS][:NUMBERS]
        return TrapError(self.code, self.message.format(*filled), self.line, filled)


def checks(program: Program) -> Iterator[Check]:
    """All checks of a program."""
    for index, statement in enumerate(walk(program.body)):
        yield from statement_checks(statement, index)


def check_of(program: Program, status: int) -> Check:
    """The check that gave ``status``, which is not 0."""
    index, part = divmod(status - 1, _PARTS)
    statement = next(s for number, s in enumerate(walk(program.body)) if number == index)
    return next(c for c in statement_checks(statement, index) if c.part == part)


def statement_checks(s: Statement, index: int = 0) -> Iterator[Check]:
    """The checks of one statement, number ``index`` of its program."""

    def check(part: int, code: TrapCode, what: str) -> Check:
        return Check(index, part, code, what, s.line)

    match s:
        case Instruction():
            yield check(Part.TARGET, "span-range", _span(s.span))
            for number, imm in enumerate(s.op.immediates):
                if imm.sizes is None:
                    what = f"{imm.name} of {s.op.name}"
                    yield check(Part.OPERAND + number, "immediate-range", what)
        case Move():
            yield check(Part.TARGET, "span-range", _span(s.target))
            for number, source in enumerate(s.sources):
                yield check(Part.SOURCE + number, "span-range", _span(source))
                what = ("the source", "the span of differences")[number]
                yield check(Part.SOURCE_LENGTH + number, "length-mismatch", what)
            if s.kind == "lit":
                yield check(Part.SOURCE_LENGTH, "length-mismatch", "the literal")
            elif s.value is not None:
                yield check(Part.OPERAND, "immediate-range", f"the byte of {s.kind}")
        case Each():
            yield check(Part.TARGET, "span-range", _span(s.over))
            if isinstance(s.size, str):
                yield check(Part.LIST, "spans-size", s.size)
                yield check(Part.WINDOW, "span-range", f"a span of {s.size}")
            else:
                yield check(Part.WINDOW, "window-size", f"the size of {s.name}")
        case _:
            return


def _span(span: Span) -> str:
    return f"the span of {span.buffer}"

"""pASM text to a Program (spec/pasm.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pcpu.errors import ExpressionError, ProgramError, ProgramErrors
from pcpu.ir import MAX_ERRORS, MAX_STATEMENTS, Fault, Path, Program, check, with_data
from pcpu.isa import Isa
from pcpu.source.pasm_directives import DIRECTIVES, Declarations
from pcpu.source.pasm_line import Line, LineError, Source, code_of
from pcpu.source.pasm_statements import KEYWORDS, Body

MAX_TEXT, MAX_LINE = 4 << 20, 262144
_NESTING = frozenset(["too-much-work", "block"])  # faults of blocks within blocks
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Parsed:
    """A verified program, and the offsets in its text of what the paths of its parts stand for.

    The path of a block with ``end`` or ``else`` at its end is that of the line that says so.
    """

    program: Program
    places: dict[Path, int]


def parse_pasm(text: str, isa: Isa, file: str = "program") -> Program:
    """The verified Program that ``text`` stands for. ``file`` is its name in messages.

    Raises ProgramErrors with up to 20 of its mistakes, each with its place.
    """
    return parse_places(text, isa, file).program


def parse_places(text: str, isa: Isa, file: str = "program") -> Parsed:
    """``parse_pasm``, with the places of all parts."""
    parser = _Parser(text, isa, file)
    parser.read()
    program, moved = parser.program()
    places = parser.source.places
    if moved:
        places = {_moved(path): offset for path, offset in places.items()}
    parser.verify(program, places)
    return Parsed(program, places)


class _Parser:
    def __init__(self, text: str, isa: Isa, file: str) -> None:
        self.source = Source(text, file)
        self.declarations = Declarations()
        self.body = Body(isa, self.declarations.names)
        self.doubtful: set[str] = set()  # names on lines that could not be read
        self.unended = False  # a block does not end, so what is in it may not belong there

    def read(self) -> None:
        """Read all lines. Raises ProgramErrors where there is no sense in going on."""
        source, start = self.source, 0
        if len(source.text) > MAX_TEXT:
            source.error("too-long", f"a program has at most {MAX_TEXT} characters", MAX_TEXT)
        for number, text in enumerate(source.text.split("\n"), start=1):
            if len(source.errors) >= MAX_ERRORS or len(source.text) > MAX_TEXT:
                break
            self.line(text, start, number)
            start += len(text) + 1
            if self.body.count > MAX_STATEMENTS:
                message = f"a program has at most {MAX_STATEMENTS} statements"
                source.error("too-long", message, start - len(text) - 1)
                break
        else:
            for block in self.body.blocks[1:]:
                self.unended = True
                if not block.lost:  # of which there is an error already
                    message = "this block does not end; 'end' is missing"
                    source.error("block", message, block.opened)
            return
        raise_errors(source.errors)

    def line(self, text: str, start: int, number: int) -> None:
        code = code_of(text)
        if not code or code.isspace():
            return
        if len(text) > MAX_LINE:
            message = f"a line has at most {MAX_LINE} characters"
            self.source.error("too-long", message, start + MAX_LINE)
            return
        line = Line(self.source, code, start, number)
        try:
            if line.first.text == ".":
                self.directive(line)
            else:
                self.body.read(line)
        except ExpressionError as error:
            self.lost(line, "syntax", self.advice(line, error), error.column or 1)
        except LineError as error:
            self.lost(line, error.code, error.message, error.column)

    def directive(self, line: Line) -> None:
        if len(self.body.blocks) > 1 or self.body.blocks[0].body:
            message = "directives stand before all statements"
            raise LineError("syntax", message, line.first.column)
        self.declarations.read(line)

    def advice(self, line: Line, error: ExpressionError) -> str:
        """What is wrong with a line, and how such a line is written."""
        message = error.message.replace("the expression ends", "the line ends")
        word = line.code.split(maxsplit=1)[0]
        form = DIRECTIVES.get(word) or KEYWORDS.get(line.first.text)
        if form is not None:
            return f"{message}; write {form.usage}"
        if message == "unexpected '|'":
            return f"{message}; each operation stands in a line of its own"
        return message

    def lost(self, line: Line, code: str, message: str, column: int) -> None:
        """Note an error, and keep it from causing others."""
        self.source.error(code, message, line.start + column - 1)
        self.doubtful.update(_NAME.findall(line.code))
        keyword = KEYWORDS.get(line.first.text)
        if keyword is not None and keyword.opens:
            self.body.lose(line.start + line.first.column - 1)

    def program(self) -> tuple[Program, bool]:
        """The program so far, and whether the buffer ``data`` had to be put before the others."""
        while len(self.body.blocks) > 1:  # not ended, which has been noted
            self.body.close()
        found = self.declarations
        program = Program(
            tuple(self.body.blocks[0].body),
            tuple(found.parameters),
            tuple(found.constants.items()),
            tuple(found.tables),
            tuple(found.buffers),
        )
        if found.returns is not None:
            program = program.returning(found.returns)
        complete = with_data(program)
        return complete, complete is not program

    def verify(self, program: Program, places: dict[Path, int]) -> None:
        """Add what the verifier finds to the errors, and raise them."""
        errors = self.source.errors
        if program.body or not errors:
            faults, _ = check(program)
            for fault in faults:
                if not self.follows(fault):
                    self.source.error(fault.code, fault.message, _place(fault, places))
        raise_errors(errors)

    def follows(self, fault: Fault) -> bool:
        """Whether a fault may come from a mistake that is in the errors already."""
        if self.unended and fault.code in _NESTING:
            return True
        return bool(self.doubtful & fault.about)


def _place(fault: Fault, places: dict[Path, int]) -> int:
    """The offset of what a fault is about, or of what holds it."""
    path = fault.path
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 0)


def _moved(path: Path) -> Path:
    """A path once a buffer has been put before all others."""
    if len(path) > 1 and path[0] == "buffers" and isinstance(path[1], int):
        return ("buffers", path[1] + 1, *path[2:])
    return path


def raise_errors(errors: list[ProgramError]) -> None:
    """Raise the first of ``errors``, in the order of their places, if there are any."""

    def order(error: ProgramError) -> int:
        return error.place.offset if error.place is not None else 0

    unique = {(order(e), e.message): e for e in sorted(errors, key=order)}
    if unique:
        raise ProgramErrors(list(unique.values())[:MAX_ERRORS])

"""pASM text in its canonical form, with its comments and as its numbers are spelled (S25)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pcpu import expr
from pcpu.expr import Token, Tokens, Typer
from pcpu.ir import SCALAR_BITS, Path
from pcpu.ir.text import INDENT, body_lines, directive_lines
from pcpu.isa import Isa
from pcpu.source.number import read_bytes
from pcpu.source.pasm import Parsed, parse_places
from pcpu.source.pasm_line import code_of


def format_pasm(text: str, isa: Isa, file: str = "program") -> str:
    """``text`` as ``pcpu fmt`` writes it. Raises ProgramErrors where it is no program."""
    parsed = parse_places(text, isa, file)
    program = parsed.program
    canonical = [(path, 0, line) for path, line in directive_lines(program)]
    directives = len(canonical)
    canonical += body_lines(program.body)
    source = _Source(text, parsed, [path for path, _, _ in canonical])
    found: list[str] = list(source.header)
    for number, (path, depth, line) in enumerate(canonical):
        if number == directives > 0:
            found.append("")
        found += source.lines(path, depth, source.constant(path) or line)
    return "".join(f"{line}\n" for line in _tidy([*found, *source.rest]))


def _tidy(lines: list[str]) -> Iterator[str]:
    """Without blank lines at the beginning, at the end, and beside each other."""
    blank = True
    for line in "\n".join(lines).rstrip().split("\n"):
        if line or not blank:
            yield line
        blank = not line


@dataclass
class _SourceLine:
    """A line with code; ``before`` are the comments and blank lines that it comes after."""

    code: str
    comment: str
    start: int  # offset in the text
    before: list[str] = field(default_factory=list)


class _Source:
    """The lines of a text. ``header`` are those before any code, ``rest`` those after it."""

    def __init__(self, text: str, parsed: Parsed, canonical: Iterable[Path]) -> None:
        """``canonical`` are the paths of the lines that there will be."""
        self._places = parsed.places
        self._code: list[_SourceLine] = []
        waiting: list[str] = []
        start = 0
        for line in text.split("\n"):
            code = code_of(line)
            comment = line[len(code) :].rstrip()
            if code.strip():
                self._code.append(_SourceLine(code, comment, start, waiting))
                waiting = []
            else:
                waiting.append(comment)
            start += len(line) + 1
        self.rest = waiting
        self._starts = [line.start for line in self._code]
        self.header, self._code[0].before = _header(self._code[0].before)
        self._drop_unused(canonical)

    def _drop_unused(self, canonical: Iterable[Path]) -> None:
        """Let the next line have the comments of one that has no place in the canonical text."""
        used = {self._index(self._places[path]) for path in canonical if path in self._places}
        unused: list[str] = []
        for index, line in enumerate(self._code):
            line.before[:0] = unused
            unused = []
            if index not in used:
                unused = [*line.before, *([line.comment] if line.comment else [])]
        self.rest[:0] = unused

    def _index(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1

    def _line(self, path: Path) -> _SourceLine | None:
        """The line that a path stands for; None for what the text does not say."""
        offset = self._places.get(path)
        return None if offset is None else self._code[self._index(offset)]

    def lines(self, path: Path, depth: int, canonical: str) -> Iterator[str]:
        """The canonical line of a path, with the comments that belong to it."""
        line = self._line(path)
        if line is None:
            yield INDENT * depth + canonical
            return
        within = depth + (path[-1] in ("end", "else"))
        yield from (INDENT * within + comment if comment else "" for comment in line.before)
        spelled = _spelled(canonical, line.code)
        yield INDENT * depth + spelled + (f"  {line.comment}" if line.comment else "")

    def constant(self, path: Path) -> str | None:
        """A constant as it is computed, which the program does not keep."""
        line = self._line(path)
        if path[0] != "constants" or line is None:
            return None
        name, _, value = line.code.partition("=")
        tokens = Tokens(value)
        shown = expr.show(
            Typer(value, None, SCALAR_BITS).typed(expr.read_expression(tokens)), SCALAR_BITS
        )
        return f"{' '.join(name.split())} = {shown}"


def _header(lines: list[str]) -> tuple[list[str], list[str]]:
    """What is about the file, and what is about its first line of code."""
    last = max((n for n, line in enumerate(lines) if not line), default=len(lines))
    about = any(lines[:last])
    return (lines[: last + 1], lines[last + 1 :]) if about else (lines, [])


def _spelled(canonical: str, code: str) -> str:
    """``canonical`` with numbers and bytes written as ``code`` writes the same ones."""
    written = list(_literals(code))
    found, done, place = [], 0, 0
    for token in _literals(canonical):
        # The canonical text has decimal numbers, and 0x for bytes.
        read = read_bytes if token.text.startswith("0x") else expr.read_number
        value = read(token.text)
        same = (n for n in range(place, len(written)) if read(written[n].text) == value)
        match = next(same, None)
        if match is not None:
            start = token.column - 1
            found += [canonical[done:start], written[match].text]
            done, place = start + len(token.text), match + 1
    return "".join([*found, canonical[done:]])


def _literals(code: str) -> Iterator[Token]:
    tokens = Tokens(code)
    while tokens.token.kind != "end":
        token = tokens.next()
        if token.kind in ("number", "string"):
            yield token

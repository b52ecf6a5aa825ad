"""A program with the lines that it is shown as, and what is known of each statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pcpu.ir import (
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Path,
    Program,
    Repeat,
    Span,
    Statement,
    bodies,
    walk,
)
from pcpu.ir.text import first_line, pasm_text
from pcpu.isa import Isa
from pcpu.layout import outputs
from pcpu.source import read_program
from pcpu.source.pasm import parse_places
from pcpu.source.read import read_text


@dataclass(frozen=True)
class Site:
    """A statement and its place: ``number`` in the order of ``walk``, its ``path`` in the JSON
    form, the loops around it by their numbers, the outer one first, and the number behind its last
    inner statement.

    ``buffer`` is what its span lies in (None without a span), of a window the buffer that the
    window is of; ``spans`` is how many spans of that length it reads or writes in one run;
    ``sets`` are the registers that it or an inner statement sets.
    """

    number: int
    statement: Statement
    path: Path
    loops: tuple[int, ...]
    depth: int
    end: int
    buffer: str | None
    spans: int
    sets: tuple[str, ...]

    @property
    def line(self) -> int:
        return self.statement.line

    @property
    def is_block(self) -> bool:
        return isinstance(self.statement, If | Repeat | Each)

    @property
    def writes(self) -> bool:
        """Whether it may change bytes of its span."""
        match self.statement:
            case Instruction(op):
                return op.kind == "map"
            case Fuse(body):
                return any(instruction.op.kind == "map" for instruction in body)
            case _:
                return isinstance(self.statement, Move)

    @property
    def canonical(self) -> str:
        return first_line(self.statement)


@dataclass(frozen=True)
class Source:
    """``program``, each of whose statements has its line in ``text``; ``file`` is what the text
    is called. The text is that of its file, or the canonical one where there is none. ``places``
    are the offsets of parts by their paths."""

    file: str
    text: str
    program: Program
    places: Mapping[Path, int]

    @cached_property
    def lines(self) -> list[str]:
        return self.text.removesuffix("\n").split("\n")

    @cached_property
    def sites(self) -> list[Site]:
        """All statements; those in a ``fuse`` run as a part of it."""
        return list(_sites(self.program.body, ("body",), 0, (), {}))

    def line(self, site: Site) -> str:
        """The line of a statement, without its indentation."""
        return self.lines[site.line - 1].strip()

    @cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The registers that are the columns of each output table."""
        return {output.name: output.columns for output, _ in outputs(self.program)}

    @cached_property
    def steps(self) -> list[Site]:
        """The statements that run by themselves."""
        fused = {n for s in self.sites if isinstance(s.statement, Fuse)
                 for n in range(s.number + 1, s.end)}  # fmt: skip
        return [site for site in self.sites if site.number not in fused]


def load_source(text: str, isa: Isa) -> Source:
    """The program ``text`` as a command line names it. Raises ProgramError or UsageError."""
    if text[-5:].lower() == ".pasm":
        return parse_source(read_text(text), isa, text)
    program = read_program(text, isa)
    file = text if text[-5:].lower() in (".json", ".pcpu") else "program"
    return canonical_source(program, isa, file)


def canonical_source(program: Program, isa: Isa, file: str = "program") -> Source:
    """A program by its canonical text; of a pipeline each stage is a line."""
    return parse_source(pasm_text(program), isa, file)


def parse_source(text: str, isa: Isa, file: str) -> Source:
    """The program that ``text`` is. Raises ProgramErrors."""
    parsed = parse_places(text, isa, file)
    return Source(file, text, parsed.program, parsed.places)


def _sites(
    body: tuple[Statement, ...], path: Path, number: int, loops: tuple[int, ...],
    roots: dict[str, str], depth: int = 0,
) -> Iterator[Site]:  # fmt: skip
    """The sites of the block at ``path`` that begins with statement ``number``; ``roots`` are the
    buffers of the windows around it."""
    for index, s in enumerate(body):
        size = sum(1 for _ in walk((s,)))
        span = _span(s)
        buffer = None if span is None else roots.get(span.buffer, span.buffer)
        here = (*path, index)
        yield Site(number, s, here, loops, depth, number + size, buffer, _spans(s), _sets(s))
        inner = (*loops, number) if isinstance(s, Repeat | Each) else loops
        within = roots
        if isinstance(s, Each) and buffer is not None:
            within = roots | {s.name: buffer}
        number += 1
        for block, key in zip(bodies(s), _keys(s), strict=True):
            yield from _sites(block, (*here, key), number, inner, within, depth + 1)
            number += sum(1 for _ in walk(block))


def _keys(s: Statement) -> tuple[str, ...]:
    """What the blocks of a statement are called in its JSON form."""
    match s:
        case If():
            return ("then", "else")
        case Fuse():
            return ("fuse",)
        case Repeat() | Each():
            return ("body",)
        case _:
            return ()


def _span(s: Statement) -> Span | None:
    match s:
        case Instruction():
            return s.span
        case Move():
            return s.target
        case Each():
            return s.over
        case Fuse():
            return s.body[0].span if s.body else None
        case _:
            return None


def _spans(s: Statement) -> int:
    match s:
        case Instruction():
            return 1
        case Move():
            return 1 + len(s.sources)
        case Fuse():
            return len(s.body)
        case _:
            return 0


def _sets(s: Statement) -> tuple[str, ...]:
    names = (inner.name for inner in walk((s,)) if isinstance(inner, Instruction | Let))
    return tuple(dict.fromkeys(name for name in names if name is not None))

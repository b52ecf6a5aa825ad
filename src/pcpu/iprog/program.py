"""A plan as a program of pCPU: one that any engine runs and any tool shows (spec/pasm.md).

The buffer ``blob`` is the reference, ``out`` the file. A cover is a ``copy``; where fixes and moved
sites change it, ``adddiff`` with a table of differences. Programs are bounded, so a large file is
several: each makes a span of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pcpu.errors import UsageError
from pcpu.iprog.apply import Cover, Reader, literal_runs
from pcpu.ir import Buffer, Move, Program, Span, Statement
from pcpu.ir.declare import MAX_BYTES
from pcpu.ir.wellformed import MAX_LITERALS, MAX_STATEMENTS

APART = 16  # equal bytes between two differences that are worth a statement of their own


@dataclass
class _Maker:
    """Statements, and tables for the differences that they add."""

    body: list[Statement] = field(default_factory=list)
    tables: list[bytearray] = field(default_factory=list)
    literals: int = 0

    def copy(self, at: int, source: int, length: int) -> None:
        if length:
            self.body.append(Move("copy", Span("out", at, length), (Span("blob", source, length),)))

    def add(self, at: int, source: int, difference: bytes) -> None:
        length = len(difference)
        if not self.tables or len(self.tables[-1]) + length > MAX_BYTES:
            self.tables.append(bytearray())
        table = self.tables[-1]
        where = Span(_table(len(self.tables) - 1), len(table), length)
        table += difference
        target, copied = Span("out", at, length), Span("blob", source, length)
        self.body.append(Move("adddiff", target, (copied, where)))

    def literal(self, at: int, content: bytes) -> None:
        self.literals += len(content)
        for start in range(0, len(content), MAX_BYTES):
            piece = content[start : start + MAX_BYTES]
            self.body.append(Move("lit", Span("out", at + start, len(piece)), (), piece))

    def program(self, size: int) -> Program:
        if not self.body:  # of an empty file; and a program has a statement
            self.body.append(Move("fill", Span("out"), (), 0))
        constants = self.literals + sum(map(len, self.tables))
        if len(self.body) > MAX_STATEMENTS or constants > MAX_LITERALS:
            raise UsageError(
                f"as one program these windows need {len(self.body)} statements and {constants} "
                f"bytes of constants; at most {MAX_STATEMENTS} and {MAX_LITERALS} are possible"
            )
        return Program(
            tuple(self.body),
            tables=tuple((_table(n), bytes(table)) for n, table in enumerate(self.tables)),
            buffers=(Buffer("blob", "in"), Buffer("out", "out", size)),
        )


def _table(number: int) -> str:
    return f"diff{number}"


def to_program(reader: Reader, windows: Sequence[int] | None = None) -> Program:
    """The program that makes the bytes of ``windows``, which follow each other; of all of them by
    default. Raises UsageError where one program cannot hold them."""
    chosen = range(reader.header.windows) if windows is None else windows
    maker = _Maker()
    size = 0
    for number in chosen:
        content = reader.window(number)
        for at, length, source in _parts(reader, number):
            piece = content[at : at + length]
            if source is None:
                maker.literal(size + at, piece)
            else:
                _copy(maker, size + at, source, piece, reader.reference.read(source, length))
        size += len(content)
    return maker.program(size)


def _parts(reader: Reader, number: int) -> Iterator[tuple[int, int, int | None]]:
    """Place, length and source of what a window is made of; literals have no source."""
    size = reader.header.window_length(number)
    start = number << reader.header.window_bits
    covers: list[Cover] = list(reader.covers(reader.part(number), start, size))
    parts: list[tuple[int, int, int | None]] = [(c.at, c.length, c.source) for c in covers]
    parts += [(at, length, None) for at, length in literal_runs(covers, size)]
    yield from sorted(parts, key=lambda part: part[0])


def _copy(maker: _Maker, at: int, source: int, wanted: bytes, copied: bytes) -> None:
    """A copy; where it differs from what is wanted, with differences added."""
    done = 0
    for first, last in _different(wanted, copied):
        maker.copy(at + done, source + done, first - done)
        pairs = zip(wanted[first:last], copied[first:last], strict=True)
        maker.add(at + first, source + first, bytes((a - b) & 255 for a, b in pairs))
        done = last
    maker.copy(at + done, source + done, len(wanted) - done)


def _different(wanted: bytes, copied: bytes) -> Iterator[tuple[int, int]]:
    """Spans in which bytes differ, cut to the size of a table."""
    first = last = -1
    for place in range(len(wanted)):
        if wanted[place] == copied[place]:
            continue
        if last >= 0 and (place - last > APART or place - first >= MAX_BYTES):
            yield first, last
            first = -1
        if first < 0:
            first = place
        last = place + 1
    if last >= 0:
        yield first, last

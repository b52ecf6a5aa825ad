"""Long runs of block operations with constant spans, as a table and a loop over it.

A program that rebuilds a file has tens of thousands of them. As code each takes two milliseconds
to compile and a few hundred bytes; as a row, forty bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pcpu.ir import Move, Span, Statement
from pcpu.ir.traps import Part
from pcpu.layout import SLOT
from pcpu.lower.code import I8, I16, I64, POINTER, Code, Value

LEAST = 32  # statements; fewer are better as code
_ROW = struct.Struct("<BBHHHQQQQ")  # kind, byte, three buffers, length, three offsets
_KINDS = {"copy": 0, "lit": 0, "fill": 1, "copyxor": 2, "copyadd": 3, "adddiff": 4}
_LITERALS = ""  # stands for the bytes that are written in the program


def split(body: Sequence[Statement]) -> Iterator[list[Statement]]:
    """The statements in order: those of a run together, any other alone."""
    run: list[Statement] = []
    for statement in body:
        if _is_row(statement):
            run.append(statement)
            continue
        yield from _taken(run)
        run = []
        yield [statement]
    yield from _taken(run)


def _taken(run: list[Statement]) -> Iterator[list[Statement]]:
    if len(run) >= LEAST:
        yield run
    else:
        yield from ([statement] for statement in run)


def _is_row(s: Statement) -> bool:
    if not isinstance(s, Move):
        return False
    numbers = [n for span in (s.target, *s.sources) for n in (span.offset, span.length)]
    known = isinstance(s.value, int | bytes | None)
    return known and all(isinstance(number, int) for number in numbers)


@dataclass
class _Table:
    """``buffers`` are the names in the order of their numbers in the rows."""

    buffers: dict[str, int]
    rows: bytearray
    literals: bytearray

    def number(self, name: str) -> int:
        return self.buffers.setdefault(name, len(self.buffers))

    def add(self, s: Move) -> None:
        spans = list(s.sources)
        if isinstance(s.value, bytes):
            spans.append(Span(_LITERALS, len(self.literals), len(s.value)))
            self.literals += s.value
        spans = [s.target, *spans, s.target, s.target][:3]
        byte = s.value if isinstance(s.value, int) else 0
        self.rows += _ROW.pack(
            _KINDS[s.kind], byte, *(self.number(span.buffer) for span in spans),
            s.target.length, *(span.offset for span in spans),
        )  # fmt: skip


Check = Callable[[Value, Value, int, Value, Value, Value], None]


class Run:
    """The loop over a run of moves."""

    def __init__(self, code: Code, moves: Sequence[Statement]) -> None:
        self.code, self.count = code, len(moves)
        self.table = _Table({}, bytearray(), bytearray())
        for move in moves:
            assert isinstance(move, Move)
            self.table.add(move)

    @property
    def buffers(self) -> list[str]:
        """Those of the program that the run uses."""
        return [name for name in self.table.buffers if name != _LITERALS]

    def emit(self, places: dict[str, tuple[Value, Value]], check: Check) -> None:
        """``places`` has the base and the length of each buffer.

        ``check(bad, turn, part, offset, length, whole)`` ends the program where ``bad``.
        """
        code = self.code
        literals = bytes(self.table.literals) or b"\0"
        places = {**places, _LITERALS: (code.array(literals), I64(len(literals)))}
        bases, lengths = (code.room(SLOT * len(self.table.buffers)) for _ in range(2))
        for name, number in self.table.buffers.items():
            base, length = places[name]
            code.b.store(base, code.byte_at(bases, code.size(SLOT * number)))
            code.b.store(length, code.byte_at(lengths, code.size(SLOT * number)))
        rows = code.array(bytes(self.table.rows))
        with code.turns(I64(self.count)) as turn:
            row = code.byte_at(rows, code.to_size(code.b.mul(turn, I64(_ROW.size))))
            size = code.load(I64, code.byte_at(row, code.size(8)))
            spans = []
            for number, part in enumerate((Part.TARGET, Part.SOURCE, Part.SECOND)):
                slot = self._slot(row, number)
                whole = code.load(I64, code.byte_at(lengths, slot))
                offset = code.load(I64, code.byte_at(row, code.size(16 + SLOT * number)))
                beyond = code.b.icmp_unsigned(">", offset, whole)
                left = code.b.sub(whole, offset)
                bad = code.b.or_(beyond, code.b.icmp_unsigned(">", size, left))
                check(bad, turn, part, offset, size, whole)
                base = code.load(POINTER, code.byte_at(bases, slot))
                spans.append(code.byte_at(base, code.to_size(offset)))
            self._move(row, spans, code.to_size(size))

    def _slot(self, row: Value, number: int) -> Value:
        """Where in the lists of bases and lengths a buffer of the row stands, in bytes."""
        code = self.code
        index = code.load(I16, code.byte_at(row, code.size(2 + 2 * number)), align=1)
        return code.b.mul(code.resize(index, code.usize.width), code.size(SLOT))

    def _move(self, row: Value, spans: Sequence[Value], size: Value) -> None:
        code, (target, source, second) = self.code, spans
        kind, byte = code.load(I8, row), code.load(I8, code.byte_at(row, code.size(1)))
        fills = code.b.icmp_unsigned("==", kind, I8(_KINDS["fill"]))
        with code.b.if_else(fills) as (then, other):
            with then:
                code.fill(target, byte, size)
            with other:
                code.move(target, source, size)
        for name, how, of_two in (
            ("copyxor", "xor", False),
            ("copyadd", "add", False),
            ("adddiff", "add", True),
        ):
            is_kind = code.b.icmp_unsigned("==", kind, I8(_KINDS[name]))
            with code.when(is_kind), code.loop(code.size(0), size, 1) as i:
                place = code.byte_at(target, i)
                by = code.load(I8, code.byte_at(second, i)) if of_two else byte
                code.b.store(getattr(code.b, how)(code.load(I8, place), by), place)

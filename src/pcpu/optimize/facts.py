"""What is known of every statement: whether its checks can fail, and which bytes it touches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pcpu.expr import Var
from pcpu.ir import (
    MOVES,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Program,
    Repeat,
    Span,
    Statement,
)
from pcpu.optimize.edit import Body, assigned
from pcpu.optimize.spans import Spans
from pcpu.optimize.values import LONGEST, MODULUS, ZERO, Number, Values


@dataclass(frozen=True)
class Place:
    """Bytes of a buffer or table; ``offset`` counts from where that begins."""

    root: str
    offset: Number
    length: Number

    @property
    def empty(self) -> bool:
        return self.length == ZERO


@dataclass(frozen=True)
class Node:
    """A statement. ``quiet`` says that its own checks cannot fail, whatever the input; ``places``
    are those of its spans, the one that it writes to first; ``blocks`` are its blocks."""

    statement: Statement
    quiet: bool = True
    places: tuple[Place, ...] = ()
    blocks: tuple[tuple[Node, ...], ...] = ()


class Facts:
    """Goes through a program once, in its order, and knows what holds where it is.

    What is found in a branch or a loop is forgotten behind it; a register that a loop sets is
    unknown in it and behind it. So this takes linear time.
    """

    def __init__(self, program: Program) -> None:
        most = {p.name: (1 << p.kind.bits) - 1 for p in program.parameters if not p.kind.sizes}
        most |= {f"{p.name}.len": p.kind.sizes[1] for p in program.parameters if p.kind.sizes}
        bytes_ = [name for name, _ in program.tables]
        bytes_ += [p.name for p in program.parameters if p.kind.sizes]
        self.values = Values({}, most | dict.fromkeys(bytes_, 255), dict(program.tables))
        self.spans = Spans(self.values)
        self._bases: dict[str, tuple[str, Number]] = {}  # where windows begin in which buffer
        self._several = {name for name, r in program.registers.items() if r.count > 1}
        names = self.values.names
        for name in program.registers.keys() - self._several:
            names.set(name, ZERO)  # what registers are before they are set
        for name, value in program.constants:
            names.set(name, Number(value))
        for name, content in program.tables:
            names.set(f"{name}.len", Number(len(content)))
        for parameter in program.parameters:
            if parameter.kind.sizes and len(set(parameter.kind.sizes)) == 1:
                names.set(f"{parameter.name}.len", Number(parameter.kind.sizes[0]))
        for buffer in program.buffers:
            if buffer.size is not None:
                names.set(f"{buffer.name}.len", self.values.of(buffer.size))
        self.nodes = self.block(program.body)

    def disjoint(self, p: Place, q: Place) -> bool:
        """Whether two places that lie in their buffers have no byte in common, in every run."""
        if p.root != q.root or p.empty or q.empty:
            return True
        return self._ends_before(p, q) or self._ends_before(q, p)

    def _ends_before(self, p: Place, q: Place) -> bool:
        most = self.values.most(p.length)
        for length in (p.length, *([] if most is None else [Number(most)])):
            gap = (q.offset - p.offset - length).known
            if gap is not None and gap < LONGEST:
                return True
        return False

    def block(self, body: Body) -> tuple[Node, ...]:
        return tuple(self.statement(statement) for statement in body)

    def statement(self, s: Statement) -> Node:
        match s:
            case Instruction():
                return self.instruction(s)
            case Move():
                return self.move(s)
            case Let():
                self.values.names.set(s.name, self.values.of(s.value))
                return Node(s)
            case If():
                return self.branch(s)
            case Repeat():
                most = self.values.most(self.values.of(s.count))
                counter = {} if s.counter is None else {s.counter: self.values.fresh(most)}
                return Node(s, blocks=(self.loop(s.body, counter),))
            case Each():
                return self.each(s)
            case Fuse():
                return Node(s, blocks=(self.block(s.body),))

    def instruction(self, s: Instruction) -> Node:
        quiet, place = self.span(s.span)
        for operand, imm in zip(s.immediates, s.op.immediates, strict=True):
            quiet &= imm.sizes is not None or self.below(operand, 1 << imm.bits)
        if s.name is not None and s.name not in self._several:
            most = (1 << s.op.result_bits) - 1
            self.values.names.set(s.name, self.values.fresh(most))
        return Node(s, quiet, (place,))

    def span(self, span: Span) -> tuple[bool, Place]:
        """Whether a span lies in its buffer whatever the input, and where it is."""
        buffer, whole = span.buffer, self.spans.length(span.buffer)
        offset = self.values.of(span.offset)
        length = whole - offset if span.length is None else self.values.of(span.length)
        if not (quiet := self.spans.inside(buffer, offset, length)):
            self.spans.passes(buffer, offset, length)  # or nothing after it runs
        root, base = self._bases.get(buffer, (buffer, ZERO))
        return quiet, Place(root, base + offset, length)

    def below(self, operand: Operand | None, limit: int) -> bool:
        """Whether an operand that is a number is always below ``limit``."""
        if operand is None or isinstance(operand, bytes) or limit >= MODULUS:
            return True
        number = self.values.of(operand)
        most = self.values.most(number) if number.known is None else number.known
        return most is not None and most < limit

    def move(self, s: Move) -> Node:
        found = [self.span(span) for span in (s.target, *s.sources)]
        quiet, places = all(q for q, _ in found), tuple(place for _, place in found)
        lengths = {place.length for place in places}
        if MOVES[s.kind].value == "bytes":
            lengths.add(self.bytes_length(s.value))
        else:
            quiet &= self.below(s.value, 256)
        return Node(s, quiet and len(lengths) == 1, places)

    def bytes_length(self, operand: Operand | None) -> Number:
        if isinstance(operand, bytes):
            return Number(len(operand))
        assert isinstance(operand, Var)
        return self.values.of(Var(f"{operand.name}.len"))

    def branch(self, s: If) -> Node:
        blocks, changes = [], []
        for body, holds in ((s.then, True), (s.other, False)):
            names, spans = self.values.names.mark(), self.spans.mark()
            self.spans.assume(s.test, holds=holds)
            blocks.append(self.block(body))
            self.spans.undo(spans)
            changes.append(self.values.names.undo(names))
        for name in changes[0].keys() | changes[1].keys():
            then, other = (c.get(name, self.values.names.get(name)) for c in changes)
            known = then if then == other else None
            self.values.names.set(name, known or self.values.fresh())
        return Node(s, blocks=tuple(blocks))

    def loop(
        self, body: Body, inside: dict[str, Number], window: str | None = None
    ) -> tuple[Node, ...]:
        """The nodes of a loop's body, in which there are the names ``inside``; ``window`` is one
        that is never empty."""
        changed = assigned(body) - self._several
        names, spans = self.values.names.mark(), self.spans.mark()
        self.forget(changed)
        for name, value in inside.items():
            self.values.names.set(name, value)
        if window is not None:
            self.spans.reaches(window, Number(1))
        nodes = self.block(body)
        self.spans.undo(spans)
        self.values.names.undo(names)
        self.forget(changed)
        return nodes

    def forget(self, registers: Iterable[str]) -> None:
        for name in registers:
            self.values.names.set(name, self.values.fresh())

    def each(self, s: Each) -> Node:
        quiet, over = self.span(s.over)
        spans, is_list = self.spans.mark(), isinstance(s.size, str)
        start, length = self.values.fresh(), self.values.fresh(under=(over.length,))
        if not isinstance(s.size, str):
            size = self.values.of(s.size)
            quiet &= bool(size.known)
            length = self.window_length(size, over.length)
        inside = {f"{s.name}.len": length, f"{s.name}.start": start}
        inside[f"{s.name}.index"] = self.values.fresh()
        root, base = self._bases.get(s.over.buffer, (s.over.buffer, ZERO))
        for buffer, at in ((root, start), (s.over.buffer, start - base)):
            self.spans.passes(buffer, at, length)
            if not is_list:  # no window is empty
                self.spans.reaches(buffer, at + Number(1))
        self._bases[s.name] = root, start
        nodes = self.loop(s.body, inside, window=None if is_list else s.name)
        self.spans.undo(spans)
        return Node(s, quiet and not is_list, (over,), (nodes,))

    def window_length(self, size: Number, total: Number) -> Number:
        """That of any window of ``size`` bytes of ``total``."""
        if size.known and total.known is not None and total.known % size.known == 0:
            return size
        return self.values.fresh(self.values.most(size), (size, total))

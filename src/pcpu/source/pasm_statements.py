"""The statements of pASM, and the blocks that they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pcpu.expr import Token, Var
from pcpu.ir import (
    MAX_BLOCKS,
    MOVES,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Names,
    Operand,
    Output,
    Path,
    Repeat,
    Span,
    Statement,
)
from pcpu.isa import Isa, Op
from pcpu.source.pasm_line import Line, LineError
from pcpu.source.unknown import unknown_operation

Close = Callable[[tuple[Statement, ...]], Statement]


@dataclass
class Block:
    """A block that has begun: where its statements go, and what makes a statement of it.

    One that is ``lost``, since its first line could not be read, puts them where it stands.
    """

    path: Path
    opened: int  # offset of its first line in the text
    close: Close | None = None
    lost: bool = False
    can_else: bool = False
    branch: tuple[Statement, ...] | None = None  # what stands before ``else``
    body: list[Statement] = field(default_factory=list)


class Body:
    """The statements so far. ``blocks`` are those that have not ended, the outermost first."""

    def __init__(self, isa: Isa, taken: set[str]) -> None:
        """``taken`` are the names that are declared."""
        self.isa, self.taken = isa, taken
        self.names = Names(taken)
        self.blocks = [Block(("body",), 0)]
        self.count = 0

    @property
    def path(self) -> Path:
        """Of the statement that is being read."""
        block = self.blocks[-1]
        return (*block.path, len(block.body))

    def read(self, line: Line) -> None:
        """Read a line that is no directive."""
        keyword = KEYWORDS.get(line.first.text)
        if keyword is not None:
            line.tokens.next()
            keyword.read(self, line)
            return
        name = line.tokens.name()
        if not line.take("="):
            self.operation(name, None, line)
            return
        word = line.tokens.token
        if word.kind != "name" or "." in word.text:
            self.let(name, line)
            return
        line.tokens.next()
        if line.tokens.token.kind == "name":
            self.operation(word, name, line)
        else:
            self.let(name, line, word)

    def add(self, statement: Statement, line: Line) -> None:
        self.check_place(line, operation=isinstance(statement, Instruction))
        self.blocks[-1].body.append(statement)
        self.count += 1

    def check_place(self, line: Line, *, operation: bool) -> None:
        if self.blocks[-1].path[-1] == "fuse" and not operation:
            raise LineError("block", "only operations stand in a fuse", line.first.column)

    # Statements without a block

    def operation(self, word: Token, name: Token | None, line: Line) -> None:
        path = self.path
        line.note(path, word.column)
        if word.text in MOVES:
            if name is not None:
                message = f"{word.text} has no result to name"
                raise LineError("name-on-map", message, name.column)
            self.move(word, path, line)
            return
        op = self.isa.find(word.text)
        if op is None:
            message = unknown_operation(word.text, self.isa, (*MOVES, *KEYWORDS))
            raise LineError("unknown-op", message, word.column)
        line.note((*path, "op"), word.column)
        line.note((*path, "name"), (name or word).column)
        if line.tokens.token.kind != "name":
            message = f"{word.text} takes a span first, such as data or data[0:4]"
            raise LineError("syntax", message, line.tokens.token.column)
        span = line.span((*path, "span"))
        imms = self.operands(op, path, line)
        line.end()
        given = name.text if name else None
        self.add(Instruction(op, imms, self.names.add(op, given) or given, span, line.number), line)

    def operands(self, op: Op, path: Path, line: Line) -> tuple[Operand, ...]:
        found: list[Operand] = []
        while line.take(","):
            index = len(found)
            is_bytes = index < len(op.immediates) and op.immediates[index].sizes is not None
            found.append(line.operand((*path, "imm", index), is_bytes=is_bytes))
        return tuple(found)

    def move(self, word: Token, path: Path, line: Line) -> None:
        line.note((*path, "move"), word.column)
        kind: Any = word.text
        form = MOVES[kind]
        spans: list[Span] = [line.span((*path, "target"))]
        for index in range(form.sources):
            self.comma(kind, line)
            spans.append(line.span((*path, "sources", index)))
        value = None
        if form.value is not None:
            self.comma(kind, line)
            value = line.operand((*path, "value"), is_bytes=form.value == "bytes")
        if line.tokens.token.text == ",":
            raise LineError("immediate-count", f"{kind} takes {form.takes}", word.column)
        line.end()
        self.add(Move(kind, spans[0], tuple(spans[1:]), value, line.number), line)

    def comma(self, kind: str, line: Line) -> None:
        token = line.tokens.token
        if token.kind == "end":
            message = f"{kind} takes {MOVES[kind].takes}"
            raise LineError("immediate-count", message, line.first.column)
        line.expect(",")

    def let(self, name: Token, line: Line, word: Token | None = None) -> None:
        """``word`` is the name that the value begins with, if that has been read."""
        path = self.path
        line.note(path, name.column)
        line.note((*path, "let"), name.column)
        value = line.scalar((*path, "value"), word)
        line.end()
        if isinstance(value, Var) and value.name not in self.taken and self.isa.find(value.name):
            usage = f"{name.text} = {value.name} data"
            message = f"{value.name} is an operation and takes a span: {usage}"
            raise LineError("syntax", message, word.column if word else name.column)
        self.taken.add(name.text)
        self.add(Let(name.text, value, line.number), line)

    # Blocks

    def open(self, line: Line, key: str, close: Close, *, can_else: bool = False) -> None:
        line.end()
        self.check_place(line, operation=False)
        if len(self.blocks) > MAX_BLOCKS:
            raise LineError("too-long", f"blocks nest at most {MAX_BLOCKS} deep", line.first.column)
        path = self.path
        line.note(path, line.first.column)
        opened = line.start + line.first.column - 1
        self.blocks.append(Block((*path, key), opened, close, can_else=can_else))

    def lose(self, opened: int) -> None:
        """Begin a block whose first line could not be read, so that its end finds it."""
        outer = self.blocks[-1]
        self.blocks.append(Block(outer.path, opened, lost=True, can_else=True, body=outer.body))

    def close(self) -> None:
        """End the innermost block."""
        block = self.blocks.pop()
        if block.close is not None:
            self.blocks[-1].body.append(block.close(tuple(block.body)))
            self.count += 1


def _if(body: Body, line: Line) -> None:
    number = line.number
    test = line.scalar((*body.path, "if"))

    def close(found: tuple[Statement, ...]) -> If:
        then, other = (found, ()) if block.branch is None else (block.branch, found)
        return If(test, then, other, number)

    body.open(line, "then", close, can_else=True)
    block = body.blocks[-1]


def _else(body: Body, line: Line) -> None:
    line.end()
    block = body.blocks[-1]
    if not block.can_else:
        raise LineError("block", "'else' without an 'if' before it", line.first.column)
    block.can_else = False
    if block.lost:
        return
    block.branch, block.body = tuple(block.body), []
    block.path = (*block.path[:-1], "else")
    line.note((*block.path[:-1], "else"), line.first.column)


def _end(body: Body, line: Line) -> None:
    line.end()
    if len(body.blocks) == 1:
        raise LineError("block", "'end' without a block before it", line.first.column)
    if not body.blocks[-1].lost:
        line.note((*body.blocks[-2].path, len(body.blocks[-2].body), "end"), line.first.column)
    body.close()


def _repeat(body: Body, line: Line) -> None:
    path, number = body.path, line.number
    count = line.scalar((*path, "repeat"))
    counter = line.name((*path, "as")) if line.take("as") else None
    if counter is not None:
        body.taken.add(counter)
    body.open(line, "body", lambda found: Repeat(count, found, counter, number))


def _each(body: Body, line: Line) -> None:
    path, number = body.path, line.number
    is_window = line.take("window")
    if not is_window:
        line.expect("span")
    name = line.name((*path, "each"))
    body.taken.add(name)
    line.expect("of")
    size = line.scalar((*path, "size")) if is_window else line.name((*path, "spans"))
    line.expect("in")
    over = line.span((*path, "in"))
    output = None
    if line.take("into"):
        table = line.name((*path, "into"), (*path, "into", "name"))
        body.taken.add(table)
        line.expect("(")
        output = Output(table, line.names((*path, "into", "columns")))
        line.expect(")")
    body.open(line, "body", lambda found: Each(name, over, size, found, output, number))


def _fuse(body: Body, line: Line) -> None:
    number = line.number

    def close(found: tuple[Statement, ...]) -> Fuse:
        return Fuse(tuple(s for s in found if isinstance(s, Instruction)), number)

    body.open(line, "fuse", close)


@dataclass(frozen=True)
class Keyword:
    usage: str
    opens: bool
    read: Callable[[Body, Line], None]


_EACH = (
    "each window NAME of SCALAR in SPAN [into NAME(NAME, ...)], or each span NAME of LIST in SPAN"
)
KEYWORDS = {
    "if": Keyword("if SCALAR", True, _if),
    "else": Keyword("else, in a line of its own", False, _else),
    "end": Keyword("end, in a line of its own", False, _end),
    "repeat": Keyword("repeat SCALAR [as NAME]", True, _repeat),
    "each": Keyword(_EACH, True, _each),
    "fuse": Keyword("fuse, in a line of its own", True, _fuse),
}

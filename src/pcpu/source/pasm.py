"""pASM text to a Program (spec/pasm.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pcpu import expr
from pcpu.errors import ExpressionError, ProgramError, ProgramErrors, TextPlace
from pcpu.expr import Const, Expr, Located, Typer
from pcpu.ir import (
    MOVES,
    Buffer,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Names,
    Operand,
    Output,
    Parameter,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
    check,
)
from pcpu.ir.scope import Fault, Path, names_of
from pcpu.ir.text import read_kind
from pcpu.isa import Isa
from pcpu.source.number import read_bytes
from pcpu.source.pasm_line import Line, Piece, Word, code_of, parse_line
from pcpu.source.unknown import unknown_operation

MAX_TEXT, MAX_LINE = 4 << 20, 262144
MAX_ERRORS = 20
_OPENS = re.compile(r"\s*(if|repeat|each|fuse)\b")
_SETS = re.compile(r"\s*([a-z_][a-z0-9_]{0,31})\s*=(?!=)")
_USAGE = {
    ".param": ".param NAME imm8 [= NUMBER], or .param NAME bytes4 [= 0x...]",
    ".const": ".const NAME = NUMBER",
    ".table": '.table NAME = 0x... or "text"',
    ".inout": ".inout NAME", ".in": ".in NAME", ".spans": ".spans NAME",
    ".out": ".out NAME, SIZE",
    ".return": ".return NAME, NAME",
    "if": "if SCALAR", "else": "else", "end": "end", "fuse": "fuse",
    "repeat": "repeat SCALAR [as NAME]",
    "each": "each window NAME of SIZE in SPAN [into NAME(NAME)], or each span NAME of LIST in SPAN",
}  # fmt: skip


def parse_pasm(text: str, isa: Isa, file: str = "program") -> Program:
    """The verified Program that ``text`` stands for. ``file`` is its name in messages.

    Raises ProgramErrors with up to 20 of its mistakes, each with its place.
    """
    parser = _Parser(text, isa, file)
    program = parser.program()
    faults, _ = check(program)
    for fault in faults:
        parser.errors.append(parser.located(fault))
    raise_errors(parser.errors)
    return program


def raise_errors(errors: list[ProgramError]) -> None:
    """Raise the first of ``errors``, in the order of their places, if there are any."""

    def order(error: ProgramError) -> int:
        return error.place.offset if error.place is not None else 0

    unique = {(order(e), e.message): e for e in sorted(errors, key=order)}
    if unique:
        raise ProgramErrors(list(unique.values())[:MAX_ERRORS])


@dataclass
class _Block:
    """A block that has begun: where its statements go, and what makes a statement of it."""

    path: Path
    opened: int  # offset of its first line in the text
    close: Callable[[tuple[Statement, ...]], Statement] | None
    branch: tuple[Statement, ...] | None = None  # what stands before ``else``
    can_else: bool = False
    body: list[Statement] = field(default_factory=list)


class _Stop(Exception):
    """The rest of this line cannot be read; the error has been noted."""


class _Parser:
    def __init__(self, text: str, isa: Isa, file: str) -> None:
        self.text, self.isa, self.file = text, isa, file
        self.errors: list[ProgramError] = []
        self.places: dict[Path, int] = {}
        self.names = Names()
        self.parameters: list[Parameter] = []
        self.constants: dict[str, int] = {}
        self.tables: list[tuple[str, bytes]] = []
        self.buffers: list[Buffer] = []
        self.returns: tuple[str, ...] | None = None
        self.blocks = [_Block(("body",), 0, None)]
        self.mentioned: set[str] = set()
        self.start = self.number = 0  # offset and number of the line
        self.code = ""

    # Places and errors

    def note(self, path: Path, column: int) -> None:
        self.places[path] = self.start + column - 1

    def error(self, code: str, message: str, offset: int) -> None:
        place = TextPlace(self.text, offset, self.file)
        self.errors.append(ProgramError(code, message, place))

    def stop(self, code: str, message: str, column: int) -> _Stop:
        self.error(code, message, self.start + column - 1)
        return _Stop()

    def located(self, fault: Fault) -> ProgramError:
        """A fault of the verifier at its place, or at that of what holds it."""
        path = fault.path
        while path and path not in self.places:
            path = path[:-1]
        place = TextPlace(self.text, self.places.get(path, 0), self.file)
        return ProgramError(fault.code, fault.message, place)

    # Lines

    def program(self) -> Program:
        if len(self.text) > MAX_TEXT:
            self.error("too-long", f"a program has at most {MAX_TEXT} characters", MAX_TEXT)
            raise_errors(self.errors)
        for number, line in enumerate(self.text.split("\n"), start=1):
            self.number, self.code = number, code_of(line)
            if self.code.strip(" \t\r"):
                self.line()
            self.start += len(line) + 1
        for block in self.blocks[1:]:
            self.error("block", "this block does not end; 'end' is missing", block.opened)
        while len(self.blocks) > 1:
            self.close()
        return self.finished()

    def finished(self) -> Program:
        body = tuple(self.blocks[0].body)
        buffers = tuple(self.buffers)
        declared = {b.name for b in buffers} | {name for name, _ in self.tables}
        declared |= {p.name for p in self.parameters} | set(self.constants)
        if "data" in self.mentioned - declared:
            buffers = (Buffer("data", "inout"), *buffers)
            self.places = {_moved(path): offset for path, offset in self.places.items()}
        program = Program(
            body, tuple(self.parameters), tuple(self.constants.items()), tuple(self.tables), buffers
        )
        if self.returns is None or self.returns == program.usual_returns:
            return program
        return Program(
            body, program.parameters, program.constants, program.tables, buffers, self.returns
        )

    def line(self) -> None:
        if len(self.code) > MAX_LINE:
            self.error("too-long", f"a line has at most {MAX_LINE} characters", self.start)
            return
        try:
            line = parse_line(self.code)
            if line.kind in _DIRECTIVES and (len(self.blocks) > 1 or self.blocks[0].body):
                raise self.stop("syntax", "directives stand before all statements", 1)
            getattr(self, line.kind)(line)
        except ExpressionError as error:
            self.error("syntax", self.advice(error), self.start + (error.column or 1) - 1)
            self.lost()
        except _Stop:
            self.lost()

    def advice(self, error: ExpressionError) -> str:
        message = error.message.replace("the expression ends", "the line ends")
        word = self.code.split(maxsplit=1)[0]
        usage = _USAGE.get(word)
        if usage is None and word.startswith("."):
            known = " ".join(w for w in _USAGE if w.startswith("."))
            return f"unknown directive {word!r}; known: {known}"
        return f"{message}; write {usage}" if usage else message

    def lost(self) -> None:
        """Keep one mistake from causing others: blocks and registers of a bad line are there."""
        if match := _OPENS.match(self.code):
            # Without its window or list the body of an 'each' would be full of unknown names.
            keeps = match.group(1) != "each"
            close = (lambda body: If(1, body)) if keeps else None
            self.blocks.append(_Block((*self.path, "then"), self.start, close, can_else=True))
        elif match := _SETS.match(self.code):
            self.blocks[-1].body.append(Let(match.group(1), 0))

    @property
    def path(self) -> Path:
        """Of the statement that is being read."""
        block = self.blocks[-1]
        return (*block.path, len(block.body))

    def add(self, statement: Statement) -> None:
        self.check_place(operation=isinstance(statement, Instruction))
        self.blocks[-1].body.append(statement)

    def check_place(self, *, operation: bool) -> None:
        if self.blocks[-1].path[-1] == "fuse" and not operation:
            raise self.stop("block", "only operations stand in a fuse", self.first)

    # Parts of lines

    def expression(self, node: Located, path: Path) -> Expr:
        self.note(path, node.column)
        expr.check_depth(node, self.code)
        found = Typer(self.code, None, 64).typed(node)
        self.mentioned |= {name.partition(".")[0] for name, _ in names_of(found)}
        return found

    def scalar(self, node: Located, path: Path) -> Scalar:
        found = self.expression(node, path)
        return found.value if isinstance(found, Const) else found

    def span(self, piece: Piece, path: Path) -> Span:
        self.note(path, piece.column)
        self.note((*path, "buffer"), piece.column)
        self.mentioned.add(piece.name.text)
        offset = self.scalar(piece.offset, (*path, "offset")) if piece.offset else 0
        length = self.scalar(piece.length, (*path, "length")) if piece.length else None
        return Span(piece.name.text, offset, length)

    def bytes_(self, word: Word | Located) -> bytes:
        """The bytes that a literal stands for."""
        content = read_bytes(word.text)
        if content is None:
            message = "bytes are 0x and pairs of hexadecimal digits, or a string"
            if word.text.startswith('"'):
                message = 'not a JSON string: its escapes are \\n \\t \\\\ \\" \\u0041'
            raise self.stop("syntax", message, word.column)
        return content

    def operand(self, part: Any, path: Path, *, is_bytes: bool) -> Operand:
        self.note(path, part.column)
        if isinstance(part, Piece):
            message = "a span stands here where a number or bytes are needed"
            raise self.stop("wrong-kind", message, part.column)
        if isinstance(part, Word):
            return self.bytes_(part)
        if is_bytes and part.kind == "const":
            return self.bytes_(part)
        return self.scalar(part, path)

    # Directives

    def declare(self, name: Word, path: Path) -> str:
        self.note(path, name.column)
        self.note((*path, "name"), name.column)
        self.names.taken.add(name.text)
        return name.text

    def param(self, line: Line) -> None:
        name, kind, literal = line.parts
        path: Path = ("params", len(self.parameters))
        self.declare(name, path)
        self.note((*path, "kind"), kind.column)
        immediate = read_kind(name.text, kind.text)
        if immediate is None:
            raise self.stop("wrong-kind", "imm1 to imm64, bytesN or bytesM-N", kind.column)
        default = None
        if literal is not None:
            self.note((*path, "default"), literal.column)
            is_number = immediate.sizes is None and not literal.text.startswith('"')
            default = self.number_(literal) if is_number else self.bytes_(literal)
        self.parameters.append(Parameter(immediate, default))

    def number_(self, word: Word) -> int:
        text = word.text.lower()
        value = int(text, 0) if text[:2] in ("0x", "0b", "0o") else int(text)
        if value >> 64:
            raise self.stop("immediate-range", "a number has at most 64 bits", word.column)
        return value

    def constant_is(self, line: Line) -> None:
        name, value = line.parts
        path: Path = ("constants", len(self.constants))
        found = self.expression(value, (*path, "value"))
        missing = next((n for n, _ in names_of(found) if n not in self.constants), None)
        if missing is not None:
            message = f"a constant is made of numbers and earlier constants, not of {missing!r}"
            raise self.stop("unknown-name", message, value.column)
        if name.text in self.constants:
            raise self.stop("name-taken", f"{name.text!r} is a constant already", name.column)
        self.constants[self.declare(name, path)] = expr.evaluate(found, self.constants, 64)

    def table(self, line: Line) -> None:
        name, literal = line.parts
        path: Path = ("tables", len(self.tables))
        self.note((*path, "bytes"), literal.column)
        self.tables.append((self.declare(name, path), self.bytes_(literal)))

    def buffer(self, line: Line) -> None:
        role, name = line.parts
        path: Path = ("buffers", len(self.buffers))
        self.buffers.append(Buffer(self.declare(name, path), role.text[1:]))

    def out(self, line: Line) -> None:
        name, size = line.parts
        path: Path = ("buffers", len(self.buffers))
        found = self.scalar(size, (*path, "size"))
        self.buffers.append(Buffer(self.declare(name, path), "out", found))

    def returns_(self, line: Line) -> None:
        if self.returns is not None:
            raise self.stop("name-taken", "a program has one .return", 1)
        for index, name in enumerate(line.parts):
            self.note(("returns", index), name.column)
        self.returns = tuple(name.text for name in line.parts)

    # Statements

    def unnamed(self, line: Line) -> None:
        word, *operands = line.parts
        form = MOVES.get(word.text)
        if form is not None:
            self.move(word, operands)
        else:
            self.instruction(word, None, operands)

    def named(self, line: Line) -> None:
        name, word, *operands = line.parts
        if word.text in MOVES:
            message = f"{word.text} has no result to name"
            raise self.stop("name-on-map", message, name.column)
        self.instruction(word, name, operands)

    def instruction(self, word: Word, name: Word | None, operands: list[Any]) -> None:
        path = self.path
        self.note(path, word.column)
        self.note((*path, "op"), word.column)
        self.note((*path, "name"), (name or word).column)
        op = self.isa.find(word.text)
        if op is None:
            raise self.stop(
                "unknown-op", unknown_operation(word.text, self.isa, MOVES), word.column
            )
        span = self.span(operands[0], (*path, "span"))
        imms = tuple(
            self.operand(
                part,
                (*path, "imm", index),
                is_bytes=index < len(op.immediates) and op.immediates[index].sizes is not None,
            )
            for index, part in enumerate(operands[1:])
        )
        given = name.text if name else None
        if op.has_result:
            given = self.names.add(op, given)
        self.add(Instruction(op, imms, given, span, self.number))

    def move(self, word: Word, operands: list[Any]) -> None:
        path = self.path
        self.note(path, word.column)
        self.note((*path, "move"), word.column)
        form = MOVES[word.text]
        wanted = 1 + form.sources + (form.value is not None)
        if len(operands) != wanted:
            what = [
                "a target",
                *["a source"] * form.sources,
                *([f"a {form.value}"] if form.value else []),
            ]
            message = (
                f"{word.text} takes {wanted} operands ({', '.join(what)}), {len(operands)} given"
            )
            raise self.stop("immediate-count", message, word.column)
        spans = []
        for index, part in enumerate(operands[: 1 + form.sources]):
            at = (*path, "target") if index == 0 else (*path, "sources", index - 1)
            spans.append(self.span(self.piece(part), at))
        value = None
        if form.value is not None:
            value = self.operand(operands[-1], (*path, "value"), is_bytes=form.value == "bytes")
        kind: Any = word.text
        self.add(Move(kind, spans[0], tuple(spans[1:]), value, self.number))

    def piece(self, part: Any) -> Piece:
        """A part that has to be a span; a name alone was read as a number."""
        if isinstance(part, Piece):
            return part
        if isinstance(part, Located) and part.kind == "var" and "." not in part.text:
            return Piece(Word(part.text, part.column))
        raise self.stop("wrong-kind", "a span is needed here: a buffer or part of one", part.column)

    def let(self, line: Line) -> None:
        name, value = line.parts
        path = self.path
        self.note(path, name.column)
        self.note((*path, "let"), name.column)
        self.names.taken.add(name.text)
        self.add(Let(name.text, self.scalar(value, (*path, "value")), self.number))

    # Blocks

    def open(self, column: int, key: str, close: Any, *, can_else: bool = False) -> None:
        self.check_place(operation=False)
        path = self.path
        self.note(path, column)
        self.blocks.append(_Block((*path, key), self.start + column - 1, close, can_else=can_else))

    def close(self) -> None:
        block = self.blocks.pop()
        if block.close is not None:
            self.add(block.close(tuple(block.body)))

    def if_(self, line: Line) -> None:
        path, number = self.path, self.number
        test = self.scalar(line.parts[0], (*path, "if"))

        def close(body: tuple[Statement, ...]) -> If:
            block = closing.branch
            then, other = (body, ()) if block is None else (block, body)
            return If(test, then, other, number)

        self.open(self.first, "then", close, can_else=True)
        closing = self.blocks[-1]

    @property
    def first(self) -> int:
        """The column of the line's first word."""
        return len(self.code) - len(self.code.lstrip()) + 1

    def else_(self, line: Line) -> None:
        del line
        block = self.blocks[-1]
        if not block.can_else:
            raise self.stop("block", "'else' without an 'if' before it", self.first)
        block.can_else = False
        block.branch, block.body = tuple(block.body), []
        block.path = (*block.path[:-1], "else")

    def end(self, line: Line) -> None:
        del line
        if len(self.blocks) == 1:
            raise self.stop("block", "'end' without a block before it", self.first)
        self.close()

    def repeat(self, line: Line) -> None:
        count, counter = line.parts
        path, number = self.path, self.number
        turns = self.scalar(count, (*path, "repeat"))
        name = None
        if counter is not None:
            self.note((*path, "as"), counter.column)
            name = counter.text
        self.open(self.first, "body", lambda body: Repeat(turns, body, name, number))

    def windows(self, line: Line) -> None:
        name, size, over, into = line.parts
        self.each(name, self.scalar(size, (*self.path, "size")), over, into)

    def spans(self, line: Line) -> None:
        name, listed, over, into = line.parts
        self.note((*self.path, "spans"), listed.column)
        self.each(name, listed.text, over, into)

    def each(self, name: Word, size: Scalar | str, over: Piece, into: Any) -> None:
        path, number = self.path, self.number
        self.note((*path, "each"), name.column)
        where = self.span(over, (*path, "in"))
        output = None
        if into is not None:
            table, columns = into
            self.note((*path, "into", "name"), table.column)
            for index, column in enumerate(columns):
                self.note((*path, "into", "columns", index), column.column)
            output = Output(table.text, tuple(column.text for column in columns))
        self.open(
            self.first, "body", lambda body: Each(name.text, where, size, body, output, number)
        )

    def fuse(self, line: Line) -> None:
        del line
        number = self.number

        def close(body: tuple[Statement, ...]) -> Fuse:
            return Fuse(tuple(s for s in body if isinstance(s, Instruction)), number)

        self.open(self.first, "fuse", close)


_DIRECTIVES = frozenset(["param", "constant_is", "table", "buffer", "out", "returns_"])


def _moved(path: Path) -> Path:
    """A path once a buffer has been put before all others."""
    if len(path) > 1 and path[0] == "buffers" and isinstance(path[1], int):
        return ("buffers", path[1] + 1, *path[2:])
    return path

"""One line of pASM: its words, scalars, spans and literals, and where each stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pcpu import expr
from pcpu.errors import ProgramError, TextPlace
from pcpu.expr import Const, Expr, Located, Token, Tokens, Typer
from pcpu.ir import SCALAR_BITS, Operand, Path, Scalar, Span
from pcpu.source.number import read_bytes

_CODE = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*"?)*')  # what is before a comment
BYTES_FORMS = "0x and pairs of hexadecimal digits, or a string"
_STRING_FORM = 'not a JSON string: its escapes are \\n \\t \\\\ \\" \\u0041'


class LineError(Exception):
    """What is wrong with a line. The rest of it is not read."""

    def __init__(self, code: str, message: str, column: int) -> None:
        self.code, self.message, self.column = code, message, column
        super().__init__(message)


@dataclass
class Source:
    """A text, what is wrong with it, and where the parts of the program stand in it."""

    text: str
    file: str
    errors: list[ProgramError] = field(default_factory=list)
    places: dict[Path, int] = field(default_factory=dict)  # offsets

    def error(self, code: str, message: str, offset: int) -> None:
        place = TextPlace(self.text, offset, self.file)
        self.errors.append(ProgramError(code, message, place))


def code_of(line: str) -> str:
    """The line without its comment."""
    match = _CODE.match(line)
    return match.group() if match else line


class Line:
    """Reads the parts of one line in their order, and notes their places."""

    def __init__(self, source: Source, code: str, start: int, number: int) -> None:
        self.source, self.code, self.start, self.number = source, code, start, number
        self.tokens = Tokens(code)
        self.first = self.tokens.token

    def note(self, path: Path, column: int) -> None:
        self.source.places[path] = self.start + column - 1

    # Words

    def take(self, text: str) -> bool:
        """Whether ``text`` came next; it is read then."""
        return self.tokens.take(text) is not None

    def expect(self, text: str) -> None:
        self.tokens.expect(text)

    def end(self) -> None:
        self.tokens.end()

    def name(self, *paths: Path) -> str:
        """A name, which stands for each of ``paths``."""
        token = self.tokens.name()
        for path in paths:
            self.note(path, token.column)
        return token.text

    def names(self, path: Path) -> tuple[str, ...]:
        """Names with commas between them, whose paths are numbered."""
        found = [self.name((*path, 0))]
        while self.take(","):
            found.append(self.name((*path, len(found))))
        return tuple(found)

    # Scalars and spans

    def scalar(self, path: Path, word: Token | None = None) -> Scalar:
        """``word`` is the name that it begins with, if that has been read."""
        found = self.expression(path, None if word is None else self._first(word, path))
        return found.value if isinstance(found, Const) else found

    def expression(self, path: Path, first: Located | None = None) -> Expr:
        """``first`` is the operand that it begins with, if that has been read."""
        node = expr.read_expression(self.tokens, first)
        self.note(path, node.column)
        return Typer(self.code, None, SCALAR_BITS).typed(node)

    def _first(self, word: Token, path: Path) -> Located:
        """The first operand of a scalar, which begins with ``word``."""
        if self.tokens.token.text != "[":
            return Located("var", word.text, word.column)
        found = self._bracket(word, path)
        if isinstance(found, Span):
            message = "a span stands here where a number or bytes are needed"
            raise LineError("wrong-kind", message, word.column)
        return found

    def span(self, path: Path) -> Span:
        token = self.tokens.name()
        if self.tokens.token.text != "[":
            return self._whole(token, path)
        found = self._bracket(token, path)
        if isinstance(found, Located):
            message = f"{token.text}[...] is a number; a span has a colon: {token.text}[0:4]"
            raise LineError("wrong-kind", message, token.column)
        return found

    def _whole(self, name: Token, path: Path) -> Span:
        self.note(path, name.column)
        self.note((*path, "buffer"), name.column)
        return Span(name.text)

    def _bracket(self, name: Token, path: Path) -> Span | Located:
        """``name[offset:length]``, or the ``name[index]`` that a scalar begins with."""
        self.expect("[")
        node = expr.read_expression(self.tokens)
        if self.tokens.token.text != ":":
            return expr.read_index(self.tokens, name, node)
        self.tokens.next()
        self._whole(name, path)
        offset = self._typed(node, (*path, "offset"))
        length = None
        if self.tokens.token.text != "]":
            length = self.scalar((*path, "length"))
        self.expect("]")
        return Span(name.text, offset, length)

    def _typed(self, node: Located, path: Path) -> Scalar:
        self.note(path, node.column)
        found = Typer(self.code, None, SCALAR_BITS).typed(node)
        return found.value if isinstance(found, Const) else found

    # Operands

    def operand(self, path: Path, *, is_bytes: bool) -> Operand:
        """A scalar, or where ``is_bytes`` a literal or the name of bytes."""
        token = self.tokens.token
        self.note(path, token.column)
        if token.kind == "string" or (is_bytes and token.kind == "number"):
            return self.literal(path)
        if token.kind != "name" or "." in token.text:
            return self.scalar(path)
        return self.scalar(path, self.tokens.next())

    def literal(self, path: Path) -> bytes:
        """Bytes that are written out."""
        token = self.tokens.token
        self.note(path, token.column)
        if token.kind not in ("string", "number"):
            raise self.tokens.unexpected()
        found = read_bytes(token.text)
        if found is None:
            is_string = token.kind == "string"
            message = _STRING_FORM if is_string else f"bytes are {BYTES_FORMS}"
            raise LineError("syntax", message, token.column)
        self.tokens.next()
        return found

    def number_literal(self, path: Path) -> int:
        token = self.tokens.token
        self.note(path, token.column)
        number = expr.read_number(token.text)
        if number is None:
            raise self.tokens.unexpected()
        if number >> SCALAR_BITS:
            raise LineError("immediate-range", "a number has at most 64 bits", token.column)
        self.tokens.next()
        return number

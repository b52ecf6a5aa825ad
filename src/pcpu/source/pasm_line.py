"""One line of pASM as a syntax tree: what stands where, not yet what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pcpu import expr
from pcpu.errors import ExpressionError
from pcpu.expr import Located

if TYPE_CHECKING:
    from lark import Lark

_CODE = re.compile(r'(?:[^";]|"(?:[^"\\]|\\.)*"?)*')  # what is before a comment


@dataclass(frozen=True)
class Word:
    """A name, number or string with its column, from 1."""

    text: str
    column: int


@dataclass(frozen=True)
class Piece:
    """``name``, or with ``sliced`` ``name[offset:length]``."""

    name: Word
    offset: Located | None = None
    length: Located | None = None
    sliced: bool = False

    @property
    def column(self) -> int:
        return self.name.column


@dataclass(frozen=True)
class Line:
    """``kind`` is the rule of pasm.lark; ``parts`` are Word, Located, Piece, None or tuples."""

    kind: str
    parts: tuple[Any, ...]


def code_of(line: str) -> str:
    """The line without its comment."""
    match = _CODE.match(line)
    return match.group() if match else line


def parse_line(code: str) -> Line:
    """The syntax of one line that is not blank. Raises ExpressionError with the column."""
    found = expr.parsed(_grammar(), code)
    assert isinstance(found, Line)
    return found


@cache
def _grammar() -> Lark:
    from lark import Lark, Token

    def word(token: Token) -> Word:
        return Word(str(token), token.column or 1)

    class Build(expr.builder()):  # type: ignore[misc]
        def whole(self, name: Token) -> Piece:
            return Piece(word(name))

        def slice(self, name: Token, offset: Located, length: Located | None) -> Piece:
            return Piece(word(name), offset, length, sliced=True)

        def scalar(self, value: Located) -> Located:
            return value

        def string(self, token: Token) -> Word:
            return word(token)

        number = string

        def into(self, name: Token, *columns: Token) -> tuple[Word, tuple[Word, ...]]:
            return word(name), tuple(map(word, columns))

    def rule(kind: str) -> Any:
        def build(self: Any, *parts: Any) -> Line:
            del self
            return Line(kind, tuple(word(p) if isinstance(p, Token) else p for p in parts))

        return build

    for kind in (
        "param", "constant_is", "table", "buffer", "out", "returns_", "let", "named", "unnamed",
        "if_", "else_", "end", "repeat", "windows", "spans", "fuse",
    ):  # fmt: skip
        setattr(Build, kind, rule(kind))
    from lark import v_args

    text = expr.grammar_text() + (files("pcpu.source") / "pasm.lark").read_text("utf-8")
    return Lark(
        text, parser="lalr", start="line", transformer=v_args(inline=True)(Build)(),
        maybe_placeholders=True,
    )  # fmt: skip


__all__ = ["ExpressionError", "Line", "Piece", "Word", "code_of", "parse_line"]

"""Text to tokens, and expressions to trees whose names mean nothing yet (spec/isa.md E2, E6).

Written by hand, as the pipeline notation is: a text is read once from left to right, a hostile one
no slower than another, and no parser library has to be loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pcpu.errors import ExpressionError
from pcpu.expr.tree import LEVELS, MAX_DEPTH, Shown

_BLANKS = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(
    r"""(?P<name>[a-z_][a-z0-9_]*(?:\.[a-z]+)?)
      | (?P<number>[0-9][0-9A-Za-z_]*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<sign><<|>>|<=|>=|==|!=|[-+*%&|^~<>()\[\]?:,=.])
      | (?P<odd>.)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|[0-9]+")
_BASES = {"0x": 16, "0o": 8, "0b": 2}
_SHOWN = 40  # characters of a token in a message
# What to write for what C has and expressions have not.
_HINTS = MappingProxyType({
    "/": "; there is no division", "!": "; of x the opposite is x == 0",
    "'": "; a character is its number", "&&": "; join comparisons by one &",
    "||": "; join comparisons by one |",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """``column`` counts from 1; ``odd`` is a character that begins no token."""

    kind: Literal["name", "number", "string", "sign", "odd", "end"]
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Located:
    """An untyped node: the token or operator that names it, its column, its parts.

    ``kind`` is const, var, index, invert, negate, binary or cond.
    """

    kind: str
    text: str
    column: int
    parts: tuple[Located, ...] = ()
    depth: int = 1


class Tokens:
    """Reads ``text`` one token at a time; ``token`` is the next one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.deepest = 2 * MAX_DEPTH if isinstance(text, Shown) else MAX_DEPTH
        self._position = 0
        self.token = self._scan()

    def _scan(self) -> Token:
        blanks = _BLANKS.match(self.text, self._position)
        start = blanks.end() if blanks else self._position
        match = _TOKEN.match(self.text, start)
        if match is None:
            self._position = len(self.text)
            return Token("end", "", len(self.text) + 1)
        self._position = match.end()
        kind: Any = match.lastgroup
        return Token(kind, match.group(), start + 1)

    def next(self) -> Token:
        """Take the next token."""
        token = self.token
        self.token = self._scan()
        return token

    def take(self, text: str) -> Token | None:
        """Take the next token if it is the sign or word ``text``."""
        return self.next() if self.token.text == text else None

    def expect(self, text: str) -> Token:
        if self.token.text != text:
            raise self.unexpected()
        return self.next()

    def name(self) -> Token:
        """Take a name, without a dot in it."""
        if self.token.kind != "name" or "." in self.token.text:
            raise self.unexpected()
        return self.next()

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.unexpected()

    def word(self, pattern: re.Pattern[str]) -> Token:
        """Take what ``pattern`` matches, whatever tokens that would be."""
        start = self.token.column - 1
        match = pattern.match(self.text, start)
        self._position = match.end() if match else start
        word = Token("odd", self.text[start : self._position], start + 1)
        self.token = self._scan()
        return word

    def unexpected(self) -> ExpressionError:
        """That the next token may not stand where it does."""
        token = self.token
        if token.kind == "end":
            return self.error("the expression ends too soon", token.column)
        if token.text == '"':
            return self.error("a string that does not end", token.column)
        what = "character " if token.kind == "odd" else ""
        pair = self.text[max(0, token.column - 2) : token.column]
        hint = _HINTS.get(token.text) or _HINTS.get(pair, "")
        return self.error(f"unexpected {what}{shown(token.text)}{hint}", token.column)

    def error(self, message: str, column: int) -> ExpressionError:
        return ExpressionError(message, self.text, column)


def shown(text: str) -> str:
    """A piece of a text, in a message."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def read_number(text: str) -> int | None:
    """The number that ``text`` is; one beyond 2**256 where it is very large, None for no number."""
    if not _NUMBER.fullmatch(text):
        return None
    base = _BASES.get(text[:2].lower(), 10)
    digits = (text[2:] if base != 10 else text).lstrip("0") or "0"
    # Python refuses to read long decimals, and takes time for them; no number of ours is large.
    return int(digits, base) if len(digits) <= 64 else 1 << 257


def read_expression(tokens: Tokens, first: Located | None = None, depth: int = 1) -> Located:
    """The expression that comes next. ``first`` is its first operand if that has been read."""
    test = _operators(tokens, first, depth)
    if not tokens.take("?"):
        return test
    then = read_expression(tokens, None, _deeper(tokens, depth))
    tokens.expect(":")
    return _node(tokens, "cond", "?", test, then, read_expression(tokens, None, depth + 1))


def read_index(tokens: Tokens, name: Token, index: Located) -> Located:
    """``name[index]``, whose closing bracket comes next."""
    tokens.expect("]")
    return _node(tokens, "index", name.text, index, column=name.column)


def _operators(tokens: Tokens, first: Located | None, depth: int) -> Located:
    """Operands with binary operators between them."""
    operands, waiting = [first or _operand(tokens, depth)], list[str]()

    def join() -> None:
        right, left = operands.pop(), operands.pop()
        operands.append(_node(tokens, "binary", waiting.pop(), left, right))

    while tokens.token.text in LEVELS:
        while waiting and LEVELS[waiting[-1]] >= LEVELS[tokens.token.text]:
            join()
        waiting.append(tokens.next().text)
        operands.append(_operand(tokens, depth))
    while waiting:
        join()
    return operands[0]


def _operand(tokens: Tokens, depth: int) -> Located:
    prefixes: list[Token] = []
    while tokens.token.text in ("~", "-"):
        prefixes.append(tokens.next())
        _deeper(tokens, len(prefixes))
    node = _atom(tokens, depth)
    for prefix in reversed(prefixes):
        kind = "invert" if prefix.text == "~" else "negate"
        node = _node(tokens, kind, prefix.text, node, column=prefix.column)
    return node


def _atom(tokens: Tokens, depth: int) -> Located:
    token = tokens.token
    if token.kind == "number":
        if not _NUMBER.fullmatch(token.text):
            raise tokens.error(f"{shown(token.text)} is no number", token.column)
        return Located("const", tokens.next().text, token.column)
    if token.kind == "name":
        tokens.next()
        if tokens.token.text != "[":
            return Located("var", token.text, token.column)
        tokens.next()
        return read_index(tokens, token, read_expression(tokens, None, _deeper(tokens, depth)))
    tokens.expect("(")
    inner = read_expression(tokens, None, _deeper(tokens, depth))
    tokens.expect(")")
    return inner


def _deeper(tokens: Tokens, depth: int) -> int:
    if depth >= tokens.deepest:
        raise _too_deep(tokens, tokens.token.column)
    return depth + 1


def _node(
    tokens: Tokens, kind: str, text: str, *parts: Located, column: int | None = None
) -> Located:
    depth = 1 + max(part.depth for part in parts)
    if depth > tokens.deepest:
        raise _too_deep(tokens, parts[-1].column)
    return Located(kind, text, parts[0].column if column is None else column, parts, depth)


def _too_deep(tokens: Tokens, column: int) -> ExpressionError:
    return tokens.error(f"an expression nests at most {MAX_DEPTH} deep", column)

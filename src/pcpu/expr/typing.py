"""Untyped trees to expressions of one width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pcpu.errors import ExpressionError
from pcpu.expr.syntax import Located, Tokens, read_expression, read_number, shown
from pcpu.expr.tree import BYTES, INDEX_WIDTH, Binary, Cond, Const, Expr, Index, Shown, Var

MAX_TEXT = 4096


@cache
def parse(text: str, widths: tuple[tuple[str, int], ...], width: int) -> Expr:
    """Parse and type ``text``.

    ``widths`` lists the names in scope with their widths in bits, or BYTES; ``width`` is that
    of the result. Raises ExpressionError with the column of the mistake.
    """
    if len(text) > MAX_TEXT and not isinstance(text, Shown):
        raise ExpressionError(f"an expression has at most {MAX_TEXT} characters", text[:40] + "...")
    tokens = Tokens(text)
    parsed = read_expression(tokens)
    tokens.end()
    return Typer(text, dict(widths), width).typed(parsed)


@dataclass(frozen=True)
class Typer:
    """Types what was parsed of ``text``: names of these ``widths``, a value of ``width`` bits.

    Without ``widths`` any name may stand anywhere; whoever calls checks names himself.
    """

    text: str
    widths: Mapping[str, int] | None
    width: int

    def typed(self, node: Located) -> Expr:
        match node.kind:
            case "const":
                return Const(self._constant(node))
            case "var":
                return self._variable(node)
            case "index":
                inner = Typer(self.text, self.widths, INDEX_WIDTH)
                return Index(self._bytes(node), inner.typed(node.parts[0]))
            case "invert":
                ones = Const((1 << self.width) - 1)
                return Binary("^", self.typed(node.parts[0]), ones)
            case "negate":
                return Binary("-", Const(0), self.typed(node.parts[0]))
            case "cond":
                test, then, other = (self.typed(part) for part in node.parts)
                return Cond(test, then, other)
        left, right = (self.typed(part) for part in node.parts)
        if node.text == "%" and (not isinstance(right, Const) or right.value == 0):
            raise ExpressionError(
                "'%' takes a non-zero constant on its right", self.text, node.parts[1].column
            )
        return Binary(node.text, left, right)

    def _constant(self, node: Located) -> int:
        value = read_number(node.text)
        if value is None or value >> self.width:
            message = f"{shown(node.text)[1:-1]} does not fit in {self.width} bits"
            raise ExpressionError(message, self.text, node.column)
        return value

    def _variable(self, node: Located) -> Expr:
        if self.widths is None:
            return Var(node.text)
        width = self._width(node, self.widths)
        if width == BYTES:
            message = f"{node.text} is bytes; write {node.text}[...] for one of them"
            raise ExpressionError(message, self.text, node.column)
        if width > self.width and node.text == "index":
            return Binary("&", Var("index"), Const((1 << self.width) - 1))
        if width > self.width:
            raise ExpressionError(
                f"{node.text} has {width} bits, the result only {self.width}",
                self.text,
                node.column,
            )
        return Var(node.text)

    def _bytes(self, node: Located) -> str:
        if self.widths is not None and self._width(node, self.widths) != BYTES:
            message = f"{node.text} is a number, and only bytes take brackets"
            raise ExpressionError(message, self.text, node.column)
        return node.text

    def _width(self, node: Located, widths: Mapping[str, int]) -> int:
        if node.text not in widths:
            known = ", ".join(widths)
            message = f"unknown name {node.text!r}; known here: {known or 'none'}"
            raise ExpressionError(message, self.text, node.column)
        return widths[node.text]

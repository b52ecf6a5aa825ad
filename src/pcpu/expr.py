"""The step-expression language of operation files: parse, type, evaluate (spec/isa.md E1-E6).

Every value is an unsigned integer of one width W, the width of the result; narrower
operands are zero-extended, and arithmetic is modulo 2**W. A shift by W or more gives 0.
``name[index]`` is a byte of an operand that is bytes; its index has a width of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pcpu.errors import ExpressionError

if TYPE_CHECKING:
    from lark import Lark, Token, Transformer

MAX_TEXT = 4096
MAX_DEPTH = 64
BYTES = 0  # the width of a name that stands for bytes, which only brackets may follow
INDEX_WIDTH = 64  # that of what stands in brackets


@dataclass(frozen=True, slots=True)
class Const:
    value: int


@dataclass(frozen=True, slots=True)
class Var:
    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is one of ``+ - * % & | ^ << >> == != < <= > >=``."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Cond:
    """``test ? then : other``; any non-zero test is true."""

    test: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Index:
    """``name[index]``: byte number ``index``, modulo their number, of the bytes ``name``.

    ``index`` has ``INDEX_WIDTH`` bits, whatever is around it.
    """

    name: str
    index: Expr


Expr = Const | Var | Binary | Cond | Index

COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])


def children(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Binary(_, left, right):
            return (left, right)
        case Cond(test, then, other):
            return (test, then, other)
        case Index(_, index):
            return (index,)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all its parts, parents first."""
    stack = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(children(node))


def uses(expr: Expr, name: str) -> bool:
    return any(isinstance(node, Var) and node.name == name for node in walk(expr))


def substitute(expr: Expr, values: Mapping[str, int]) -> Expr:
    """``expr`` with constants in the place of the names in ``values``."""
    match expr:
        case Var(name) if name in values:
            return Const(values[name])
        case Binary(op, left, right):
            return Binary(op, substitute(left, values), substitute(right, values))
        case Cond(test, then, other):
            return Cond(*(substitute(part, values) for part in (test, then, other)))
        case Index(name, index):
            return Index(name, substitute(index, values))
        case _:
            return expr


@cache
def parse(text: str, widths: tuple[tuple[str, int], ...], width: int) -> Expr:
    """Parse and type ``text``.

    ``widths`` lists the names in scope with their widths in bits, or BYTES; ``width`` is that
    of the result. Raises ExpressionError with the column of the mistake.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(f"an expression has at most {MAX_TEXT} characters", text[:40] + "...")
    parsed = _syntax(text)
    check_depth(parsed, text)
    return Typer(text, dict(widths), width).typed(parsed)


def function(
    expr: Expr,
    parameters: tuple[str, ...],
    width: int,
    constants: Mapping[str, int | bytes] = MappingProxyType({}),
) -> Callable[..., int]:
    """A Python function of ``parameters`` that evaluates ``expr`` in ``width`` bits.

    Names with a value in ``constants`` are no parameters.
    """
    # The text comes from the typed tree, never from the user.
    text = f"lambda {', '.join(map(_local, parameters))}: {_python(expr, width)}"
    known = {_local(name): value for name, value in constants.items()}
    compiled: Callable[..., int] = eval(text, {"shift_left": _shift_left, **known})
    return compiled


def evaluate(expr: Expr, values: Mapping[str, int | bytes], width: int) -> int:
    """The value of ``expr`` in ``width`` bits."""
    return function(expr, (), width, values)()


def _local(name: str) -> str:
    # An immediate may be called "class" or "lambda"; "data.len" is one name.
    return "v_" + name.replace(".", "·")


def _shift_left(value: int, amount: int, width: int) -> int:
    # The guard keeps a large amount from building a huge integer.
    return (value << amount) & ((1 << width) - 1) if amount < width else 0


def _python(expr: Expr, width: int) -> str:
    mask = (1 << width) - 1
    match expr:
        case Const(value):
            return str(value)
        case Var(name):
            return _local(name)
        case Index(name, index):
            return f"{_local(name)}[{_python(index, INDEX_WIDTH)} % len({_local(name)})]"
        case Cond(test, then, other):
            return (
                f"({_python(then, width)} if {_python(test, width)} else {_python(other, width)})"
            )
        case Binary(op, left, right):
            a, b = _python(left, width), _python(right, width)
            if op in COMPARISONS:
                return f"(1 if {a} {op} {b} else 0)"
            if op == "<<":
                return f"shift_left({a}, {b}, {width})"
            if op in "+-*":
                return f"(({a} {op} {b}) & {mask})"
            return f"({a} {op} {b})"


_LEVELS = {
    op: level
    for level, ops in enumerate(
        ("|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* %"), start=1
    )
    for op in ops.split()
}


def show(expr: Expr) -> str:
    """The text of ``expr``, with the parentheses that it needs and no others."""
    return _show(expr, 0)


def _show(expr: Expr, least: int) -> str:
    """``expr`` where operators looser than ``least`` need parentheses."""
    match expr:
        case Const(value):
            return str(value)
        case Var(name):
            return name
        case Index(name, index):
            return f"{name}[{show(index)}]"
        case Cond(test, then, other):
            level, text = 0, f"{_show(test, 1)} ? {show(then)} : {_show(other, 0)}"
        case Binary(op, left, right):
            level = _LEVELS[op]
            text = f"{_show(left, level)} {op} {_show(right, level + 1)}"
    return f"({text})" if level < least else text


# --- parsing ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Located:
    """An untyped node: the token or operator that names it, its column, its parts."""

    kind: str
    text: str
    column: int
    parts: tuple[Located, ...] = ()
    depth: int = 1


def _node(kind: str, text: str, column: int, *parts: Located) -> Located:
    return Located(kind, text, column, parts, 1 + max((p.depth for p in parts), default=0))


@cache
def builder() -> type[Transformer[Any, Located]]:
    """What turns the rules of ``grammar_text`` into Located nodes."""
    from lark import Transformer, v_args  # 0.1 s to import, and a warm run needs none of it

    @v_args(inline=True)
    class Build(Transformer[Any, Located]):
        def constant(self, token: Token) -> Located:
            return _node("const", str(token), token.column or 1)

        def variable(self, token: Token) -> Located:
            return _node("var", str(token), token.column or 1)

        def byte_of(self, token: Token, index: Located) -> Located:
            return _node("index", str(token), token.column or 1, index)

        def binary(self, a: Located, op: Token, b: Located) -> Located:
            return _node("binary", str(op), a.column, a, b)

        def binary_or(self, a: Located, b: Located) -> Located:
            return _node("binary", "|", a.column, a, b)

        def binary_xor(self, a: Located, b: Located) -> Located:
            return _node("binary", "^", a.column, a, b)

        def binary_and(self, a: Located, b: Located) -> Located:
            return _node("binary", "&", a.column, a, b)

        def invert(self, a: Located) -> Located:
            return _node("invert", "~", a.column, a)

        def negate(self, a: Located) -> Located:
            return _node("negate", "-", a.column, a)

        def cond(self, a: Located, b: Located, c: Located) -> Located:
            return _node("cond", "?", a.column, a, b, c)

    return Build


@cache
def _grammar() -> Lark:
    from lark import Lark

    # The transformer runs inside the LALR parser, bottom-up, so that deep input cannot
    # exhaust Python's stack.
    return Lark(grammar_text(), parser="lalr", transformer=builder()())


def grammar_text() -> str:
    """The rules of expressions, which begin with ``start``."""
    return (files("pcpu") / "expr.lark").read_text("utf-8")


def _syntax(text: str) -> Located:
    tree = parsed(_grammar(), text)
    assert isinstance(tree, Located)
    return tree


def parsed(grammar: Lark, text: str) -> Any:
    """What ``grammar`` makes of ``text``. Raises ExpressionError with the column."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    try:
        return grammar.parse(text)
    except UnexpectedCharacters as error:
        raise ExpressionError(
            f"unexpected character {text[error.pos_in_stream or 0]!r}", text, error.column
        ) from None
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise ExpressionError("the expression ends too soon", text, len(text) + 1) from None
        raise ExpressionError(f"unexpected {str(error.token)!r}", text, error.column) from None
    except UnexpectedInput as error:  # pragma: no cover - lark's only other kind is end of input
        raise ExpressionError("not an expression", text, error.column) from None


def check_depth(node: Located, text: str) -> None:
    """Raise ExpressionError where ``node`` is nested too deeply for those who walk it."""
    if node.depth > MAX_DEPTH:
        raise ExpressionError(f"an expression nests at most {MAX_DEPTH} deep", text, node.column)


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
                return Var(self._variable(node))
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
        text = node.text.lower()
        value = int(text, 0) if text[:2] in ("0x", "0b", "0o") else int(text)
        if value >> self.width:
            raise ExpressionError(
                f"{node.text} does not fit in {self.width} bits", self.text, node.column
            )
        return value

    def _variable(self, node: Located) -> str:
        if self.widths is None:
            return node.text
        width = self._width(node, self.widths)
        if width == BYTES:
            message = f"{node.text} is bytes; write {node.text}[...] for one of them"
            raise ExpressionError(message, self.text, node.column)
        if width > self.width:
            raise ExpressionError(
                f"{node.text} has {width} bits, the result only {self.width}",
                self.text,
                node.column,
            )
        return node.text

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

"""Expressions as values: what they are made of, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_DEPTH = 64
MAX_NODES = 1024  # of an expression that is no text
BYTES = 0  # the width of a name that stands for bytes, which only brackets may follow
INDEX_WIDTH = 64  # that of what stands in brackets
COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])
# Of an order: that of its sides exchanged. Of a comparison: the one that is true where it is false.
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
# Binary operators by how tightly they bind, which is as in C.
LEVELS = {
    op: level
    for level, ops in enumerate(
        ("|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* %"), start=1
    )
    for op in ops.split()
}
UNARY = 1 + max(LEVELS.values())
_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Const:
    value: int


@dataclass(frozen=True, slots=True)
class Var:
    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """``op`` is one of ``LEVELS``."""

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


def malformed(expr: Expr, width: int) -> str | None:
    """What is wrong with an expression that no text was read for, in ``width`` bits, or None.

    Nothing else may be done with one that is malformed: it may be endless, or not even have a
    value.
    """
    stack, count = [(expr, 1)], 0
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > MAX_NODES:
            return f"an expression has at most {MAX_NODES} names, constants and operators"
        if depth > MAX_DEPTH:
            return f"an expression nests at most {MAX_DEPTH} deep"
        if (fault := _malformed_node(node, width)) is not None:
            return fault
        stack += [(child, depth + 1) for child in children(node)]
    return None


def _malformed_node(node: Expr, width: int) -> str | None:
    match node:
        case Const(value) if not 0 <= value < 1 << width:
            return f"a number has {width} bits and no sign"
        case Var(name) | Index(name, _) if not _NAME.fullmatch(name):
            return f"{name[:40]!r} is no name"
        case Binary(op, _, _) if op not in LEVELS:
            return f"there is no operator {op[:40]!r}"
        case Binary("%", _, right) if not isinstance(right, Const) or right.value == 0:
            return "'%' takes a non-zero constant on its right"
        case _:
            return None


class Shown(str):
    """The text of an expression that the compiler made, for which users' limits do not hold."""

    __slots__ = ()


def show(expr: Expr, width: int) -> Shown:
    """The text of ``expr``, of ``width`` bits, with the parentheses that it needs and no others."""
    return Shown(_Show((1 << width) - 1).text(expr, 0))


@dataclass(frozen=True)
class _Show:
    ones: int  # what '~' stands for an XOR with

    def text(self, expr: Expr, least: int) -> str:
        """``expr`` where operators looser than ``least`` need parentheses."""
        match expr:
            case Const(value):
                return str(value)
            case Var(name):
                return name
            case Index(name, index):
                return f"{name}[{show(index, INDEX_WIDTH)}]"
            case Cond(test, then, other):
                level, choices = 0, f"{self.text(then, 0)} : {self.text(other, 0)}"
                text = f"{self.text(test, 1)} ? {choices}"
            case Binary("-", Const(0), right):
                level, text = UNARY, f"-{self.text(right, UNARY)}"
            case Binary("^", left, Const(self.ones)):
                level, text = UNARY, f"~{self.text(left, UNARY)}"
            case Binary(op, left, right):
                level = LEVELS[op]
                text = f"{self.text(left, level)} {op} {self.text(right, level + 1)}"
        return f"({text})" if level < least else text

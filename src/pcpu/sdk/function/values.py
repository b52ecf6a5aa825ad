"""The numbers in a function that is a program: Python's expressions -> scalars."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from pcpu import ir
from pcpu.expr import COMPARISONS, MAX_DEPTH, Binary, Cond, Const, Expr, Index, Var
from pcpu.sdk.function.names import MISSING, SPANS, WORDS, Kind, Names, shown
from pcpu.sdk.slices import as_expr

_MEMBERS: Mapping[Kind, tuple[str, ...]] = {"window": ("start", "index")}
_OPERATORS: Mapping[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add), ast.Sub: ("-", operator.sub), ast.Mult: ("*", operator.mul),
    ast.BitAnd: ("&", operator.and_), ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor), ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift), ast.Mod: ("%", operator.mod),
    ast.FloorDiv: ("//", operator.floordiv),
}  # fmt: skip
_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_BITS = 64
_OF_WHOLE = ("%", "//", ">>")  # operators whose result depends on bits above those of numbers

# operation(call, always) -> the register of its result; see calls.py
Operation = Callable[[ast.Call, bool], str]


class Values:
    """Translates the expressions of a function.

    Where a parameter ``always`` is False, Python would not always evaluate the expression, so no
    operation may stand in it: the program would run it always.
    """

    def __init__(self, names: Names, operation: Operation) -> None:
        self._names, self._operation = names, operation
        self._depth = 0

    def number(self, node: ast.expr, *, always: bool = True) -> ir.Scalar:
        found = self.signed(node, always=always)
        return found if isinstance(found, int) and found >= 0 else self._expr(node, found)

    def signed(self, node: ast.expr, *, always: bool = True) -> ir.Scalar:
        """A scalar; what is made of constants is the int that Python makes of it, which may be
        below 0."""
        if self._depth == MAX_DEPTH:
            message = f"an expression nests at most {MAX_DEPTH} deep; give a part of it a name"
            raise self._names.wrong(node, message, "too-long")
        self._depth += 1
        found = self._translated(node, always)
        self._depth -= 1
        return found

    def _translated(self, node: ast.expr, always: bool) -> ir.Scalar:
        match node:
            case ast.Constant(value=int() as value):
                return int(value)
            case ast.Name() | ast.Attribute():
                return self._named(node)
            case ast.BinOp(left, op, right):
                a, b = self.signed(left, always=always), self.signed(right, always=always)
                return self.binary(node, op, a, b)
            case ast.UnaryOp():
                return self._unary(node, always)
            case ast.Compare():
                return self._comparison(node, always)
            case ast.BoolOp():
                return self._logic(node, always)
            case ast.IfExp(test, body, orelse):
                first = self.truth(test, always=always)
                parts = (self.signed(part, always=False) for part in (body, orelse))
                return Cond(first, *(self._expr(node, part) for part in parts))
            case ast.Subscript():
                return self._item(node, always)
            case ast.Call():
                return self._call(node, always)
        raise self._names.wrong(node, f"{shown(node)} is nothing that a program can compute")

    def binary(
        self, node: ast.AST, op: ast.operator, left: ir.Scalar, right: ir.Scalar
    ) -> ir.Scalar:
        """``left op right``; ``node`` is where that stands."""
        if type(op) not in _OPERATORS:
            what = {ast.Pow: "**", ast.Div: "/", ast.MatMult: "@"}[type(op)]
            hint = "; // by a power of two is there" if what == "/" else ""
            raise self._names.wrong(node, f"numbers of programs have no {what}{hint}")
        symbol, fold = _OPERATORS[type(op)]
        if isinstance(left, int) and isinstance(right, int):
            far = symbol in ("<<", ">>") and not 0 <= right <= _BITS
            if far or (symbol in ("%", "//") and right == 0):
                message = f"{left} {symbol} {right} is no number of {_BITS} bits"
                raise self._names.wrong(node, message, "immediate-range")
            if symbol in _OF_WHOLE:  # as it is of numbers that are known later
                left, right = left % (1 << _BITS), right % (1 << _BITS)
            return int(fold(left, right))
        if symbol == "//":
            if not isinstance(right, int) or right < 1 or right & (right - 1):
                raise self._names.wrong(
                    node, "a program divides by powers of two only: 1, 2, 4, 8..."
                )
            symbol, right = ">>", right.bit_length() - 1
        if symbol == "%" and (not isinstance(right, int) or right < 1):
            raise self._names.wrong(node, "'%' takes a constant above 0 on its right")
        return Binary(symbol, self._expr(node, left), self._expr(node, right))

    def truth(self, node: ast.expr, *, always: bool = True) -> Expr:
        """1 or 0, as a test of Python's has it."""
        if isinstance(node, ast.BoolOp):
            parts = [
                self.truth(part, always=always and index == 0)
                for index, part in enumerate(node.values)
            ]
            return _joined(node.op, parts)
        found = self._expr(node, self.signed(node, always=always))
        return found if _is_truth(found) else Binary("!=", found, Const(0))

    def _expr(self, node: ast.AST, scalar: ir.Scalar) -> Expr:
        """A number of 64 bits; an int below 0 is its difference from 0."""
        if not isinstance(scalar, int):
            return scalar
        if scalar >> _BITS not in (0, -1):
            raise self._names.wrong(node, f"a number has at most {_BITS} bits", "immediate-range")
        return Const(scalar) if scalar >= 0 else Binary("-", Const(0), Const(-scalar))

    # Names

    def _named(self, node: ast.Name | ast.Attribute) -> ir.Scalar:
        names = self._names
        if isinstance(node, ast.Name) and names.is_local(node):
            kind = names.kind(node)
            if kind == "number":
                return names.meanings.get(node.id, Var(node.id))
            hint = f"; write len({node.id})" if kind in (*SPANS, "bytes", "list") else ""
            message = f"{node.id} is {WORDS[kind]}, and a number is needed here{hint}"
            raise names.wrong(node, message, "wrong-kind")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = node.value
            if names.is_local(owner):
                members = _MEMBERS.get(names.kind(owner), ())
                if node.attr not in members:
                    has = " and ".join(f"{owner.id}.{m}" for m in members) or "no numbers"
                    message = f"{owner.id} has no number {node.attr!r}; it has {has}"
                    raise names.wrong(node, message, "unknown-name")
                return Var(f"{owner.id}.{node.attr}")
        found = names.outer(node)
        if isinstance(found, int):
            return int(found)
        if found is MISSING:
            raise names.wrong(node, f"there is no {shown(node)} here", "unknown-name")
        message = f"{shown(node)} is {type(found).__name__}, and an int is needed here"
        raise names.wrong(node, message, "wrong-kind")

    # Operators

    def _unary(self, node: ast.UnaryOp, always: bool) -> ir.Scalar:
        if isinstance(node.op, ast.Not):
            return Binary("==", self.truth(node.operand, always=always), Const(0))
        operand = self.signed(node.operand, always=always)
        match node.op, operand:
            case ast.USub(), int():
                return -operand
            case ast.Invert(), int():
                return ~operand
            case ast.USub(), _:
                return Binary("-", Const(0), as_expr(operand))
            case ast.Invert(), _:
                return Binary("^", as_expr(operand), Const((1 << _BITS) - 1))
        return operand

    def _comparison(self, node: ast.Compare, always: bool) -> Expr:
        # Of a < b < c Python evaluates c only where a < b.
        operands = [
            self._expr(part, self.signed(part, always=always and index < 2))
            for index, part in enumerate((node.left, *node.comparators))
        ]
        parts: list[Expr] = []
        for op, left, right in zip(node.ops, operands, operands[1:], strict=False):
            if type(op) not in _COMPARISONS:
                message = "numbers of programs are compared with == != < <= > >= only"
                raise self._names.wrong(node, message)
            parts.append(Binary(_COMPARISONS[type(op)], left, right))
        return _joined(ast.And(), parts)

    def _logic(self, node: ast.BoolOp, always: bool) -> Expr:
        """``and`` and ``or`` as a value, which of comparisons is 1 or 0 in Python too."""
        parts = [
            self._expr(part, self.signed(part, always=always and index == 0))
            for index, part in enumerate(node.values)
        ]
        if not all(map(_is_truth, parts)):
            raise self._names.wrong(
                node, "'and' and 'or' join comparisons; write a != 0 and b != 0"
            )
        return _joined(node.op, parts)

    # Items and calls

    def _item(self, node: ast.Subscript, always: bool) -> Expr:
        """One byte of bytes, or one of several numbers; modulo their count."""
        names = self._names
        name, count = self._items(node.value)
        if isinstance(node.slice, ast.Slice):
            raise names.wrong(node, "a part of bytes is no number", "wrong-kind")
        index = self.signed(node.slice, always=always)
        if isinstance(index, int) and index < 0:
            return Index(name, Binary("-", count, self._expr(node, -index)))
        return Index(name, self._expr(node, index))

    def _items(self, node: ast.expr) -> tuple[str, Expr]:
        """The name of what has items, and their number."""
        names = self._names
        if isinstance(node, ast.Name) and names.is_local(node):
            kind = names.kind(node)
            if kind in ("bytes", "table"):
                return node.id, Var(f"{node.id}.len")
            if kind == "several":
                return node.id, Const(names.counts[node.id])
            hint = "; the bytes of a buffer are for operations" if kind in SPANS else ""
            raise names.wrong(
                node, f"{node.id} is {WORDS[kind]} without numbers{hint}", "wrong-kind"
            )
        table = names.table(node)
        if table is None:
            message = f"{shown(node)} has no items that a program can read"
            raise names.wrong(node, message, "wrong-kind")
        return table, Var(f"{table}.len")

    def _call(self, node: ast.Call, always: bool) -> ir.Scalar:
        names = self._names
        if names.is_call_of(node, len):
            return self._length(self._arguments(node, 1)[0])
        if names.is_call_of(node, min, max):
            a, b = (
                self._expr(argument, self.signed(argument, always=always))
                for argument in self._arguments(node, 2)
            )
            return Cond(Binary("<" if names.outer(node.func) is min else ">", a, b), a, b)
        register = self._operation(node, always)
        if names.kinds[register] == "several":
            count = names.counts[register]
            raise names.wrong(
                node, f"this gives {count} numbers; give them a name of their own", "wrong-kind"
            )
        return Var(register)

    def _length(self, node: ast.expr) -> ir.Scalar:
        names = self._names
        if isinstance(node, ast.Name) and names.is_local(node):
            kind = names.kind(node)
            if kind in (*SPANS, "bytes"):
                return Var(f"{node.id}.len")
            if kind == "list":
                return Var(f"{node.id}.count")
            if kind == "several":
                return names.counts[node.id]
        found = names.outer(node)
        if isinstance(found, bytes | str | tuple | list):
            return len(found)
        raise names.wrong(node, f"{shown(node)} has no length here", "wrong-kind")

    def _arguments(self, node: ast.Call, count: int) -> list[ast.expr]:
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        if len(node.args) != count or node.keywords or starred:
            what = f"{count} argument{'' if count == 1 else 's'}"
            raise self._names.wrong(node, f"in a program {shown(node.func)} takes {what}")
        return node.args


def _is_truth(value: Expr) -> bool:
    """Whether a number is 1 or 0."""
    match value:
        case Const(0 | 1):
            return True
        case Binary("&" | "|", left, right):
            return _is_truth(left) and _is_truth(right)
        case Binary(op):
            return op in COMPARISONS
    return False


def _joined(op: ast.boolop, parts: list[Expr]) -> Expr:
    found, *rest = parts
    for part in rest:
        found = Binary("&" if isinstance(op, ast.And) else "|", found, part)
    return found

"""What expressions come to that hang on constants alone. It is known before they are translated, so
that what is done in other cases only need not be."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from types import FunctionType, MappingProxyType
from typing import Any

from pcpu.kernel.module import Kernel

_RESULTS: Mapping[type, Callable[..., int]] = MappingProxyType({
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Not: operator.not_, ast.USub: operator.neg, ast.Invert: operator.invert,
})  # fmt: skip
Of = Callable[[ast.expr], int | None]


def settled(
    kernel: Kernel, node: ast.expr, variables: Mapping[str, int | None], known: Mapping[str, int]
) -> int | None:
    """The value, a number or a truth, of an expression of ``kernel``; None where it hangs on what
    only running tells. ``variables`` has the values of those that are known; ``known`` is that of
    ``translate``."""

    def of(node: ast.expr) -> int | None:
        return settled(kernel, node, variables, known)

    match node:
        case ast.Name(id=name) if name in variables:
            return variables[name]
        case ast.Constant() | ast.Name() | ast.Attribute(value=ast.Name()):
            found = kernel.constant(node, known)
            return found if isinstance(found, int) else None
        case ast.UnaryOp():
            return _result(node.op, of(node.operand))
        case ast.BinOp():
            return _result(node.op, of(node.left), of(node.right))
        case ast.Compare(ops=[relation], comparators=[right]):
            return _result(relation, of(node.left), of(right))
        case ast.IfExp():
            test = of(node.test)
            return None if test is None else of(node.body if test else node.orelse)
        case ast.BoolOp():
            return _of_chain(node, of)
        case ast.Call():
            return _of_call(kernel, node, of, known)
    return None


def _result(operation: object, *values: int | None) -> int | None:
    """In 64 bits, as kernels reckon."""
    result = _RESULTS.get(type(operation))
    if result is None or None in values:
        return None
    value = result(*values)
    return value if isinstance(value, bool) else (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _of_chain(node: ast.BoolOp, of: Of) -> bool | None:
    ends, are_known = isinstance(node.op, ast.Or), True
    for item in node.values:
        value = of(item)
        if value is not None and bool(value) is ends:
            return ends
        if value is None and any(isinstance(part, ast.Call) for part in ast.walk(item)):
            return None  # what is called may write, and has to be
        are_known = are_known and value is not None
    return not ends if are_known else None


def _of_call(kernel: Kernel, node: ast.Call, of: Of, known: Mapping[str, int]) -> int | None:
    """Of a kernel that is one expression."""
    plain: Any = kernel.callee(node.func)
    plain = getattr(plain, "py_func", plain)
    if not isinstance(plain, FunctionType) or "return" not in plain.__annotations__:
        return None
    called = Kernel.of(plain)
    has_words = ast.get_docstring(called.syntax) is not None
    match called.syntax.body[has_words:]:
        case [ast.Return(value=ast.expr() as value)]:
            names = [name for name, _ in called.parameters]
            given = dict(zip(names, map(of, node.args), strict=True))
            return settled(called, value, given, known)
    return None

"""Expressions to Python functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pcpu.expr.tree import COMPARISONS, INDEX_WIDTH, Binary, Cond, Const, Expr, Index, Var


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

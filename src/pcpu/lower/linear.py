"""Expressions as sums of terms, each times a number."""

from __future__ import annotations

from collections.abc import Callable

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Var, evaluate, uses

STATE = Var("state")
Sum = dict[Expr, int]


def linear(expr: Expr, bits: int, whole: Callable[[Expr], bool]) -> Sum | None:
    """``expr`` of ``bits`` bits as terms and what each is multiplied by, modulo 2**bits; None where
    the state is in it otherwise than as a term.

    What is ``whole`` is not taken apart, if it is not about the state.
    """
    if expr == STATE or (not uses(expr, "state") and whole(expr)):
        return {expr: 1}
    match expr:
        case Binary("+" | "-" as sign, left, right):
            a, b = linear(left, bits, whole), linear(right, bits, whole)
            return None if a is None or b is None else added(a, b, 1 if sign == "+" else -1)
        case Binary("*", inner, Const(times)) | Binary("*", Const(times), inner):
            pass
        case Binary("<<", inner, Const(amount)) if amount < bits:
            times = 1 << amount
        case Cond(test, then, other) if not uses(test, "state"):
            return _chosen(test, linear(then, bits, whole), linear(other, bits, whole))
        case _:
            return None if uses(expr, "state") else {expr: 1}
    found = linear(inner, bits, whole)
    return None if found is None else {term: n * times for term, n in found.items()}


def settled(expr: Expr, bits: int) -> Expr:
    """``expr`` with a number for each part that has no names in it."""
    match expr:
        case Binary(op, left, right):
            found = Binary(op, settled(left, bits), settled(right, bits))
            known = isinstance(found.left, Const) and isinstance(found.right, Const)
            return Const(evaluate(found, {}, bits)) if known else found
        case Cond(test, then, other):
            return Cond(*(settled(part, bits) for part in (test, then, other)))
    return expr


def simplified(expr: Expr, bits: int) -> Expr:
    """``expr`` without what numbers in it decide."""
    match expr:
        case Binary(op, left, right):
            return _decided(
                settled(Binary(op, *(simplified(e, bits) for e in (left, right))), bits)
            )
        case Cond(test, then, other):
            test = simplified(test, bits)
            if isinstance(test, Const):
                return simplified(then if test.value else other, bits)
            then, other = simplified(then, bits), simplified(other, bits)
            return then if then == other else Cond(test, then, other)
    return expr


def _decided(expr: Expr) -> Expr:
    """One operation, of which one side may be a number."""
    match expr:
        case Binary("+" | "-" | "|" | "^" | "<<" | ">>", left, Const(0)):
            return left
        case Binary("+" | "|" | "^", Const(0), right):
            return right
        case Binary("&" | "*", _, Const(0)) | Binary("&" | "*", Const(0), _):
            return Const(0)
        case Binary("&", Binary(op) as left, Const(1)) if op in COMPARISONS:
            return left
        case Binary("&", Const(1), Binary(op) as right) if op in COMPARISONS:
            return right
        case Binary("*", left, Const(1)) | Binary("*", Const(1), left):
            return left
    return expr


def added(a: Sum, b: Sum, times: int = 1) -> Sum:
    """``a`` and so many times ``b``."""
    return {term: a.get(term, 0) + times * b.get(term, 0) for term in (*a, *b)}


def _chosen(test: Expr, then: Sum | None, other: Sum | None) -> Sum | None:
    """Of two sums the one or the other, which have the state in them as often."""
    if then is None or other is None or then.get(STATE, 0) != other.get(STATE, 0):
        return None
    # What both have does not hang on the test.
    found = {term: times for term, times in then.items() if other.get(term) == times}
    for arm, zero_then in ((then, False), (other, True)):
        for term, times in arm.items():
            if term not in found:
                value, number = term, times
                if isinstance(term, Const):
                    value, number = Const(1), times * term.value
                chosen = Cond(test, Const(0), value) if zero_then else Cond(test, value, Const(0))
                found[chosen] = found.get(chosen, 0) + number
    return found

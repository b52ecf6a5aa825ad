"""What a fold's step looks like, which decides the loop that it gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

from pcpu.expr import (
    COMPARISONS,
    INDEX_WIDTH,
    OPPOSITES,
    Binary,
    Cond,
    Const,
    Expr,
    Index,
    Var,
    children,
    uses,
    walk,
)
from pcpu.isa import Op
from pcpu.lower.linear import linear

Combine = Literal["add", "sub", "mul", "xor", "or", "and", "umin", "umax"]
_COMBINES: dict[str, Combine] = {"+": "add", "*": "mul", "^": "xor", "|": "or", "&": "and"}
# What leaves a state as it is, by what joins it.
_NEUTRAL: dict[Combine, int] = {"add": 0, "sub": 0, "mul": 1, "xor": 0, "or": 0, "umax": 0}
_MASKED = {"add", "sub", "mul", "xor"}  # their low bits follow from low bits
_STATE, PLACE = Var("state"), Var("index")
LANES = (8, 16)  # bits of the lanes that values of a byte are computed in
_WIDER = 32  # and of those that may be gathered in
_PARTS = 4  # sums that one step may be taken apart into


@dataclass(frozen=True)
class Reduction:
    """``state = combine(state, value * scale) & mask`` where ``value`` does not look at the state;
    without a mask all bits count, and only sums have a scale other than 1.

    In lanes of ``bits`` bits ``value`` comes out exactly and is at most ``bound``. Both are None
    where lanes have too few.
    """

    combine: Combine
    value: Expr
    bits: int | None
    bound: int | None
    mask: int | None = None
    scale: int = 1


def reductions(op: Op) -> tuple[Reduction, ...]:
    """The step of a fold as a Reduction, or as sums that one after the other make it; none where
    it is something else."""
    whole = reduction(op)
    if whole is not None and (whole.bits == LANES[0] or whole.combine not in ("add", "sub")):
        return (whole,)
    parts = _sums(op)
    if whole is None or whole.bits is None:
        return parts or (() if whole is None else (whole,))
    return parts if parts and sum(part.bits or 0 for part in parts) < whole.bits else (whole,)


def reduction(op: Op) -> Reduction | None:
    """The step of a fold as one Reduction, None where it is something else."""
    if not op.is_plain_fold:
        return None
    found, mask = combination(op.step_expr), None
    if found is None:
        step, mask = _unmasked(op.step_expr)
        found = combination(step) if mask is not None else None
        if found is None or found[0] not in _MASKED:
            return None
    combine, value = found
    lanes = _lanes_of(op, value, exact=combine == "mul")
    if lanes is None:
        return None if mask is not None else Reduction(combine, value, None, None)
    return Reduction(combine, value, *lanes, mask)


def _sums(op: Op) -> tuple[Reduction, ...]:
    """The step of a fold as sums, each of values that fit in lanes; none where it is none or they
    are too many."""
    if not op.is_plain_fold:
        return ()
    step, mask = _unmasked(op.step_expr)
    # What fits in the narrowest lanes is one value.
    found = linear(step, op.state_bits, lambda part: lane_bits(op, part) == LANES[0])
    if found is None or found.pop(_STATE, 0) % (1 << op.state_bits) != 1:
        return ()
    by_scale: dict[int, list[Expr]] = {}
    for term, times in found.items():
        if isinstance(term, Const):
            by_scale.setdefault(times * term.value, []).append(Const(1))
        else:
            by_scale.setdefault(times, []).append(term)
    parts = []
    for times, values in by_scale.items():
        if times % (1 << op.state_bits) == 0:
            continue
        value = joined(values, "+")
        lanes = _lanes_of(op, value)
        if lanes is None:
            return ()
        combine: Combine = "sub" if times < 0 else "add"
        parts.append(Reduction(combine, value, *lanes, mask, abs(times)))
    return tuple(parts) if len(parts) <= _PARTS else ()


def _lanes_of(op: Op, value: Expr, *, exact: bool = False) -> tuple[int, int] | None:
    """The bits of lanes that have ``value``, and its bound; those of the state where products are
    to be ``exact``."""
    if exact and _asks_place(value):
        return None  # of 64 bits, which lanes do not have
    for bits in (op.state_bits,) if exact else _lanes_within(op, (*LANES, _WIDER)):
        if op.state_bits == bits and not _asks_place(value):  # lanes that wrap as the state does
            return bits, (1 << bits) - 1
        bound = upper_bound(value, maxima(op), bits)
        if bound is not None:
            return bits, bound
    return None


def _asks_place(expr: Expr) -> bool:
    """Whether the place counts otherwise than as that in a key, which lanes have."""
    if isinstance(expr, Index) and expr.index == PLACE:
        return False
    return expr == PLACE or any(map(_asks_place, children(expr)))


def _unmasked(step: Expr) -> tuple[Expr, int | None]:
    """A step of which only low bits are kept, without that, and the mask of these bits."""
    inner, modulus = reduced(step)
    if modulus and modulus & modulus - 1 == 0:
        return inner, modulus - 1
    return step, None


def reduced(expr: Expr) -> tuple[Expr, int | None]:
    """What ``expr`` is a remainder of, and the divisor; None where it is no remainder."""
    match expr:
        case Binary("%", inner, Const(modulus)):
            return inner, modulus
        case Binary("&", inner, Const(mask)) | Binary("&", Const(mask), inner) if (
            mask & mask + 1 == 0
        ):
            return inner, mask + 1
    return expr, None


def combination(step: Expr) -> tuple[Combine, Expr] | None:
    """What a step joins the state with, and how, where that does not look at the state."""
    match step:
        case Binary("-", Var("state"), value) if not uses(value, "state"):
            return "sub", value
        case Binary(op, _, _) if op in _COMBINES:
            # Each of these operators is associative and commutative modulo 2**W.
            found = list(terms(step, op))
            others = [term for term in found if term != _STATE]
            if len(others) != len(found) - 1 or any(uses(term, "state") for term in others):
                return None
            return _COMBINES[op], joined(others, op)
        case Cond(Binary(op, left, right), then, other) if {left, right} == {then, other}:
            value = right if left == _STATE else left
            if _STATE not in (left, right) or uses(value, "state"):
                return None
            if op in ("<", "<="):
                return ("umin" if then == left else "umax"), value
            if op in (">", ">="):
                return ("umax" if then == left else "umin"), value
        case Cond(test, then, other) if not uses(test, "state"):
            return _choice(test, then, other)
        case Cond(Binary("&") as test, then, Var("state")) if not uses(then, "state"):
            return _greater_where(list(terms(test, "&")), then)
    return None


def _greater_where(tests: Sequence[Expr], value: Expr) -> tuple[Combine, Expr] | None:
    """A step that takes ``value`` where it is greater than the state and other tests are true."""
    greater = {Binary(">", value, _STATE), Binary(">=", value, _STATE),
               Binary("<", _STATE, value), Binary("<=", _STATE, value)}  # fmt: skip
    others = [test for test in tests if test not in greater]
    if not others or len(others) == len(tests) or any(uses(test, "state") for test in others):
        return None
    if not all(isinstance(test, Binary) and test.op in COMPARISONS for test in others):
        return None
    return "umax", Cond(joined(others, "&"), value, Const(0))


def _choice(test: Expr, then: Expr, other: Expr) -> tuple[Combine, Expr] | None:
    """A step that joins one of two values with the state, or leaves it as it is by the other."""
    found = [None if arm == _STATE else combination(arm) or () for arm in (then, other)]
    if () in found:
        return None
    combines = {each[0] for each in found if each}
    if len(combines) != 1 or not combines <= _NEUTRAL.keys():
        return None
    combine = combines.pop()
    values = [each[1] if each else Const(_NEUTRAL[combine]) for each in found]
    truths = values == [Const(1), Const(0)] and combine != "mul"
    if truths and isinstance(test, Binary) and test.op in COMPARISONS:
        return combine, test
    return combine, Cond(test, *values)


def terms(expr: Expr, op: str) -> Iterator[Expr]:
    """The operands of a chain of ``op``."""
    if isinstance(expr, Binary) and expr.op == op:
        yield from terms(expr.left, op)
        yield from terms(expr.right, op)
    else:
        yield expr


def maxima(op: Op) -> dict[str, int]:
    """The greatest values of what a step may name besides the state."""
    numbers = {imm.name: (1 << imm.bits) - 1 for imm in op.immediates}
    return {"byte": 255, "index": (1 << INDEX_WIDTH) - 1, **numbers}


def lane_bits(op: Op, expr: Expr) -> int | None:
    """The least bits in which ``expr`` of a byte comes out exactly, None where 16 are too few or
    it asks for more than the byte and the operands of ``op``."""
    if any(node in (_STATE, PLACE) for node in walk(expr)):
        return None
    fitting = (bits for bits in lanes_of(op) if upper_bound(expr, maxima(op), bits) is not None)
    return next(fitting, None)


def lanes_of(op: Op) -> Sequence[int]:
    """The bits of lanes that values of a step may be computed in."""
    return _lanes_within(op, LANES)


def _lanes_within(op: Op, lanes: Sequence[int]) -> Sequence[int]:
    """Those that have no more bits than the state: in more, a value would not wrap where it does in
    the state's."""
    return [bits for bits in lanes if bits <= op.state_bits]


def joined(operands: Sequence[Expr], op: str) -> Expr:
    """The chain of ``op`` over those operands, of which there is one at least."""
    return reduce(lambda left, right: Binary(op, left, right), operands)


def low_byte(expr: Expr, maxima: Mapping[str, int]) -> Expr | None:
    """An expression that has in 8 bits the low byte of ``expr``, None where there may be none."""
    if upper_bound(expr, maxima, 8) is not None:
        return expr
    match expr:
        case Const(value):
            return Const(value & 255)
        case Binary("+" | "-" | "*" | "&" | "|" | "^" as op, left, right):
            a, b = low_byte(left, maxima), low_byte(right, maxima)
            return None if a is None or b is None else Binary(op, a, b)
        case Binary("<<", left, Const(amount)):
            a = low_byte(left, maxima)
            return None if a is None else Binary("<<", a, Const(min(amount, 8)))
        case Cond(test, then, other) if upper_bound(test, maxima, 8) is not None:
            a, b = low_byte(then, maxima), low_byte(other, maxima)
            return None if a is None or b is None else Cond(test, a, b)
    return None


# Pairs of expressions, the first of which is no less than the second.
Orders = frozenset[tuple[Expr, Expr]]


def upper_bound(
    expr: Expr, maxima: Mapping[str, int], bits: int, orders: Orders = frozenset()
) -> int | None:
    """A bound of ``expr`` when no part of it wraps or exceeds ``bits`` bits, other than in bits
    that it does not keep, else None.

    Then arithmetic in ``bits`` bits gives what it gives in any greater width. ``orders`` hold
    wherever the value counts.
    """
    match expr:
        case Binary("&", inner, Const(mask)) | Binary("&", Const(mask), inner) if (
            mask < 1 << bits and _has_low_bits(inner, maxima, bits, orders)
        ):
            inner_bound = upper_bound(inner, maxima, bits, orders)
            bound = mask if inner_bound is None else min(inner_bound, mask)
        case Const(value):
            bound = value
        case Var(name):
            bound = maxima[name]
        case Index():
            bound = 255
        case Cond(test, then, other):
            parts = [
                upper_bound(test, maxima, bits, orders),
                upper_bound(then, maxima, bits, orders | _orders(test)),
                upper_bound(other, maxima, bits, orders | _orders(_opposite(test))),
            ]
            if parts[0] is None or parts[1] is None or parts[2] is None:
                return None
            bound = max(parts[1], parts[2])
        case Binary(op, left, right):
            a = upper_bound(left, maxima, bits, orders)
            b = upper_bound(right, maxima, bits, orders)
            if a is None or b is None:
                return None
            if op == "-":
                never_wraps = isinstance(left, Const) and b <= left.value
                return a if never_wraps or _is_less(right, left, orders) else None
            found = _bound_binary(op, a, b, right, bits)
            if found is None:
                return None
            bound = found
    return bound if bound < 1 << bits else None


def _has_low_bits(expr: Expr, maxima: Mapping[str, int], bits: int, orders: Orders) -> bool:
    """Whether arithmetic in ``bits`` bits gives the low ones of ``expr``."""
    if upper_bound(expr, maxima, bits, orders) is not None:
        return True
    match expr:
        case Const():
            return True
        case Binary("+" | "-" | "*" | "&" | "|" | "^", left, right):
            return all(_has_low_bits(part, maxima, bits, orders) for part in (left, right))
        case Binary("<<", left, Const(amount)) if amount < bits:
            return _has_low_bits(left, maxima, bits, orders)
    return False


def _orders(test: Expr) -> Orders:
    """What is no less than what else where ``test`` is true."""
    match test:
        case Binary("&", left, right):
            return _orders(left) | _orders(right)
        case Binary(">" | ">=", left, right):
            return frozenset({(left, right)})
        case Binary("<" | "<=", left, right):
            return frozenset({(right, left)})
        case Binary("==", left, right):
            return frozenset({(left, right), (right, left)})
    return frozenset()


def _opposite(test: Expr) -> Expr:
    """A test that is true where that comparison is false, of others nothing."""
    if isinstance(test, Binary) and test.op in OPPOSITES:
        return Binary(OPPOSITES[test.op], test.left, test.right)
    return Const(1)


def _is_less(less: Expr, greater: Expr, orders: Orders) -> bool:
    """Whether it is known that ``less`` is no greater than ``greater``."""
    if isinstance(less, Const):
        return any(
            isinstance(least, Const) and least.value >= less.value
            for what, least in orders
            if what == greater
        )
    return (greater, less) in orders


def _bound_binary(op: str, a: int, b: int, right: Expr, bits: int) -> int | None:
    if op in COMPARISONS:
        return 1
    match op:
        case "+":
            return a + b
        case "*":
            return a * b
        case "&":
            return min(a, b)
        case "|" | "^":
            return (1 << max(a, b).bit_length()) - 1
        case "%":
            return min(a, b - 1)
        case "<<":
            # An amount of ``bits`` or more would give 0 here but not in the state's width.
            return a << b if b < bits else None
        case ">>":
            return a >> right.value if isinstance(right, Const) else a
        case _:
            return None

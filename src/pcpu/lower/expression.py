"""Step expressions to LLVM IR, on one value or on a vector of lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Index, Var, evaluate, walk
from pcpu.lower.bytes_in_words import product, remainder, shifted, shifted_alike, times
from pcpu.lower.code import I32, Code, Value
from pcpu.lower.lane import lane_type

_PLAIN = {"+": "add", "-": "sub", "*": "mul", "&": "and_", "|": "or_", "^": "xor", "%": "urem"}


def emit(
    code: Code,
    expr: Expr,
    values: Mapping[str, Value],
    width: int,
    lanes: int = 1,
    look_up: Callable[[Index], Value] | None = None,
    *,
    branches: bool = False,
) -> Value:
    """``expr`` in ``width`` bits; ``values`` have the type of the result.

    ``look_up`` gives the byte that brackets stand for, in each lane. With ``branches``, for one
    value alone, only the arm of a choice is computed that is chosen: a processor foresees which.
    """
    kind = lane_type(width, lanes)
    b = code.b
    in_words = width == 8 and lanes > 1 and code.target.plain_engine

    def literal(value: int) -> Value:
        return kind(value) if lanes == 1 else kind([value] * lanes)

    def constant(value: int) -> Value:
        return kind(value) if lanes == 1 else code.kept(value, width, lanes)

    def visit(node: Expr) -> Value:
        match node:
            case Const(value):
                return constant(value)
            case Var(name):
                return values[name]
            case Index():
                assert look_up is not None
                byte = look_up(node)
                return byte if width == 8 else b.zext(byte, kind)
            case Cond(test, then, other) if branches:
                return chosen(test, then, other)
            case Cond(test, then, other):
                return b.select(truth(test), arm(then), arm(other))
            case Binary(op, _, _) if op in COMPARISONS:
                return b.zext(truth(node), kind)
            case Binary("<<" | ">>" as op, left, right):
                return shift(op, visit(left), right)
            case Binary("&", _, _) if (interval := interval_of(node, width)) is not None:
                return b.zext(within(interval), kind)
            case Binary("*", left, Const(value)) if in_words:
                return times(code, visit(left), value)
            case Binary("*", left, right) if in_words:
                return product(code, visit(left), visit(right))
            case Binary("%", left, Const(value)) if in_words and value & value - 1:
                return remainder(code, visit(left), value)
            case Binary("*" | "%" as op, left, Const(value)):
                # LLVM has better ways to multiply and divide by what it knows.
                return getattr(b, _PLAIN[op])(visit(left), literal(value))
            case Binary(op, left, right):
                return getattr(b, _PLAIN[op])(visit(left), visit(right))

    def chosen(test: Expr, then: Expr, other: Expr) -> Value:
        slot = code.local(kind)
        with b.if_else(truth(test)) as (yes, no):
            for block, node in ((yes, then), (no, other)):
                with block:
                    b.store(visit(node), slot)
        return code.load(kind, slot)

    def arm(node: Expr) -> Value:
        # Of all ones LLVM makes an operation on the truths.
        ones = (1 << width) - 1
        return literal(ones) if node == Const(ones) else visit(node)

    def truth(node: Expr) -> Value:
        if (interval := interval_of(node, width)) is not None:
            return within(interval)
        if isinstance(node, Binary) and node.op in COMPARISONS:
            return b.icmp_unsigned(node.op, visit(node.left), visit(node.right))
        return b.icmp_unsigned("!=", visit(node), constant(0))

    def within(interval: Interval) -> Value:
        value, least, most = visit(interval.value), interval.least, interval.most
        if most == (1 << width) - 1:
            return b.icmp_unsigned(">=", value, constant(least))
        if least:  # what is less becomes greater than all others
            value, most = b.sub(value, constant(least)), most - least
        return b.icmp_unsigned("<=", value, constant(most))

    def shift(op: str, value: Value, right: Expr) -> Value:
        instruction = b.shl if op == "<<" else b.lshr
        if all(isinstance(node, Const | Binary) for node in walk(right)):
            known = evaluate(right, {}, width)
            if known >= width:
                return literal(0)
            if in_words:
                return shifted(code, op, value, known)
            return instruction(value, literal(known))
        amount = visit(right)
        if in_words and not _varies(right):
            return shifted_alike(code, op, value, b.extract_element(amount, I32(0)))
        if op == ">>" and _varies(right):
            # Of vectors, which it may make of this by itself, LLVM for WebAssembly shifts each
            # lane alone then, and of a constant all 32 bits rather than the lane's: 255 >> 1
            # gave 255. So it sees no constant here.
            value = b.xor(value, code.unknown_zero(width, lanes))
        # LLVM leaves a shift by the width or more undefined; here it gives 0.
        fits = b.icmp_unsigned("<", amount, constant(width))
        return b.select(fits, instruction(value, amount), constant(0))

    return visit(expr)


@dataclass(frozen=True)
class Interval:
    """A test of ``value`` for ``least <= value <= most``."""

    value: Expr
    least: int
    most: int


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def interval_of(node: Expr, width: int) -> Interval | None:
    """The comparison ``node`` of ``width`` bits with a constant, or two that are joined, as one
    interval; None where it is something else.

    Processors, and V8 above all, have ``<=`` rather than ``<``, and one test is less than two.
    """
    match node:
        case Binary("<" | "<=" | ">" | ">=" as op, Const() as number, value) if not isinstance(
            value, Const
        ):
            return interval_of(Binary(_MIRRORED[op], value, number), width)
        case Binary("<" | "<=" | ">" | ">=" as op, value, Const(number)) if number >> width == 0:
            top = (1 << width) - 1
            least = {">": number + 1, ">=": number}.get(op, 0)
            most = {"<": number - 1, "<=": number}.get(op, top)
            return Interval(value, least, most) if most >= 0 and least <= top else None
        case Binary("&", left, right):
            a, b = interval_of(left, width), interval_of(right, width)
            if a is None or b is None or a.value != b.value:
                return None
            least, most = max(a.least, b.least), min(a.most, b.most)
            return Interval(a.value, least, most) if least <= most else None
    return None


def _varies(expr: Expr) -> bool:
    """Whether ``expr`` may differ from byte to byte."""
    names = (Var("byte"), Var("index"), Var("state"))
    return any(node in names or isinstance(node, Index) for node in walk(expr))

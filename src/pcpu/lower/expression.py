"""Step expressions to LLVM IR, on one value or on a vector of lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import COMPARISONS, Binary, Cond, Const, Expr, Index, Var, evaluate, walk
from pcpu.lower.bytes_in_words import product, remainder, shifted, shifted_alike, times
from pcpu.lower.code import I32, Code, Value
from pcpu.lower.lane import lane_type
from pcpu.lower.linear import settled

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
    shorter: Callable[[Expr], Value | None] = lambda expr: None,
) -> Value:
    """``expr`` in ``width`` bits; ``values`` have the type of the result.

    ``look_up`` gives the byte that brackets stand for, in each lane. With ``branches``, for one
    value alone, only the arm of a choice is computed that is chosen: a processor foresees which.
    ``shorter`` knows another way to some expressions.
    """
    kind = lane_type(width, lanes)
    expr = settled(expr, width)
    b = code.b
    in_words = width == 8 and lanes > 1 and code.target.plain_engine

    def literal(value: int) -> Value:
        return kind(value) if lanes == 1 else kind([value] * lanes)

    def constant(value: int) -> Value:
        return kind(value) if lanes == 1 else code.kept(value, width, lanes)

    def visit(node: Expr) -> Value:
        if (found := shorter(node)) is not None:
            return found
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
                return _chosen(code, kind, visit, truth(test), (then, other))
            case Cond() if (bounded := bounded_of(node, width)) is not None:
                return _bounded(code, bounded.name, visit(bounded.left), visit(bounded.right))
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


def _chosen(
    code: Code,
    kind: Value,
    visit: Callable[[Expr], Value],
    truth: Value,
    arms: tuple[Expr, Expr],
) -> Value:
    slot = code.local(kind)
    with code.b.if_else(truth) as blocks:
        for block, arm in zip(blocks, arms, strict=True):
            with block:
                code.b.store(visit(arm), slot)
    return code.load(kind, slot)


def _bounded(code: Code, name: str, left: Value, right: Value) -> Value:
    kind = left.type
    lanes = (
        f"v{kind.count}i{kind.element.width}"
        if isinstance(kind, ir.VectorType)
        else f"i{kind.width}"
    )
    return code.call(f"llvm.{name}.{lanes}", kind, [left, right])


@dataclass(frozen=True)
class Interval:
    """A test of ``value`` for ``least <= value <= most``."""

    value: Expr
    least: int
    most: int


@dataclass(frozen=True)
class Bounded:
    """An extreme of two values, or a sum or difference that ends where its range does: what LLVM
    calls it, of which constants that are kept (``Code.kept``) would hide it."""

    name: str
    left: Expr
    right: Expr


def bounded_of(node: Cond, width: int) -> Bounded | None:
    """The choice ``node`` of ``width`` bits as Bounded, None where it is something else."""
    match node:
        case Cond(Binary("<" | "<=" as op, a, b), then, other):
            return bounded_of(Cond(Binary(_MIRRORED[op], b, a), then, other), width)
        case Cond(Binary(">" | ">=", a, b), then, other):
            if {a, b} == {then, other}:
                return Bounded("umax" if then == a else "umin", a, b)
            if then == Binary("-", a, b) and other == Const(0):
                return Bounded("usub.sat", a, b)
            if then == Const(0) and other == Binary("-", b, a):
                return Bounded("usub.sat", b, a)
            return _saturated(node, (1 << width) - 1)
    return None


def _saturated(node: Cond, most: int) -> Bounded | None:
    """``value > most - added ? most : value + added``, or the other way round."""
    match node:
        case Cond(Binary(op, value, limit), Const(found), total) if found == most:
            pass
        case Cond(Binary(op, limit, value), total, Const(found)) if found == most:
            op = ">=" if op == ">" else ">"
        case _:
            return None
    if not isinstance(total, Binary) or total.op != "+" or value not in (total.left, total.right):
        return None
    added = total.right if total.left == value else total.left
    if isinstance(added, Const) and isinstance(limit, Const):
        # At the limit itself both come to the same.
        fits = limit.value + added.value - (op == ">=") in (most, most - 1)
    else:
        fits = limit == Binary("-", Const(most), added)
    return Bounded("uadd.sat", value, added) if fits else None


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

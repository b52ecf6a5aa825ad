"""Step expressions to LLVM IR, on one value or on a vector of lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from pcpu.expr import COMPARISONS, MIRRORED, Binary, Cond, Const, Expr, Index, Var, evaluate, walk
from pcpu.lower.bytes_in_words import (
    product,
    remainder,
    rotated_each,
    shifted,
    shifted_alike,
    shifted_each,
    times,
)
from pcpu.lower.code import I32, Code, Value
from pcpu.lower.lane import lane_type
from pcpu.lower.linear import settled

BYTE = 255  # the greatest one
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
    greatest: Mapping[str, int] = MappingProxyType({}),
) -> Value:
    """``expr`` in ``width`` bits; ``values`` have the type of the result.

    ``look_up`` gives the byte that brackets stand for, in each lane. With ``branches``, for one
    value alone, only the arm of a choice is computed that is chosen: a processor foresees which.
    ``shorter`` knows another way to some expressions, ``greatest`` the greatest byte of what
    brackets look into, by its name.
    """
    writer = _Writer(code, values, width, lanes, look_up, branches, shorter, greatest)
    return writer.visit(settled(expr, width))


@dataclass(frozen=True)
class _Writer:
    """Writes expressions of ``width`` bits in so many ``lanes``."""

    code: Code
    values: Mapping[str, Value]
    width: int
    lanes: int
    look_up: Callable[[Index], Value] | None
    branches: bool
    shorter: Callable[[Expr], Value | None]
    greatest: Mapping[str, int]

    @cached_property
    def kind(self) -> Any:
        return lane_type(self.width, self.lanes)

    @cached_property
    def in_words(self) -> bool:
        """Whether bytes are computed with in words: the engine has no such operation on bytes."""
        return self.width == 8 and self.lanes > 1 and self.code.target.plain_engine

    @cached_property
    def rotates(self) -> bool:
        """Whether there is something better than two shifts that differ from lane to lane."""
        return self.in_words or self.lanes == 1 or not self.code.target.plain_engine

    def literal(self, value: int) -> Value:
        value &= (1 << self.width) - 1  # others are not kept
        return self.kind(value) if self.lanes == 1 else self.kind([value] * self.lanes)

    def constant(self, value: int) -> Value:
        if self.lanes == 1:
            return self.literal(value)
        return self.code.kept(value & (1 << self.width) - 1, self.width, self.lanes)

    def visit(self, node: Expr) -> Value:
        b = self.code.b
        if (found := self.shorter(node)) is not None:
            return found
        match node:
            case Const(value):
                return self.constant(value)
            case Var(name):
                return self.values[name]
            case Index():
                assert self.look_up is not None
                byte = self.look_up(node)
                return byte if self.width == 8 else b.zext(byte, self.kind)
            case Cond(test, then, other) if self.branches:
                return self.chosen(self.truth(test), then, other)
            case Cond() if (bounded := bounded_of(node, self.width)) is not None:
                return self.bounded(bounded)
            case Cond(test, then, other):
                return b.select(self.truth(test), self.arm(then), self.arm(other))
            case Binary():
                return self.binary(node)

    def chosen(self, truth: Value, then: Expr, other: Expr) -> Value:
        slot = self.code.local(self.kind)
        with self.code.b.if_else(truth) as blocks:
            for block, arm in zip(blocks, (then, other), strict=True):
                with block:
                    self.code.b.store(self.visit(arm), slot)
        return self.code.load(self.kind, slot)

    def bounded(self, bounded: Bounded) -> Value:
        lanes = f"i{self.width}" if self.lanes == 1 else f"v{self.lanes}i{self.width}"
        arguments = [self.visit(bounded.left), self.visit(bounded.right)]
        return self.code.call(f"llvm.{bounded.name}.{lanes}", self.kind, arguments)

    def binary(self, node: Binary) -> Value:
        b = self.code.b
        if node.op in COMPARISONS:
            return b.zext(self.truth(node), self.kind)
        if node.op in ("<<", ">>"):
            return self.shift(node.op, self.visit(node.left), node.right)
        if node.op == "&" and (interval := interval_of(node, self.width)) is not None:
            return b.zext(self.within(interval), self.kind)
        if (rotation := rotation_of(node, self.width)) is not None and self.rotates:
            return self.rotated(rotation)
        if self.in_words and (value := self.in_word(node)) is not None:
            return value
        operation = getattr(b, _PLAIN[node.op])
        left, right = self.visit(node.left), node.right
        if isinstance(right, Const) and node.op in ("*", "%"):
            # LLVM has better ways to multiply and divide by what it knows.
            return operation(left, self.literal(right.value))
        return operation(left, self.visit(right))

    def in_word(self, node: Binary) -> Value | None:
        """What takes more than LLVM's instruction on bytes; None where that serves."""
        match node:
            case Binary("*", left, Const(value)):
                return times(self.code, self.visit(left), value)
            case Binary("*", left, right):
                return product(self.code, self.visit(left), self.visit(right))
            case Binary("%", left, Const(value)) if value & value - 1:
                return remainder(self.code, self.visit(left), value)
        return None

    def arm(self, node: Expr) -> Value:
        # Of all ones LLVM makes an operation on the truths.
        ones = (1 << self.width) - 1
        return self.literal(ones) if node == Const(ones) else self.visit(node)

    def truth(self, node: Expr) -> Value:
        b = self.code.b
        if (interval := interval_of(node, self.width)) is not None:
            return self.within(interval)
        if isinstance(node, Binary) and node.op in COMPARISONS:
            return b.icmp_unsigned(node.op, self.visit(node.left), self.visit(node.right))
        return b.icmp_unsigned("!=", self.visit(node), self.constant(0))

    def within(self, interval: Interval) -> Value:
        b = self.code.b
        value, least, most = self.visit(interval.value), interval.least, interval.most
        if most == (1 << self.width) - 1:
            return b.icmp_unsigned(">=", value, self.constant(least))
        if least:  # what is less becomes greater than all others
            value, most = b.sub(value, self.constant(least)), most - least
        return b.icmp_unsigned("<=", value, self.constant(most))

    def shift(self, op: str, value: Value, right: Expr) -> Value:
        b, width = self.code.b, self.width
        instruction = b.shl if op == "<<" else b.lshr
        if all(isinstance(node, Const | Binary) for node in walk(right)):
            known = evaluate(right, {}, width)
            if known >= width:
                return self.literal(0)
            if self.in_words:
                return shifted(self.code, op, value, known)
            return instruction(value, self.literal(known))
        amount = self.visit(right)
        if self.in_words and not _varies(right):
            return shifted_alike(self.code, op, value, b.extract_element(amount, I32(0)))
        if self.in_words:
            return shifted_each(self.code, op, value, amount)
        if op == ">>" and _varies(right):
            # Of vectors, which it may make of this by itself, LLVM for WebAssembly shifts each
            # lane alone then, and of a constant all 32 bits rather than the lane's: 255 >> 1
            # gave 255. So it sees no constant here.
            value = b.xor(value, self.code.unknown_zero(width, self.lanes))
        # LLVM leaves a shift by the width or more undefined; here it gives 0.
        return self.where_at_most(width - 1, right, amount, instruction(value, amount))

    def where_at_most(self, most: int, amount: Expr, known: Value, value: Value) -> Value:
        """``value`` where the ``amount``, which is ``known``, is at most so many, else 0."""
        if isinstance(amount, Index) and self.greatest.get(amount.name, BYTE) <= most:
            return value
        fits = self.code.b.icmp_unsigned("<=", known, self.constant(most))
        return self.code.b.select(fits, value, self.constant(0))

    def rotated(self, rotation: Rotation) -> Value:
        value, amount = self.visit(rotation.value), self.visit(rotation.amount)
        if self.in_words:
            return rotated_each(self.code, value, amount)
        lanes = f"i{self.width}" if self.lanes == 1 else f"v{self.lanes}i{self.width}"
        turned = self.code.call(f"llvm.fshl.{lanes}", self.kind, [value, value, amount])
        return self.where_at_most(self.width, rotation.amount, amount, turned)


@dataclass(frozen=True)
class Rotation:
    """``value`` rotated to the left by ``amount``, which differs from byte to byte; nothing is left
    where that is more than there are bits."""

    value: Expr
    amount: Expr


def rotation_of(node: Binary, width: int) -> Rotation | None:
    """``value << n | value >> width - n``, or the same from the other side."""
    match node:
        case Binary("|" | "^" | "+", Binary(">>", _, _) as right, Binary("<<", _, _) as left):
            return rotation_of(Binary("|", left, right), width)
        case Binary("|" | "^" | "+", Binary("<<", a, n), Binary(">>", b, m)) if a == b:
            if m == Binary("-", Const(width), n) and _varies(n):
                return Rotation(a, n)
            if n == Binary("-", Const(width), m) and _varies(m):
                return Rotation(a, n)
    return None


def rotation(value: Expr, amount: Expr, width: int) -> Expr:
    """What ``rotation_of`` finds."""
    back = Binary(">>", value, Binary("-", Const(width), amount))
    return Binary("|", Binary("<<", value, amount), back)


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
            return bounded_of(Cond(Binary(MIRRORED[op], b, a), then, other), width)
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


def interval_of(node: Expr, width: int) -> Interval | None:
    """The comparison ``node`` of ``width`` bits with a constant, or two that are joined, as one
    interval; None where it is something else.

    Processors, and V8 above all, have ``<=`` rather than ``<``, and one test is less than two.
    """
    match node:
        case Binary("<" | "<=" | ">" | ">=" as op, Const() as number, value) if not isinstance(
            value, Const
        ):
            return interval_of(Binary(MIRRORED[op], value, number), width)
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

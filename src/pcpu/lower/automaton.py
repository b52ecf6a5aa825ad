"""Steps that go between few states, and what they add to the bits above: found by trying all."""

from __future__ import annotations

from dataclasses import dataclass

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var, function, uses, walk
from pcpu.isa import Op
from pcpu.lower.linear import STATE, linear, settled

MOST = 10  # states
COUNTING = 8  # states where something is added
ADDED = 3  # times that what is added may be
_WIDTHS = range(1, 5)  # bits of a state below a sum
TOP, HIGH = Var("top"), Var("high")


@dataclass(frozen=True)
class Automaton:
    """From the state ``values[i]`` a byte leads to that of number ``after[i][byte]``; above the
    ``bits`` bits of these it adds ``unit`` as often as ``added[i][byte]`` says."""

    bits: int
    values: tuple[int, ...]
    after: tuple[tuple[int, ...], ...]
    added: tuple[tuple[int, ...], ...]
    unit: int

    @property
    def counts(self) -> bool:
        return any(map(any, self.added))


def automaton(op: Op) -> Automaton | None:
    """The step of a fold as an Automaton, None where it is something else."""
    if not op.is_plain_fold:
        return None
    width = op.state_bits
    step, init = settled(op.step_expr, width), settled(op.init_expr, width)
    names = {node.name for node in walk(step) if isinstance(node, Var)}
    if not isinstance(init, Const) or names != {"state", "byte"}:
        return None
    if any(isinstance(node, Index) for node in walk(step)):
        return None
    found = _reached(step, width, width, init.value)
    for bits in _WIDTHS if found is None else ():
        if bits < width and keeps_above(step, width, bits):
            found = _reached(step, width, bits, init.value)
            if found is not None:
                break
    return found


def _reached(step: Expr, width: int, bits: int, first: int) -> Automaton | None:
    """All that is reached from ``first`` in the low ``bits`` bits, None where that is too much."""
    taken = function(step, ("state", "byte"), width)
    mask = (1 << bits) - 1
    values, after, above = [first & mask], [], []
    for value in values:
        found = [taken(value, byte) for byte in range(256)]
        values += [v for v in dict.fromkeys(f & mask for f in found) if v not in values]
        if len(values) > MOST:
            return None
        after.append(tuple(values.index(f & mask) for f in found))
        above.append([f >> bits for f in found])
    # What is added is the least amount or a multiple of it.
    amounts = sorted({amount for row in above for amount in row if amount})
    if amounts and len(values) > COUNTING:
        return None
    unit = amounts[0] if amounts else 1
    if any(amount % unit or amount > ADDED * unit for amount in amounts):
        return None
    times = ([amount // unit for amount in row] for row in above)
    added = tuple(map(tuple, times))
    return Automaton(bits, tuple(values), tuple(after), added, unit << bits)


def keeps_above(step: Expr, width: int, bits: int) -> bool:
    """Whether the step adds something to what is above the low ``bits`` bits, and that hangs on
    these and the byte alone: tried for all they may be."""
    for value in range(1 << bits):
        known = settled(Known(width, bits, value).of(step), width)
        total = linear(known, width, lambda part: not _above(part))
        if total is None or any(_above(t) for t in total if t not in (TOP, HIGH)):
            return False
        high = total.get(HIGH, 0)
        if high % (1 << bits) or (total.get(TOP, 0) + (high >> bits) - 1) % (1 << width - bits):
            return False
    return True


def _above(expr: Expr) -> bool:
    return uses(expr, "top") or uses(expr, "high") or uses(expr, "state")


class Known:
    """Expressions where the low bits of the state are known to be ``value``; ``top`` is the state
    without them, ``high`` that moved down."""

    def __init__(self, width: int, bits: int, value: int) -> None:
        self._ones, self._bits, self._unit, self._value = (1 << width) - 1, bits, 1 << bits, value

    def of(self, expr: Expr) -> Expr:
        match expr:
            case Var("state"):
                return Binary("+", TOP, Const(self._value))
            case Binary("%", Var("state"), Const(value)) if value & value - 1 == 0:
                return self.of(Binary("&", STATE, Const(value - 1)))
            case Binary("&", Const(value), Var("state")):
                return self.of(Binary("&", STATE, Const(value)))
            case Binary(">>", Var("state"), Const(self._bits)):
                return HIGH
            case Binary("&", Var("state"), Const(value)) if value < self._unit:
                return Const(self._value & value)
            case Binary("&", Var("state"), Const(value)) if value | self._unit - 1 == self._ones:
                return Binary("+", TOP, Const(self._value & value))
            case Binary("&", left, right) if self._low(left) or self._low(right):
                return Binary("&", self._below(left), self._below(right))
            case Binary("|", Var("state"), Const(value)) if value < self._unit:
                return Binary("+", TOP, Const(self._value | value))
            case Binary("^", Var("state"), low) | Binary("^", low, Var("state")) if self._low(low):
                return Binary("+", TOP, self.of(Binary("^", Const(self._value), low)))
            case Binary("|", high, low) if self._apart(high, low):
                return Binary("+", self.of(high), self.of(low))
            case Binary(op, left, right):
                return Binary(op, self.of(left), self.of(right))
            case Cond(test, then, other):
                return self._chosen(self.of(test), then, other)
        return expr

    def _chosen(self, test: Expr, then: Expr, other: Expr) -> Expr:
        known = settled(test, self._ones.bit_length())
        if isinstance(known, Const):
            return self.of(then if known.value else other)
        return Cond(known, self.of(then), self.of(other))

    def _below(self, expr: Expr) -> Expr:
        """``expr`` with the same low bits, which the low bits of the state are enough for."""
        match expr:
            case Var("state"):
                return Const(self._value)
            case Binary("+" | "-" | "*" | "&" | "|" | "^" as op, left, right):
                return Binary(op, self._below(left), self._below(right))
            case Cond(test, then, other):
                return self._chosen(self.of(test), self._below(then), self._below(other))
        return self.of(expr)

    def _low(self, expr: Expr) -> bool:
        """Whether it is a truth of the byte, or of numbers below ``unit`` and low bits."""
        match expr:
            case Const(value) | Binary("&", Var("state"), Const(value)):
                return value < self._unit
            case Binary("^" | "|" | "&", left, right):
                return self._low(left) and self._low(right)
        return (
            not uses(expr, "state")
            and isinstance(expr, Binary)
            and expr.op in ("==", "!=", "<", "<=", ">", ">=")
        )

    def _apart(self, high: Expr, low: Expr) -> bool:
        shifted = isinstance(high, Binary) and high.op == "<<" and high.right == Const(self._bits)
        return shifted and self._low(low)

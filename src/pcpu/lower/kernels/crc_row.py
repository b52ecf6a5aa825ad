"""Sparse division (crc_sparse.py) in little code: w lies in a row in memory.

A vector is made from the message and from what stands in the row at the distances of the lags, all
of them constant: so it takes a load and an XOR a lag, and the loop need not be long. Two lags that
are less than a vector apart share a load: what one of them wants is in the vector that was loaded
last and in this one. What is left at the end is made by the same loop, which then writes elsewhere:
behind the last w the row has zeros, so that nothing more is cancelled. Where a row is full, what
lags reach moves to its front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from llvmlite import ir

from pcpu import gf2
from pcpu.lower.code import I8, I32, POINTER, Code, Value
from pcpu.lower.kernels.crc_model import Field, kernel_function

BYTES = 16  # of a vector
VECTOR = ir.VectorType(I8, BYTES)
TURN = 2  # vectors, with a multiple of large degree
LONGEST = 1 << 16  # bytes that are divided before what lags reach is moved
# A multiple divides what is longer than its degree by so many parts of that: else the next one is
# faster.
_WORTH = {True: 3, False: 2}  # of large degree, or not


@dataclass(frozen=True)
class Tap:
    """One load of the row, so far back that it and the one before it have what ``lags`` want."""

    back: int
    lags: tuple[int, ...]

    @property
    def joins(self) -> bool:
        """Whether the load before is wanted, too."""
        return self.lags != (self.back,)


@dataclass(frozen=True)
class Division:
    """How to divide by a multiple."""

    multiple: gf2.Multiple

    @property
    def far(self) -> bool:
        return self.multiple[0] > gf2.WINDOW

    @property
    def step(self) -> int:
        """Bytes of a turn of the loop."""
        return BYTES * (TURN if self.far else 1)

    @property
    def taps(self) -> list[Tap]:
        """Those furthest back first, as the others wait for what was stored last."""
        lags = gf2.lags(self.multiple)
        shared = {a: b for a, b in pairwise(lags) if b - a < BYTES}
        found: list[Tap] = []
        for lag in lags:
            if found and lag in found[-1].lags:
                continue
            if lag in shared:
                found.append(_of_two(lag, shared[lag]))
            elif self.far and lag % BYTES:
                # Where loads are the limit, one that is not askew and a shuffle are faster.
                found.append(Tap(lag - lag % BYTES, (lag,)))
            else:
                found.append(Tap(lag, (lag,)))
        return found[::-1]

    @property
    def block(self) -> int:
        """Bytes that taps reach back, at least."""
        back = max(tap.back + BYTES * tap.joins for tap in self.taps)
        return -(-max(back, self.multiple[0]) // self.step) * self.step

    @property
    def least(self) -> int:
        """Bytes from which on it is worth its end."""
        return _WORTH[self.far] * self.block + self.step


def _of_two(lag: int, next_: int) -> Tap:
    """The load that two lags share: one that is not askew, if it takes one shuffle too."""
    back = next_ - BYTES
    return Tap(back if back % BYTES == 0 and back >= BYTES else lag, (lag, next_))


def rows(
    code: Code, field: Field, multiples: Sequence[gf2.Multiple], tables: Value, usual: int
) -> Value:
    """The division by ``multiples``, those for short data first, and of what is left by
    ``tables``; most data has ``usual`` bytes."""
    found, body = kernel_function(code, field, "rows")
    if body is not None:
        # By its block a division is known; of two with the same one is enough.
        divisions = {(one := Division(multiple)).block: one for multiple in multiples}
        _Rows(field, [*divisions.values()], usual).write(body, tables)
    return found


@dataclass(frozen=True)
class _Rows:
    field: Field
    divisions: Sequence[Division]
    usual: int

    @property
    def block(self) -> int:
        return max(division.block for division in self.divisions)

    @property
    def longest(self) -> int:
        """Of what is divided at once: of most data all."""
        return max(min(self.usual, LONGEST) - self.block, self.block)

    def write(self, code: Code, tables: Value) -> None:
        start, data, length = code.function.args
        _small(code)
        # What is no whole number of turns comes first, so that later there is no rest.
        step = max(division.step for division in self.divisions)
        with code.when(code.b.icmp_unsigned("<", length, code.size(self.divisions[0].least))):
            code.b.ret(code.b.call(tables, [start, data, length]))
        head = code.b.and_(length, code.size(step - 1))
        register = code.local(start.type, code.b.call(tables, [start, data, head]))
        here = code.local(POINTER, code.byte_at(data, head))
        left = code.local(code.usize, code.b.sub(length, head))
        divide = self._divide(code)
        out = code.memory(f"{self.field.symbol}.out", self.block)
        for division in reversed(self.divisions):
            many = code.load(code.usize, left)
            with code.when(code.b.icmp_unsigned(">=", many, code.size(division.least))):
                before = _before(code, self.field, division, code.load(start.type, register))
                block = code.size(division.block)
                front = code.size(division.block - division.multiple[0])
                given = [before, code.load(POINTER, here), many, block, front, out]
                code.b.call(divide, given)
                code.b.store(start.type(0), register)
                code.b.store(out, here)
                code.b.store(block, left)
        rest = [code.load(slot.allocated_type, slot) for slot in (register, here, left)]
        code.b.ret(code.b.call(tables, rest))

    def _divide(self, code: Code) -> Value:
        """The division whose taps reach ``block`` bytes back, of all of a message: ``before``
        stands in the row, ``front`` bytes behind its beginning, and what is left goes ``out``."""
        kind = ir.IntType(self.field.bits)
        usize = code.usize
        function, inner = _function(
            code, f"{self.field.symbol}.divide", [kind, POINTER, usize, usize, usize, POINTER]
        )
        before, message, length, block, front, out = function.args
        size = 2 * self.block + self.longest
        base = inner.memory(f"{self.field.symbol}.row", size)
        behind = inner.byte_at(base, block)
        turns = self._turns(inner)
        inner.fill(base, I8(0), block)
        inner.b.store(before, inner.byte_at(base, front), 1)
        row = inner.local(POINTER, base)
        whole = inner.b.sub(length, block)
        with inner.pieces(inner.size(0), whole, self.longest) as (first, last):
            with inner.when(inner.b.icmp_unsigned("!=", first, inner.size(0))):
                inner.move(base, inner.load(POINTER, row), block)
            many = inner.b.sub(last, first)
            inner.b.call(turns, [block, inner.byte_at(message, first), base, behind, many])
            inner.b.store(inner.byte_at(base, many), row)
        end = inner.load(POINTER, row)
        inner.fill(inner.byte_at(end, block), I8(0), block)
        inner.b.call(turns, [block, inner.byte_at(message, whole), end, out, block])
        inner.b.ret_void()
        return function

    def _turns(self, code: Code) -> Value:
        """The loops: message, row, where to, and how many bytes, which are some."""
        usize = code.usize
        kinds = [usize, POINTER, POINTER, POINTER, usize]
        function, inner = _function(code, f"{self.field.symbol}.turns", kinds)
        block = function.args[0]
        *others, last = self.divisions
        for division in others:
            with inner.when(inner.b.icmp_unsigned("==", block, inner.size(division.block))):
                _loop(inner, division)
                inner.b.ret_void()
        _loop(inner, last)
        inner.b.ret_void()
        return function


def _loop(code: Code, division: Division) -> None:
    _, message, row, to, size = code.function.args
    end = code.byte_at(message, size)
    slots = [code.local(POINTER, pointer) for pointer in (message, row, to)]
    taps = division.taps
    ahead = {tap: division.block - tap.back for tap in taps}
    olds = {
        tap: code.local(
            VECTOR,
            code.load(VECTOR, code.byte_at(row, code.size(ahead[tap] - BYTES)), 1),
        )
        for tap in taps
        if tap.joins
    }
    turn, after = (code.function.append_basic_block(n) for n in ("turn", "after"))
    code.b.branch(turn)
    code.b.position_at_end(turn)
    here, row, to = (code.load(POINTER, slot) for slot in slots)
    for k in range(0, division.step, BYTES):
        value = code.load(VECTOR, code.within(here, code.size(k)), 1)
        for tap in taps:
            new = code.load(VECTOR, code.within(row, code.size(ahead[tap] + k)), 1)
            old = new
            if tap.joins:
                old = code.load(VECTOR, olds[tap])
                code.b.store(new, olds[tap])
            for lag in tap.lags:
                value = code.b.xor(value, _joined(code, old, new, lag - tap.back))
        code.b.store(value, code.within(to, code.size(k)), 1)
    # Each pointer by itself, so that LLVM puts the distances into the loads.
    nexts = [code.opaque(code.byte_at(p, code.size(division.step))) for p in (here, row, to)]
    for slot, pointer in zip(slots, nexts, strict=True):
        code.b.store(pointer, slot)
    code.b.cbranch(code.b.icmp_unsigned("!=", nexts[0], end), turn, after)
    code.b.position_at_end(after)


def _joined(code: Code, old: Value, new: Value, back: int) -> Value:
    """The vector that begins ``back`` bytes before ``new``, which ``old`` stands before."""
    if back in (0, BYTES):
        return old if back else new
    mask = ir.Constant(ir.VectorType(I32, BYTES), list(range(BYTES - back, 2 * BYTES - back)))
    return code.b.shuffle_vector(old, new, mask)


def _before(code: Code, field: Field, division: Division, register: Value) -> Value:
    """What has to stand in front of the row, where the largest lag leads from the first bytes of
    the message, so that they change by ``register``. Other lags may lead there, too."""
    near = [exponent for exponent in division.multiple[1:-1] if exponent < field.bytes]
    before = register
    for _ in range(field.bytes - 1 if near else 0):
        terms = [code.b.lshr(before, before.type(8 * exponent)) for exponent in near]
        before = register
        for term in terms:
            before = code.b.xor(before, term)
    return before


def _function(code: Code, name: str, kinds: Sequence[Value]) -> tuple[Value, Code]:
    function = ir.Function(code.module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    inner = Code(function, code.target)
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    _small(inner)
    return function, inner


def _small(code: Code) -> None:
    for attribute in ("minsize", "optsize"):
        code.function.attributes.add(attribute)

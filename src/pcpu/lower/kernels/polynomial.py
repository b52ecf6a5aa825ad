"""Folds ``state = state * P + g(byte)``: djb2, sdbm, Java's and other polynomial hashes.

Over n bytes the state becomes P**n state + sum of g(byte i) P**(n-1-i), modulo 2**w: a dot
product of bytes with numbers that are known. These are cut into signed limbs, so that instructions
for small products do: of 16 bits, by multiplying and adding pairs; of 8 bits where processors
multiply bytes and add fours (VNNI). Several vectors have weights of their own, in a table. Only
then are the limbs put together and the state multiplied.

With P = 1 this is a sum, for which there are cheaper ways.

A remainder, ``(state * P + g(byte)) % M``, is the same modulo M, where no step overflows: weights
are remainders then, of either sign, and so is what each block gives. The first byte goes alone,
since a state that a caller gives need be no remainder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Const, Expr, Index, Var, function, uses, walk
from pcpu.isa import Op
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.forms import joined, lane_bits, low_byte, maxima, reduced, upper_bound
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.function import inside, kernel_function, variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import SMALL_LANES, Values
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type, pieces
from pcpu.lower.linear import STATE, linear
from pcpu.lower.stage import Stage
from pcpu.target import Target

ROWS = 32  # vectors of a block; sums of so many products fit in 32 bits
UNROLLED = 4
LARGEST = 1 << 32  # the greatest modulus: products of two remainders fit in 64 bits
_SUMS = 52  # bits that what a block adds does not exceed, before its remainder is taken


@dataclass(frozen=True)
class Polynomial:
    """``state = state * factor + value * scale + constant`` with a value of 8 bits, and of that the
    remainder by ``modulus``, where there is one."""

    factor: int
    scale: int
    value: Expr
    constant: int = 0
    modulus: int | None = None

    def ring(self, bits: int) -> int:
        """What a state of ``bits`` bits is computed modulo."""
        return 1 << bits if self.modulus is None or self.masks else self.modulus

    @property
    def masks(self) -> bool:
        """Whether the remainder is some low bits, which may be taken at the end."""
        return self.modulus is not None and self.modulus & self.modulus - 1 == 0


def polynomial(op: Op) -> Polynomial | None:
    """The step of a fold as a Polynomial, None where it is something else."""
    if not op.is_plain_fold or uses(op.step_expr, "index"):  # which may not count
        return None
    step, modulus = reduced(op.step_expr)
    found = _of_bytes(op, step, modulus)
    return _of_near(op, step) if found is None and modulus is None else found


def _of_bytes(op: Op, step: Expr, modulus: int | None) -> Polynomial | None:
    """The form of a step whose values have 8 bits."""
    added = linear(step, op.state_bits, lambda part: lane_bits(op, part) == 8)
    if added is None:
        return None
    states, factor = 1 << op.state_bits, added.pop(STATE, 0)
    others: list[Expr] = [term for term in added if not isinstance(term, Const)]
    values = others or list(added)
    constant = sum(
        n * t.value for t, n in added.items() if t not in values and isinstance(t, Const)
    )
    scales = {added[value] % states for value in values}
    value = joined(values, "+") if values else Const(0)
    if len(scales) != 1 or lane_bits(op, value) != 8:
        return None
    form = Polynomial(factor % states, scales.pop(), value, constant % states, modulus)
    if modulus is None or form.masks:
        return form if form.factor > 1 else None
    bound = upper_bound(value, maxima(op), 8) or 0
    most = (modulus - 1) * form.factor + bound * form.scale + form.constant
    return form if factor > 0 and modulus <= LARGEST and most < states else None


def _of_near(op: Op, step: Expr) -> Polynomial | None:
    """The form of a step whose values differ by less than 256, as those of a byte with a sign do:
    what they are more than the least one has 8 bits, and that one is a constant."""
    added = linear(step, op.state_bits, lambda part: not any(map(_is_other, walk(part))))
    if added is None:
        return None
    states = 1 << op.state_bits
    factor = added.pop(STATE, 0) % states
    terms = [t if n == 1 else Binary("*", t, Const(n % states)) for t, n in added.items()]
    if factor <= 1 or not terms or any(_is_other(node) for t in terms for node in walk(t)):
        return None
    value = joined(terms, "+")
    low = low_byte(value, maxima(op))
    wide = map(function(value, ("byte",), op.state_bits), range(256))
    signed = [v - states if v >= states // 2 else v for v in wide]
    least = min(signed)
    if low is None or max(signed) - least > 255:
        return None
    return Polynomial(factor, 1, Binary("-", low, Const(least & 255)), least % states)


def _is_other(node: Expr) -> bool:
    """Whether it is about more than the byte."""
    return isinstance(node, Index) or (isinstance(node, Var) and node.name != "byte")


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    kind = ir.IntType(stage.op.state_bits)
    # The function takes the operands that the values may ask for, and the state by value.
    needed = [replace(stage, state=None, origin=None)]
    function, body = kernel_function(code, "polynomial", kind, needed)
    if body is not None:
        _write(body, *inside(body, needed))
    state = code.b.call(function, [code.load(kind, stage.state), data, length, *variables(needed)])
    code.b.store(state, stage.state)


def _write(code: Code, stage: Stage) -> None:
    start, data, length, *_ = code.function.args
    form = polynomial(stage.op)
    assert form is not None
    local = code.local(start.type, start)
    own, done = replace(stage, state=local), code.local(code.usize, code.size(0))
    values = Values(code, stage, [form.value])
    if form.ring(start.type.width) == form.modulus:
        with code.unlikely(code.b.icmp_unsigned("==", length, code.size(0))):
            code.b.ret(start)
        chain.step(code, own, code.load(I8, data), data)
        code.b.store(code.size(1), done)
    for lanes in sorted({vectors.width(code.target), SMALL_LANES}, reverse=True):
        rows = _Rows(code, form, values, lanes, stage.op.state_bits)
        before = code.load(code.usize, done)
        end = code.b.and_(code.b.sub(length, before), code.size(-lanes))
        end = code.b.add(before, end)
        with code.pieces(code.load(code.usize, done), end, ROWS * lanes) as (begin, stop):
            rows.add(local, code.byte_at(data, begin), code.b.sub(stop, begin))
        code.b.store(end, done)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, own, code.load(I8, address), address)
    code.b.ret(code.load(start.type, local))


@dataclass(frozen=True)
class Weights:
    """Tables for blocks of up to ROWS vectors of ``lanes`` bytes, in limbs of ``limb`` bits."""

    form: Polynomial
    bits: int
    lanes: int
    limb: int

    @property
    def ring(self) -> int:
        return self.form.ring(self.bits)

    @property
    def limbs(self) -> int:
        return -(-(self.ring - 1).bit_length() // self.limb)

    @property
    def row_bytes(self) -> int:
        return self.lanes * self.limbs * self.limb // 8

    def power(self, exponent: int) -> int:
        return pow(self.form.factor, exponent, self.ring)

    def rows(self) -> bytes:
        """For each row the limbs of its weights, of all lanes the lowest limb first; the last
        row's are those of the last bytes. In 16 bits a row is two halves, one after the other."""
        found = bytearray()
        size = self.limb // 8
        part = self.lanes // size
        for first in range(ROWS * self.lanes, 0, -part):
            weights = [
                self._signed_limbs(self.power(first - 1 - i) * self.form.scale) for i in range(part)
            ]
            for number in range(self.limbs):
                for limbs in weights:
                    found += limbs[number].to_bytes(size, "little", signed=True)
        return bytes(found)

    def _signed_limbs(self, value: int) -> list[int]:
        half, limbs = 1 << self.limb - 1, []
        # Of the numbers that are the same in the ring, one that so many limbs have.
        least = -half * ((1 << self.limb * self.limbs) - 1) // ((1 << self.limb) - 1)
        value = (value - least) % self.ring + least
        for _ in range(self.limbs):
            limb = (value + half) % (2 * half) - half
            limbs.append(limb)
            value = value - limb >> self.limb
        return limbs

    def powers(self) -> list[int]:
        """What the state is multiplied by for each number of rows."""
        return [self.power(self.lanes * rows) for rows in range(ROWS + 1)]

    def constants(self) -> list[int]:
        """What the constant adds in all of each number of rows."""
        found, total = [0], 0
        for place in range(ROWS * self.lanes):
            total = (total + self.form.constant * self.power(place)) % self.ring
            if (place + 1) % self.lanes == 0:
                found.append(total)
        return found


class _Rows:
    """Adds blocks of up to ROWS vectors to a state."""

    def __init__(self, code: Code, form: Polynomial, values: Values, lanes: int, bits: int) -> None:
        self.code, self.form, self.values, self.lanes = code, form, values, lanes
        bytewise = vectors.multiplies_bytes(code.target, lanes)
        self.weights = Weights(form, bits, lanes, 8 if bytewise else 16)
        self.parts = 1 if bytewise else 2
        # V8 has no registers for the sums of both parts.
        self.totals = 1 if code.target.plain_engine else self.parts
        self.wide = ir.IntType(max(32, bits) if self.weights.ring >> bits else 64)
        self.sums = lane_type(32, lanes // 4)
        ring = self.weights.ring
        name = f"polynomial.{form.factor:x}.{form.scale:x}.{form.constant:x}.{ring:x}.{lanes}"
        self.table = code.table(f"{name}.weights", I8, self.weights.rows())
        self.powers = code.table(f"{name}.powers", self.wide, self.weights.powers())
        self.constants = (
            code.table(f"{name}.constants", self.wide, self.weights.constants())
            if form.constant
            else None
        )

    def add(self, state: Value, data: Value, size: Value) -> None:
        code, lanes = self.code, self.lanes
        rows = code.b.udiv(size, code.size(lanes))
        missing = code.b.sub(code.size(ROWS), rows)
        offset = code.b.mul(missing, code.size(self.weights.row_bytes))
        sums = self.gathered(data, code.byte_at(self.table, offset), rows)
        kind = state.allocated_type
        before = code.resize(code.load(kind, state), self.wide.width)
        before = self.remainder(code.b.mul(before, self.entry(self.powers, rows)))
        total = code.b.add(before, self.joined(sums))
        if self.constants is not None:
            total = code.b.add(total, self.entry(self.constants, rows))
        if self.form.masks:
            assert self.form.modulus is not None
            total = code.b.and_(total, total.type(self.form.modulus - 1 & (1 << kind.width) - 1))
        elif self.form.modulus is not None:
            # What is less than 0 becomes a multiple of the modulus more.
            multiple = -(-(1 << _SUMS) // self.form.modulus) * self.form.modulus
            total = self.remainder(code.b.add(total, total.type(multiple)))
        code.b.store(code.resize(total, kind.width), state)

    def entry(self, table: Value, rows: Value) -> Value:
        place = self.code.b.gep(table, [rows], source_etype=self.wide)
        return self.code.load(self.wide, place)

    def remainder(self, value: Value) -> Value:
        if self.form.modulus is None or self.form.masks:
            return value
        return self.code.b.urem(value, value.type(self.form.modulus))

    def gathered(self, data: Value, weights: Value, rows: Value) -> list[Value]:
        """The sums of the products of so many vectors with as many rows of weights."""
        code, steps = self.code, (self.lanes, self.weights.row_bytes)
        zero = ir.Constant(self.sums, None)
        sums = [code.local(self.sums, zero) for _ in range(self.totals * self.weights.limbs)]
        pointers = [code.local(POINTER, place) for place in (data, weights)]
        done = code.local(code.usize, code.size(0))
        # V8 does all loads of a turn first, and repeats a turn itself.
        for count in (1,) if code.target.plain_engine else (UNROLLED, 1):
            with code.loop(code.load(code.usize, done), rows, count, plain=True) as i:
                places = [code.load(POINTER, pointer) for pointer in pointers]
                for k in range(count):
                    offsets = (code.size(k * step) for step in steps)
                    self.row(sums, *map(code.within, places, offsets))
                for pointer, place, step in zip(pointers, places, steps, strict=True):
                    after = code.byte_at(place, code.size(count * step))
                    code.b.store(code.opaque(after), pointer)
                code.b.store(code.b.add(i, code.size(count)), done)
        return [code.load(self.sums, slot) for slot in sums]

    def row(self, sums: Sequence[Value], data: Value, weights: Value) -> None:
        """One vector's products with its weights, added to the sums: those of the parts of a
        limb, then of the next."""
        code, lanes = self.code, self.lanes
        byte = code.load(lane_type(8, lanes), data, 1)
        values = self.values.of(byte, self.form.value, 8)
        part = lanes // self.parts
        found = pieces(code, values, part)
        if self.parts > 1:
            found = [code.b.zext(piece, lane_type(16, part)) for piece in found]
        for limb in range(self.weights.limbs):
            products = []
            for number, piece in enumerate(found):
                at = part * self.weights.limb // 8 * (number * self.weights.limbs + limb)
                factors = code.load(piece.type, code.within(weights, code.size(at)), 1)
                products.append((piece, factors))
            own = sums[limb * self.totals : (limb + 1) * self.totals]
            self.add_products(own, products)

    def add_products(self, sums: Sequence[Value], products: Sequence[tuple[Value, Value]]) -> None:
        """The parts of a vector, times the limbs of their weights, to a sum each or to one."""
        code = self.code
        if len(sums) < len(products):
            added = vectors.total(code, [vectors.dot(code, *pair) for pair in products])
            total = code.load(self.sums, sums[0])
            code.b.store(code.b.add(total, code.opaque(added)), sums[0])
            return
        for slot, pair in zip(sums, products, strict=True):
            code.b.store(self.multiplied(code.load(self.sums, slot), *pair), slot)

    def multiplied(self, total: Value, values: Value, factors: Value) -> Value:
        if self.parts == 1:
            return vectors.add_products(self.code, total, values, factors)
        return self.code.b.add(total, vectors.dot(self.code, values, factors))

    def joined(self, sums: Sequence[Value]) -> Value:
        """The number that the sums of all limbs make."""
        code, result = self.code, self.wide(0)
        for limb in range(self.weights.limbs):
            parts = sums[limb * self.totals : (limb + 1) * self.totals]
            total = vectors.total(code, parts)
            if self.wide.width > 32:
                total = code.b.sext(total, lane_type(self.wide.width, total.type.count))
            total = vectors.reduce(code, "add", total)
            shifted = code.b.shl(total, self.wide(limb * self.weights.limb))
            result = code.b.add(result, shifted)
        return result


def _accepts(op: Op, target: Target) -> bool:
    form = polynomial(op)
    return form is not None and in_lanes(op, form.value, target)


KERNEL = Kernel(
    "polynomial",
    "a multiply-add hash, as a dot product of the bytes with powers of the factor",
    _accepts,
    emit,
    fuses=False,
    yields=True,
)

"""Folds ``state = state * P + g(byte)``: djb2, sdbm, Java's and other polynomial hashes.

Over n bytes the state becomes P**n state + sum of g(byte i) P**(n-1-i), modulo 2**w: a dot
product of bytes with numbers that are known. These are cut into signed limbs, so that instructions
for small products do: of 16 bits, by multiplying and adding pairs; of 8 bits where processors
multiply bytes and add fours (VNNI). Several vectors have weights of their own, in a table. Only
then are the limbs put together and the state multiplied.

With P = 1 this is a sum, for which there are cheaper ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Const, Expr, Var, uses
from pcpu.isa import Op
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.forms import joined, lane_bits
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.function import inside, kernel_function, variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import SMALL_LANES, Values
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type
from pcpu.lower.stage import Stage
from pcpu.target import Target

ROWS = 32  # vectors of a block; sums of so many products fit in 32 bits
UNROLLED = 4


@dataclass(frozen=True)
class Polynomial:
    """``state = state * factor + value * scale`` with a value of 8 bits."""

    factor: int
    scale: int
    value: Expr


def polynomial(op: Op) -> Polynomial | None:
    """The step of a fold as a Polynomial, None where it is something else."""
    if op.fold is None or op.is_array:
        return None
    found = _linear(op, op.step_expr)
    if found is None:
        return None
    modulus = 1 << op.state_bits
    factor, added = found.get(Var("state"), 0) % modulus, dict(found)
    added.pop(Var("state"), None)
    scales = {scale % modulus for scale in added.values()}
    if factor < 2 or len(scales) != 1:
        return None
    value = joined(list(added), "+")
    return Polynomial(factor, scales.pop(), value) if lane_bits(op, value) == 8 else None


def _linear(op: Op, expr: Expr) -> dict[Expr, int] | None:
    """``expr`` as a sum of expressions times numbers; None where the state is in it otherwise."""
    if expr == Var("state") or (not uses(expr, "state") and lane_bits(op, expr) == 8):
        return {expr: 1}
    match expr:
        case Binary("+" | "-" as sign, left, right):
            a, b = _linear(op, left), _linear(op, right)
            if a is None or b is None:
                return None
            b = b if sign == "+" else {term: -times for term, times in b.items()}
            return {term: a.get(term, 0) + b.get(term, 0) for term in (*a, *b)}
        case Binary("*", inner, Const(times)) | Binary("*", Const(times), inner):
            pass
        case Binary("<<", inner, Const(amount)) if amount < op.state_bits:
            times = 1 << amount
        case _:
            return None if uses(expr, "state") else {expr: 1}
    found = _linear(op, inner)
    return None if found is None else {term: n * times for term, n in found.items()}


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
    done = code.local(code.usize, code.size(0))
    values = Values(code, stage)
    for lanes in sorted({vectors.width(code.target), SMALL_LANES}, reverse=True):
        rows = _Rows(code, form, values, lanes, stage.op.state_bits)
        end = code.b.and_(length, code.size(-lanes))
        with code.pieces(code.load(code.usize, done), end, ROWS * lanes) as (begin, stop):
            rows.add(local, code.byte_at(data, begin), code.b.sub(stop, begin))
        code.b.store(end, done)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, replace(stage, state=local), code.load(I8, address), address)
    code.b.ret(code.load(start.type, local))


@dataclass(frozen=True)
class Weights:
    """Tables for blocks of up to ROWS vectors of ``lanes`` bytes, in limbs of ``limb`` bits."""

    form: Polynomial
    bits: int
    lanes: int
    limb: int

    @property
    def limbs(self) -> int:
        return -(-self.bits // self.limb)

    @property
    def row_bytes(self) -> int:
        return self.lanes * self.limbs * self.limb // 8

    def power(self, exponent: int) -> int:
        return pow(self.form.factor, exponent, 1 << self.bits)

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
        for _ in range(self.limbs):
            limb = (value + half) % (2 * half) - half
            limbs.append(limb)
            value = value - limb >> self.limb
        return limbs

    def powers(self) -> list[int]:
        """What the state is multiplied by for each number of rows."""
        return [self.power(self.lanes * rows) for rows in range(ROWS + 1)]


class _Rows:
    """Adds blocks of up to ROWS vectors to a state."""

    def __init__(self, code: Code, form: Polynomial, values: Values, lanes: int, bits: int) -> None:
        self.code, self.form, self.values, self.lanes = code, form, values, lanes
        bytewise = vectors.multiplies_bytes(code.target, lanes)
        self.weights = Weights(form, bits, lanes, 8 if bytewise else 16)
        self.parts = 1 if bytewise else 2
        # V8 has no registers for the sums of both parts.
        self.totals = 1 if code.target.plain_engine else self.parts
        self.wide = ir.IntType(max(32, bits))
        self.sums = lane_type(32, lanes // 4)
        name = f"polynomial.{form.factor:x}.{form.scale:x}.{bits}.{lanes}"
        self.table = code.table(f"{name}.weights", I8, self.weights.rows())
        self.powers = code.table(f"{name}.powers", self.wide, self.weights.powers())

    def add(self, state: Value, data: Value, size: Value) -> None:
        code, lanes = self.code, self.lanes
        rows = code.b.udiv(size, code.size(lanes))
        missing = code.b.sub(code.size(ROWS), rows)
        offset = code.b.mul(missing, code.size(self.weights.row_bytes))
        sums = self.gathered(data, code.byte_at(self.table, offset), rows)
        power = code.load(self.wide, code.b.gep(self.powers, [rows], source_etype=self.wide))
        kind = state.allocated_type
        before = code.b.mul(code.resize(code.load(kind, state), self.wide.width), power)
        code.b.store(code.resize(code.b.add(before, self.joined(sums)), kind.width), state)

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
        pieces = vectors.pieces(code, values, part)
        if self.parts > 1:
            pieces = [code.b.zext(piece, lane_type(16, part)) for piece in pieces]
        for limb in range(self.weights.limbs):
            products = []
            for number, piece in enumerate(pieces):
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

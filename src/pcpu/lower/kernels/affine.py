"""Folds ``state = a(byte) * state + c(byte)``: a hash that skips spaces, say.

Steps of this kind joined are one again: A * state + C. So a block is cut into chunks, of which each
has its A and C, run side by side in lanes as wide as the state; A begins as 1 and C as 0, and a
step makes a A and a C + c of them. Then the chunks are joined in order.
Where a is the same for all bytes, and where few bytes do anything, other kernels are faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var, function, substitute, uses, walk
from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.fnv_rows import STRIP, Rows, at, each_row, scratch
from pcpu.lower.kernels.function import inside, kernel_function, variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.linear import settled
from pcpu.lower.stage import Stage
from pcpu.target import Target

COLUMNS = 8  # of rows of chunks, of as many chunks each as a vector has bytes
# Strips of a block by the bytes of a vector: these fit in a cache of 32 KiB, and chunks are not a
# power of two apart, which processors read at half the speed.
STRIPS = {16: 7, 32: 5, 64: 3}
FEW = 32  # bytes that do anything, up to which kernels that look for these are faster
ZERO, ONE = Const(0), Const(1)


@dataclass(frozen=True)
class Affine:
    """``factor * state + added``, where both hang on the byte alone."""

    factor: Expr
    added: Expr


def affine(op: Op) -> Affine | None:
    """The step of a fold as Affine with a factor that is not always the same, else None."""
    names = {"state", "byte", *(imm.name for imm in op.immediates if imm.sizes is None)}
    if not op.is_plain_fold:
        return None
    step = settled(op.step_expr, op.state_bits)
    for node in walk(step):
        if isinstance(node, Index) or (isinstance(node, Var) and node.name not in names):
            return None
        # Lanes have no remainders, and shift alike.
        if isinstance(node, Binary) and (node.op == "%" or _varies(node)):
            return None
    found = _affine(step, op.state_bits)
    return found if found is not None and uses(found.factor, "byte") else None


def _varies(node: Binary) -> bool:
    return node.op in ("<<", ">>") and not isinstance(node.right, Const)


def _affine(expr: Expr, bits: int) -> Affine | None:
    if not uses(expr, "state"):
        return Affine(ZERO, expr)
    match expr:
        case Var("state"):
            return Affine(ONE, ZERO)
        case Binary("*", inner, by) | Binary("*", by, inner) if not uses(by, "state"):
            found = _affine(inner, bits)
            return found and Affine(_times(found.factor, by, bits), _times(found.added, by, bits))
        case Binary("<<", inner, Const(amount)):
            by = Const((1 << amount) % (1 << bits))
            return _affine(Binary("*", inner, by), bits)
        case Binary("^", inner, Const(number)) if number == (1 << bits) - 1:
            return _affine(Binary("-", Const(number), inner), bits)
        case Binary("+" | "-" as op, left, right):
            a, b = _affine(left, bits), _affine(right, bits)
            if a is None or b is None:
                return None
            factor = _joined(op, a.factor, b.factor, bits)
            return Affine(factor, _joined(op, a.added, b.added, bits))
        case Cond(test, then, other) if not uses(test, "state"):
            a, b = _affine(then, bits), _affine(other, bits)
            if a is None or b is None:
                return None
            factor = _chosen(test, a.factor, b.factor, bits)
            return Affine(factor, _chosen(test, a.added, b.added, bits))
    return None


def _times(value: Expr, by: Expr, bits: int) -> Expr:
    if ZERO in (value, by):
        return ZERO
    return by if value == ONE else value if by == ONE else settled(Binary("*", value, by), bits)


def _joined(op: str, left: Expr, right: Expr, bits: int) -> Expr:
    if right == ZERO:
        return left
    return right if (op, left) == ("+", ZERO) else settled(Binary(op, left, right), bits)


def _chosen(test: Expr, then: Expr, other: Expr, bits: int) -> Expr:
    """One or the other: of numbers the first and, where needed, what the second is more. V8 takes
    three instructions to choose of two, and one of one."""
    if then == other:
        return then
    if isinstance(then, Const) and isinstance(other, Const) and then != ZERO:
        more = settled(Binary("-", other, then), bits)
        return Binary("+", then, Cond(test, ZERO, more))
    return Cond(test, then, other)


def _busy(op: Op) -> int:
    """How many bytes do anything to states, where immediates are 0."""
    step = substitute(op.step_expr, {imm.name: 0 for imm in op.immediates})
    after = function(step, ("state", "byte"), op.state_bits)
    return sum(any(after(state, byte) != state for state in (0, 1)) for byte in range(256))


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    kind = ir.IntType(stages[0].op.state_bits)
    function, body = kernel_function(code, "affine", kind, stages)
    if body is not None:
        _body(body, *inside(body, stages))
    state = code.load(kind, stages[0].state)
    code.b.call(function, [state, data, length, *variables(stages)])


def _body(code: Code, stage: Stage) -> None:
    _, data, length, *_ = code.function.args
    done = code.local(code.usize, code.size(0))
    for width in sorted({vectors.width(code.target), STRIP}, reverse=True):
        blocks = _Blocks(code, stage, width)
        least = code.size(blocks.least)
        start = code.load(code.usize, done)
        count = code.b.udiv(code.b.sub(length, start), least)
        end = code.b.add(start, code.b.mul(count, least))
        with code.pieces(start, end, blocks.least * STRIPS[width]) as (begin, stop):
            strips = code.b.udiv(code.b.sub(stop, begin), least)
            blocks.emit(code.byte_at(data, begin), code.b.mul(strips, code.size(STRIP)))
        code.b.store(end, done)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, stage, code.load(I8, address), address)
    code.b.ret(code.load(ir.IntType(stage.op.state_bits), stage.state))


class _Blocks:
    """Blocks of chunks in vectors of ``width`` bytes."""

    def __init__(self, code: Code, stage: Stage, width: int) -> None:
        self.code, self.stage, self.width = code, stage, width
        form, self.bits = affine(stage.op), stage.op.state_bits
        assert form is not None
        self.form = form
        self.parts = self.bits // 8  # bytes of a lane, each of another chunk
        self.kind = ir.VectorType(ir.IntType(self.bits), width // self.parts)
        stride = width * STRIP * STRIPS[width] + 64
        self.rows = Rows(scratch(code, COLUMNS * stride, width), width, stride)
        self.joined = scratch(code, 2 * self.parts * width, width)

    @property
    def least(self) -> int:
        """Bytes of the smallest block."""
        return COLUMNS * self.width * STRIP

    def emit(self, data: Value, rows: Value) -> None:
        """The block at ``data`` of chunks of so many bytes."""
        code, kind = self.code, self.kind
        usual = [STRIP * STRIPS[self.width]] if code.target.plain_engine else []
        self.rows.emit(code, data, rows, usual)
        totals = [self._begun() for _ in range(self.parts)]
        with code.loop(code.size(0), code.size(COLUMNS), 1, plain=True) as column:
            place = code.b.mul(column, code.size(self.rows.stride))
            runs = [self._begun() for _ in range(self.parts)]
            source = (code.byte_at(self.rows.memory, place), self.width)

            def body(row: Value) -> None:
                for byte, run in zip(self._parts(row), runs, strict=True):
                    self._step(byte, *run)

            each_row(code, rows, [source], body)
            for (scale, added), run in zip(totals, runs, strict=True):
                by, more = (code.load(kind, slot) for slot in run)
                code.b.store(code.b.add(code.b.mul(code.load(kind, added), by), more), added)
                code.b.store(code.b.mul(code.load(kind, scale), by), scale)
        self._join(totals)

    def _begun(self) -> tuple[Value, Value]:
        """A and C of no bytes."""
        first = [self.kind([number] * self.kind.count) for number in (1, 0)]
        scale, added = (self.code.local(self.kind) for _ in first)
        for slot, value in zip((scale, added), first, strict=True):
            self.code.b.store(value, slot)
        return scale, added

    def _parts(self, place: Value) -> list[Value]:
        """The bytes of a vector in lanes: the first of each lane, then the second."""
        code, kind = self.code, self.kind
        words = code.load(kind, place, align=self.width)
        mask, last = code.kept(255, self.bits, kind.count), self.parts - 1
        moved = [code.b.lshr(words, kind([8 * n] * kind.count)) for n in range(self.parts)]
        return [each if n == last else code.b.and_(each, mask) for n, each in enumerate(moved)]

    def _step(self, byte: Value, scale: Value, added: Value) -> None:
        code, b = self.code, self.code.b
        by = self._in_lanes(self.form.factor, byte)
        b.store(b.mul(code.load(self.kind, scale), by), scale)
        sum_ = b.mul(code.load(self.kind, added), by)
        b.store(b.add(sum_, self._in_lanes(self.form.added, byte)), added)

    def _in_lanes(self, expr: Expr, byte: Value) -> Value:
        code, stage, lanes = self.code, self.stage, self.kind.count
        values = stage.in_lanes(code, self.bits, lanes) | {"byte": byte}
        known = substitute(expr, stage.constants)
        return expression.emit(code, known, values, self.bits, lanes)

    def _join(self, totals: Sequence[tuple[Value, Value]]) -> None:
        """The state after all chunks: byte ``a`` of a vector is of the chunks before byte a + 1."""
        code, kind, scalar = self.code, self.kind, self.kind.element
        places = [at(code, self.joined, n * self.width) for n in range(2 * self.parts)]
        slots = [slot for pair in totals for slot in pair]
        for slot, place in zip(slots, places, strict=True):
            code.b.store(code.load(kind, slot), place, align=self.width)
        step = self.parts
        with code.loop(code.size(0), code.size(self.width), step, plain=True) as lane:
            state = code.load(scalar, self.stage.state)
            for number in range(self.parts):
                scale, added = (
                    code.load(scalar, code.byte_at(place, lane), step)
                    for place in places[2 * number : 2 * number + 2]
                )
                state = code.b.add(code.b.mul(state, scale), added)
            code.b.store(state, self.stage.state)


def _accepts(op: Op, target: Target) -> bool:
    # Two lanes of 64 bits are no faster than one state where a product of them takes ten
    # instructions.
    widths = (16, 32) if target.plain_engine else (16, 32, 64)
    fits = target.shuffles and op.state_bits in widths
    return fits and affine(op) is not None and _busy(op) > FEW


KERNEL = Kernel(
    "affine",
    "chunks side by side, each as a product and a sum that are joined in the end",
    _accepts,
    emit,
    fuses=False,
    yields=True,
)

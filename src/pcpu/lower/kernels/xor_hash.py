"""Folds that are linear over GF(2): rotations, shifts and registers with feedback, joined with the
bytes by exclusive or.

One step is state = L state ^ T value, so after n bytes it is the sum of L**(n-1-i) T value(i).
Where a polynomial with few terms has L as a root, bytes as far apart as its terms cancel, as in the
sparse division of CRCs (crc_sparse.py): L takes the place of x**8 there. A rotation comes back to
where it was after a few steps, which gives two terms; of a shift nothing is left after some.

The state that a call begins with is that of some bytes that would have come before: they stand in
front of the data. Where not every state is that of some bytes, the steps have to come back to where
they were, and the state takes those steps alone that are over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from llvmlite import ir

from pcpu import gf2, gf2_matrix
from pcpu.isa import Op
from pcpu.lower.bitwise import Bitwise, bitwise
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.kernels.crc_window import VECTOR, ZERO, Window, xor
from pcpu.lower.kernels.function import inside, kernel_function, variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import Values
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import shuffle
from pcpu.lower.stage import Stage
from pcpu.target import Target

MOST = 256  # degree of two terms
NEAR = 64  # bytes after which two terms cancel, at least: sums that wait for each other less
WORTH = 6  # blocks from where on it is worth to begin


@dataclass(frozen=True)
class Division:
    """``lags`` between bytes that cancel, none where none do, since what is older than ``tail``
    bytes is forgotten; as many at the end cannot cancel. ``before`` has for each bit of a state
    the bytes, the last one lowest, that make it of 0."""

    lags: tuple[int, ...]
    tail: int
    before: tuple[int, ...]

    @property
    def count(self) -> int:
        """Vectors of 16 bytes that a block has."""
        return -(-(self.lags[-1] + self.tail) // 16)


@cache
def division(form: Bitwise) -> Division | None:
    columns = form.columns()
    matrix, values = columns[: form.bits], columns[form.bits :]
    root = gf2_matrix.annihilator(matrix)
    tail = (root & -root).bit_length() - 1
    root >>= tail
    if root == 1:
        return Division((), tail, ())
    made: list[int] = []  # by bytes that come before: the last byte's eight, then those before it
    for count in range(1, form.bits + 1):
        made += values
        values = [gf2_matrix.times(matrix, column) for column in values]
        wanted = [1 << bit for bit in range(form.bits)]
        before = gf2_matrix.solution(made, wanted)
        if before is not None:
            lags = _lags(root, max(16, count))
            return None if lags is None else Division(lags, tail, tuple(before))
    lags = _lags(root, 16)
    return None if tail or lags is None or len(lags) > 1 else Division(lags, 0, ())


def _lags(root: int, least: int) -> tuple[int, ...] | None:
    """Those of a multiple of ``root`` whose least one is no less than that."""
    degree = root.bit_length() - 1
    value = 1
    for exponent in range(1, MOST + 1):
        value = gf2.modulo(value << 1, root)
        if value == 1:
            # Multiples of 16 bytes need no shuffle.
            common = exponent * 16 // _divisor(exponent, 16)
            step = common if common <= MOST else exponent
            return (-(-max(NEAR, least) // step) * step,)
    found = gf2.multiples(degree, root ^ 1 << degree)
    fitting = [m for m in found if m[0] <= gf2.WINDOW and gf2.lags(m)[0] >= least]
    return gf2.lags(fitting[0]) if fitting else None


def _divisor(a: int, b: int) -> int:
    return a if b == 0 else _divisor(b, a % b)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    kind = ir.IntType(stage.op.state_bits)
    needed = [replace(stage, state=None, origin=None)]
    function, body = kernel_function(code, "xor_hash", kind, needed)
    if body is not None:
        _Writer(body, *inside(body, needed)).write()
    state = code.b.call(function, [code.load(kind, stage.state), data, length, *variables(needed)])
    code.b.store(state, stage.state)


class _Writer:
    def __init__(self, code: Code, stage: Stage) -> None:
        self.code, self.stage = code, stage
        form = bitwise(stage.op)
        assert form is not None
        found = division(form)
        assert found is not None
        self.form, self.division = form, found
        self.kind = ir.IntType(form.bits)
        self.values = Values(code, stage, [form.value])

    def write(self) -> None:
        code = self.code
        start, data, length, *_ = code.function.args
        state = code.local(self.kind, start)
        if not self.division.lags:
            self.last(state, data, length)
        else:
            least = code.size(WORTH * 16 * self.division.count)
            with code.b.if_else(code.b.icmp_unsigned("<", length, least)) as (short, long):
                with short:
                    self.serial(state, data, code.size(0), length)
                with long:
                    self.divided(state, data, length)
        code.b.ret(code.load(self.kind, state))

    def last(self, state: Value, data: Value, length: Value) -> None:
        """Only the last bytes count."""
        code, tail = self.code, self.division.tail
        more = code.b.icmp_unsigned(">", length, code.size(tail))
        first = code.b.select(more, code.b.sub(length, code.size(tail)), code.size(0))
        self.serial(state, data, first, length)

    def serial(self, state: Value, data: Value, first: Value, stop: Value) -> None:
        code = self.code
        with code.loop(first, stop, 1, plain=True) as i:
            byte = code.load(I8, code.byte_at(data, i))
            value = self.stage.scalar(code, self.form.value, {"byte": byte}, 8)
            self.step(state, value)

    def step(self, state: Value, value: Value) -> None:
        given = {"state": self.code.load(self.kind, state), "byte": value}
        after = self.stage.scalar(self.code, self.form.step, given, self.form.bits)
        self.code.b.store(after, state)

    def divided(self, state: Value, data: Value, length: Value) -> None:
        code, count, lags = self.code, self.division.count, self.division.lags
        block = 16 * count
        slots = [code.local(VECTOR, ZERO) for _ in range(count)]
        if self.division.before:
            self.begin(state, slots)
        done, pointer = code.local(code.usize, code.size(0)), code.local(POINTER, data)
        stop = code.b.sub(length, code.size(block))
        with code.loop(code.size(0), stop, block, plain=True) as i:
            window = self.window(slots)
            here = code.load(POINTER, pointer)
            for k in range(count):
                window.cancel(k, self.loaded(here, k))
                code.b.store(window.vectors[k], slots[k])
            code.b.store(code.opaque(code.byte_at(here, code.size(block))), pointer)
            code.b.store(code.b.add(i, code.size(block)), done)
        scratch = code.room(block, 64)
        window, here = self.window(slots), code.load(POINTER, pointer)
        for k in range(count):
            window.vectors[k] = None  # nothing more is cancelled
            value = xor(code, [self.loaded(here, k), *window.taps(k, lags)])
            code.b.store(value, code.byte_at(scratch, code.size(16 * k)), 16)
        if self.division.before:
            code.b.store(self.kind(0), state)
        else:
            # What is left of the data takes the state along from here on.
            over = code.b.urem(code.load(code.usize, done), code.size(lags[0]))
            with code.loop(code.size(0), over, 1, plain=True):
                self.step(state, I8(0))
        with code.loop(code.size(0), code.size(block), 1, plain=True) as i:
            self.step(state, code.load(I8, code.byte_at(scratch, i)))
        rest = code.b.add(code.load(code.usize, done), code.size(block))
        self.serial(state, data, rest, length)

    def window(self, slots: Sequence[Value]) -> Window:
        window = Window(self.code, self.division.lags)
        count = len(slots)
        window.vectors = {k - count: self.code.load(VECTOR, s) for k, s in enumerate(slots)}
        return window

    def loaded(self, here: Value, number: int) -> Value:
        byte = self.code.load(VECTOR, self.code.byte_at(here, self.code.size(16 * number)), 1)
        return self.values.of(byte, self.form.value, 8)

    def begin(self, state: Value, slots: Sequence[Value]) -> None:
        """Put the bytes that make the state where those before the data are."""
        code, before = self.code, self.division.before
        size = -(-max(row.bit_length() for row in before) // 128) * 16
        rows = b"".join(row.to_bytes(size, "little")[::-1] for row in before)
        name = "xor_hash." + ".".join(f"{row:x}" for row in self.form.rows)
        table = code.table(name, I8, rows)
        number = size // 16
        with code.loop(code.size(0), code.size(self.form.bits), 1, plain=True) as bit:
            value = code.load(self.kind, state)
            at = code.resize(bit, self.form.bits)
            chosen = code.b.and_(code.b.lshr(value, at), self.kind(1))
            mask = code.resize(code.b.neg(chosen), 8)
            wide = code.b.insert_element(ir.Constant(VECTOR, ir.Undefined), mask, ir.IntType(32)(0))
            wide = shuffle(code, wide, wide, [0] * 16)
            row = code.byte_at(table, code.b.mul(bit, code.size(size)))
            for k, slot in enumerate(slots[len(slots) - number :]):
                part = code.load(VECTOR, code.byte_at(row, code.size(16 * k)), 16)
                added = code.b.and_(part, wide)
                code.b.store(code.b.xor(code.load(VECTOR, slot), added), slot)


def _accepts(op: Op, target: Target) -> bool:
    form = bitwise(op)
    if form is None or not target.shuffles or not in_lanes(op, form.value, target):
        return False
    return division(form) is not None


KERNEL = Kernel(
    "xor hash",
    "a register with feedback, by cancelling bytes on vectors",
    _accepts,
    emit,
    fuses=False,
    yields=True,
)

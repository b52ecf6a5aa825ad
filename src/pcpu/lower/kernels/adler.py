"""Folds of two sums packed in one number, modulo M: Adler-32, the Fletcher checksums, rsync's.

    a = (a + g(byte)) % M        b = (b + a) % M

Over n bytes b gains n times the first a, and every g as often as there are bytes from its own on
to the end. So sums and weighted sums of vectors do, and the modulo can wait until a number of 64
bits might overflow. docs/notes/adler.md has the arithmetic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Const, Expr, Var
from pcpu.isa import Op
from pcpu.lower.code import I8, I64, POINTER, Code, Value
from pcpu.lower.forms import joined, lane_bits, reduced, terms
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.function import inside, kernel_function, variables
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.kernels.lanes import SMALL_LANES, Feed, Values
from pcpu.lower.kernels.table import in_lanes
from pcpu.lower.lane import lane_type, pieces
from pcpu.lower.stage import Stage
from pcpu.target import Target

LARGEST = 1 << 32  # the greatest modulus with which PIECE bytes leave 64 bits alone
PIECE = 1 << 27
UNROLLED = 8  # vectors a turn
CHUNK = 64  # vectors: as many pairs of bytes, less BIAS, fit in 16 bits twice
BIAS = 1 << 14
INVERSE = pow(255, -1, 1 << 16)


@dataclass(frozen=True)
class Sums:
    """A sum of ``value`` and ``constant``, and a sum of that sum, each of them modulo ``modulus``;
    where they lie in the state: the lowest bit and the number of bits."""

    value: Expr
    modulus: int
    plain: tuple[int, int]
    double: tuple[int, int]
    constant: int = 0


def sums(op: Op) -> Sums | None:
    """The step of a fold as Sums, None where it is something else."""
    if not op.is_plain_fold:
        return None
    match op.step_expr:
        case Binary("|" | "^" | "+", Binary("<<", high, Const(at)), low):
            return _packed(op, high, low, at)
        case Binary("|" | "^" | "+", low, Binary("<<", high, Const(at))):
            return _packed(op, high, low, at)
    return None


def _packed(op: Op, high: Expr, low: Expr, at: int) -> Sums | None:
    fields = [_field(op, low, 0, at), _field(op, high, at, op.state_bits)]
    for plain, double in (fields, reversed(fields)):
        if plain is None or double is None or plain.modulus != double.modulus:
            continue
        # What is added to the second is what the first one becomes, with its modulo or without.
        unreduced = [plain.was, *plain.others]
        if Counter(double.others) not in (Counter([plain.becomes]), Counter(unreduced)):
            continue
        numbers = [term.value for term in plain.others if isinstance(term, Const)]
        values = [term for term in plain.others if not isinstance(term, Const)]
        value, constant = joined(values or [Const(0)], "+"), sum(numbers)
        if lane_bits(op, value) != 8 or plain.modulus > LARGEST:
            continue
        most = (1 << plain.bits) + (1 << double.bits) + 255 + constant
        states = 1 << op.state_bits
        if most < states or states % plain.modulus == 0:
            places = (plain.at, plain.bits), (double.at, double.bits)
            return Sums(value, plain.modulus, *places, constant % plain.modulus)
    return None


@dataclass(frozen=True)
class _Field:
    """What the ``bits`` bits of the state from ``at`` on were, they become the sum of that and of
    ``others`` modulo ``modulus``."""

    becomes: Expr
    at: int
    bits: int
    was: Expr
    others: list[Expr]
    modulus: int


def _field(op: Op, becomes: Expr, at: int, end: int) -> _Field | None:
    if not at < end <= op.state_bits:
        return None
    total, modulus = reduced(becomes)
    if modulus is None and end == op.state_bits:
        modulus = 1 << end - at  # what is above falls off
    added = list(terms(total, "+"))
    for term in added:
        inner, most = reduced(term)
        if most is None:
            inner, most = term, 1 << op.state_bits - at
        place = Binary(">>", Var("state"), Const(at)) if at else Var("state")
        # Only modulo a power of two is it the value of some bits.
        if inner == place and most & most - 1 == 0 and most <= 1 << end - at:
            others = list(added)
            others.remove(term)
            if modulus is None or not 0 < modulus <= most or not others:
                return None
            return _Field(becomes, at, most.bit_length() - 1, term, others, modulus)
    return None


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    """The sums, after those stages in lanes that they are fed by."""
    *fed, stage = stages
    kind = ir.IntType(stage.op.state_bits)
    # The function takes the operands that the values may ask for, and the state by value.
    needed = [*fed, replace(stage, state=None, origin=None)]
    function, body = kernel_function(code, "sums", kind, needed)
    if body is not None:
        *inner, own = inside(body, needed)
        form = sums(stage.op)
        assert form is not None
        _Writer(Spans(body, own, inner, form.value), form).write()
    state = code.load(kind, stage.state)
    state = code.b.call(function, [state, data, length, *variables(needed)])
    code.b.store(state, stage.state)


class _Writer:
    def __init__(self, spans: Spans, form: Sums) -> None:
        self.code, self.spans, self.form = spans.code, spans, form

    def write(self) -> None:
        code, places = self.code, (self.form.plain, self.form.double)
        slots = (self.spans.plain, self.spans.double)
        start, data, length, *_ = code.function.args
        with code.unlikely(code.b.icmp_unsigned("==", length, code.size(0))):
            code.b.ret(start)
        for slot, (at, bits) in zip(slots, places, strict=True):
            field = code.b.and_(code.b.lshr(code.resize(start, 64), I64(at)), I64((1 << bits) - 1))
            code.b.store(self.reduced(field), slot)
        with code.pieces(code.size(0), length, PIECE) as (begin, end):
            size = code.b.sub(end, begin)
            self.spans.span(code.byte_at(data, begin), size)
            if self.form.constant:
                self.count(code.resize(size, 64))
            for slot in slots:
                code.b.store(self.reduced(code.load(I64, slot)), slot)
        fields = [
            code.b.shl(code.load(I64, slot), I64(at))
            for slot, (at, _) in zip(slots, places, strict=True)
        ]
        code.b.ret(code.resize(code.b.or_(*fields), start.type.width))

    def count(self, size: Value) -> None:
        """Add the constant of so many bytes, which the second sum has 1, 2, ... times."""
        code = self.code
        after = code.b.lshr(code.b.mul(size, code.b.add(size, I64(1))), I64(1))
        for slot, times in ((self.spans.plain, size), (self.spans.double, after)):
            more = code.b.mul(self.reduced(times), I64(self.form.constant))
            sum_ = code.b.add(self.reduced(code.load(I64, slot)), self.reduced(more))
            code.b.store(sum_, slot)

    def reduced(self, value: Value) -> Value:
        return self.code.b.urem(value, I64(self.form.modulus))


class Spans:
    """A sum of values, ``plain``, and a sum of that, ``double``, over spans of up to PIECE bytes,
    where these numbers of 64 bits do not overflow."""

    def __init__(self, code: Code, stage: Stage, fed: Sequence[Stage], value: Expr) -> None:
        self.code, self.stage, self.fed, self.value = code, stage, fed, value
        self.values = Values(code, stage, [value])
        self.plain, self.double = code.local(I64), code.local(I64)

    def span(self, data: Value, length: Value) -> None:
        """All bytes of a piece, from wide vectors to single bytes."""
        code, width, unrolled = self.code, vectors.width(self.code.target), UNROLLED
        if code.target.plain_engine:
            # V8 loads all of a turn first, and repeats the turn itself.
            unrolled = 2 if any(stage.state is not None for stage in self.fed) else 4
        # Two vectors at a time, as what gathers something of each one waits for itself.
        feed = Feed(code, self.fed, 2 * width, unrolled // 2, in_turns=True)
        wide = _Vectors(self, width)
        step, pointer = width * unrolled, code.local(POINTER, data)
        end = _whole(code, length, step)
        with (
            code.pieces(code.size(0), end, feed.limit(unrolled // 2)) as fed,
            feed.block(code.byte_at(data, fed[0])),
            code.pieces(*fed, width * CHUNK) as chunk,
            wide.gathered(code.b.sub(chunk[1], chunk[0])),
            code.loop(*chunk, step, plain=True),
        ):
            here = code.load(POINTER, pointer)
            for k in range(0, step, 2 * width):
                loaded = feed.load(code.byte_at(here, code.size(k)))
                wide.add(pieces(code, loaded, width))
            code.b.store(code.opaque(code.byte_at(here, code.size(step))), pointer)
        rest = code.byte_at(data, end), code.b.sub(length, end)
        feed.span(*rest)
        self.short(*rest)

    def short(self, data: Value, length: Value) -> None:
        """What the wide vectors leave, which fits in one chunk."""
        code, small = self.code, _Vectors(self, SMALL_LANES)
        end = _whole(code, length, SMALL_LANES)
        with (
            code.when(code.b.icmp_unsigned("!=", end, code.size(0))),
            small.gathered(end),
            code.loop(code.size(0), end, SMALL_LANES, plain=True) as i,
        ):
            small.add([code.load(lane_type(8, SMALL_LANES), code.byte_at(data, i), 1)])
        with code.loop(end, length, 1, plain=True) as i:
            byte = code.load(I8, code.byte_at(data, i))
            value = self.stage.scalar(code, self.value, {"byte": byte}, 8)
            plain = code.b.add(code.load(I64, self.plain), code.resize(value, 64))
            code.b.store(plain, self.plain)
            code.b.store(code.b.add(code.load(I64, self.double), plain), self.double)


def _whole(code: Code, length: Value, step: int) -> Value:
    """``length`` without what is over a multiple of ``step``, a power of two."""
    return code.b.and_(length, code.size(-step))


class _Vectors:
    """The sums of up to CHUNK vectors of ``lanes`` bytes, in lanes.

    ``pairs`` has the sums of pairs of neighbours so far, less BIAS, and ``odd`` those of all bytes
    as numbers of 16 bits; ``prefixes`` gathers what ``pairs`` was after each vector.
    """

    def __init__(self, writer: Spans, lanes: int) -> None:
        code = self.code = writer.code
        self.writer, self.lanes = writer, lanes
        self.half, self.quarter = lane_type(16, lanes // 2), lane_type(32, lanes // 4)
        self.pairs, self.words = code.local(self.half), code.local(self.half)
        self.prefixes = code.local(self.quarter)

    @contextmanager
    def gathered(self, size: Value) -> Iterator[None]:
        """Add what is gathered here, ``size`` bytes, to the two sums."""
        code = self.code
        code.b.store(code.kept(-BIAS & 0xFFFF, 16, self.half.count), self.pairs)
        code.b.store(self.half([0] * self.half.count), self.words)
        code.b.store(self.quarter([0] * self.quarter.count), self.prefixes)
        yield
        self.flush(size)

    def add(self, loaded: Sequence[Value]) -> None:
        """One vector, or two in the order of the data."""
        code, b = self.code, self.code.b
        writer = self.writer
        values = [writer.values.of(vector, writer.value, 8) for vector in loaded]
        words = [b.bitcast(value, self.half) for value in values]
        pairs = [vectors.pair_sums(code, value) for value in values]
        before = code.load(self.half, self.pairs)
        total = code.opaque(vectors.total(code, pairs))
        first = [b.add(before, pairs[0])] if len(pairs) > 1 else []
        after = b.add(before, total)
        b.store(after, self.pairs)
        prefix = vectors.half_sums(code, vectors.total(code, [*first, after]))
        b.store(b.add(code.load(self.quarter, self.prefixes), prefix), self.prefixes)
        word = code.opaque(vectors.total(code, words))
        b.store(b.add(code.load(self.half, self.words), word), self.words)

    def flush(self, size: Value) -> None:
        code, b, lanes = self.code, self.code.b, self.lanes
        pairs, words = (code.load(self.half, slot) for slot in (self.pairs, self.words))
        unbiased = b.add(pairs, self.splat(BIAS))
        # Of even + 256 odd and even + odd the difference is 255 odd.
        odd = b.mul(b.sub(words, unbiased), self.splat(INVERSE))
        places = [2 * p for p in range(lanes // 2)]
        back = vectors.dot(code, pairs, self.half(places))
        back = b.add(back, vectors.half_sums(code, odd))
        bias = BIAS * lanes // 2
        plain = b.add(self.sum(vectors.half_sums(code, pairs)), I64(bias))
        size = code.resize(size, 64)
        # For each vector, of which there are size / lanes, ``lanes`` times its prefix.
        prefixes = b.mul(self.sum(code.load(self.quarter, self.prefixes)), I64(lanes))
        prefixes = b.add(prefixes, b.mul(size, I64(bias)))
        back = b.add(self.sum(back), I64(BIAS * sum(places)))
        before, double = (code.load(I64, s) for s in (self.writer.plain, self.writer.double))
        double = b.add(double, b.add(b.mul(size, before), b.sub(prefixes, back)))
        b.store(double, self.writer.double)
        b.store(b.add(before, plain), self.writer.plain)

    def sum(self, vector: Value) -> Value:
        return self.code.b.sext(vectors.reduce(self.code, "add", vector), I64)

    def splat(self, value: int) -> Value:
        return self.code.kept(value, 16, self.half.count)


def _accepts(op: Op, target: Target) -> bool:
    form = sums(op)
    return form is not None and in_lanes(op, form.value, target)


KERNEL = Kernel(
    "adler",
    "two sums modulo a number, by weighted sums of vectors",
    _accepts,
    emit,
    fuses=False,
    fed=lambda op, target: True,
)

"""CRCs by carry-less multiplication, for processors that have it.

Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ" (Intel, 2009): 16 bytes
of the message, high half H and low half L, that are D bits before others can be replaced by
H (x^(D+64) mod G) + L (x^D mod G) added to these. That never changes the remainder, so several
streams of vectors are folded onto themselves over the whole message, and then onto each other;
the last 16 bytes go through the form for short data. All constants follow from the model.

A model that reflects has its bits in the order in which the multiplier wants them, except that
the product of two reflected words is reflected and shifted by one, for which the constants make
up. For any other model the bytes of every 16 are reversed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu import gf2
from pcpu.lower.code import I8, I32, I64, POINTER, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.crc_model import Field, kernel_function
from pcpu.lower.kernels.function import inside
from pcpu.lower.kernels.lanes import Feed
from pcpu.lower.lane import shuffle
from pcpu.lower.stage import Stage


@dataclass(frozen=True)
class Multiplier:
    """``multiply(code, a, b, half)`` gives the products of the low (0) or high (1) words of each
    pair of 64-bit words in two vectors of ``lanes`` pairs.

    ``in_words`` is for processors without vectors: LLVM then has each word in a register. These
    may not load words that are not aligned, so data is folded from an aligned byte on.
    """

    lanes: int
    streams: int
    multiply: Callable[[Code, Value, Value, int], Value]
    in_words: bool = False

    @property
    def bytes(self) -> int:
        return 16 * self.lanes


def function(
    code: Code, field: Field, multiplier: Multiplier, below: Value, fed: Sequence[Stage] = ()
) -> Value:
    """The folding form; ``below`` takes what is too short for it."""
    found, body = kernel_function(code, field, f"fold{multiplier.bytes}", fed)
    if body is not None:
        _Fold(body, field, multiplier, below).write(inside(body, fed))
    return _aligned(code, field, found, below) if multiplier.in_words else found


def _aligned(code: Code, field: Field, fold: Value, below: Value) -> Value:
    """``fold`` from the first word of the data on that is aligned, ``below`` before it."""
    found, body = kernel_function(code, field, "aligned")
    if body is not None:
        start, data, length = body.function.args
        address = body.b.ptrtoint(data, body.usize)
        head = body.at_most(body.b.and_(body.b.neg(address), body.size(7)), length)
        register = body.b.call(below, [start, data, head])
        rest = [body.byte_at(data, head), body.b.sub(length, head)]
        body.b.ret(body.b.call(fold, [register, *rest]))
    return found


class _Fold:
    def __init__(self, code: Code, field: Field, multiplier: Multiplier, below: Value) -> None:
        self.code, self.field, self.multiplier, self.below = code, field, multiplier, below
        self.kind = _kind if multiplier.in_words else _bytes
        self.align = 8 if multiplier.in_words else 1

    def write(self, fed: Sequence[Stage]) -> None:
        code, wide = self.code, self.multiplier.bytes
        start, data, length, *_ = code.function.args
        block = wide * self.multiplier.streams
        feed = Feed(code, fed, wide, self.multiplier.streams)
        with code.when(code.b.icmp_unsigned("<", length, code.size(block))):
            feed.span(data, length)
            code.b.ret(code.b.call(self.below, [start, data, length]))
        feed.span(data, code.size(block))
        lanes = self.multiplier.lanes
        first = self.load(data, lanes, self.register_vector(start))
        streams = [code.local(_kind(lanes), first)]
        for k in range(1, self.multiplier.streams):
            loaded = self.load(code.byte_at(data, code.size(wide * k)), lanes)
            streams.append(code.local(_kind(lanes), loaded))
        done = code.local(code.usize, code.size(block))
        with (
            code.pieces(code.size(block), length, feed.limit(self.multiplier.streams)) as piece,
            feed.block(code.byte_at(data, piece[0])),
            code.loop(*piece, block, plain=True) as i,
        ):
            vectors.ask_ahead(code, code.byte_at(data, i), block)
            for k, stream in enumerate(streams):
                here = code.byte_at(data, code.b.add(i, code.size(wide * k)))
                self.step(stream, self.taken(feed, here), block, lanes)
            code.b.store(code.b.add(i, code.size(block)), done)
        at = code.load(code.usize, done)
        feed.span(code.byte_at(data, at), code.b.sub(length, at))
        total = streams[0]
        for stream in streams[1:]:
            self.step(total, code.load(_kind(lanes), stream), wide, lanes)
        with code.loop(code.load(code.usize, done), length, wide, plain=True) as i:
            self.step(total, self.load(code.byte_at(data, i), lanes), wide, lanes)
            code.b.store(code.b.add(i, code.size(wide)), done)
        last = code.local(_kind(1), self.join(code.load(_kind(lanes), total)))
        if lanes > 1:
            with code.loop(code.load(code.usize, done), length, 16, plain=True) as i:
                self.step(last, self.load(code.byte_at(data, i), 1), 16, 1)
                code.b.store(code.b.add(i, code.size(16)), done)
        self.finish(code.load(_kind(1), last), code.load(code.usize, done))

    def finish(self, last: Value, done: Value) -> None:
        code = self.code
        start, data, length, *_ = code.function.args
        scratch = code.entry.alloca(ir.ArrayType(I8, 16))
        scratch.align = 16
        scratch.type = POINTER  # llvmlite would type it
        code.b.store(self.ordered(code.b.bitcast(last, self.kind(1))), scratch, 16)
        register = code.b.call(self.below, [start.type(0), scratch, code.size(16)])
        left = code.b.sub(length, done)
        code.b.ret(code.b.call(self.below, [register, code.byte_at(data, done), left]))

    def load(self, pointer: Value, lanes: int, register: Value | None = None) -> Value:
        """``lanes`` times 16 bytes, with the register added to the first of them."""
        loaded = self.code.load(self.kind(lanes), pointer, self.align)
        if register is not None:
            loaded = self.code.b.xor(loaded, register)
        return self.code.b.bitcast(self.ordered(loaded), _kind(lanes))

    def taken(self, feed: Feed, pointer: Value) -> Value:
        """The next of a stream, after the stages before."""
        lanes = self.multiplier.lanes
        if self.multiplier.in_words:
            return self.load(pointer, lanes)
        return self.code.b.bitcast(self.ordered(feed.load(pointer)), _kind(lanes))

    def ordered(self, value: Value) -> Value:
        """The bytes of every 16 in the multiplier's order, or back."""
        if self.field.reflected:
            return value
        if self.multiplier.in_words:
            swapped = vectors.call(self.code, "llvm.bswap.v2i64", value.type, [value])
            return shuffle(self.code, swapped, swapped, (1, 0))
        mask = [base + 15 - k for base in range(0, value.type.count, 16) for k in range(16)]
        mask = ir.Constant(ir.VectorType(I32, len(mask)), mask)
        return self.code.b.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def register_vector(self, register: Value) -> Value:
        kind = _kind(self.multiplier.lanes)
        zero = ir.Constant(kind, None)
        vector = self.code.b.insert_element(zero, self.code.resize(register, 64), I32(0))
        return self.code.b.bitcast(vector, self.kind(self.multiplier.lanes))

    def step(self, slot: Value, loaded: Value, distance: int, lanes: int) -> None:
        """Fold what is in ``slot`` over ``distance`` bytes onto ``loaded``."""
        folded = self.fold(self.code.load(_kind(lanes), slot), [distance] * lanes)
        self.code.b.store(self.code.b.xor(folded, loaded), slot)

    def fold(self, value: Value, distances: list[int]) -> Value:
        code = self.code
        pairs = [constant for d in distances for constant in self.constants(8 * d)]
        vector = ir.Constant(value.type, pairs)
        low, high = (self.products(value, vector, half) for half in (0, 1))
        return code.b.xor(low, high)

    def products(self, value: Value, vector: Value, half: int) -> Value:
        return self.multiplier.multiply(self.code, value, vector, half)

    def constants(self, distance: int) -> tuple[int, int]:
        """The factors of the low and the high word to move them by so many bits."""
        divisor = 1 << self.field.width | self.field.poly
        if self.field.reflected:  # the first bytes, of the highest powers, are the low word
            low, high = (gf2.power(e, divisor) for e in (distance + 63, distance - 1))
            return gf2.reflect(low, 64), gf2.reflect(high, 64)
        return gf2.power(distance, divisor), gf2.power(distance + 64, divisor)

    def join(self, total: Value) -> Value:
        """All lanes folded onto the last one."""
        lanes = self.multiplier.lanes
        if lanes == 1:
            return total
        # The last lane stays where it is: its fold is computed and not used.
        moved = self.fold(total, [16 * (lanes - 1 - k) or 16 for k in range(lanes)])
        joined = self.lane(total, lanes - 1)
        for k in range(lanes - 1):
            joined = self.code.b.xor(joined, self.lane(moved, k))
        return joined

    def lane(self, value: Value, k: int) -> Value:
        mask = ir.Constant(ir.VectorType(I32, 2), [2 * k, 2 * k + 1])
        return self.code.b.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def _kind(lanes: int) -> Value:
    return ir.VectorType(I64, 2 * lanes)


def _bytes(lanes: int) -> Value:
    return ir.VectorType(I8, 16 * lanes)

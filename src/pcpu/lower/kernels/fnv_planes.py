"""Bytes to bit planes, and the low bytes of an FNV chain plane by plane.

docs/notes/fnv-parallel.md has the proof.

A block is ``8 * width`` chunks of ``rows`` bytes. In memory it becomes rows of 8 vectors of
``width`` bytes: byte ``a`` of vector ``r`` belongs to chunk ``8a + r``. Bit plane ``k`` of a row
is one vector: bit ``j``, from the least significant one, is bit ``k`` of chunk ``j``'s byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from llvmlite import ir

from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.kernels.vectors import shuffle

STRIP = 16  # rows that are transposed at a time: the bytes of one load
BIT_MASKS = (0x0F, 0x33, 0x55)  # for ``transpose_bits``, in every byte

# One addition x[n] = x[plain] + (x[shifted] << shift) of the products of a byte; x[0] is the byte.
Addition = tuple[int, int, int]


@cache
def addition_chain(multiplier: int) -> tuple[Addition, ...]:
    """Few full adders that multiply a byte by an odd ``multiplier`` modulo 256.

    An addition with shift s costs 8 - s of them. The best chain of up to three additions, or
    one that adds a bit of the multiplier at a time.
    """
    target = multiplier & 255
    bits = [bit for bit in range(1, 8) if target >> bit & 1]
    best: tuple[Addition, ...] = tuple((number, 0, bit) for number, bit in enumerate(bits))
    least = sum(8 - bit for bit in bits), 0

    def search(values: tuple[int, ...], chain: tuple[Addition, ...], cost: int) -> None:
        nonlocal best, least
        if values[-1] == target and (cost, len(kept_planes(chain))) < least:
            best, least = chain, (cost, len(kept_planes(chain)))
        if len(chain) == 3:
            return
        known = range(len(values))
        for shift in range(7, 0, -1):
            longer = cost + 8 - shift
            if longer > least[0]:
                return
            for plain, shifted in product(known, known):
                value = (values[plain] + (values[shifted] << shift)) & 255
                search((*values, value), (*chain, (plain, shifted, shift)), longer)

    search((1,), (), 0)
    return best


def kept_planes(chain: Sequence[Addition]) -> list[tuple[int, int]]:
    """The planes of products that additions shift, but for those of x[0]: (product, plane)."""
    return sorted({
        (shifted, plane)
        for _, shifted, shift in chain
        for plane in range(8 - shift)
        if shifted > 0
    })  # fmt: skip


def transpose_bytes(code: Code, vectors: Sequence[Value]) -> list[Value]:
    """16 vectors, each within its 16-byte parts: byte q of vector i to byte i of vector q.

    Four rounds of interleaving the first with the second half, which processors have as
    instructions on 8-bit units; wider units would do for later rounds but not for the order.
    """
    rows = list(vectors)
    kind = rows[0].type
    parts = kind.count // 16
    lows, highs = [], []
    for part in range(parts):
        for lane in range(8):
            lows += [16 * part + lane, kind.count + 16 * part + lane]
            highs += [16 * part + 8 + lane, kind.count + 16 * part + 8 + lane]
    for _ in range(4):
        mixed = []
        for first, second in zip(rows[:8], rows[8:], strict=True):
            mixed.append(shuffle(code, first, second, lows))
            mixed.append(shuffle(code, first, second, highs))
        rows = mixed
    return rows


def transpose_bits(code: Code, vectors: Sequence[Value], masks: Sequence[Value]) -> list[Value]:
    """8 vectors: bit k of each byte of vector r to bit r of that byte of vector k.

    Warren, "Hacker's Delight", 7-3, with the rows of the 8 x 8 matrix in registers.
    """
    rows = list(vectors)
    for shift, mask in zip((4, 2, 1), masks, strict=True):
        amount = splat64(rows[0].type, shift)
        for low in (i for i in range(8) if not i & shift):
            high = low + shift
            swap = code.b.xor(code.b.lshr(rows[low], amount), rows[high])
            # LLVM would select bits here, which takes V8 two instructions more.
            swap = code.opaque(code.b.and_(swap, mask))
            rows[high] = code.b.xor(rows[high], swap)
            rows[low] = code.b.xor(rows[low], code.b.shl(swap, amount))
    return rows


def at(code: Code, pointer: Value, offset: int) -> Value:
    """The address ``offset`` bytes behind ``pointer``."""
    return code.within(pointer, code.size(offset))


def splat64(kind: Value, value: int) -> Value:
    return kind([value] * kind.count)


def before_each(code: Code, ends: Value, first: Value) -> Value:
    """Bit j of the result: ``first`` XOR the bits of ``ends`` before j.

    ``first`` is 0 or all ones in every lane.
    """
    kind, b = ends.type, code.b
    upto = ends
    for shift in (1, 2, 4, 8, 16, 32):
        upto = b.xor(upto, b.shl(upto, splat64(kind, shift)))
    words = b.ashr(upto, splat64(kind, 63))
    step = 1
    while step < kind.count - 1:
        words = b.xor(words, _up(code, words, step))
        step *= 2
    within = b.shl(upto, splat64(kind, 1))
    return b.xor(b.xor(within, _up(code, words, 1)), first)


def _up(code: Code, words: Value, by: int) -> Value:
    """Lane i of the result is lane i - by, or 0."""
    count = words.type.count
    zero = splat64(words.type, 0)
    return shuffle(code, zero, words, [max(count + i - by, 0) for i in range(count)])


@dataclass(frozen=True)
class Planes:
    """The planes of a block in memory: 8 slots a row, then the ``spare`` ones of the adders."""

    width: int
    chain: tuple[Addition, ...]

    @property
    def kind(self) -> Value:
        return ir.VectorType(I64, self.width // 8)

    @property
    def row_bytes(self) -> int:
        return self.width * (8 + len(self.chain) + len(self._kept))

    @property
    def _kept(self) -> dict[tuple[int, int], int]:
        """The slots of the planes that are kept."""
        first = 8 + len(self.chain)
        return {key: first + i for i, key in enumerate(kept_planes(self.chain))}

    def slot(self, code: Code, row: Value, index: int) -> Value:
        return at(code, row, index * self.width)

    def emit_pass(
        self, code: Code, plane: int, starts: Sequence[Value], run: Value, row: Value
    ) -> None:
        """One row of the pass over bit ``plane``; ``starts`` are the true first bits below it."""
        carry = self._carry_into(code, row, plane, starts)
        data = code.load(self.kind, self.slot(code, row, plane))
        self.follow(code, row, plane, data, carry, run)

    def follow(
        self, code: Code, row: Value, plane: int, data: Value, carry: Value | None, run: Value
    ) -> None:
        """Follow bit ``plane`` of all low bytes, the local ``run``, through one row.

        It starts from 0. The slot of a plane holds the data's bits before its pass, and after
        it the bits of low byte ^ data as followed from 0: those differ from the true ones by
        the plane's start, in every row alike.
        """
        mixed = code.b.xor(code.load(self.kind, run), data)
        if plane < 7:
            code.b.store(mixed, self.slot(code, row, plane))
        # LLVM would begin the sum with ``run``, and the next row wait for all of it.
        code.b.store(mixed if carry is None else code.b.xor(mixed, code.opaque(carry)), run)

    def _carry_into(
        self, code: Code, row: Value, plane: int, starts: Sequence[Value]
    ) -> Value | None:
        """What the planes below add to bit ``plane`` of the product; None for nothing.

        Finishes the adders of plane - 1, whose true bits are only known now.
        """
        b = code.b
        known: dict[tuple[int, int], Value] = {}
        kept = self._kept

        def product_bit(product: int, bit: int) -> Value:
            if (product, bit) not in known:
                slot = bit if product == 0 else kept[product, bit]
                value = code.load(self.kind, self.slot(code, row, slot))
                known[product, bit] = b.xor(value, starts[bit]) if product == 0 else value
            return known[product, bit]

        last = plane - 1
        carries: dict[int, Value] = {}
        for number, (plain, shifted, shift) in enumerate(self.chain, start=1):
            left = product_bit(plain, last)
            if last < shift:
                known[number, last] = left
            else:
                right = product_bit(shifted, last - shift)
                either = b.xor(left, right)
                carry_slot = self.slot(code, row, 7 + number)
                if last == shift:
                    known[number, last] = either
                    carries[number] = b.and_(left, right)
                else:
                    carry = code.load(self.kind, carry_slot)
                    known[number, last] = b.xor(either, carry)
                    carries[number] = b.xor(left, b.and_(either, b.xor(left, carry)))
                if plane < 7:
                    code.b.store(carries[number], carry_slot)
            if (number, last) in kept:
                code.b.store(known[number, last], self.slot(code, row, kept[number, last]))
        total: list[Value | None] = [None]
        for number, (plain, shifted, shift) in enumerate(self.chain, start=1):
            terms = [total[plain], carries.get(number)]
            if plane >= shift:
                # Every product is odd: its bit differs from the byte's own by what we gather.
                terms.append(product_bit(shifted, plane - shift))
            found = [term for term in terms if term is not None]
            value = found[0] if found else None
            for term in found[1:]:
                value = b.xor(value, term)
            total.append(value)
        return total[-1]


def load_rows(code: Code, pointer: Value, count: int, kind: Value, stride: int) -> list[Value]:
    return [code.load(kind, at(code, pointer, i * stride), align=stride) for i in range(count)]


def as_bytes(code: Code, value: Value, width: int) -> Value:
    return code.b.bitcast(value, ir.VectorType(I8, width))

"""Bytes to bit planes, and the low bytes of an FNV chain plane by plane.

docs/notes/fnv-parallel.md has the proof.

Bit plane ``k`` of a row (``fnv_rows.py``) is one vector: bit ``j``, from the least significant
one, is bit ``k`` of chunk ``j``'s byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from llvmlite import ir

from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.kernels.fnv_rows import at
from pcpu.lower.lane import shuffle

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


def plane_of(chain: Sequence[Addition], number: int, plane: int) -> tuple[int, int]:
    """Bit ``plane`` of product ``number`` as (product, plane): of the first that has it."""
    while number > 0 and plane < chain[number - 1][2]:
        number = chain[number - 1][0]
    return number, plane


def kept_planes(chain: Sequence[Addition]) -> list[tuple[int, int]]:
    """The planes of products that later passes need, as (product, plane)."""
    return sorted({
        plane_of(chain, shifted, plane)
        for _, shifted, shift in chain
        for plane in range(min(8 - shift, 6))
    })  # fmt: skip


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
    stride: int
    multiplier: int

    @property
    def chain(self) -> tuple[Addition, ...]:
        return addition_chain(self.multiplier)

    @property
    def kind(self) -> Value:
        return ir.VectorType(I64, self.width // 8)

    @property
    def slots(self) -> int:
        return 1 + max([7 + len(self.chain), *self.kept.values()])

    @property
    def kept(self) -> dict[tuple[int, int], int]:
        """The slots of the planes that are kept: that of the byte's plane where it is free."""
        found: dict[tuple[int, int], int] = {}
        for number, plane in kept_planes(self.chain):
            free = plane not in found.values()
            spare = 1 + max([7 + len(self.chain), *found.values()])
            found[number, plane] = plane if free else spare
        return found

    def slot(self, code: Code, row: Value, index: int) -> Value:
        return at(code, row, index * self.stride)

    def emit_pass(
        self, code: Code, plane: int, starts: Sequence[Value], run: Value, row: Value
    ) -> None:
        """One row of the pass over bit ``plane``, from 2; ``starts`` are the true first bits."""
        carry = _Adders(self, code, row, plane, starts).carry()
        data = code.load(self.kind, self.slot(code, row, plane))
        self._follow(code, row, plane, data, carry, run)

    def emit_first(
        self, code: Code, row: Value, planes: Sequence[Value], runs: Sequence[Value]
    ) -> None:
        """One row of the passes over bits 0 and 1, of the data's ``planes``, which it stores.

        What is carried into bit 1 is bit 0 or nothing. So bit 1 can be followed before the true
        bit 0 is known: that changes it in every other row.
        """
        low = self._follow(code, row, 0, planes[0], None, runs[0])
        carry = low if self.multiplier & 2 else None
        self._follow(code, row, 1, planes[1], carry, runs[1])
        for k in range(2, 8):
            code.b.store(planes[k], self.slot(code, row, k))

    def starts_of(self, code: Code, starts: Sequence[Value], odd: bool) -> list[Value]:
        """What the planes of a row differ by from the true ones, for even and odd rows."""
        if odd and self.multiplier & 2:
            return [starts[0], code.b.xor(starts[1], starts[0]), *starts[2:]]
        return list(starts)

    def _follow(
        self, code: Code, row: Value, plane: int, data: Value, carry: Value | None, run: Value
    ) -> Value:
        """Follow bit ``plane`` of all low bytes, the local ``run``, through one row.

        It starts from 0. The slot of a plane holds the data's bits before its pass, and after
        it the bits of low byte ^ data as followed from 0, which are returned: those differ from
        the true ones by the plane's start, in every row alike.
        """
        before = code.load(self.kind, run)
        mixed = code.b.xor(before, data)
        if plane < 7:
            code.b.store(mixed, self.slot(code, row, plane))
        if carry is None:
            after = mixed
        elif code.target.plain_engine:
            # One row waits for the other, for one XOR of two cycles: one instruction more.
            after = code.b.xor(before, code.opaque(code.b.xor(data, carry)))
        else:
            after = code.b.xor(mixed, carry)
        code.b.store(after, run)
        return mixed


class _Adders:
    """What the planes below bit ``plane`` add to it, in one row of ``planes``.

    The adders of plane - 1 are finished first, as its true bits are only known now.
    """

    def __init__(
        self, planes: Planes, code: Code, row: Value, plane: int, starts: Sequence[Value]
    ) -> None:
        self.planes, self.code, self.row, self.plane, self.starts = planes, code, row, plane, starts
        self.kept = planes.kept
        self.last = plane - 1
        self.fresh = (0, 1) if self.last == 1 else (self.last,)
        self.known: dict[tuple[int, int], Value] = {}

    def carry(self) -> Value | None:
        """What is added to the bit of the product; None for nothing."""
        carries = self._finish()
        for (number, bit), slot in self.kept.items():
            if bit in self.fresh:
                self.code.b.store(self._product_bit(number, bit), self._slot(slot))
        return self._gathered(carries)

    def _slot(self, index: int) -> Value:
        return self.planes.slot(self.code, self.row, index)

    def _product_bit(self, product: int, bit: int) -> Value:
        key = plane_of(self.planes.chain, product, bit)
        if key not in self.known:
            value = self.code.load(self.planes.kind, self._slot(self.kept.get(key, bit)))
            followed = key not in self.kept or bit in self.fresh
            self.known[key] = self.code.b.xor(value, self.starts[bit]) if followed else value
        return self.known[key]

    def _finish(self) -> dict[int, Value]:
        """What each addition carries out of plane - 1, by its number."""
        carries: dict[int, Value] = {}
        for number, (plain, shifted, shift) in enumerate(self.planes.chain, start=1):
            left = self._product_bit(plain, self.last)
            if self.last < shift:
                continue
            right = self._product_bit(shifted, self.last - shift)
            carries[number] = self._add(number, left, right, first=self.last == shift)
        return carries

    def _add(self, number: int, left: Value, right: Value, *, first: bool) -> Value:
        """What one full adder carries; nothing was carried into the ``first`` of an addition."""
        b = self.code.b
        either = b.xor(left, right)
        slot = self._slot(7 + number)
        if first:
            self.known[number, self.last] = either
            carry = b.and_(left, right)
        else:
            before = self.code.load(self.planes.kind, slot)
            self.known[number, self.last] = b.xor(either, before)
            differing = b.and_(either, b.xor(left, before))
            carry = b.xor(left, self.code.opaque(differing))
        if self.plane < 7:
            b.store(carry, slot)
        return carry

    def _gathered(self, carries: dict[int, Value]) -> Value | None:
        total: list[Value | None] = [None]
        for number, (plain, shifted, shift) in enumerate(self.planes.chain, start=1):
            terms = [total[plain], carries.get(number)]
            if self.plane >= shift:
                # Every product is odd: its bit differs from the byte's own by what we gather.
                terms.append(self._product_bit(shifted, self.plane - shift))
            found = [term for term in terms if term is not None]
            value = found[0] if found else None
            for term in found[1:]:
                value = self.code.b.xor(value, term)
            total.append(value)
        return total[-1]


def load_rows(code: Code, pointer: Value, count: int, kind: Value, stride: int) -> list[Value]:
    return [
        code.load(kind, at(code, pointer, i * stride), align=kind.count * 8) for i in range(count)
    ]


def as_bytes(code: Code, value: Value, width: int) -> Value:
    return code.b.bitcast(value, ir.VectorType(I8, width))

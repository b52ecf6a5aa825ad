"""The chunks of an FNV block in lanes of 16 bits, for states that are wider than lanes multiply.

What a row changes in the low bytes is multiplied by powers of P, in signed limbs of 16 bits, and
summed in lanes of 32 bits, one for each limb. docs/notes/fnv-parallel.md has the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llvmlite import ir

from pcpu.lower.code import I8, I16, I32, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.fnv_block import Block
from pcpu.lower.kernels.fnv_rows import STRIP, Array, Rows, at, each_row
from pcpu.lower.lane import splat

# V8 does all loads of a turn first, and has too few registers for chunks, weights and sums. So
# plain engines keep the changes of so many vectors a row in memory, and multiply afterwards.
GROUP = 4
# Registers for the chunks' low bytes and sums, by the width of vectors.
SUMS = {16: 12, 32: 12, 64: 20}


class Limbs:
    """The chunks of blocks, whose ``rows`` and ``first_bytes`` lie in memory."""

    def __init__(
        self, code: Code, block: Block, name: str, rows: Rows, first_bytes: Value, room: Value
    ) -> None:
        self.code, self.block, self.rows, self.first_bytes = code, block, rows, first_bytes
        self.half = ir.VectorType(I16, block.width // 2)
        self.sums = ir.VectorType(I32, block.width // 4)
        self.wide = ir.VectorType(ir.IntType(block.wide), block.width // 4)
        # When changes come the planes have been used; a row of them is the larger.
        self.changes = room if code.target.plain_engine else None
        weights = [weight for strips in block.sizes for weight in block.weights(strips)]
        self.weights = code.table(f"{name}.{block.width}.weights", I32, weights)

    def run(
        self, head: Sequence[Value], rows: Value, sizes: Value, next_block: Value
    ) -> list[Value]:
        """What each pair of lanes adds to the state, in two halves, of a block whose weights come
        after those of ``sizes`` strips."""
        code, block = self.code, self.block
        weights = code.byte_at(self.weights, code.b.mul(sizes, code.size(4 * block.limbs * STRIP)))
        repeated = splat(code, head[5], 8 * block.width // block.wide)
        factor = code.b.bitcast(repeated, self.half)
        step = splat(code, head[0], self.wide.count)
        zero = self.wide([0] * self.wide.count)
        totals = [code.local(self.wide, zero) for _ in range(2)]
        # Vectors that go together share the wait for their products.
        count = GROUP if self.changes else 2 if 4 * (1 + block.limbs) <= SUMS[block.width] else 1
        limbs = (weights, 4 * block.limbs)
        with code.loop(code.size(0), code.size(8), count, plain=True) as r:
            later = code.byte_at(next_block, code.b.mul(code.b.mul(r, rows), code.size(STRIP)))
            for number, sums in enumerate(self._limb_sums(r, count, limbs, factor, rows, later)):
                added = self._joined_limbs([code.load(self.sums, limb) for limb in sums])
                total = totals[number % 2]
                earlier = code.b.mul(code.load(self.wide, total), step)
                code.b.store(code.b.add(earlier, added), total)
        return [code.load(self.wide, total) for total in totals]

    def _limb_sums(
        self, r: Value, count: int, limbs: Array, factor: Value, rows: Value, later: Value
    ) -> Iterator[list[Value]]:
        """The chunks of so many columns; for each half vector its limb sums, as locals."""
        code, width = self.code, self.block.width
        lows = self._lows(code.b.mul(r, code.size(width)), 2 * count)
        data = (code.byte_at(self.rows.memory, code.b.mul(r, code.size(self.rows.stride))), width)
        if self.changes is not None:
            self._keep_changes(lows, data, self.changes, factor, rows)
            for column in range(count):
                start = code.byte_at(self.changes, code.size(2 * column * width))
                kept = (start, 2 * count * width)
                yield from self._sums_of_kept([kept, limbs, (later, STRIP)], rows)
                later = code.byte_at(later, code.b.mul(rows, code.size(STRIP)))
            return
        sums = [self._zeros() for _ in lows]

        def body(data: Value, weights: Value) -> None:
            self._add_products(list(self._changed(data, lows, factor)), weights, sums)

        each_row(code, rows, [data, limbs], body, body)
        yield from sums

    def _keep_changes(
        self, lows: list[Value], data: Array, to: Value, factor: Value, rows: Value
    ) -> None:
        """Write what each row changes, a half vector after the other."""
        code, width = self.code, self.block.width

        def body(data: Value, to: Value) -> None:
            for half, value in enumerate(self._changed(data, lows, factor)):
                code.b.store(value, at(code, to, half * width))

        each_row(code, rows, [data, (to, len(lows) * width)], body)

    def _sums_of_kept(self, arrays: list[Array], rows: Value) -> list[list[Value]]:
        """The limb sums of both halves of a column, from its changes and their weights.

        Meanwhile this asks for a column's share of the next block, 16 bytes a row. V8 waits for
        each, so that these are better spread than early.
        """
        code, width = self.code, self.block.width
        sums = [self._zeros() for _ in range(2)]

        def body(changes: Value, weights: Value, later: Value) -> None:
            vectors.ask_for(code, later)
            places = [at(code, changes, half * width) for half in range(2)]
            found = [code.load(self.half, place, width) for place in places]
            self._add_products(found, weights, sums)

        each_row(code, rows, arrays, body)
        return sums

    def _zeros(self) -> list[Value]:
        zero = self.sums([0] * self.sums.count)
        return [self.code.local(self.sums, zero) for _ in range(self.block.limbs)]

    def _lows(self, offset: Value, halves: int) -> list[Value]:
        """The low bytes at the start of the chunks of so many half vectors, as locals."""
        code, size = self.code, self.block.width // 2
        first = code.byte_at(self.first_bytes, offset)
        lows = []
        for half in range(halves):
            low = code.load(ir.VectorType(I8, size), at(code, first, half * size), align=size)
            lows.append(code.local(self.half, code.b.zext(low, self.half)))
        return lows

    def _changed(self, data: Value, lows: list[Value], factor: Value) -> Iterator[Value]:
        """What a row of bytes changes of the low bytes, which go on to the next row."""
        code, size = self.code, self.block.width // 2
        for half, slot in enumerate(lows):
            place = at(code, data, half // 2 * self.rows.stride + half % 2 * size)
            byte = code.load(ir.VectorType(I8, size), place, align=size)
            low = code.load(self.half, slot)
            mixed = code.b.xor(low, code.b.zext(byte, self.half))
            # Only the low byte of a lane is the state's; the rest cancels out here.
            code.b.store(code.b.mul(mixed, factor), slot)
            yield code.b.sub(mixed, low)

    def _add_products(self, changes: list[Value], weights: Value, sums: list[list[Value]]) -> None:
        """Changes times the weights of their row, added to the sums of their limbs."""
        code = self.code
        limbs = [code.load(I32, at(code, weights, 4 * i)) for i in range(self.block.limbs)]
        for change, totals in zip(changes, sums, strict=True):
            for limb, total in zip(limbs, totals, strict=True):
                pair = code.b.bitcast(splat(code, limb, self.sums.count), self.half)
                added = code.b.add(code.load(self.sums, total), vectors.dot(code, change, pair))
                code.b.store(added, total)

    def _joined_limbs(self, limbs: list[Value]) -> Value:
        code = self.code
        total = None
        for number, limb in enumerate(limbs):
            value = limb if limb.type == self.wide else code.b.sext(limb, self.wide)
            if number:
                value = code.b.shl(value, self.wide([16 * number] * self.wide.count))
            total = value if total is None else code.b.add(total, value)
        return total

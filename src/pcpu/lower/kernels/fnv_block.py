"""One block of an FNV chain in lanes; docs/notes/fnv-parallel.md explains and proves it.

The block is ``8 * width`` chunks of ``rows`` bytes, rows a multiple of 16. Its bytes are
transposed to rows and bit planes; the planes give the low byte of the state at the start of
every chunk; then the chunks run side by side in 16-bit lanes, and what each adds to the state
is gathered in 32-bit lanes, one for 16 bits of the powers of P.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from llvmlite import ir

from pcpu.lower.code import I8, I16, I32, I64, POINTER, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.fnv_planes import (
    BIT_MASKS,
    Planes,
    as_bytes,
    before_each,
    load_rows,
    transpose_bits,
)
from pcpu.lower.kernels.fnv_rows import STRIP, Rows, at
from pcpu.target import Target

HEAD = 6  # constants of a block before those of the pairs of lanes
# V8 does all loads of a turn first, and has too few registers for chunks, weights and sums. So
# plain engines keep the changes of so many vectors a row in memory, and multiply afterwards.
GROUP = 4
EachRow = Callable[..., None]
Array = tuple[Value, int]  # an address, and the bytes of a row
# Registers for the chunks' low bytes and sums, by the width of vectors.
SUMS = {16: 12, 32: 12, 64: 20}


def widths(target: Target) -> tuple[int, ...]:
    """The vector widths in bytes to use: the widest, and a narrow one for what it leaves."""
    widest = vectors.width(target)
    return (widest, 16) if widest > 16 else (16,)


@dataclass(frozen=True)
class Block:
    """The numbers of a block for states of ``bits`` bits and the odd ``factor``."""

    width: int
    factor: int
    bits: int

    @property
    def chunks(self) -> int:
        return 8 * self.width

    @property
    def least(self) -> int:
        """Bytes of the smallest block."""
        return self.chunks * STRIP

    @property
    def sizes(self) -> tuple[int, ...]:
        """The strips of 16 rows that blocks have: 1, 2, .. and the most.

        With these a block and what is made of it fit in a cache of 48 KiB. With 8 strips,
        what goes into a vector would be 1 KiB apart, which processors read at half the speed,
        and with 9 the sums of a lane would not fit.
        """
        most = 112 // self.width
        return *range(1, min(most, 5)), most

    @property
    def limbs(self) -> int:
        return self.bits // 16

    @property
    def wide(self) -> int:
        """The bits of what a chunk adds to the state."""
        return max(32, self.bits)

    def power(self, exponent: int) -> int:
        return pow(self.factor, exponent, 1 << self.bits)

    def weights(self, strips: int) -> list[int]:
        """For each row and limb, the weights of a pair of lanes as one 32-bit number.

        Lanes 2m and 2m + 1 hold chunks that are 8 apart, so that the even lane's weight is
        the odd one's times P**(8 rows). Limbs are signed: the products stay below 2**23.
        """
        rows = STRIP * strips
        found = []
        for row in range(rows):
            even = self._signed_limbs(self.power(9 * rows - row))
            odd = self._signed_limbs(self.power(rows - row))
            found += [e & 0xFFFF | (o & 0xFFFF) << 16 for e, o in zip(even, odd, strict=True)]
        return found

    def _signed_limbs(self, value: int) -> list[int]:
        limbs = []
        for _ in range(self.limbs):
            limb = (value + 0x8000) % 0x10000 - 0x8000
            limbs.append(limb)
            value = (value - limb) >> 16
        return limbs

    def constants(self, strips: int) -> list[int]:
        """What a block of that many strips needs, as numbers of ``wide`` bits.

        P**rows, P**(chunks rows), the bit masks and P mod 2**16 in all lanes, then for each pair
        of lanes the power for what follows it. The masks are here rather than in the code as
        V8 would build them anew in every turn of a loop.
        """
        rows = STRIP * strips
        masks = [_repeated(mask, 8, self.wide) for mask in BIT_MASKS]
        factor = _repeated(self.factor & 0xFFFF, 16, self.wide)
        pairs = [self.power(8 * rows * (self.width - 2 - 2 * m)) for m in range(self.width // 2)]
        return [self.power(rows), self.power(self.chunks * rows), *masks, factor, *pairs]


def _repeated(value: int, bits: int, wide: int) -> int:
    return sum(value << shift for shift in range(0, wide, bits))


class Emitter:
    """Emits blocks into a function, with their tables and scratch memory."""

    def __init__(self, code: Code, block: Block, name: str) -> None:
        self.code, self.block = code, block
        self.half = ir.VectorType(I16, block.width // 2)
        self.sums = ir.VectorType(I32, block.width // 4)
        self.scalar = ir.IntType(block.wide)
        self.wide = ir.VectorType(self.scalar, block.width // 4)
        self.stride = block.width * STRIP * block.sizes[-1] + 64
        self.planes = Planes(block.width, self.stride, block.factor & 255)
        self.rows = Rows(_scratch(code, 8 * self.stride, 64), block.width, self.stride)
        self.by_plane = _scratch(code, self.planes.slots * self.stride, 64)
        self.first_bytes = _scratch(code, 8 * block.width, block.width)
        # When changes come the planes have been used; a row of them is the larger.
        self.changes = self.by_plane if code.target.plain_engine else None
        weights = [weight for strips in block.sizes for weight in block.weights(strips)]
        constants = [number for strips in block.sizes for number in block.constants(strips)]
        self.weights = code.table(f"fnv.{name}.{block.width}.weights", I32, weights)
        self.constants = code.table(f"fnv.{name}.{block.width}.constants", self.scalar, constants)

    @property
    def _usual_rows(self) -> list[int]:
        """The larger blocks, of which most are, where V8 has too few registers for strides."""
        return [STRIP * n for n in self.block.sizes[-2:]] if self.code.target.plain_engine else []

    def emit(self, state: Value, data: Value, strips: Value, ahead: Value) -> None:
        """The block at ``data`` of ``16 * strips`` rows; updates the local ``state``.

        ``ahead`` bytes from ``data`` on is the next block, or this one where there is none.
        """
        code, block = self.code, self.block
        # Sizes are 1, 2, .., so that before number n the sum of them is n (n + 1) / 2.
        before = code.at_most(code.b.sub(strips, code.size(1)), code.size(len(block.sizes) - 1))
        after = code.b.add(before, code.size(1))
        sizes = code.b.lshr(code.b.mul(before, after), code.size(1))
        weights_size, constants_size = 4 * block.limbs * STRIP, 8 * len(block.constants(1))
        weights = code.byte_at(self.weights, code.b.mul(sizes, code.size(weights_size)))
        offset = code.b.mul(before, code.size(constants_size * block.wide // 64))
        constants = code.byte_at(self.constants, offset)
        head = [
            code.load(self.scalar, at(code, constants, block.wide // 8 * i)) for i in range(HEAD)
        ]
        rows = code.b.mul(strips, code.size(STRIP))
        masks = [self._everywhere(mask, self.planes.kind) for mask in head[2:5]]
        self.rows.emit(code, data, rows, self._usual_rows)
        next_block = code.byte_at(data, ahead)
        ends = self._planes(masks, rows, next_block)
        self._first_bytes(state, masks, ends, rows)
        totals = self._run(weights, head, rows, next_block)
        before = code.load(ir.IntType(block.bits), state)
        result = code.b.mul(code.resize(before, block.wide), head[1])
        for number, total in enumerate(totals):
            place = at(code, constants, block.wide // 8 * (HEAD + number * self.wide.count))
            factors = code.load(self.wide, place, align=block.wide // 8)
            result = code.b.add(result, vectors.reduce(code, "add", code.b.mul(total, factors)))
        code.b.store(code.resize(result, block.bits), state)

    def _everywhere(self, value: Value, kind: Value) -> Value:
        """The number ``value`` of ``wide`` bits repeated through a vector of ``width`` bytes."""
        whole = ir.VectorType(self.scalar, 8 * self.block.width // self.block.wide)
        return self.code.b.bitcast(_splat(self.code, value, whole), kind)

    def _each_row(self, rows: Value, sizes: list[Array], *bodies: EachRow) -> None:
        """A body with the places of each row in several arrays of rows of these sizes.

        A turn has a row for each of the bodies: with two the places move half as often.
        """
        code = self.code
        with code.loop(code.size(0), rows, len(bodies), plain=True) as row:
            offsets = [code.b.mul(row, code.size(size)) for _, size in sizes]
            places = [
                code.opaque(code.byte_at(base, offset))
                for (base, _), offset in zip(sizes, offsets, strict=True)
            ]
            for k, body in enumerate(bodies):
                pairs = zip(places, sizes, strict=True)
                body(*(at(code, place, k * size) for place, (_, size) in pairs))

    def _planes(self, masks: list[Value], rows: Value, next_block: Value) -> list[Value]:
        """Rows of bytes to rows of bit planes, and the passes of the two lowest planes."""
        code, kind = self.code, self.planes.kind
        runs = [code.local(kind, kind([0] * kind.count)) for _ in range(2)]

        def body(source: Value, to: Value, later: Value) -> None:
            if not code.target.plain_engine:
                for line in range(0, self.block.chunks, 64):
                    vectors.ask_for(code, at(code, later, line))
            loaded = load_rows(code, source, 8, kind, self.stride)
            self.planes.emit_first(code, to, transpose_bits(code, loaded, masks), runs)

        arrays = [
            (self.rows.memory, self.block.width),
            (self.by_plane, self.block.width),
            (next_block, self.block.chunks),
        ]
        self._each_row(rows, arrays, body, body)
        return [code.load(kind, run) for run in runs]

    def _first_bytes(
        self, state: Value, masks: list[Value], ends: list[Value], rows: Value
    ) -> None:
        """The low byte of the state at the start of every chunk."""
        code, kind = self.code, self.planes.kind
        low = code.resize(code.load(ir.IntType(self.block.bits), state), 64)
        starts: list[Value] = []
        for plane in range(8):
            end = ends[plane] if plane < len(ends) else self._pass(plane, starts, rows)
            bit = code.b.and_(code.b.lshr(low, I64(plane)), I64(1))
            first = _splat(code, code.b.sub(I64(0), bit), kind)
            starts.append(before_each(code, end, first))
        for r, vector in enumerate(transpose_bits(code, starts, masks)):
            to = at(code, self.first_bytes, r * self.block.width)
            code.b.store(as_bytes(code, vector, self.block.width), to)

    def _pass(self, plane: int, starts: list[Value], rows: Value) -> Value:
        """What bit ``plane`` of the low bytes, followed from 0, is behind all chunks."""
        code, planes = self.code, self.planes
        run = code.local(planes.kind, planes.kind([0] * planes.kind.count))
        # After the first of these passes rows are alike, and V8 runs out of registers with two.
        parities = (False,) if plane > 2 and code.target.plain_engine else (False, True)
        bodies = [
            partial(planes.emit_pass, code, plane, planes.starts_of(code, starts, odd), run)
            for odd in parities
        ]
        self._each_row(rows, [(self.by_plane, self.block.width)], *bodies)
        return code.load(planes.kind, run)

    def _run(
        self, weights: Value, head: list[Value], rows: Value, next_block: Value
    ) -> list[Value]:
        """All chunks side by side: what each pair of lanes adds to the state, in two halves."""
        code, block = self.code, self.block
        factor = self._everywhere(head[5], self.half)
        step = _splat(code, head[0], self.wide)
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
        data = (code.byte_at(self.rows.memory, code.b.mul(r, code.size(self.stride))), width)
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

        self._each_row(rows, [data, limbs], body, body)
        yield from sums

    def _keep_changes(
        self, lows: list[Value], data: Array, to: Value, factor: Value, rows: Value
    ) -> None:
        """Write what each row changes, a half vector after the other."""
        code, width = self.code, self.block.width

        def body(data: Value, to: Value) -> None:
            for half, value in enumerate(self._changed(data, lows, factor)):
                code.b.store(value, at(code, to, half * width))

        self._each_row(rows, [data, (to, len(lows) * width)], body)

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

        self._each_row(rows, arrays, body)
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
            place = at(code, data, half // 2 * self.stride + half % 2 * size)
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
                pair = code.b.bitcast(_splat(code, limb, self.sums), self.half)
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


def _splat(code: Code, value: Value, kind: Value) -> Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = code.b.insert_element(undefined, value, I32(0))
    mask = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
    return code.b.shuffle_vector(first, undefined, mask)


def _scratch(code: Code, size: int, align: int) -> Value:
    slot = code.local(ir.ArrayType(I8, size))
    slot.align = align
    slot.type = POINTER  # llvmlite would else take it for a pointer to arrays
    return slot

"""One block of an FNV chain in lanes; docs/notes/fnv-parallel.md explains and proves it.

The block is ``8 * width`` chunks of ``rows`` bytes, rows a multiple of 16. Its bytes are
transposed to rows and bit planes; the planes give the low byte of the state at the start of
every chunk; then the chunks run side by side in 16-bit lanes, and what each adds to the state
is gathered in 32-bit lanes, one for 16 bits of the powers of P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from pcpu.lower.code import I8, I16, I32, I64, POINTER, Code, Value
from pcpu.lower.kernels.fnv_planes import (
    STRIP,
    Planes,
    addition_chain,
    as_bytes,
    before_each,
    bit_masks,
    load_rows,
    transpose_bits,
    transpose_bytes,
)
from pcpu.targets.target import Target

# Products that need their pairs of lanes added, where LLVM does not find the instruction.
_DOT = {"wasm32": "llvm.wasm.dot"}


def widths(target: Target) -> tuple[int, ...]:
    """The vector widths in bytes to try, the widest first."""
    if "+avx512bw" in target.features:
        return (64, 16)
    return (32, 16) if "+avx2" in target.features else (16,)


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
    def most_strips(self) -> int:
        """Rows / 16 of the largest block, whose scratch memory must stay in the first cache."""
        return 2 if self.width == 64 else 4

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

    def powers(self, strips: int) -> list[int]:
        """P**rows, P**(chunks rows), then for each pair of lanes that of what follows it."""
        rows = STRIP * strips
        pairs = [self.power(8 * rows * (self.width - 2 - 2 * m)) for m in range(self.width // 2)]
        return [self.power(rows), self.power(self.chunks * rows), *pairs]


class Emitter:
    """Emits blocks into a function, with their tables and scratch memory."""

    def __init__(self, code: Code, block: Block, name: str) -> None:
        self.code, self.block = code, block
        self.planes = Planes(block.width, addition_chain(block.factor))
        self.bytes = ir.VectorType(I8, block.width)
        self.half = ir.VectorType(I16, block.width // 2)
        self.sums = ir.VectorType(I32, block.width // 4)
        self.wide = ir.VectorType(ir.IntType(block.wide), block.width // 4)
        rows = STRIP * block.most_strips
        self.row_bytes = 8 * block.width
        self.by_row = _scratch(code, rows * self.row_bytes, block.width)
        self.by_plane = _scratch(code, rows * self.planes.row_bytes, block.width)
        self.first_bytes = _scratch(code, self.row_bytes, block.width)
        sizes = range(1, block.most_strips + 1)
        prefix = f"fnv.{name}.{block.width}"
        self.weights = _table(
            code, f"{prefix}.weights", I32, [w for n in sizes for w in block.weights(n)]
        )
        self.powers = _table(
            code,
            f"{prefix}.powers",
            ir.IntType(block.wide),
            [p for n in sizes for p in block.powers(n)],
        )

    def emit(self, state: Value, data: Value, strips: Value) -> None:
        """The block at ``data`` of ``16 * strips`` rows; updates the local ``state``."""
        code = self.code
        rows = code.b.mul(strips, code.size(STRIP))
        self._rows(data, rows)
        self._planes(rows)
        self._first_bytes(state, rows)
        self._run(state, strips, rows)

    def _each(self, base: Value, count: Value, size: int, body: Callable[[Value], None]) -> None:
        code = self.code
        with code.loop(code.size(0), count, 1, plain=True) as i:
            body(code.byte_at(base, code.b.mul(i, code.size(size))))

    def _rows(self, data: Value, rows: Value) -> None:
        """Bytes of chunks to rows of bytes, 16 rows of ``width`` chunks at a time."""
        code = self.code
        piece = ir.VectorType(I8, STRIP)
        stride = code.b.mul(rows, code.size(8))  # from a lane's chunk to the next lane's
        with code.loop(code.size(0), rows, STRIP, plain=True) as row:
            out = code.byte_at(self.by_row, code.b.mul(row, code.size(self.row_bytes)))
            with code.loop(code.size(0), code.size(8), 1, plain=True) as r:
                start = code.byte_at(data, code.b.add(row, code.b.mul(r, rows)))
                vectors = []
                for lane in range(STRIP):
                    parts = []
                    for part in range(0, self.block.width, STRIP):
                        offset = code.b.mul(stride, code.size(part + lane))
                        parts.append(code.load(piece, code.byte_at(start, offset), align=1))
                    vectors.append(_joined(code, parts))
                to = code.byte_at(out, code.b.mul(r, code.size(self.block.width)))
                for i, vector in enumerate(transpose_bytes(code, vectors)):
                    code.b.store(vector, code.byte_at(to, code.size(i * self.row_bytes)))

    def _planes(self, rows: Value) -> None:
        """Rows of bytes to rows of bit planes."""
        code, kind = self.code, self.planes.kind
        masks = bit_masks(kind)
        with code.loop(code.size(0), rows, 1, plain=True) as row:
            source = code.byte_at(self.by_row, code.b.mul(row, code.size(self.row_bytes)))
            to = code.byte_at(self.by_plane, code.b.mul(row, code.size(self.planes.row_bytes)))
            vectors = load_rows(code, source, 8, kind, self.block.width)
            for k, plane in enumerate(transpose_bits(code, vectors, masks)):
                code.b.store(plane, self.planes.slot(code, to, k))

    def _first_bytes(self, state: Value, rows: Value) -> None:
        """The low byte of the state at the start of every chunk."""
        code, kind = self.code, self.planes.kind

        def each_row(body: Callable[[Value], None]) -> None:
            self._each(self.by_plane, rows, self.planes.row_bytes, body)

        low = code.resize(code.load(ir.IntType(self.block.bits), state), 64)
        starts: list[Value] = []
        for plane in range(8):
            ends = self.planes.emit_pass(code, plane, starts, each_row)
            bit = code.b.and_(code.b.lshr(low, I64(plane)), I64(1))
            first = _splat(code, code.b.sub(I64(0), bit), kind)
            starts.append(before_each(code, ends, first))
        for r, vector in enumerate(transpose_bits(code, starts, bit_masks(kind))):
            to = code.byte_at(self.first_bytes, code.size(r * self.block.width))
            code.b.store(as_bytes(code, vector, self.block.width), to)

    def _run(self, state: Value, strips: Value, rows: Value) -> None:
        """All chunks side by side; adds what they add to the state."""
        code, block = self.code, self.block
        weights, powers = self._tables(strips)
        scalar = ir.IntType(block.wide)
        step = _splat(code, code.load(scalar, powers), self.wide)
        zero = self.wide([0] * self.wide.count)
        totals = [code.local(self.wide, zero) for _ in range(2)]
        with code.loop(code.size(0), code.size(8), 1, plain=True) as r:
            offset = code.b.mul(r, code.size(block.width))
            sums = self._run_group(offset, weights, rows)
            for total, limbs in zip(totals, sums, strict=True):
                added = self._joined_limbs([code.load(self.sums, limb) for limb in limbs])
                before = code.b.mul(code.load(self.wide, total), step)
                code.b.store(code.b.add(before, added), total)
        element = block.wide // 8
        result = code.b.mul(
            code.resize(code.load(ir.IntType(block.bits), state), block.wide),
            code.load(scalar, code.byte_at(powers, code.size(element))),
        )
        for number, total in enumerate(totals):
            at = code.byte_at(powers, code.size(element * (2 + number * self.wide.count)))
            factors = code.load(self.wide, at, align=element)
            product = code.b.mul(code.load(self.wide, total), factors)
            result = code.b.add(result, _sum(code, product))
        code.b.store(code.resize(result, block.bits), state)

    def _run_group(self, offset: Value, weights: Value, rows: Value) -> list[list[Value]]:
        """The chunks of one vector a row; the limb sums of its two halves, as locals."""
        code, block = self.code, self.block
        factor = self.half([block.factor & 0xFFFF] * self.half.count)
        zero = self.sums([0] * self.sums.count)
        small = ir.VectorType(I8, block.width // 2)
        lows, sums = [], []
        for half in range(2):
            first = code.byte_at(self.first_bytes, offset)
            first = code.byte_at(first, code.size(half * block.width // 2))
            lows.append(code.local(self.half, code.b.zext(code.load(small, first), self.half)))
            sums.append([code.local(self.sums, zero) for _ in range(block.limbs)])
        data = code.byte_at(self.by_row, offset)
        with code.loop(code.size(0), rows, 1, plain=True) as row:
            at = code.byte_at(data, code.b.mul(row, code.size(self.row_bytes)))
            of_row = code.byte_at(weights, code.b.mul(row, code.size(4 * block.limbs)))
            limbs = [
                code.load(I32, code.byte_at(of_row, code.size(4 * i))) for i in range(block.limbs)
            ]
            for half in range(2):
                piece = code.byte_at(at, code.size(half * block.width // 2))
                byte = code.b.zext(code.load(small, piece, align=1), self.half)
                low = code.load(self.half, lows[half])
                mixed = code.b.xor(low, byte)
                # Only the low byte of a lane is the state's; the rest cancels out here.
                change = code.b.sub(mixed, low)
                code.b.store(code.b.mul(mixed, factor), lows[half])
                for limb, total in zip(limbs, sums[half], strict=True):
                    pair = code.b.bitcast(_splat(code, limb, self.sums), self.half)
                    added = code.b.add(code.load(self.sums, total), dot(code, change, pair))
                    code.b.store(added, total)
        return sums

    def _tables(self, strips: Value) -> tuple[Value, Value]:
        """Where the weights and the powers for this many strips begin."""
        code, block = self.code, self.block
        before = code.b.sub(strips, code.size(1))
        sizes = code.b.lshr(code.b.mul(strips, before), code.size(1))  # 1 + 2 + .. + before
        weights = code.byte_at(self.weights, code.b.mul(sizes, code.size(STRIP * block.limbs * 4)))
        row = (2 + block.width // 2) * block.wide // 8
        return weights, code.byte_at(self.powers, code.b.mul(before, code.size(row)))

    def _joined_limbs(self, limbs: list[Value]) -> Value:
        code = self.code
        total = None
        for number, limb in enumerate(limbs):
            value = limb if limb.type == self.wide else code.b.sext(limb, self.wide)
            if number:
                value = code.b.shl(value, self.wide([16 * number] * self.wide.count))
            total = value if total is None else code.b.add(total, value)
        return total


def dot(code: Code, left: Value, right: Value) -> Value:
    """Products of signed 16-bit lanes, each pair of neighbours added in 32 bits."""
    kind = ir.VectorType(I32, left.type.count // 2)
    name = _DOT.get(code.target.triple.split("-")[0])
    if name is not None and left.type.count == 8:
        return code.b.call(_declared(code, name, kind, [left.type, left.type]), [left, right])
    wide = ir.VectorType(I32, left.type.count)
    products = code.b.mul(code.b.sext(left, wide), code.b.sext(right, wide))
    pairs = [
        code.b.shuffle_vector(
            products,
            products,
            ir.Constant(kind, list(range(first, left.type.count, 2))),
        )
        for first in (0, 1)
    ]
    return code.b.add(*pairs)


def _declared(code: Code, name: str, returns: Value, parameters: list[Any]) -> Value:
    found = code.module.globals.get(name)
    if found is None:
        found = ir.Function(code.module, ir.FunctionType(returns, parameters), name)
    return found


def _sum(code: Code, vector: Value) -> Value:
    kind = vector.type
    name = f"llvm.vector.reduce.add.v{kind.count}i{kind.element.width}"
    return code.b.call(_declared(code, name, kind.element, [kind]), [vector])


def _splat(code: Code, value: Value, kind: Value) -> Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = code.b.insert_element(undefined, value, I32(0))
    mask = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
    return code.b.shuffle_vector(first, undefined, mask)


def _joined(code: Code, parts: list[Value]) -> Value:
    """Vectors one after the other as one."""
    while len(parts) > 1:
        count = 2 * parts[0].type.count
        mask = ir.Constant(ir.VectorType(I32, count), list(range(count)))
        parts = [
            code.b.shuffle_vector(a, b, mask) for a, b in zip(parts[::2], parts[1::2], strict=True)
        ]
    return parts[0]


def _scratch(code: Code, size: int, align: int) -> Value:
    slot = code.local(ir.ArrayType(I8, size))
    slot.align = align
    slot.type = POINTER  # llvmlite would else take it for a pointer to arrays
    return slot


def _table(code: Code, name: str, kind: Value, values: list[int]) -> Value:
    """A constant array, shared by the module."""
    if name not in code.module.globals:
        array = ir.ArrayType(kind, len(values))
        table = ir.GlobalVariable(code.module, array, name)
        table.linkage, table.global_constant, table.unnamed_addr = "internal", True, True
        table.initializer = array(values)
    return code.module.globals[name]

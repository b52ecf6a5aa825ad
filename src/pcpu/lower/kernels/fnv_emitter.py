"""Emits blocks of an FNV chain; docs/notes/fnv-parallel.md explains and proves them.

A block's bytes are transposed to rows and bit planes; the planes give the low byte of the state at
the start of every chunk; then the chunks run side by side in lanes.
"""

from __future__ import annotations

from functools import partial

from llvmlite import ir

from pcpu.lower.code import I64, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.fnv_block import HEAD, Block
from pcpu.lower.kernels.fnv_limbs import Limbs
from pcpu.lower.kernels.fnv_planes import (
    Planes,
    as_bytes,
    before_each,
    load_rows,
    transpose_bits,
)
from pcpu.lower.kernels.fnv_rows import STRIP, Rows, at, each_row, scratch
from pcpu.lower.kernels.fnv_words import Words
from pcpu.lower.lane import splat


class Emitter:
    """Emits blocks into a function, with their tables and scratch memory."""

    def __init__(self, code: Code, block: Block, name: str) -> None:
        self.code, self.block = code, block
        self.scalar = ir.IntType(block.wide)
        self.wide = ir.VectorType(self.scalar, block.width // 4)
        self.stride = block.width * STRIP * block.sizes[-1] + 64
        self.planes = Planes(block.width, self.stride, block.factor & 255)
        self.rows = Rows(scratch(code, 8 * self.stride, 64), block.width, self.stride)
        self.by_plane = scratch(code, self.planes.slots * self.stride, 64)
        self.first_bytes = scratch(code, 8 * block.width, block.width)
        side_by_side = Words if block.words else Limbs
        self.side_by_side = side_by_side(
            code, block, f"fnv.{name}", self.rows, self.first_bytes, self.by_plane
        )
        constants = [number for strips in block.sizes for number in block.constants(strips)]
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
        constants_size = block.wide // 8 * len(block.constants(1))
        offset = code.b.mul(before, code.size(constants_size))
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
        totals = self.side_by_side.run(head, rows, sizes, next_block)
        before = code.load(ir.IntType(block.bits), state)
        result = code.b.mul(code.resize(before, block.wide), head[1])
        for number, total in enumerate(totals):
            place = at(code, constants, block.wide // 8 * (HEAD + number * self.wide.count))
            factors = code.load(self.wide, place, align=block.wide // 8)
            result = code.b.add(result, vectors.reduce(code, "add", code.b.mul(total, factors)))
        code.b.store(code.resize(result, block.bits), state)

    def _everywhere(self, value: Value, kind: Value) -> Value:
        """The number ``value`` of ``wide`` bits repeated through a vector of ``width`` bytes."""
        whole = splat(self.code, value, 8 * self.block.width // self.block.wide)
        return self.code.b.bitcast(whole, kind)

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
        each_row(code, rows, arrays, body, body)
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
            first = splat(code, code.b.sub(I64(0), bit), kind.count)
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
        each_row(code, rows, [(self.by_plane, self.block.width)], *bodies)
        return code.load(planes.kind, run)

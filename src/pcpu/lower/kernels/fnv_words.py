"""The chunks of an FNV block in lanes as wide as the state.

Where lanes multiply as wide as the state is, each chunk simply runs: from its low byte alone, since
all steps are linear in what is above it. No change has to be told from the state, and no product
be summed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llvmlite import ir

from pcpu.lower.code import I8, I32, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.fnv_block import Block
from pcpu.lower.kernels.fnv_rows import STRIP, Rows, at, each_row
from pcpu.lower.lane import splat

COLUMNS = 2  # that go together: 8 products wait for each other's time, and V8 has 16 registers
PARTS = 4  # bytes of a lane


class Words:
    """The chunks of blocks, whose ``rows`` and ``first_bytes`` lie in memory."""

    def __init__(
        self, code: Code, block: Block, name: str, rows: Rows, first_bytes: Value, room: Value
    ) -> None:
        self.code, self.block, self.rows, self.first_bytes = code, block, rows, first_bytes
        self.words = ir.VectorType(I32, block.width // PARTS)

    def run(
        self, head: Sequence[Value], rows: Value, sizes: Value, next_block: Value
    ) -> list[Value]:
        """What the chunks add to the state: those of each byte of a lane, one after the other."""
        code, width = self.code, self.block.width
        factor, step = (splat(code, head[i], self.words.count) for i in (5, 0))
        zero = self.words([0] * self.words.count)
        totals = [code.local(self.words, zero) for _ in range(PARTS)]
        with code.loop(code.size(0), code.size(8), COLUMNS, plain=True) as r:
            first = code.byte_at(self.first_bytes, code.b.mul(r, code.size(width)))
            starts = [
                part for c in range(COLUMNS) for part in self._parts(at(code, first, c * width))
            ]
            states = [code.local(self.words, start) for start in starts]
            data = code.byte_at(self.rows.memory, code.b.mul(r, code.size(self.rows.stride)))
            later = code.byte_at(next_block, code.b.mul(code.b.mul(r, rows), code.size(STRIP)))

            def body(data: Value, later: Value) -> None:
                vectors.ask_for(code, later)
                vectors.ask_for(code, at(code, later, STRIP))
                for c in range(COLUMNS):
                    parts = self._parts(at(code, data, c * self.rows.stride))
                    for slot, part in zip(states[PARTS * c :], parts, strict=False):
                        mixed = code.b.xor(code.load(self.words, slot), part)
                        code.b.store(code.b.mul(mixed, factor), slot)

            each_row(code, rows, [(data, width), (later, COLUMNS * STRIP)], body)
            for number, (slot, start) in enumerate(zip(states, starts, strict=True)):
                total = totals[number % PARTS]
                added = code.b.sub(code.load(self.words, slot), code.b.mul(start, step))
                earlier = code.b.mul(code.load(self.words, total), step)
                code.b.store(code.b.add(earlier, added), total)
        return [code.load(self.words, total) for total in totals]

    def _parts(self, place: Value) -> Iterator[Value]:
        """The bytes of a vector in lanes of words: the first of each lane, then the second."""
        code, kind = self.code, self.words
        loaded = code.load(ir.VectorType(I8, self.block.width), place, align=self.block.width)
        words, mask = code.b.bitcast(loaded, kind), code.kept(255, 32, kind.count)
        for number in range(PARTS):
            moved = code.b.lshr(words, kind([8 * number] * kind.count))
            yield moved if number == PARTS - 1 else code.b.and_(moved, mask)

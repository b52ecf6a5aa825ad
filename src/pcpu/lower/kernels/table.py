"""``table[index]`` on vectors: tables of 256 bytes that lie in registers.

Processors look up 16, 64 or 128 bytes at a time, by the low bits of each lane. A table is so many
rows, and each lane takes what the row gives that its high bits name. AVX-512 VBMI has two rows of
128. Elsewhere on x86-64 a row is 16 bytes, and a lane whose top bit is set takes 0. With 16 less
for each row, lanes below 16 k have their top bit set in row k and all others look into it; row k
holds its difference (by exclusive or) to the row before, so what a lane gathers is its own row.
ARM gives 0, or leaves a lane as it was, beyond the end of 64 bytes.

WebAssembly has rows of 16 bytes, and V8 two instructions for each: there single bytes are faster
but for tables that need few rows (few_rows.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

from llvmlite import ir

from pcpu.expr import Expr, Index, walk
from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.forms import PLACE, low_byte, maxima
from pcpu.lower.kernels import vectors
from pcpu.lower.lane import joined, lane_type, pieces, shuffle
from pcpu.lower.stage import Stage
from pcpu.target import Target

SIZE = 256
HALF = 128


@dataclass(frozen=True)
class Method:
    """How a target looks bytes up: ``rows`` are vectors of ``row`` bytes, and ``look_up`` takes
    them and ``lanes`` indices."""

    row: int
    lanes: int
    differences: bool
    look_up: Callable[[Code, Sequence[Value], Value], Value]


def in_lanes(op: Op, expr: Expr, target: Target) -> bool:
    """Whether vectors can have all bytes that ``expr`` takes from operands: those that come over
    and over (cycle.py), and those of tables where ``target`` has a method for them."""
    found = [node for node in walk(expr) if isinstance(node, Index) and node.index != PLACE]
    return not found or (method(target) is not None and all(is_table(op, n) for n in found))


def is_table(op: Op, node: Index) -> bool:
    """Whether it has 256 bytes and an index that lanes of 8 bits have."""
    sizes = {imm.name: imm.sizes for imm in op.immediates}
    return sizes[node.name] == (SIZE, SIZE) and low_byte(node.index, maxima(op)) is not None


def method(target: Target) -> Method | None:
    features = set(target.features)
    if target.triple.startswith("x86_64"):
        if {"+avx512vbmi", "+avx512bw"} <= features:
            return Method(64, 64, False, _permuted)
        for feature, (lanes, name) in _SHUFFLES.items():
            if feature in features:
                return Method(16, lanes, True, partial(_shuffled, name))
    if target.triple.startswith(("aarch64", "arm64")):
        return Method(16, 16, False, _tabled)
    return None


class Tables:
    """The tables of a stage that ``values`` are looked up in, by name, and what is in them.

    Other bytes that the step asks for may be no tables: there may be fewer of them."""

    def __init__(self, code: Code, stage: Stage, values: Sequence[Expr]) -> None:
        self._code, self._stage = code, stage
        parts = (node for value in values for node in walk(value))
        nodes = [n for n in parts if isinstance(n, Index) and n.index != PLACE]
        self._rows: dict[str, list[Value]] = {node.name: [] for node in nodes}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def prepare(self) -> None:
        """To be emitted before anything is looked up."""
        code, how = self._code, method(self._code.target)
        for name, rows in self._rows.items():
            assert how is not None
            kind, table = lane_type(8, how.row), self._stage.bytes[name].pointer
            places = (code.byte_at(table, code.size(at)) for at in range(0, SIZE, how.row))
            loaded = [code.load(kind, place, 1) for place in places]
            if how.differences:
                half = HALF // how.row
                loaded = [
                    row if k % half == 0 else code.b.xor(row, loaded[k - 1])
                    for k, row in enumerate(loaded)
                ]
            # Every 128 bits of a vector look into a row of their own.
            lanes = [i % how.row for i in range(max(how.row, how.lanes))]
            for row in loaded:
                wide = shuffle(code, row, row, lanes)
                rows.append(code.local(wide.type, wide))

    def index(self, node: Index) -> Expr:
        """The index of ``node`` in lanes of 8 bits."""
        index = low_byte(node.index, maxima(self._stage.op))
        assert index is not None
        return index

    def look_up(self, name: str, index: Value) -> Value:
        """The bytes of the table ``name`` at each index."""
        code, how = self._code, method(self._code.target)
        assert how is not None
        count = index.type.count
        rows = [code.load(slot.allocated_type, slot) for slot in self._rows[name]]
        if count < how.lanes:
            wide = shuffle(code, index, index, [i % count for i in range(how.lanes)])
            return shuffle(code, found := how.look_up(code, rows, wide), found, range(count))
        parts = pieces(code, index, how.lanes)
        return joined(code, [how.look_up(code, rows, part) for part in parts])


def _permuted(code: Code, rows: Sequence[Value], index: Value) -> Value:
    """By two look-ups into 128 bytes each, which take the low seven bits."""
    name, kind = "llvm.x86.avx512.vpermi2var.qi.512", index.type
    low, high = (vectors.call(code, name, kind, [rows[k], index, rows[k + 1]]) for k in (0, 2))
    beyond = code.b.icmp_signed("<", index, ir.Constant(kind, None))
    return code.b.select(beyond, high, low)


_SHUFFLES = {
    "+avx512bw": (64, "llvm.x86.avx512.pshuf.b.512"),
    "+avx2": (32, "llvm.x86.avx2.pshuf.b"),
}


def _shuffled(name: str, code: Code, rows: Sequence[Value], index: Value) -> Value:
    kind, half = index.type, len(rows) // 2
    found: list[Value] = []
    for start, first in ((0, index), (half, code.b.xor(index, kind([HALF] * kind.count)))):
        here = first
        for k in range(start, start + half):
            if k > start:
                here = _less(code, here, SIZE // len(rows))
            found.append(vectors.call(code, name, kind, [rows[k], here]))
    return reduce(code.b.xor, found)


def _less(code: Code, value: Value, by: int) -> Value:
    """``by`` less, but no less than the least number: what is negative stays so."""
    kind = value.type
    name = f"llvm.ssub.sat.v{kind.count}i8"
    return vectors.call(code, name, kind, [value, kind([by] * kind.count)])


def _tabled(code: Code, rows: Sequence[Value], index: Value) -> Value:
    kind = index.type
    found = vectors.call(code, "llvm.aarch64.neon.tbl4.v16i8", kind, [*rows[:4], index])
    for k in range(4, len(rows), 4):
        beyond = code.b.sub(index, kind([16 * k] * kind.count))
        arguments = [found, *rows[k : k + 4], beyond]
        found = vectors.call(code, "llvm.aarch64.neon.tbx4.v16i8", kind, arguments)
    return found

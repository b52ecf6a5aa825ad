"""``table[index]`` on vectors of WebAssembly, for tables that are simple but for a few rows.

Many tables change little: upper case differs from the byte itself in two of 16 rows of 16 bytes,
and one that is for digits is 0 in all rows but one. So a table is taken apart, when the kernel
begins, into ``index & mask ^ value`` and what that leaves of each row, by exclusive or. A look-up
in a row gives 0 for all indices beyond it, so only rows that are not 0 need one.
"""

from __future__ import annotations

from llvmlite import ir

from pcpu.expr import Index, walk
from pcpu.isa import Op
from pcpu.lower.code import I8, I32, I64, POINTER, Code, Value
from pcpu.lower.forms import PLACE
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.table import SIZE, Tables, is_table
from pcpu.lower.lane import joined, lane_type, pieces, shuffle
from pcpu.lower.stage import Stage

ROWS = 4  # that a table may need
LANES = 16
_ENTRY = 2 * LANES  # a row, and its first index in all lanes
_ROOM = (ROWS + 1) * _ENTRY  # behind the rows the mask and the value in all lanes
_VECTOR = lane_type(8, LANES)


def accepts(op: Op) -> bool:
    """Whether vectors can have all indices into tables."""
    nodes = [n for n in walk(op.map_expr) if isinstance(n, Index) and n.index != PLACE]
    return all(is_table(op, node) for node in nodes)


def rows_of(table: bytes) -> int:
    """How many rows a table that is known needs, as ``_write`` finds it."""
    for last in (0, SIZE - 1):
        for mask in (0, SIZE - 1):
            simple = [i & mask ^ table[last] ^ mask & last for i in range(SIZE)]
            rows = range(0, SIZE, LANES)
            count = sum(table[at : at + LANES] != bytes(simple[at : at + LANES]) for at in rows)
            if count <= ROWS:
                return count
    return ROWS + 1


class TakenApart:
    """The tables of a stage, taken apart into scratch memory."""

    def __init__(self, code: Code, stage: Stage) -> None:
        self._code, self._stage = code, stage
        nodes = [n for n in walk(stage.op.map_expr) if isinstance(n, Index) and n.index != PLACE]
        self.rooms = {node.name: code.room(_ROOM, LANES) for node in nodes}

    def rows(self) -> list[Value]:
        """How many rows each table needs; more than ROWS where they are too many."""
        code, bytes_ = self._code, self._stage.bytes
        return [
            code.b.call(_take_apart(code), [bytes_[name].pointer, room])
            for name, room in self.rooms.items()
        ]


class FewRows(Tables):
    """The tables of a stage where each needs no more than ``rows`` rows."""

    def __init__(self, code: Code, stage: Stage, apart: TakenApart, rows: int) -> None:
        super().__init__(code, stage, [stage.op.map_expr])
        self._rooms, self._count = apart.rooms, rows

    def prepare(self) -> None:
        code = self._code
        rows = range(0, self._count * _ENTRY, LANES)
        for name, slots in self._rows.items():
            for at in (*rows, ROWS * _ENTRY, ROWS * _ENTRY + LANES):
                place = code.byte_at(self._rooms[name], code.size(at))
                slots.append(code.local(_VECTOR, code.load(_VECTOR, place, LANES)))

    def look_up(self, name: str, index: Value) -> Value:
        code = self._code
        *rows, mask, value = (code.load(_VECTOR, slot) for slot in self._rows[name])

        def found(part: Value) -> Value:
            here = code.b.xor(code.b.and_(part, mask), value)
            for row, first in zip(rows[::2], rows[1::2], strict=True):
                within = code.b.sub(part, first)
                added = vectors.call(code, "llvm.wasm.swizzle", _VECTOR, [row, within])
                here = code.b.xor(here, added)
            return here

        parts = pieces(code, index, LANES)
        return joined(code, [found(part) for part in parts])


def _take_apart(code: Code) -> Value:
    """The function ``(table, room) -> rows``, which writes them if they are few."""
    name = "table.rows"
    if name not in code.module.globals:
        kind = ir.FunctionType(code.usize, [POINTER, POINTER])
        function = ir.Function(code.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("nounwind")
        function.attributes.add("noinline")
        _write(Code(function, code.target))
    return code.module.globals[name]


def _write(code: Code) -> None:
    table, room = code.function.args
    # The byte itself or nothing, and a constant that makes the first or the last byte right.
    with code.turns(I64(4)) as turn:
        mask = code.b.neg(code.resize(code.b.and_(turn, I64(1)), 8))
        last = code.b.neg(code.resize(code.b.lshr(turn, I64(1)), 8))
        there = code.byte_at(table, code.resize(last, code.usize.width))
        value = code.b.xor(code.load(I8, there), code.b.and_(mask, last))
        count = _write_rows(code, table, room, mask, value)
        with code.unlikely(code.b.icmp_unsigned("<=", count, code.size(ROWS))):
            for number, byte in enumerate((mask, value)):
                to = code.byte_at(room, code.size(ROWS * _ENTRY + LANES * number))
                code.b.store(_everywhere(code, byte), to, LANES)
            code.b.ret(count)
    code.b.ret(code.size(ROWS + 1))


def _write_rows(code: Code, table: Value, room: Value, mask: Value, value: Value) -> Value:
    """How many rows ``index & mask ^ value`` leaves, after the first of them have been written."""
    code.fill(room, I8(0), code.size(ROWS * _ENTRY))
    count = code.local(code.usize, code.size(0))
    with code.loop(code.size(0), code.size(SIZE), LANES, plain=True) as i:
        first = _everywhere(code, code.resize(i, 8))
        index = code.b.or_(first, _VECTOR(list(range(LANES))))
        simple = code.b.and_(index, _everywhere(code, mask))
        simple = code.b.xor(simple, _everywhere(code, value))
        row = code.b.xor(code.load(_VECTOR, code.byte_at(table, i), 1), simple)
        differs = code.b.icmp_unsigned("!=", row, ir.Constant(_VECTOR, None))
        with code.when(vectors.any_true(code, differs)):
            number = code.load(code.usize, count)
            with code.when(code.b.icmp_unsigned("<", number, code.size(ROWS))):
                to = code.byte_at(room, code.b.mul(number, code.size(_ENTRY)))
                code.b.store(row, to, LANES)
                code.b.store(first, code.byte_at(to, code.size(LANES)), LANES)
            code.b.store(code.b.add(number, code.size(1)), count)
    return code.load(code.usize, count)


def _everywhere(code: Code, byte: Value) -> Value:
    first = code.b.insert_element(ir.Constant(_VECTOR, ir.Undefined), byte, I32(0))
    return shuffle(code, first, first, [0] * LANES)

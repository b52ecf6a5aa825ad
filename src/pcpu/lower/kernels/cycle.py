"""``key[index]`` on vectors: bytes that come over and over, one load a vector.

A vector of them can begin at any byte of the key, its *phase*. So they lie in memory such that
one load gives a vector from each phase: the key, and after it its beginning once more. The next
vector's phase is this one's plus the lanes, modulo the key's length.

A key that is known when compiling is a constant of the module. Where its length divides the lanes
the phase never changes, and one load before the loop serves all of it. Another key is laid out when
the kernel begins: a short one whole, of a long one only where it begins anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Protocol

from llvmlite import ir

from pcpu.expr import INDEX_WIDTH, Index, walk
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.forms import PLACE
from pcpu.lower.lane import lane_type
from pcpu.lower.places import difference
from pcpu.lower.stage import Bytes, Stage

CHUNK = 16  # bytes that are copied at a time


class Cursor(Protocol):
    """Loads of some bytes, one after the other: a vector, or a single byte."""

    def begin(self, index: Value) -> None:
        """The next byte is that of ``index``, a place in the stream."""

    def next(self) -> Value: ...


class Cycle(Protocol):
    """A key, laid out for vectors of up to some number of lanes."""

    def prepare(self) -> None:
        """To be emitted before any vector is loaded. Single bytes need it not."""

    def cursor(self, lanes: int, turn: int, *, steady: bool) -> Cursor: ...


class Cycles:
    """The keys of a stage that are read in turn, for up to ``lanes`` bytes in a row."""

    def __init__(self, code: Code, stage: Stage, lanes: int) -> None:
        self._code, self._stage = code, stage
        self._cycles = {
            name: _cycle(code, stage.bytes[name], most, lanes) for name, most in _turning(stage)
        }

    @property
    def prepares(self) -> bool:
        """Whether ``prepare`` emits anything."""
        return any(isinstance(cycle, _Given) for cycle in self._cycles.values())

    def prepare(self) -> None:
        for cycle in self._cycles.values():
            cycle.prepare()

    def steady(self, lanes: int) -> list[Value]:
        """Where all of these hold, no phase changes from one vector to the next."""
        given = (cycle for cycle in self._cycles.values() if isinstance(cycle, _Given))
        return [cycle.steady(lanes) for cycle in given]

    def cursors(self, lanes: int, turn: int = 1, *, steady: bool = False) -> Cursors:
        """Loads of so many bytes, ``turn`` of them in each turn of a loop; ``steady`` says that
        what ``steady`` gives holds."""
        cursors = {
            name: cycle.cursor(lanes, turn, steady=steady) for name, cycle in self._cycles.items()
        }
        return Cursors(self._code, self._stage, cursors)


class Cursors:
    """Where in each of its keys a stage is."""

    def __init__(self, code: Code, stage: Stage, cursors: Mapping[str, Cursor]) -> None:
        self._code, self._stage, self._cursors = code, stage, cursors

    def begin(self, address: Value) -> None:
        """The next bytes are those that the data at ``address`` meets."""
        if self._cursors:
            index = self._stage.index(self._code, address)
            for cursor in self._cursors.values():
                cursor.begin(index)

    def next(self) -> dict[str, Value]:
        """The next bytes of each key, by name."""
        return {name: cursor.next() for name, cursor in self._cursors.items()}


def _turning(stage: Stage) -> list[tuple[str, int]]:
    """The bytes that the stage looks into in lanes, and how many they may be."""
    expr = stage.op.map_expr if stage.op.kind == "map" else stage.op.step_expr
    used = {n.name for n in walk(expr) if isinstance(n, Index) and n.index == PLACE}
    sizes = {imm.name: imm.sizes for imm in stage.op.immediates if imm.name in used}
    return [(name, size[1]) for name, size in sizes.items() if size is not None]


def _cycle(code: Code, key: Bytes, most: int, lanes: int) -> Cycle:
    if key.content is None:
        return _Given(code, key, most, lanes)
    return _Known(code, key.content, lanes)


class _Known:
    def __init__(self, code: Code, content: bytes, lanes: int) -> None:
        self._code, self._content = code, content
        self._room = len(content) + lanes

    def prepare(self) -> None:
        pass

    def cursor(self, lanes: int, turn: int, *, steady: bool) -> Cursor:
        code, length = self._code, len(self._content)
        if length == 1:
            return _Same(code, self._content[0], lanes)
        if lanes % length == 0:
            return _Held(code, _Turn(code, self._address, code.size(length), lanes))
        grow = difference(self._content)
        if grow is not None and lanes > 1:
            one = _Turn(code, self._address, code.size(length), lanes)
            return _Held(code, one, grow * lanes % 256)
        return _Turn(code, self._address, code.size(length), lanes, turn)

    def _address(self, phase: Value) -> Value:
        return self._code.byte_at(self._laid_out(), phase)

    def _laid_out(self) -> Value:
        """The key over and over as a constant of the module."""
        code = self._code
        name = f"turns.{self._room}.{hashlib.sha256(self._content).hexdigest()[:32]}"
        if name not in code.module.globals:
            copies = -(-self._room // len(self._content))
            content = bytearray(self._content * copies)[: self._room]
            array = ir.GlobalVariable(code.module, ir.ArrayType(I8, self._room), name)
            array.linkage, array.global_constant, array.unnamed_addr = "internal", True, True
            array.initializer = ir.Constant(array.value_type, content)
        return code.module.globals[name]


class _Given:
    """A key that the kernel gets. The scratch memory holds a short one over and over; of one of
    ``lanes`` bytes and more, its last ``lanes`` bytes and its first."""

    def __init__(self, code: Code, key: Bytes, most: int, lanes: int) -> None:
        self._code, self._key, self._lanes = code, key, lanes
        self._may_be_long = most > lanes
        self._scratch = code.entry.alloca(ir.ArrayType(I8, 2 * lanes + CHUNK))
        self._scratch.align = CHUNK
        self._scratch.type = POINTER  # llvmlite would type it
        self._start = code.local(POINTER)  # where the vectors of the first phases begin
        self._limit = code.local(code.usize)  # the last of these

    def prepare(self) -> None:
        code, length, lanes = self._code, self._key.length, self._code.size(self._lanes)
        if not self._may_be_long:
            self._repeat()
            return
        with code.b.if_else(code.b.icmp_unsigned("<", length, lanes)) as (short, long):
            with short:
                self._repeat()
                code.b.store(self._scratch, self._start)
                code.b.store(length, self._limit)
            with long:
                last = code.b.sub(length, lanes)
                ends = (code.byte_at(self._key.pointer, last), self._key.pointer)
                for place, end in enumerate(ends):
                    vector = code.load(lane_type(8, self._lanes), end, 1)
                    there = code.byte_at(self._scratch, code.size(place * self._lanes))
                    code.b.store(vector, there, 1)
                code.b.store(self._key.pointer, self._start)
                code.b.store(last, self._limit)

    def _repeat(self) -> None:
        """The key over and over: a whole number of times until a chunk is full, then chunks."""
        code, length = self._code, self._key.length
        copies = code.b.udiv(code.b.add(length, code.size(CHUNK - 1)), length)
        period = code.b.mul(copies, length)  # at least a chunk
        with code.b.if_else(code.b.icmp_unsigned("<", length, code.size(CHUNK))) as (tiny, other):
            with tiny:
                self._copy_bytes(period)
            with other:
                self._copy_chunks()
        # The last chunk may begin anywhere before the end, and so reach beyond it.
        end = code.b.add(length, code.size(self._lanes + CHUNK - 1))
        chunk = lane_type(8, CHUNK)
        with code.loop(period, end, CHUNK, plain=True) as i:
            before = code.byte_at(self._scratch, code.b.sub(i, period))
            code.b.store(code.load(chunk, before, 1), code.byte_at(self._scratch, i), 1)

    def _copy_bytes(self, count: Value) -> None:
        code = self._code
        phase = code.local(code.usize, code.size(0))
        with code.loop(code.size(0), count, 1, plain=True) as i:
            here = code.load(code.usize, phase)
            byte = code.load(I8, code.byte_at(self._key.pointer, here))
            code.b.store(byte, code.byte_at(self._scratch, i))
            code.b.store(_next(code, here, code.size(1), self._key.length), phase)

    def _copy_chunks(self) -> None:
        """The key, which is no shorter than a chunk; the last one may overlap the one before."""
        code, length = self._code, self._key.length
        last = code.b.sub(length, code.size(CHUNK))
        end = code.b.add(length, code.size(CHUNK - 1))
        with code.loop(code.size(0), end, CHUNK, plain=True) as i:
            at = code.at_most(i, last)
            chunk = code.load(lane_type(8, CHUNK), code.byte_at(self._key.pointer, at), 1)
            code.b.store(chunk, code.byte_at(self._scratch, at), 1)

    def steady(self, lanes: int) -> Value:
        code = self._code
        left = code.b.urem(code.size(lanes), self._key.length)
        return code.b.icmp_unsigned("==", left, code.size(0))

    def cursor(self, lanes: int, turn: int, *, steady: bool) -> Cursor:
        code, length = self._code, self._key.length
        address = self._byte if lanes == 1 else self._vector
        if steady:
            return _Held(code, _Turn(code, address, length, lanes))
        return _Turn(code, address, length, lanes, turn)

    def _byte(self, phase: Value) -> Value:
        return self._code.byte_at(self._key.pointer, phase)

    def _vector(self, phase: Value) -> Value:
        code = self._code
        if not self._may_be_long:
            return code.byte_at(self._scratch, phase)
        limit = code.load(code.usize, self._limit)
        first = code.byte_at(code.load(POINTER, self._start), phase)
        later = code.byte_at(self._scratch, code.b.sub(phase, limit))
        return code.b.select(code.b.icmp_unsigned("<=", phase, limit), first, later)


class _Same:
    """A key of one byte."""

    def __init__(self, code: Code, value: int, lanes: int) -> None:
        self._value = I8(value) if lanes == 1 else code.kept(value, 8, lanes)

    def begin(self, index: Value) -> None:
        pass

    def next(self) -> Value:
        return self._value


class _Turn:
    """From phase to phase, of which one serves ``count`` loads; ``address`` says where the bytes
    from one on lie."""

    def __init__(
        self,
        code: Code,
        address: Callable[[Value], Value],
        length: Value,
        lanes: int,
        count: int = 1,
    ) -> None:
        self._code, self._address, self._length, self.lanes = code, address, length, lanes
        self._count, self._done = count, 0
        self._here: Value = None
        self._phase, self._step = code.local(code.usize), code.local(code.usize)

    def begin(self, index: Value) -> None:
        code = self._code
        phase = code.b.urem(index, code.resize(self._length, INDEX_WIDTH))
        code.b.store(code.resize(phase, code.usize.width), self._phase)
        step = code.size(self.lanes * self._count)
        code.b.store(code.b.urem(step, self._length), self._step)

    def next(self) -> Value:
        code = self._code
        phase, step = (code.load(code.usize, slot) for slot in (self._phase, self._step))
        if self._done == 0:
            self._here = self._address(phase)
            if self._count > 1:
                self._here = code.opaque(self._here)
        place = code.within(self._here, code.size(self.lanes * self._done))
        found = code.load(lane_type(8, self.lanes), place, 1)
        self._done = (self._done + 1) % self._count
        if self._done == 0:
            code.b.store(_next(code, phase, step, self._length), self._phase)
        return found


class _Held:
    """Where a vector stays in registers: the phase does not change, or all bytes ``grow`` by as
    much from one vector to the next."""

    def __init__(self, code: Code, turn: _Turn, grow: int = 0) -> None:
        self._code, self._turn, self._grow = code, turn, grow
        self._kind = lane_type(8, turn.lanes)
        self._vector = code.local(self._kind)

    def begin(self, index: Value) -> None:
        self._turn.begin(index)
        self._code.b.store(self._turn.next(), self._vector)

    def next(self) -> Value:
        code, found = self._code, self._code.load(self._kind, self._vector)
        if self._grow:
            more = code.kept(self._grow, 8, self._turn.lanes)
            code.b.store(code.b.add(found, more), self._vector)
        return found


def _next(code: Code, phase: Value, step: Value, length: Value) -> Value:
    """The phase ``step`` bytes on, where neither is beyond the length."""
    moved = code.b.add(phase, step)
    wraps = code.b.icmp_unsigned(">=", moved, length)
    return code.b.select(wraps, code.b.sub(moved, length), moved)

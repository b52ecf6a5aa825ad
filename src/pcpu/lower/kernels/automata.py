"""Folds that go between few states: what a byte does to all of them is a number of 64 bits, in six
or eight for each state, and a state is where its own are. So a step is a shift, and waits for no
memory but the byte's.

Often a byte leaves a state as it is, as letters do within a string. Vectors of such bytes are
passed over: whether a byte leaves a state is told by two rows of bits that are ANDed, which its low
and its high half look up (G. Langdale, D. Lemire, "Parsing gigabytes of JSON per second", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from pcpu.isa import Op
from pcpu.lower.automaton import Automaton, automaton
from pcpu.lower.code import I8, I32, I64, Code, Value
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.function import kernel_function
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.lane import lane_type
from pcpu.lower.stage import Stage

_PLACE = 63  # the bits of a state that say where the next one's are
_COUNTING = 8  # bits of a state with two more, that say how often something is added
_KINDS = 8  # of high halves that bits of a byte can tell
_TIMES = 0xC0
_ROW = 16
_BLOCK = 32  # bytes that are passed over, or taken one by one


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = automaton(stage.op)
    assert form is not None
    kind = ir.IntType(stage.op.state_bits)
    function, body = kernel_function(code, f"automaton.{stage.op.name}", kind)
    if body is not None:
        _Writer(body, stage.op, form).write()
    state = code.b.call(function, [code.load(kind, stage.state), data, length])
    code.b.store(state, stage.state)


class _Writer:
    def __init__(self, code: Code, op: Op, form: Automaton) -> None:
        self.code, self.op, self.form = code, op, form
        start, self.data, self.length = code.function.args
        self.kind = start.type
        self.state = code.local(self.kind, start)
        self.at, self.times = code.local(I64), code.local(I64, I64(0))
        self.field = _COUNTING if form.counts else _PLACE.bit_length()
        self.name = f"automaton.{op.name}"
        rows = [self.row(byte) for byte in range(256)]
        self.rows = code.table(f"{self.name}.rows", I64, rows)

    def row(self, byte: int) -> int:
        states = range(len(self.form.values))
        after, added, field = self.form.after, self.form.added, self.field
        return sum((after[i][byte] * field | added[i][byte] << 6) << field * i for i in states)

    def write(self) -> None:
        code, start = self.code, self.code.load(self.kind, self.state)
        mask = self.kind((1 << self.form.bits) - 1)
        known, low = code.function.append_basic_block("known"), code.b.and_(start, mask)
        other = code.function.append_basic_block("other")
        switch = code.b.switch(low, other)
        code.b.position_at_end(known)
        at = code.b.phi(I64)
        # Whoever calls may give a state that no data leads to.
        code.b.position_at_end(other)
        with code.loop(code.size(0), self.length, 1, plain=True) as i:
            here = code.byte_at(self.data, i)
            # An automaton hangs on no operand, whatever is declared.
            stage = Stage(self.op, (I64(0),) * len(self.op.immediates), self.state)
            chain.step(code, stage, code.load(I8, here), here)
        code.b.ret(code.load(self.kind, self.state))
        for number, value in enumerate(self.form.values):
            block = code.function.append_basic_block("is")
            switch.add_case(self.kind(value), block)
            code.b.position_at_end(block)
            code.b.branch(known)
            at.add_incoming(I64(number * self.field), block)
        code.b.position_at_end(known)
        code.b.store(at, self.at)
        self.run(code.b.sub(start, low))

    def run(self, above: Value) -> None:
        code = self.code
        done = code.local(code.usize, code.size(0))
        with code.loop(code.size(0), self.length, _BLOCK, plain=True) as i:
            here = code.byte_at(self.data, i)
            leaves = self.leaves(here)
            with code.b.if_else(leaves) as (some, none):
                with some:
                    for k in range(_BLOCK):
                        self.step(code.within(here, code.size(k)))
                with none:
                    self.pass_over()
            code.b.store(code.b.add(i, code.size(_BLOCK)), done)
        with code.loop(code.load(code.usize, done), self.length, 1, plain=True) as i:
            self.step(code.byte_at(self.data, i))
        number = self.number()
        values = code.table(f"{self.name}.values", self.kind, self.form.values)
        place = code.b.gep(values, [code.to_size(number)], source_etype=self.kind)
        times = code.b.lshr(code.load(I64, self.times), I64(6))
        added = code.b.mul(
            code.resize(times, self.kind.width), self.kind(self.form.unit % (1 << self.kind.width))
        )
        low = code.load(self.kind, place)
        code.b.ret(code.b.add(code.b.add(above, added), low))

    def place(self) -> Value:
        return self.code.b.and_(self.code.load(I64, self.at), I64(_PLACE))

    def number(self) -> Value:
        """That of the state."""
        return self.code.b.udiv(self.place(), I64(self.field))

    def step(self, address: Value) -> None:
        code = self.code
        byte = code.resize(code.load(I8, address), code.usize.width)
        row = code.load(I64, code.b.gep(self.rows, [byte], source_etype=I64))
        at = code.b.lshr(row, self.place())
        code.b.store(at, self.at)
        if self.form.counts:
            more = code.b.and_(at, I64(_TIMES))
            code.b.store(code.b.add(code.load(I64, self.times), more), self.times)

    def leaves(self, here: Value) -> Value:
        """Whether one of the bytes leads elsewhere, or adds something else than the others."""
        code, b = self.code, self.code.b
        vector = lane_type(8, _ROW)
        scale = -(-2 * _ROW // self.field)  # from bits of a state to bytes of its rows
        rows = map(_leaving, self.staying(), self.form.after, self.form.added)
        table = code.array(b"".join(row.ljust(scale * self.field, b"\0") for row in rows))
        offset = b.mul(self.place(), I64(scale))
        place = code.byte_at(table, code.to_size(offset))
        low, high = (code.load(vector, code.byte_at(place, code.size(n)), 1) for n in (0, _ROW))
        mask, found = code.kept(_ROW - 1, 8, _ROW), []
        for at in range(0, _BLOCK, _ROW):
            part = code.load(vector, code.byte_at(here, code.size(at)), 1)
            words = b.bitcast(part, lane_type(16, _ROW // 2))
            upper = b.bitcast(b.lshr(words, words.type([4] * words.type.count)), vector)
            pairs = ((low, b.and_(part, mask)), (high, b.and_(upper, mask)))
            found.append(b.and_(*(vectors.row_look_up(code, *pair) for pair in pairs)))
        some = b.or_(*found)
        return vectors.any_true(code, b.icmp_unsigned("!=", some, ir.Constant(vector, None)))

    def staying(self) -> list[tuple[int, int]]:
        """For each state itself, and what the bytes that stay in it add most often."""
        found = []
        for state, (after, added) in enumerate(zip(self.form.after, self.form.added, strict=True)):
            kept = [times for to, times in zip(after, added, strict=True) if to == state]
            found.append((state, max(set(kept), key=kept.count) if kept else 0))
        return found

    def pass_over(self) -> None:
        """As many times as the state's bytes add, for all of a block."""
        code = self.code
        if not self.form.counts:
            return
        each = [times * _BLOCK << 6 for _, times in self.staying()]
        table = code.table(f"{self.name}.each", I32, each)
        place = code.b.gep(table, [code.to_size(self.number())], source_etype=I32)
        more = code.resize(code.load(I32, place), 64)
        code.b.store(code.b.add(code.load(I64, self.times), more), self.times)


def _leaving(stay: tuple[int, int], after: Sequence[int], added: Sequence[int]) -> bytes:
    """A row by the low half of a byte and one by the high half, which have a bit in common where it
    leaves the state. Each kind of high half has a bit; too many kinds have all in common."""
    leaves = [pair != stay for pair in zip(after, added, strict=True)]
    kinds = [tuple(leaves[high : high + _ROW]) for high in range(0, 256, _ROW)]
    bits = {kind: 1 << n for n, kind in enumerate(k for k in dict.fromkeys(kinds) if any(k))}
    if len(bits) > _KINDS:
        return b"\xff" * (2 * _ROW)
    low = bytes(sum(bit for kind, bit in bits.items() if kind[n]) for n in range(_ROW))
    return low + bytes(bits.get(kind, 0) for kind in kinds)


KERNEL = Kernel(
    "automaton",
    "few states, by shifts; vectors of bytes that leave a state as it is are passed over",
    lambda op, target: vectors.looks_up_rows(target) and automaton(op) is not None,
    emit,
    fuses=False,
)

"""Folds that go between two states, and may count on the way: what is outside quotes, say.

Of 64 bytes the masks are made of those that change the state, set it, clear it, or add something.
The state before each byte is a bit of a number, too. Behind changes alone it is a prefix of their
XOR. What is set is a carry: an addition hands it on over all bytes that leave the state, up to the
next that sets or clears it. Where there are both, what is set is told relative to the changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce

from llvmlite import ir

from pcpu.expr import Binary, Const, Expr, Var
from pcpu.isa import Op
from pcpu.lower import expression
from pcpu.lower.automaton import Automaton, automaton
from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.kernels import chain, vectors
from pcpu.lower.kernels.function import kernel_function
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.lane import lane_type
from pcpu.lower.stage import Stage
from pcpu.target import Target

BLOCK = 64  # bytes, one for each bit of a number
BYTE = Var("byte")
ALL, NONE = frozenset(range(256)), frozenset[int]()
RUNS = 3  # of bytes that follow each other, in a set that comparisons tell
SETS = 5  # that masks are made of


def two_states(op: Op) -> Automaton | None:
    """The step of a fold as an automaton of two states whose bytes comparisons can tell."""
    form = automaton(op)
    if form is None or len(form.values) != 2:
        return None
    found = {each for each in _sets(form) if each not in (ALL, NONE)}
    few = len(found) <= SETS and all(_test(each) is not None for each in found)
    return form if few else None


def _sets(form: Automaton) -> list[frozenset[int]]:
    found = [_going(form, *to) for to in ((1, 0), (1, 1), (0, 0))]
    return [*found, *(_adding(form, state, bit) for state in (0, 1) for bit in (0, 1))]


def _going(form: Automaton, from_first: int, from_second: int) -> frozenset[int]:
    """The bytes that lead from the first state to the one, from the second to the other."""
    pairs = enumerate(zip(*form.after, strict=True))
    return frozenset(byte for byte, to in pairs if to == (from_first, from_second))


def _adding(form: Automaton, state: int, bit: int) -> frozenset[int]:
    """The bytes that in that state add a number of times that has that bit."""
    times = enumerate(form.added[state])
    return frozenset(byte for byte, number in times if number >> bit & 1)


def _test(bytes_: frozenset[int]) -> Expr | None:
    """A test for one of these bytes, None where that takes too many comparisons."""
    runs: list[list[int]] = []
    for byte in sorted(bytes_):
        if runs and runs[-1][1] == byte - 1:
            runs[-1][1] = byte
        else:
            runs.append([byte, byte])
    if len(runs) > RUNS:
        return None
    tests = [
        Binary("==", BYTE, Const(least))
        if least == most
        else Binary("&", Binary(">=", BYTE, Const(least)), Binary("<=", BYTE, Const(most)))
        for least, most in runs
    ]
    return reduce(lambda a, b: Binary("|", a, b), tests)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    form = two_states(stage.op)
    assert form is not None
    kind = ir.IntType(stage.op.state_bits)
    function, body = kernel_function(code, f"two_states.{stage.op.name}", kind)
    if body is not None:
        _write(body, stage.op, form)
    state = code.b.call(function, [code.load(kind, stage.state), data, length])
    code.b.store(state, stage.state)


def _write(code: Code, op: Op, form: Automaton) -> None:
    start, data, length = code.function.args
    kind, done = start.type, code.local(code.usize, code.size(0))
    # An automaton hangs on no operand, whatever is declared.
    stage = Stage(op, (I64(0),) * len(op.immediates), code.local(kind, start))
    low = code.b.and_(start, kind((1 << form.bits) - 1))
    first, second = (code.b.icmp_unsigned("==", low, kind(value)) for value in form.values)
    # Whoever calls may give a state that no data leads to: then all goes byte by byte.
    with code.when(code.b.or_(first, second)):
        block = _Block(code, form, code.b.zext(second, I64))
        end = code.b.and_(length, code.size(-BLOCK % (1 << code.usize.width)))
        with code.loop(code.size(0), end, BLOCK, plain=True) as i:
            block.emit(code.byte_at(data, i))
        code.b.store(end, done)
        is_second = code.b.icmp_unsigned("!=", code.load(I64, block.state), I64(0))
        value = code.b.select(is_second, *(kind(v) for v in reversed(form.values)))
        unit = kind(form.unit % (1 << kind.width))
        added = code.b.mul(code.resize(code.load(I64, block.times), kind.width), unit)
        above = code.b.sub(start, low)
        code.b.store(code.b.add(code.b.add(above, added), value), stage.state)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        here = code.byte_at(data, i)
        chain.step(code, stage, code.load(I8, here), here)
    code.b.ret(code.load(kind, stage.state))


class _Block:
    """64 bytes at a time; ``state`` is 0 for the first one and 1 for the second, ``times`` how
    often something was added."""

    def __init__(self, code: Code, form: Automaton, state: Value) -> None:
        self.code, self.form = code, form
        self.state, self.times = code.local(I64, state), code.local(I64, I64(0))

    @cached_property
    def width(self) -> int:
        return vectors.width(self.code.target)

    def emit(self, here: Value) -> None:
        code, b, form = self.code, self.code.b, self.form
        kind, places = lane_type(8, self.width), range(0, BLOCK, self.width)
        loaded = [code.load(kind, code.byte_at(here, code.size(at)), 1) for at in places]
        known: dict[frozenset[int], Value] = {ALL: I64(-1), NONE: I64(0)}

        def mask(bytes_: frozenset[int]) -> Value:
            if bytes_ not in known:
                known[bytes_] = self._mask(loaded, bytes_)
            return known[bytes_]

        changes, sets, clears = _sets(form)[:3]
        states = self._states(mask(changes), mask(sets), mask(clears), bool(sets or clears))
        times = code.load(I64, self.times)
        for bit in (0, 1):
            in_first, in_second = (_adding(form, state, bit) for state in (0, 1))
            counted = mask(in_first)
            if in_first != in_second:
                chosen = b.and_(b.xor(counted, mask(in_second)), states)
                counted = b.xor(counted, chosen)
            if in_first or in_second:
                ones = code.call("llvm.ctpop.i64", I64, [counted])
                times = b.add(times, b.shl(ones, I64(bit)))
        b.store(times, self.times)

    def _states(self, changes: Value, sets: Value, clears: Value, both: bool) -> Value:
        """The state before each byte, as a bit; updates the state."""
        b, before = self.code.b, self.code.load(I64, self.state)
        last = I64(BLOCK - 1)
        parity = changes
        for distance in (1, 2, 4, 8, 16, 32):
            parity = b.xor(parity, b.shl(parity, I64(distance)))
        earlier = b.shl(parity, I64(1))
        if not both:
            b.store(b.xor(before, b.lshr(parity, last)), self.state)
            return b.xor(earlier, b.sub(I64(0), before))
        # Relative to the changes before it.
        swapped = b.and_(b.xor(sets, clears), earlier)
        sets, clears = b.xor(sets, swapped), b.xor(clears, swapped)
        left = b.not_(b.or_(sets, clears))
        total = b.add(b.add(b.not_(clears), sets), before)
        carried = b.xor(total, left)
        after = b.xor(b.or_(sets, b.and_(left, carried)), parity)
        b.store(b.lshr(after, last), self.state)
        return b.xor(carried, earlier)

    def _mask(self, loaded: Sequence[Value], bytes_: frozenset[int]) -> Value:
        """A bit for each byte, whether it is one of these."""
        code, b, test = self.code, self.code.b, _test(bytes_)
        assert test is not None
        found = I64(0)
        for number, vector in enumerate(loaded):
            value = expression.emit(code, test, {"byte": vector}, 8, self.width)
            truths = b.icmp_unsigned("!=", value, ir.Constant(value.type, None))
            part = code.resize(vectors.mask(code, truths), 64)
            found = b.or_(found, b.shl(part, I64(number * self.width)))
        return found


def _accepts(op: Op, target: Target) -> bool:
    return vectors.architecture(target) in ("wasm32", "x86_64") and two_states(op) is not None


KERNEL = Kernel(
    "two states",
    "masks of 64 bytes: the states are a prefix of their changes, or carries",
    _accepts,
    emit,
    fuses=False,
)

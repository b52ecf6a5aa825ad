"""Sparse division (crc_sparse.py) by multiples of large degree: w lies in a ring in memory.

Few terms need a large degree. A term then is a load from the ring and an XOR; nothing is shuffled,
since loads may begin anywhere. The ring has a power of two of bytes, so that a place in it is a
number without its high bits, and its first bytes stand behind its end once more, so that what
begins before the end may reach beyond it.

What short lags reach (gf2.near) stays in registers besides, which saves loads.

Vectors have 16 bytes, or 32 on processors with AVX2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from pcpu import gf2
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.kernels import vectors
from pcpu.lower.kernels.crc_model import Field, kernel_function
from pcpu.lower.kernels.crc_window import Window, xor
from pcpu.lower.kernels.function import inside, variables
from pcpu.lower.kernels.lanes import Feed
from pcpu.lower.lane import lane_type
from pcpu.lower.stage import Stage

SHORTEST = 8192  # bytes that are worth to clear a ring for


@dataclass(frozen=True)
class Shape:
    """A division: by the multiple that has these lags, in vectors of ``size`` bytes, of data of at
    least so many bytes."""

    lags: tuple[int, ...]
    least: int
    size: int = 16

    @property
    def near(self) -> tuple[int, ...]:
        return tuple(lag for lag in self.lags if lag <= self.step)

    @property
    def far(self) -> tuple[int, ...]:
        return self.lags[len(self.near) :]

    @property
    def step(self) -> int:
        """Bytes of a turn."""
        return gf2.NEAR * self.size

    @property
    def block(self) -> int:
        """What is left of the data at the end, at least: a whole number of vectors."""
        return -(-self.lags[-1] // self.size) * self.size

    @property
    def room(self) -> int:
        """Bytes of the ring."""
        return 1 << (self.lags[-1] + self.step - 1).bit_length()

    @property
    def vector(self) -> Value:
        return lane_type(8, self.size)


def shape(multiple: gf2.Multiple, nearer: gf2.Multiple | None, *, fed: bool) -> Shape:
    """For vectors of 16 bytes, where ``nearer`` serves what is shorter. Stages that it is fed by
    make the ring cost less, where less is done in registers."""
    block = -(-multiple[0] // 16) * 16
    least = max(3 * block, SHORTEST)
    if not fed and nearer is not None:
        saved = gf2.work(nearer) - gf2.work(multiple)
        lost = gf2.end_cost(multiple) - gf2.end_cost(nearer)
        least = max(least, min(16 * block, int(40 * lost / max(saved, 0.5))))
    return Shape(gf2.lags(multiple), least)


def wide_shape(multiple: gf2.Multiple) -> Shape:
    """For vectors of 32 bytes, where a carry-less multiplication serves what is shorter."""
    return Shape(gf2.lags(multiple), max(4 * multiple[0], SHORTEST), 32)


def ring(
    code: Code,
    field: Field,
    shape: Shape,
    below: Value,
    fed: Sequence[Stage] = (),
    shorter: Value | None = None,
) -> Value:
    """The division of that shape. ``below`` takes what is shorter and what is left at the end;
    ``shorter``, where there is one, what is shorter, and is fed by the same stages."""
    found, body = kernel_function(code, field, f"ring{shape.lags[-1]}", fed)
    if body is not None:
        _write(body, shape, below, inside(body, fed), shorter)
    return found


class _Recent:
    """What the next vectors need of the last w, in variables: the short lags of ``shape``."""

    def __init__(self, code: Code, shape: Shape) -> None:
        self._code, self._shape = code, shape
        zero = ir.Constant(shape.vector, None)
        self._slots = [code.local(shape.vector, zero) for _ in range(self._window().count)]

    def _window(self) -> Window:
        return Window(self._code, self._shape.near, self._shape.size)

    def window(self) -> Window:
        window, count = self._window(), len(self._slots)
        window.vectors = {
            k - count: self._code.load(self._shape.vector, slot)
            for k, slot in enumerate(self._slots)
        }
        return window

    def keep(self, window: Window) -> None:
        """The last of a turn's vectors, for the next turn."""
        count = len(self._slots)
        for k, slot in enumerate(self._slots):
            self._code.b.store(window.vectors[gf2.NEAR - count + k], slot)

    def add_terms(self, out: Value) -> None:
        """What they have to cancel in the bytes behind them, which are at ``out``."""
        code, size, window = self._code, self._shape.size, self.window()
        for k in range(len(self._slots)):
            window.vectors[k] = None
            place = code.byte_at(out, code.size(size * k))
            terms = window.taps(k, self._shape.near)
            loaded = code.load(self._shape.vector, place, size)
            code.b.store(xor(code, [loaded, *terms]), place, size)


@dataclass(frozen=True)
class _Ring:
    """The ring of ``shape`` at ``base``, which the far lags need."""

    code: Code
    base: Value
    shape: Shape

    def at(self, index: Value) -> Value:
        """Where w of the byte ``index`` of the message stands."""
        code = self.code
        place = code.b.and_(index, code.size(self.shape.room - 1))
        return code.opaque(code.byte_at(self.base, place))

    def taps(self, index: Value) -> list[Value]:
        """Where the terms for the byte ``index`` stand."""
        return [self.at(self.code.b.sub(index, self.code.size(lag))) for lag in self.shape.far]

    def residue(self, message: Value, taps: Sequence[Value], k: int) -> Value:
        """The vector ``k`` of the message with its terms."""
        code, size = self.code, self.shape.size
        for tap, lag in zip(taps, self.shape.far, strict=True):
            place = code.byte_at(tap, code.size(size * k))
            term = code.load(self.shape.vector, place, 1 if lag % size else size)
            message = code.b.xor(message, term)
        return message

    def mirror(self, index: Value, count: int) -> None:
        """Copy ``count`` vectors that have just been written behind the end, if they are of the
        first that are to be there."""
        code, size, room = self.code, self.shape.size, self.shape.room
        place = code.b.and_(index, code.size(room - 1))
        with code.when(code.b.icmp_unsigned("<", place, code.size(self.shape.step))):
            here = code.byte_at(self.base, place)
            for k in range(count):
                place = code.byte_at(here, code.size(size * k))
                vector = code.load(self.shape.vector, place, size)
                code.b.store(vector, code.byte_at(here, code.size(room + size * k)), size)


def _write(
    code: Code, shape: Shape, below: Value, fed: Sequence[Stage], shorter: Value | None
) -> None:
    start, data, length, *_ = code.function.args
    size, step = shape.size, shape.step
    assert shape.least >= 2 * shape.block + step + size
    assert shape.far[0] >= step  # within a turn nothing waits for what is not behind the end yet
    wide = size > 16
    turn = gf2.NEAR
    feed = Feed(code, fed, size, turn, in_turns=True, settles=bool(shape.near))
    with code.when(code.b.icmp_unsigned("<", length, code.size(shape.least))):
        if shorter is not None:
            code.b.ret(code.b.call(shorter, [start, data, length, *variables(fed)]))
        else:
            feed.span(data, length)
            code.b.ret(code.b.call(below, [start, data, length]))
    if wide:  # half of the vectors of data that is not aligned would lie in two lines
        head = code.b.and_(code.b.neg(code.b.ptrtoint(data, code.usize)), code.size(size - 1))
        feed.span(data, head)
        start = code.b.call(below, [start, data, head])
        data, length = code.byte_at(data, head), code.b.sub(length, head)
    base, out = code.room(shape.room + step, 64), code.room(shape.block + step, 64)
    code.fill(base, I8(0), code.size(shape.room + step))
    # The register belongs to the first bytes of the message: the largest lag leads there.
    code.b.store(start, code.byte_at(base, code.size(shape.room - shape.lags[-1])), 1)
    around, recent = _Ring(code, base, shape), _Recent(code, shape)
    stop = code.b.and_(code.b.sub(length, code.size(shape.block)), code.size(-step))
    pointer = code.local(POINTER, data)
    with (
        code.pieces(code.size(0), stop, feed.limit(turn)) as (first, last),
        feed.block(code.byte_at(data, first)),
        code.loop(first, last, step, plain=True) as i,
    ):
        here, to, taps = code.load(POINTER, pointer), around.at(i), around.taps(i)
        if wide:
            vectors.ask_ahead(code, here, step)
        window = recent.window()
        for k in range(turn):
            loaded = feed.load(code.byte_at(here, code.size(size * k)))
            # Last comes what has waited least.
            window.cancel(k, code.opaque(around.residue(loaded, taps, k)))
            code.b.store(window.vectors[k], code.byte_at(to, code.size(size * k)), size)
        recent.keep(window)
        around.mirror(i, turn)
        code.b.store(code.opaque(code.byte_at(here, code.size(step))), pointer)
    rest = code.byte_at(data, stop)
    feed.span(rest, code.b.sub(length, stop))
    # The rest of the message goes on below, with what w has still to cancel in it.
    left = code.b.and_(code.b.sub(length, stop), code.size(-size))
    _add_terms(around, rest, stop, left, out)
    recent.add_terms(out)
    register = code.b.call(below, [start.type(0), out, left])
    end = code.b.add(stop, left)
    tail = code.b.sub(length, end)
    code.b.ret(code.b.call(below, [register, code.byte_at(data, end), tail]))


def _add_terms(around: _Ring, rest: Value, index: Value, length: Value, out: Value) -> None:
    """What w has still to cancel in the ``length`` bytes at ``rest``, the message from ``index``
    on, without cancelling more: to ``out``."""
    code, size = around.code, around.shape.size
    kind = around.shape.vector
    done = code.local(code.usize, code.size(0))
    for count in (gf2.NEAR, 1):
        with code.loop(code.load(code.usize, done), length, size * count, plain=True) as i:
            now = code.b.add(index, i)
            here, there = (code.opaque(code.byte_at(base, i)) for base in (rest, out))
            to, taps = around.at(now), around.taps(now)
            for k in range(count):
                loaded = code.load(kind, code.byte_at(here, code.size(size * k)), 1)
                value = around.residue(loaded, taps, k)
                code.b.store(value, code.byte_at(there, code.size(size * k)), size)
                zero = ir.Constant(kind, None)
                code.b.store(zero, code.byte_at(to, code.size(size * k)), size)
            around.mirror(now, count)
            code.b.store(code.b.add(i, code.size(size * count)), done)

"""Sparse division (crc_sparse.py) by multiples of large degree: w lies in a ring in memory.

Few terms need a large degree. A term then is a load from the ring and an XOR; nothing is shuffled,
since loads may begin anywhere. The ring has a power of two of bytes, so that a place in it is a
number without its high bits, and its first bytes stand behind its end once more, so that what
begins before the end may reach beyond it.

What short lags reach (gf2.NEAR) stays in registers besides, which saves loads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcpu import gf2
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.kernels.crc_model import Field, kernel_function
from pcpu.lower.kernels.crc_window import VECTOR, ZERO, Window, xor
from pcpu.lower.kernels.function import inside
from pcpu.lower.kernels.lanes import Feed
from pcpu.lower.stage import Stage

SHORTEST = 8192  # bytes that are worth to clear a ring for


def least(multiple: gf2.Multiple, nearer: gf2.Multiple | None, *, fed: bool) -> int:
    """The shortest data for which the ring is worth its end, where ``nearer`` serves what is
    shorter. Stages that it is fed by cost the less here, where less is done in registers."""
    block = -(-multiple[0] // 16) * 16
    shortest = max(3 * block, SHORTEST)
    if fed or nearer is None:
        return shortest
    saved = gf2.work(nearer) - gf2.work(multiple)
    lost = gf2.end_cost(multiple) - gf2.end_cost(nearer)
    return max(shortest, min(16 * block, int(40 * lost / max(saved, 0.5))))


def ring(
    code: Code,
    field: Field,
    lags: tuple[int, ...],
    least: int,
    below: Value,
    fed: Sequence[Stage] = (),
) -> Value:
    """The division by the multiple that has these lags; ``below`` takes what is shorter than
    ``least``, and what is left at the end."""
    found, body = kernel_function(code, field, f"ring{lags[-1]}", fed)
    if body is not None:
        _write(body, lags, least, below, inside(body, fed))
    return found


class _Recent:
    """What the next vectors need of the last w, in variables: ``lags`` are all short."""

    def __init__(self, code: Code, lags: tuple[int, ...]) -> None:
        self._code, self._lags = code, lags
        count = Window(code, lags).count
        self._slots = [code.local(VECTOR, ZERO) for _ in range(count)]

    def window(self) -> Window:
        window = Window(self._code, self._lags)
        count = len(self._slots)
        window.vectors = {
            k - count: self._code.load(VECTOR, slot) for k, slot in enumerate(self._slots)
        }
        return window

    def keep(self, window: Window) -> None:
        """The last of a turn's vectors, for the next turn."""
        count = len(self._slots)
        for k, slot in enumerate(self._slots):
            self._code.b.store(window.vectors[TURN - count + k], slot)

    def add_terms(self, out: Value) -> None:
        """What they have to cancel in the bytes behind them, which are at ``out``."""
        code, window = self._code, self.window()
        for k in range(len(self._slots)):
            window.vectors[k] = None
            place = code.byte_at(out, code.size(16 * k))
            terms = window.taps(k, self._lags)
            code.b.store(xor(code, [code.load(VECTOR, place, 16), *terms]), place, 16)


@dataclass(frozen=True)
class _Ring:
    """The ring at ``base``. ``lags`` are those of the division that it is loaded for."""

    code: Code
    base: Value
    size: int
    lags: tuple[int, ...]

    def at(self, index: Value) -> Value:
        """Where w of the byte ``index`` of the message stands."""
        code = self.code
        place = code.b.and_(index, code.size(self.size - 1))
        return code.opaque(code.byte_at(self.base, place))

    def taps(self, index: Value) -> list[Value]:
        """Where the terms for the byte ``index`` stand."""
        return [self.at(self.code.b.sub(index, self.code.size(lag))) for lag in self.lags]

    def residue(self, message: Value, taps: Sequence[Value], k: int) -> Value:
        """The vector ``k`` of the message with its terms."""
        code = self.code
        for tap, lag in zip(taps, self.lags, strict=True):
            term = code.load(VECTOR, code.byte_at(tap, code.size(16 * k)), 1 if lag % 16 else 16)
            message = code.b.xor(message, term)
        return message

    def mirror(self, index: Value, count: int) -> None:
        """Copy ``count`` vectors that have just been written behind the end, if they are of the
        first that are to be there."""
        code = self.code
        place = code.b.and_(index, code.size(self.size - 1))
        with code.when(code.b.icmp_unsigned("<", place, code.size(STEP))):
            here = code.byte_at(self.base, place)
            for k in range(count):
                vector = code.load(VECTOR, code.byte_at(here, code.size(16 * k)), 16)
                behind = code.byte_at(here, code.size(self.size + 16 * k))
                code.b.store(vector, behind, 16)


TURN = 8  # vectors; half as many make the places in the ring cost a tenth of the speed
STEP = 16 * TURN


def _write(
    code: Code, lags: tuple[int, ...], least: int, below: Value, fed: Sequence[Stage]
) -> None:
    start, data, length, *_ = code.function.args
    block = -(-lags[-1] // 16) * 16
    size = 1 << (lags[-1] + STEP - 1).bit_length()
    assert least >= 2 * block + STEP
    near = tuple(lag for lag in lags if lag <= gf2.NEAR)
    far = lags[len(near) :]
    assert far[0] >= STEP  # within a turn nothing waits for what is not behind the end yet
    feed = Feed(code, fed, 16, TURN, in_turns=True, settles=bool(near))
    with code.when(code.b.icmp_unsigned("<", length, code.size(least))):
        feed.span(data, length)
        code.b.ret(code.b.call(below, [start, data, length]))
    base, out = code.room(size + STEP, 64), code.room(block + STEP, 64)
    code.fill(base, I8(0), code.size(size + STEP))
    # The register belongs to the first bytes of the message: the largest lag leads there.
    code.b.store(start, code.byte_at(base, code.size(size - lags[-1])), 1)
    around, recent = _Ring(code, base, size, far), _Recent(code, near)
    stop = code.b.and_(code.b.sub(length, code.size(block)), code.size(-STEP))
    pointer = code.local(POINTER, data)
    with (
        code.pieces(code.size(0), stop, feed.limit(TURN)) as (first, last),
        feed.block(code.byte_at(data, first)),
        code.loop(first, last, STEP, plain=True) as i,
    ):
        here, to, taps = code.load(POINTER, pointer), around.at(i), around.taps(i)
        window = recent.window()
        for k in range(TURN):
            loaded = feed.load(code.byte_at(here, code.size(16 * k)))
            # Last comes what has waited least.
            window.cancel(k, code.opaque(around.residue(loaded, taps, k)))
            code.b.store(window.vectors[k], code.byte_at(to, code.size(16 * k)), 16)
        recent.keep(window)
        around.mirror(i, TURN)
        code.b.store(code.opaque(code.byte_at(here, code.size(STEP))), pointer)
    rest = code.byte_at(data, stop)
    feed.span(rest, code.b.sub(length, stop))
    _write_end(around, recent, rest, stop, out, below)


def _write_end(
    around: _Ring, recent: _Recent, rest: Value, stop: Value, out: Value, below: Value
) -> None:
    """Give ``below`` the ``rest`` of the message, from ``stop`` on, with what w has still to cancel
    in it, which goes to ``out``."""
    code = around.code
    start, data, length, *_ = code.function.args
    left = code.b.and_(code.b.sub(length, stop), code.size(-16))
    _add_terms(around, rest, stop, left, out)
    recent.add_terms(out)
    register = code.b.call(below, [start.type(0), out, left])
    end = code.b.add(stop, left)
    tail = code.b.sub(length, end)
    code.b.ret(code.b.call(below, [register, code.byte_at(data, end), tail]))


def _add_terms(around: _Ring, rest: Value, index: Value, size: Value, out: Value) -> None:
    """What w has still to cancel in the ``size`` bytes at ``rest``, the message from ``index`` on,
    without cancelling more: to ``out``."""
    code = around.code
    done = code.local(code.usize, code.size(0))
    for count in (TURN, 1):
        with code.loop(code.load(code.usize, done), size, 16 * count, plain=True) as i:
            now = code.b.add(index, i)
            here, there = (code.opaque(code.byte_at(base, i)) for base in (rest, out))
            to, taps = around.at(now), around.taps(now)
            for k in range(count):
                loaded = code.load(VECTOR, code.byte_at(here, code.size(16 * k)), 1)
                value = around.residue(loaded, taps, k)
                code.b.store(value, code.byte_at(there, code.size(16 * k)), 16)
                code.b.store(ZERO, code.byte_at(to, code.size(16 * k)), 16)
            around.mirror(now, count)
            code.b.store(code.b.add(i, code.size(16 * count)), done)

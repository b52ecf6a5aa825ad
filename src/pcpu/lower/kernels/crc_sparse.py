"""CRCs by sparse division, on vectors of 16 bytes, without a carry-less multiply.

K. Russell, "Chorba: A novel CRC32 implementation" (2024): where the polynomial G divides a
polynomial with few terms, division by that one leaves a remainder that is congruent modulo G,
and costs one XOR a term. Squaring three times turns x^a into x^8a and keeps it a multiple of
G, so that the terms are whole bytes apart. With lags l (the distances from the leading term)

    w[i] = m[i] ^ w[i - l1] ^ w[i - l2] ^ ...

over the message m, where w is what the division has to cancel. What is left after the last w
are as many bytes as the largest lag. They go through a form for shorter data, and so on
down to the tables. See docs/notes/crc-sparse.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from llvmlite import ir

from pcpu import gf2
from pcpu.lower.code import I8, I32, I64, POINTER, Code, Value
from pcpu.lower.kernels.crc_model import Field, kernel_function
from pcpu.lower.kernels.function import inside
from pcpu.lower.kernels.lanes import Feed
from pcpu.lower.stage import Stage

Taps = tuple[int, ...]
VECTOR = ir.VectorType(I8, 16)
ZERO = ir.Constant(VECTOR, None)


def function(
    code: Code,
    field: Field,
    found: tuple[gf2.Multiple, ...],
    tables: Value,
    fed: Sequence[Stage] = (),
) -> Value:
    """The division by the multiples ``found``, those for short data first, and by ``tables``
    for what is shorter still."""
    function = tables
    for multiple in found:
        # From where on each is worth its start and its end, as measured.
        block = -(-multiple[0] // 16) * 16
        least = 2 * block + 32 if function is tables else 3 * block
        if multiple[0] > gf2.WINDOW:
            function = ring(code, field, gf2.lags(multiple), least, function)
        else:
            stages = fed if multiple is found[-1] else ()
            function = window(code, field, gf2.lags(multiple), least, function, stages)
    return function


def is_fed(found: tuple[gf2.Multiple, ...]) -> bool:
    """Whether the division by the multiples ``found`` runs other stages on its data."""
    return bool(found) and found[-1][0] <= gf2.WINDOW


def window(
    code: Code,
    field: Field,
    lags: tuple[int, ...],
    least: int,
    below: Value,
    fed: Sequence[Stage] = (),
) -> Value:
    """The form that keeps all of w that it needs in local variables.

    The loop is unrolled so often that every w stays in its variable until it has been used
    for the last time. ``below`` takes what is shorter than ``least``.
    """
    found, body = kernel_function(code, field, f"window{lags[-1]}", fed)
    if body is not None:
        _write_window(body, field, lags, least, below, inside(body, fed))
    return found


class _Window:
    """The vectors of w by number; those of the block before have negative numbers."""

    def __init__(self, code: Code, lags: tuple[int, ...]) -> None:
        self.code, self.lags = code, lags
        self.count = -(-lags[-1] // 16)
        self.vectors: dict[int, Value | None] = {}
        self.sums: dict[tuple[int, int], Value | None] = {}
        # Lags a and b that are shifted together need w[k - a] ^ w[k - b]. Where b - a is a lag too,
        # that is w[k - a] without this one. So it is added last, and LLVM sees that it goes away.
        differences = {b - a for a in lags for b in lags}
        self.late = [lag for lag in lags if lag % 16 == 0 and lag in differences]

    def cancel(self, k: int, message: Value) -> None:
        """w[k] from its 16 bytes of the message, before anything of the next ones is loaded."""
        early = [lag for lag in self.lags if lag not in self.late]
        value = self.code.here(_xor(self.code, [message, *self.taps(k, early)]))
        self.vectors[k] = _xor(self.code, [value, *self.taps(k, self.late)])

    def taps(self, k: int, lags: Sequence[int]) -> list[Value]:
        """The terms of w[k] for these lags, the oldest first."""
        by_shift: dict[int, list[int]] = {}
        for lag in sorted(lags, reverse=True):
            by_shift.setdefault(lag % 16, []).append(lag // 16)
        found: list[tuple[int, Value | None]] = []
        for shift, distances in by_shift.items():
            if shift == 0:
                found += [(d, self.vectors[k - d]) for d in distances]
                continue
            # Lags with one shift are added before they are shifted together.
            older = self.sum(k - 1, shift, distances)
            newer = self.sum(k, shift, distances)
            found.append((min(distances), self.shifted(older, newer, 16 - shift)))
        found.sort(key=lambda tap: -tap[0])
        return [value for _, value in found if value is not None]

    def sum(self, k: int, shift: int, distances: list[int]) -> Value | None:
        key = (k, shift)
        if key not in self.sums:
            terms = [self.vectors[k - d] for d in distances]
            self.sums[key] = _xor(self.code, [t for t in terms if t is not None])
        return self.sums[key]

    def shifted(self, older: Value | None, newer: Value | None, start: int) -> Value | None:
        """16 bytes from ``start`` on of ``older`` followed by ``newer``."""
        if older is None and newer is None:
            return None
        mask = ir.Constant(ir.VectorType(I32, 16), list(range(start, start + 16)))
        return self.code.b.shuffle_vector(older or ZERO, newer or ZERO, mask)


def _xor(code: Code, terms: list[Value]) -> Value | None:
    total: Value | None = None
    for term in terms:
        total = term if total is None else code.b.xor(total, term)
    return total


def _write_window(
    code: Code,
    field: Field,
    lags: tuple[int, ...],
    least: int,
    below: Value,
    fed: Sequence[Stage],
) -> None:
    start, data, length, *_ = code.function.args
    count = -(-lags[-1] // 16)
    block = 16 * count
    assert least >= 2 * block
    feed = Feed(code, fed, 16, count)
    with code.when(code.b.icmp_unsigned("<", length, code.size(least))):
        feed.span(data, length)
        code.b.ret(code.b.call(below, [start, data, length]))
    slots = [code.local(VECTOR, ZERO) for _ in range(count)]
    scratch = _scratch(code, 2 * block)
    # The register belongs to the first bytes of the message.
    carry = code.local(VECTOR, _register_vector(code, start))
    done = code.local(code.usize, code.size(0))
    # A pointer of its own, so that LLVM puts the distances into the loads.
    pointer = code.local(POINTER, data)
    stop = code.b.sub(length, code.size(block))
    with (
        code.pieces(code.size(0), stop, feed.limit(count)) as (first, last),
        feed.block(code.byte_at(data, first)),
        code.loop(first, last, block, plain=True) as i,
    ):
        window = _Window(code, lags)
        window.vectors = {k - count: code.load(VECTOR, slot) for k, slot in enumerate(slots)}
        here = code.load(POINTER, pointer)
        for k in range(count):
            loaded = feed.load(code.byte_at(here, code.size(16 * k)))
            register = [code.load(VECTOR, carry)] if k == 0 else []
            window.cancel(k, _xor(code, [loaded, *register]))
            code.b.store(window.vectors[k], slots[k])
        code.b.store(ZERO, carry)
        code.b.store(code.opaque(code.byte_at(here, code.size(block))), pointer)
        code.b.store(code.b.add(i, code.size(block)), done)
    end = code.load(code.usize, done)
    window = _Window(code, lags)
    window.vectors = {k - count: code.load(VECTOR, slot) for k, slot in enumerate(slots)}
    here = code.load(POINTER, pointer)
    feed.span(here, code.b.sub(length, end))
    for k in range(count):
        window.vectors[k] = None  # nothing more is cancelled
        loaded = code.load(VECTOR, code.byte_at(here, code.size(16 * k)), 1)
        value = _xor(code, [loaded, *window.taps(k, lags)])
        code.b.store(value, code.byte_at(scratch, code.size(16 * k)), 16)
    # What is left of the message joins it, so that there is enough for another division.
    end = code.b.add(end, code.size(block))
    rest = code.b.and_(code.b.sub(length, end), code.size(-16))
    with code.loop(code.size(0), rest, 16, plain=True) as i:
        loaded = code.load(VECTOR, code.byte_at(data, code.b.add(end, i)), 1)
        code.b.store(loaded, code.byte_at(scratch, code.b.add(i, code.size(block))), 16)
    joined = code.b.add(rest, code.size(block))
    register = code.b.call(below, [start.type(0), scratch, joined])
    end = code.b.add(end, rest)
    tail = code.b.sub(length, end)
    code.b.ret(code.b.call(below, [register, code.byte_at(data, end), tail]))


def _register_vector(code: Code, register: Value) -> Value:
    pair = ir.Constant(ir.VectorType(I64, 2), [0, 0])
    pair = code.b.insert_element(pair, code.resize(register, 64), I32(0))
    return code.b.bitcast(pair, VECTOR)


def ring(code: Code, field: Field, lags: tuple[int, ...], least: int, below: Value) -> Value:
    """The form for large lags: w in a ring on the stack, just larger than the largest lag."""
    found, body = kernel_function(code, field, f"ring{lags[-1]}")
    if body is not None:
        _write_ring(body, field, lags, least, below)
    return found


@cache
def _segments(lags: tuple[int, ...]) -> list[tuple[int, int, tuple[int, ...]]]:
    """(start, end, displacements): where in the ring which lag wraps around its end.

    A vector that begins before the ring's end and reaches beyond it reads there a copy of
    the ring's first vector.
    """
    size = -(-lags[-1] // 16) * 16
    starts = sorted({0, *(-(-lag // 16) * 16 for lag in lags)} - {size})
    return [
        (start, end, tuple(-lag if start >= lag else size - lag for lag in reversed(lags)))
        for start, end in zip(starts, [*starts[1:], size], strict=True)
    ]


def _sweep(code: Code, field: Field, lags: tuple[int, ...], *, flush: bool) -> Value:
    """sweep(ring, from, to, message, out): w for one stretch of the ring.

    ``flush`` is for the end: it adds up what w still has to cancel in the message, without
    cancelling more, and writes that to ``out``.
    """
    name = f"{field.symbol}.{'flush' if flush else 'sweep'}{lags[-1]}"
    parameters = [POINTER, code.usize, code.usize, POINTER, *([POINTER] if flush else [])]
    function = ir.Function(code.module, ir.FunctionType(ir.VoidType(), parameters), name)
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    ring, begin, stop, message, *out = function.args
    for argument in (ring, *out):
        argument.add_attribute("noalias")
    code = Code(function, code.target)
    size = -(-lags[-1] // 16) * 16

    def vectors(pointers: list[Value], taps: Taps, n: int) -> None:
        """``n`` vectors at the pointers: into the ring, to what the lowest tap reads; into the
        message; and to where a flush writes."""
        here, source, *there = pointers
        lowest = min(0, *taps)
        for k in range(n):
            value = code.load(VECTOR, code.byte_at(source, code.size(16 * k)), 1)
            for tap in taps:
                at = code.byte_at(here, code.size(tap - lowest + 16 * k))
                value = code.b.xor(value, code.load(VECTOR, at, 1))
            if flush:
                code.b.store(value, code.byte_at(there[0], code.size(16 * k)), 16)
                value = ZERO
            code.b.store(value, code.byte_at(here, code.size(16 * k - lowest)), 16)

    for start, end, taps in _segments(lags):
        if start == 0:
            with code.when(code.b.icmp_unsigned("==", begin, code.size(0))):
                vectors([ring, message, *out], taps, 1)
                first = code.load(VECTOR, ring, 16)
                code.b.store(first, code.byte_at(ring, code.size(size)), 16)
        high = code.at_most(code.size(end), stop)
        from_ = code.size(max(start, 16))
        low = code.b.select(code.b.icmp_unsigned("<", begin, from_), from_, begin)
        with code.when(code.b.icmp_unsigned("<", low, high)):
            lowest = min(0, *taps)
            offset = code.b.sub(low, begin)
            here = code.local(POINTER, code.byte_at(ring, code.b.add(low, code.size(lowest))))
            source = code.local(POINTER, code.byte_at(message, offset))
            pointers = [here, source, *(code.local(POINTER, code.byte_at(o, offset)) for o in out)]
            left = code.b.sub(high, low)
            done = code.local(code.usize, code.size(0))
            for n in (4, 1):
                with code.loop(code.load(code.usize, done), left, 16 * n, plain=True) as i:
                    at = [code.load(POINTER, p) for p in pointers]
                    vectors(at, taps, n)
                    for p, value in zip(pointers, at, strict=True):
                        code.b.store(code.opaque(code.byte_at(value, code.size(16 * n))), p)
                    code.b.store(code.b.add(i, code.size(16 * n)), done)
    code.b.ret_void()
    return function


def _write_ring(code: Code, field: Field, lags: tuple[int, ...], least: int, below: Value) -> None:
    start, data, length = code.function.args
    size = -(-lags[-1] // 16) * 16
    assert least >= 2 * size
    sweep, flush = (_sweep(code, field, lags, flush=f) for f in (False, True))
    with code.when(code.b.icmp_unsigned("<", length, code.size(least))):
        code.b.ret(code.b.call(below, [start, data, length]))
    ring, out = _scratch(code, size + 16), _scratch(code, size)
    _clear(code, ring, size + 16)
    code.b.store(start, code.byte_at(ring, code.size(size - lags[-1])), 1)
    stop = code.b.sub(length, code.size(size))
    stop = code.b.and_(stop, code.size(-16))
    done = code.local(code.usize, code.size(0))
    place = code.local(code.usize, code.size(0))
    with code.loop(code.size(0), stop, size) as i:
        code.b.call(sweep, [ring, code.size(0), code.size(size), code.byte_at(data, i)])
        code.b.store(code.b.add(i, code.size(size)), done)
    at = code.load(code.usize, done)
    code.b.store(code.b.sub(stop, at), place)
    with code.when(code.b.icmp_unsigned("!=", at, stop)):
        left = code.load(code.usize, place)
        code.b.call(sweep, [ring, code.size(0), left, code.byte_at(data, at)])
    at = code.load(code.usize, place)
    here = code.byte_at(data, stop)
    code.b.call(flush, [ring, at, code.size(size), here, out])
    first = code.b.sub(code.size(size), at)
    with code.when(code.b.icmp_unsigned("!=", at, code.size(0))):
        pieces = [code.byte_at(pointer, first) for pointer in (here, out)]
        code.b.call(flush, [ring, code.size(0), at, *pieces])
    register = code.b.call(below, [start.type(0), out, code.size(size)])
    end = code.b.add(stop, code.size(size))
    rest = code.b.sub(length, end)
    code.b.ret(code.b.call(below, [register, code.byte_at(data, end), rest]))


def _scratch(code: Code, size: int) -> Value:
    """Memory on the stack."""
    array = code.entry.alloca(ir.ArrayType(I8, size))
    array.align = 64
    array.type = POINTER  # llvmlite would type it
    return array


def _clear(code: Code, pointer: Value, size: int) -> None:
    with code.loop(code.size(0), code.size(size), 16) as i:
        code.b.store(ZERO, code.byte_at(pointer, i), 16)

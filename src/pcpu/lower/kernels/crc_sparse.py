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

from llvmlite import ir

from pcpu import gf2
from pcpu.lower.code import I32, I64, POINTER, Code, Value
from pcpu.lower.kernels import crc_ring
from pcpu.lower.kernels.crc_model import Field, kernel_function
from pcpu.lower.kernels.crc_window import VECTOR, ZERO, Window, xor
from pcpu.lower.kernels.function import inside
from pcpu.lower.kernels.lanes import Feed, operations
from pcpu.lower.stage import Stage


def function(
    code: Code,
    field: Field,
    found: tuple[gf2.Multiple, ...],
    tables: Value,
    fed: Sequence[Stage] = (),
) -> Value:
    """The division by the multiples ``found``, those for short data first, and by ``tables``
    for what is shorter still."""
    function: Value = tables
    nearer: gf2.Multiple | None = None
    chosen = [m for m in found if m[0] <= gf2.WINDOW]
    if rings := [m for m in found if m[0] > gf2.WINDOW]:
        chosen.append(_ring_of(rings, fed))
    for multiple in chosen:
        stages = fed if multiple is chosen[-1] else ()
        if multiple[0] > gf2.WINDOW:
            shape = crc_ring.shape(multiple, nearer, fed=bool(stages))
            function = crc_ring.ring(code, field, shape, function, stages)
            continue
        # From where on each is worth its start and its end, as measured.
        block = -(-multiple[0] // 16) * 16
        least = 2 * block + 32 if function is tables else 3 * block
        function = window(code, field, gf2.lags(multiple), least, function, stages)
        nearer = multiple
    return function


def _ring_of(multiples: Sequence[gf2.Multiple], fed: Sequence[Stage]) -> gf2.Multiple:
    """The one that suits what runs beside the division."""
    beside = operations(fed)
    return min(multiples, key=lambda multiple: gf2.work(multiple, beside))


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
        _write_window(body, lags, least, below, inside(body, fed))
    return found


def _write_window(
    code: Code, lags: tuple[int, ...], least: int, below: Value, fed: Sequence[Stage]
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
    scratch = code.room(2 * block, 64)
    end, here = _cancel_blocks(code, feed, lags, slots)
    window = Window(code, lags)
    window.vectors = {k - count: code.load(VECTOR, slot) for k, slot in enumerate(slots)}
    here = code.load(POINTER, here)
    feed.span(here, code.b.sub(length, end))
    for k in range(count):
        window.vectors[k] = None  # nothing more is cancelled
        loaded = code.load(VECTOR, code.byte_at(here, code.size(16 * k)), 1)
        value = xor(code, [loaded, *window.taps(k, lags)])
        code.b.store(value, code.byte_at(scratch, code.size(16 * k)), 16)
    _divide_rest(code, below, scratch, block, code.b.add(end, code.size(block)))


def _cancel_blocks(
    code: Code, feed: Feed, lags: tuple[int, ...], slots: Sequence[Value]
) -> tuple[Value, Value]:
    """The division of all blocks but the last, which leaves the last w in ``slots``: how many bytes
    they are, and the local variable that points behind them."""
    start, data, length, *_ = code.function.args
    count = len(slots)
    block = 16 * count
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
        window = Window(code, lags)
        window.vectors = {k - count: code.load(VECTOR, slot) for k, slot in enumerate(slots)}
        here = code.load(POINTER, pointer)
        for k in range(count):
            loaded = feed.load(code.byte_at(here, code.size(16 * k)))
            register = [code.load(VECTOR, carry)] if k == 0 else []
            window.cancel(k, xor(code, [loaded, *register]))
            code.b.store(window.vectors[k], slots[k])
        code.b.store(ZERO, carry)
        code.b.store(code.opaque(code.byte_at(here, code.size(block))), pointer)
        code.b.store(code.b.add(i, code.size(block)), done)
    return code.load(code.usize, done), pointer


def _divide_rest(code: Code, below: Value, scratch: Value, block: int, end: Value) -> None:
    """Divide what is left of the message by ``below``: the remainder of the blocks, a block in
    ``scratch``, and the data from ``end`` on."""
    start, data, length, *_ = code.function.args
    # What is left of the message joins it, so that there is enough for another division.
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

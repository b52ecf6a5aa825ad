"""Sparse division (crc_sparse.py) in little code: w lies in a row in memory.

A vector is made from the message and from what stands in the row at the distances of the lags, all
of them constant: so it takes a load and an XOR a lag, and the loop need not be long. What is left
at the end is made by the same loop, which then writes elsewhere: behind the last w the row has
zeros, so that nothing more is cancelled. Where a row is full, what lags reach moves to its front.
"""

from __future__ import annotations

from llvmlite import ir

from pcpu import gf2
from pcpu.lower.code import I8, POINTER, Code, Value
from pcpu.lower.kernels.crc_model import Field, kernel_function

VECTOR = ir.VectorType(I8, 16)
TURN = 4  # vectors, with a multiple of large degree
LONGEST = 1 << 16  # bytes that are divided before what lags reach is moved


def row(code: Code, field: Field, multiple: gf2.Multiple, below: Value) -> Value:
    """The division by ``multiple``; ``below`` takes what is too short, and what is left."""
    found, body = kernel_function(code, field, f"row{multiple[0]}")
    if body is not None:
        _write(body, field, gf2.lags(multiple), below)
    return found


def serves(field: Field, multiple: gf2.Multiple) -> bool:
    """Whether the register, which stands in front of the row, is part of no lag but the largest,
    and what is loaded from the row has been there for long."""
    return multiple[-2] >= field.bytes and not gf2.near(multiple)


def _write(code: Code, field: Field, lags: tuple[int, ...], below: Value) -> None:
    start, data, length = code.function.args
    for attribute in ("minsize", "optsize"):
        code.function.attributes.add(attribute)
    far = lags[-1] > gf2.WINDOW
    step = 16 * (TURN if far else 1)
    assert lags[0] >= step
    block = -(-lags[-1] // 16) * 16
    least = 3 * block if far else 2 * (block + step)
    longest = min(code.target.crc_usual, LONGEST if far else 16 * block)
    with code.when(code.b.icmp_unsigned("<", length, code.size(least))):
        code.b.ret(code.b.call(below, [start, data, length]))
    name = f"{field.symbol}.{lags[-1]}"
    base = code.memory(f"{name}.row", block + max(longest, block) + 2 * step)
    out = code.memory(f"{name}.out", block + 2 * step)
    divide = _divide(code, name, lags, step)
    behind = code.byte_at(base, code.size(block))
    code.fill(base, I8(0), code.size(block))
    # The register belongs to the first bytes of the message: the largest lag leads there.
    code.b.store(start, code.byte_at(base, code.size(block - lags[-1])), 1)
    whole = code.b.and_(code.b.sub(length, code.size(block + step)), code.size(-step))
    with code.pieces(code.size(0), whole, longest) as (first, last):
        size = code.b.sub(last, first)
        code.b.call(divide, [code.byte_at(data, first), base, behind, size])
        code.move(base, code.byte_at(base, size), code.size(block))
    code.fill(behind, I8(0), code.size(block + 2 * step))
    left = code.b.and_(code.b.sub(length, whole), code.size(-step))
    code.b.call(divide, [code.byte_at(data, whole), base, out, left])
    register = code.b.call(below, [start.type(0), out, left])
    done = code.b.add(whole, left)
    rest = [code.byte_at(data, done), code.b.sub(length, done)]
    code.b.ret(code.b.call(below, [register, *rest]))


def _divide(code: Code, name: str, lags: tuple[int, ...], step: int) -> Value:
    """The loop: message, row, where to, and how many bytes, which are some."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, code.usize])
    function = ir.Function(code.module, kind, f"{name}.divide")
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    inner = Code(function, code.target)
    message, base, out, size = function.args
    end = inner.byte_at(message, size)
    slots = [inner.local(POINTER, pointer) for pointer in (message, base, out)]
    turn, after = (function.append_basic_block(n) for n in ("turn", "after"))
    inner.b.branch(turn)
    inner.b.position_at_end(turn)
    here, row, to = (inner.load(POINTER, slot) for slot in slots)
    block = -(-lags[-1] // 16) * 16
    for k in range(0, step, 16):
        value = inner.load(VECTOR, inner.within(here, inner.size(k)), 1)
        for lag in reversed(lags):
            term = inner.load(VECTOR, inner.within(row, inner.size(block - lag + k)), 1)
            value = inner.b.xor(value, term)
        inner.b.store(value, inner.within(to, inner.size(k)), 1)
    # Each pointer by itself, so that LLVM puts the distances into the loads.
    nexts = [inner.opaque(inner.byte_at(p, inner.size(step))) for p in (here, row, to)]
    for slot, pointer in zip(slots, nexts, strict=True):
        inner.b.store(pointer, slot)
    inner.b.cbranch(inner.b.icmp_unsigned("!=", nexts[0], end), turn, after)
    inner.b.position_at_end(after)
    inner.b.ret_void()
    return function

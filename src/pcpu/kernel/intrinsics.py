"""Functions of kernels that are instructions: those of Python, and loads and stores of several
bytes, whose Python is in ``pcpu.kernel.memory``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llvmlite import ir

from pcpu.errors import InternalError
from pcpu.kernel.values import I8, I64, MEMORY, POINTER, Array

_I32 = ir.IntType(32)
Emit = Callable[[Any, Sequence[Any]], Any]


def _least(code: Any, arguments: Sequence[Any]) -> Any:
    a, c = map(code.wide, arguments)
    return code.b.select(code.b.icmp_signed("<", a, c), a, c)


def _most(code: Any, arguments: Sequence[Any]) -> Any:
    a, c = map(code.wide, arguments)
    return code.b.select(code.b.icmp_signed(">", a, c), a, c)


def _length(code: Any, arguments: Sequence[Any]) -> Any:
    return arguments[0].length


def _number(code: Any, arguments: Sequence[Any]) -> Any:
    return code.wide(arguments[0])


def _truth(code: Any, arguments: Sequence[Any]) -> Any:
    return code.truth(arguments[0])


def _load(bits: int, *, signed: bool) -> Emit:
    def emit(code: Any, arguments: Sequence[Any]) -> Any:
        array, at = arguments
        place = code.element(array, code.wide(at), bits // 8)
        value = code.b.load(place, typ=ir.IntType(bits), align=1)
        if bits == 64:
            return value
        return code.b.sext(value, I64) if signed else code.b.zext(value, I64)

    return emit


def _store(bits: int) -> Emit:
    def emit(code: Any, arguments: Sequence[Any]) -> Any:
        array, at, value = arguments
        place = code.element(array, code.wide(at), bits // 8)
        value = code.wide(value)
        code.b.store(value if bits == 64 else code.b.trunc(value, ir.IntType(bits)), place, align=1)

    return emit


def _numbers_at(code: Any, arguments: Sequence[Any]) -> Array:
    """A view of bytes as numbers."""
    array, at, count = arguments
    count = code.wide(count)
    start = code.wide(at)
    size = code.b.mul(count, I64(8))
    within = code.slice(array, start, code.b.add(start, size))
    return Array("Ints", within.pointer, count)


def _match_16(code: Any, arguments: Sequence[Any]) -> Any:
    array, at, mask, first, most = arguments
    vector = ir.VectorType(I8, 16)
    loaded = code.b.load(code.element(array, code.wide(at), 16), typ=vector, align=1)
    mask, first, most = (_all_16(code, code.wide(value)) for value in (mask, first, most))
    above = code.b.sub(code.b.and_(loaded, mask), first)
    found = code.b.icmp_unsigned("<=", above, most)
    return code.b.zext(code.b.bitcast(found, ir.IntType(16)), I64)


def _all_16(code: Any, value: Any) -> Any:
    """A vector of the low byte of a number, 16 times."""
    vector = ir.VectorType(I8, 16)
    if isinstance(value, ir.Constant):
        return ir.Constant(vector, [value.constant & 255] * 16)
    nothing = ir.Constant(vector, ir.Undefined)
    one = code.b.insert_element(nothing, code.b.trunc(value, I8), _I32(0))
    return code.b.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(_I32, 16), None))


def _lowest_bit(code: Any, arguments: Sequence[Any]) -> Any:
    count = code.intrinsic("llvm.cttz.i64", ir.FunctionType(I64, [I64, ir.IntType(1)]))
    return code.b.call(count, [code.wide(arguments[0]), ir.IntType(1)(0)])


def _move_16(code: Any, arguments: Sequence[Any]) -> None:
    to, at, source, start = arguments
    vector = ir.VectorType(I8, 16)
    loaded = code.b.load(code.element(source, code.wide(start), 16), typ=vector, align=1)
    code.b.store(loaded, code.element(to, code.wide(at), 16), align=1)


def _move_bytes(code: Any, arguments: Sequence[Any]) -> None:
    to, at, source, start, count = arguments
    if to is not MEMORY or source is not MEMORY:
        raise InternalError("what is moved is memory")
    kinds = [POINTER, POINTER, code.translation.size, ir.IntType(1)]
    name = f"llvm.memmove.p0.p0.i{code.translation.size.width}"
    move = code.intrinsic(name, ir.FunctionType(ir.VoidType(), kinds))
    places = [code.element(to, code.wide(at)), code.element(source, code.wide(start))]
    code.b.call(move, [*places, code.narrow(code.wide(count)), ir.IntType(1)(0)])


def _clear_bytes(code: Any, arguments: Sequence[Any]) -> None:
    to, at, count = arguments
    if to is not MEMORY:
        raise InternalError("what is cleared is memory")
    kinds = [POINTER, ir.IntType(8), code.translation.size, ir.IntType(1)]
    name = f"llvm.memset.p0.i{code.translation.size.width}"
    clear = code.intrinsic(name, ir.FunctionType(ir.VoidType(), kinds))
    place, many = code.element(to, code.wide(at)), code.narrow(code.wide(count))
    code.b.call(clear, [place, ir.IntType(8)(0), many, ir.IntType(1)(0)])


INTRINSICS: Mapping[str, Emit] = MappingProxyType({
    "min": _least,
    "max": _most,
    "len": _length,
    "i64": _number,
    "int": _number,
    "bool": _truth,
    "u16_at": _load(16, signed=False),
    "u32_at": _load(32, signed=False),
    "i32_at": _load(32, signed=True),
    "i64_at": _load(64, signed=True),
    "lowest_bit": _lowest_bit,
    "match_16": _match_16,
    "move_16": _move_16,
    "move_bytes": _move_bytes,
    "clear_bytes": _clear_bytes,
    "ints_at": _numbers_at,
    "put_32": _store(32),
    "put_64": _store(64),
})  # fmt: skip

"""CRCs of the Rocksoft model up to 64 bits, 16 bytes at a time.

Slicing (Kounavis and Berry, "Novel table lookup-based algorithms for high-performance CRC
generation", 2008): table k holds the register after a byte and k zero bytes, so 16 bytes
are 16 independent look-ups.

The register is kept in 8, 16, 32 or 64 bits: as it is when the model reflects its input,
else shifted to the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from llvmlite import ir

from pcpu.isa import CrcModel
from pcpu.lower.code import I8, Code, Value
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage

SLICES = 16


def reflect(value: int, width: int) -> int:
    """``value`` with its ``width`` bits in reverse order."""
    return int(f"{value:0{width}b}"[::-1], 2)


def register_bits(model: CrcModel) -> int:
    return max(8, 1 << (model.width - 1).bit_length())


def initial(model: CrcModel) -> int:
    """The register before the first byte."""
    if model.refin:
        return reflect(model.init, model.width)
    return model.init << (register_bits(model) - model.width)


def emit_finish(code: Code, model: CrcModel, register: Value) -> Value:
    """The CRC from the register."""
    bits = register_bits(model)
    kind = ir.IntType(bits)
    if not model.refin:
        register = code.b.lshr(register, kind(bits - model.width))
    if model.refin != model.refout:
        name = f"llvm.bitreverse.i{bits}"
        function = code.module.globals.get(name)
        if function is None:
            function = ir.Function(code.module, ir.FunctionType(kind, [kind]), name)
        register = code.b.lshr(code.b.call(function, [register]), kind(bits - model.width))
    return code.b.xor(register, kind(model.xorout))


@cache
def tables(model: CrcModel) -> tuple[tuple[int, ...], ...]:
    """``tables[k][byte]``: the register after ``byte`` and ``k`` zero bytes, from zero."""
    bits = register_bits(model)
    mask = (1 << bits) - 1
    first = []
    for byte in range(256):
        if model.refin:
            poly = reflect(model.poly, model.width)
            register = byte
            for _ in range(8):
                register = (register >> 1) ^ (poly if register & 1 else 0)
        else:
            poly = model.poly << (bits - model.width)
            register = byte << (bits - 8)
            for _ in range(8):
                register = ((register << 1) & mask) ^ (poly if register >> (bits - 1) else 0)
        first.append(register)
    found = [tuple(first)]
    for _ in range(SLICES - 1):
        if model.refin:
            found.append(tuple(r >> 8 ^ first[r & 255] for r in found[-1]))
        else:
            found.append(tuple(((r << 8) & mask) ^ first[r >> (bits - 8)] for r in found[-1]))
    return tuple(found)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    model = stage.op.crc
    assert model is not None
    table = _table_global(code, stage.op.name, model)
    kind = ir.IntType(register_bits(model))
    done = code.local(code.usize, code.size(0))
    with code.loop(code.size(0), length, SLICES) as i:
        register = code.load(kind, stage.state)
        code.b.store(_slice(code, model, table, register, code.byte_at(data, i)), stage.state)
        code.b.store(code.b.add(i, code.size(SLICES)), done)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        register = code.load(kind, stage.state)
        byte = code.load(I8, code.byte_at(data, i))
        code.b.store(_byte(code, model, table, register, byte), stage.state)


def _byte(code: Code, model: CrcModel, table: Value, register: Value, byte: Value) -> Value:
    bits = register_bits(model)
    kind = ir.IntType(bits)
    if model.refin:
        index = code.b.xor(code.resize(register, 8), byte)
        rest = code.b.lshr(register, kind(8)) if bits > 8 else kind(0)
    else:
        index = code.b.xor(code.resize(code.b.lshr(register, kind(bits - 8)), 8), byte)
        rest = code.b.shl(register, kind(8)) if bits > 8 else kind(0)
    return code.b.xor(rest, _look_up(code, table, 0, index, bits))


def _slice(code: Code, model: CrcModel, table: Value, register: Value, pointer: Value) -> Value:
    """The register after 16 bytes."""
    bits = register_bits(model)
    kind = ir.IntType(bits)
    total = kind(0)
    for position in range(SLICES):
        byte = code.load(I8, code.byte_at(pointer, code.size(position)))
        if position < bits // 8:
            shift = 8 * position if model.refin else bits - 8 - 8 * position
            part = code.resize(code.b.lshr(register, kind(shift)), 8)
            byte = code.b.xor(byte, part)
        entry = _look_up(code, table, SLICES - 1 - position, byte, bits)
        total = code.b.xor(total, entry)
    return total


def _look_up(code: Code, table: Value, slice_: int, index: Value, bits: int) -> Value:
    offset = code.b.add(code.resize(index, code.target.pointer_bits), code.size(256 * slice_))
    kind = ir.IntType(bits)
    pointer = code.b.gep(table, [offset], inbounds=True, source_etype=kind)
    return code.load(kind, pointer)


def _table_global(code: Code, name: str, model: CrcModel) -> Value:
    """The tables as one constant array, shared by the module."""
    symbol = f"crc.{name}"
    if symbol in code.module.globals:
        return code.module.globals[symbol]
    kind = ir.ArrayType(ir.IntType(register_bits(model)), 256 * SLICES)
    table = ir.GlobalVariable(code.module, kind, symbol)
    table.linkage, table.global_constant, table.unnamed_addr = "internal", True, True
    table.initializer = kind([entry for row in tables(model) for entry in row])
    return table


KERNEL = Kernel("crc", lambda op: op.crc is not None, emit, fuses=False)

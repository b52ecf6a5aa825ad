"""CRCs by table, 16 bytes at a time: the form for short data, and for machines without vectors.

Slicing (Kounavis and Berry, "Novel table lookup-based algorithms for high-performance CRC
generation", 2008): table k holds the register after a byte and k zero bytes, so the bytes of
a block are independent look-ups. The data is loaded in words, of which only the first depend
on the register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from llvmlite import ir

from pcpu.lower.code import I1, POINTER, Code, Value
from pcpu.lower.kernels.crc_model import Field, intrinsic, kernel_function, tables

# By how many tables there are, how many bytes are done at a time.
STEPS: Mapping[int, Sequence[int]] = MappingProxyType(
    {16: (16, 4, 1), 8: (8, 1), 4: (4, 1), 1: (1,)}
)


def function(code: Code, field: Field) -> Value:
    found, body = kernel_function(code, field, "slice")
    if body is not None:
        _write(body, field)
    return found


def _write(code: Code, field: Field) -> None:
    start, data, length = code.function.args
    table = _table(code, field)
    if code.target.crc_usual:
        last = code.byte_at(table, code.size((256 * code.target.crc_tables - 1) * field.bytes))
        kind = ir.IntType(field.bits)
        with code.when(code.b.icmp_unsigned("==", code.load(kind, last), kind(0))):
            _fill(code, field, table)
    register = code.local(ir.IntType(field.bits), start)
    pointer = code.local(POINTER, data)
    done = code.local(code.usize, code.size(0))
    for step in STEPS[code.target.crc_tables]:
        with code.loop(code.load(code.usize, done), length, step, plain=True) as i:
            before, here = code.load(register.allocated_type, register), code.load(POINTER, pointer)
            code.b.store(_step(code, field, table, before, here, step), register)
            code.b.store(code.opaque(code.byte_at(here, code.size(step))), pointer)
            code.b.store(code.b.add(i, code.size(step)), done)
    code.b.ret(code.load(register.allocated_type, register))


def _step(
    code: Code, field: Field, table: Value, register: Value, pointer: Value, count: int
) -> Value:
    """The register after ``count`` bytes."""
    kind = ir.IntType(field.bits)
    wide = code.target.pointer_bits == 64 or field.bits == 64
    word = min(count, 8 if wide else 4)
    total = kind(0)
    if field.bytes > count:
        total = code.b.lshr(register, kind(8 * count))
    # The words that wait for the register come last.
    for position in reversed(range(0, count, word)):
        value = code.load(ir.IntType(8 * word), code.byte_at(pointer, code.size(position)), 1)
        if position < field.bytes:
            part = code.b.lshr(register, kind(8 * position)) if position else register
            value = code.b.xor(value, code.resize(part, 8 * word))
        for byte in range(word):
            index = code.b.lshr(value, value.type(8 * byte)) if byte else value
            index = code.b.and_(code.resize(index, code.target.pointer_bits), code.size(255))
            slice_ = count - 1 - position - byte
            total = code.b.xor(total, _look_up(code, field, table, slice_, index))
    return total


def _look_up(code: Code, field: Field, table: Value, slice_: int, index: Value) -> Value:
    kind = ir.IntType(field.bits)
    row = code.byte_at(table, code.size(256 * slice_ * field.bytes))
    return code.load(kind, code.b.gep(row, [index], inbounds=True, source_etype=kind))


def _table(code: Code, field: Field) -> Value:
    """The tables as one constant array, shared by the module."""
    symbol = f"{field.symbol}.tables"
    if symbol in code.module.globals:
        return code.module.globals[symbol]
    count = code.target.crc_tables
    kind = ir.ArrayType(ir.IntType(field.bits), 256 * count)
    table = ir.GlobalVariable(code.module, kind, symbol)
    table.linkage, table.unnamed_addr, table.align = "internal", True, 64
    if code.target.crc_usual:
        table.initializer, table.type = ir.Constant(kind, None), POINTER
        return table
    table.global_constant = True
    table.initializer = kind([entry for row in tables(field, count) for entry in row])
    return table


def _fill(code: Code, field: Field, table: Value) -> None:
    """Compute the tables: an entry of the first from the one without its lowest bit, an entry of
    another from the one in the table before."""
    kind, usize = ir.IntType(field.bits), code.usize
    bits = ir.GlobalVariable(code.module, ir.ArrayType(kind, 8), f"{field.symbol}.bits")
    bits.linkage, bits.global_constant, bits.unnamed_addr = "internal", True, True
    bits.initializer = bits.value_type([tables(field, 1)[0][1 << bit] for bit in range(8)])
    bits.type = POINTER
    lowest = intrinsic(code, f"llvm.cttz.i{usize.width}", ir.FunctionType(usize, [usize, I1]))

    def entry(of: Value, number: Value) -> Value:
        return code.byte_at(of, code.b.mul(number, code.size(field.bytes)))

    with code.loop(code.size(1), code.size(256), 1, plain=True) as n:
        less = code.load(kind, entry(table, code.b.and_(n, code.b.sub(n, code.size(1)))))
        bit = code.load(kind, entry(bits, code.b.call(lowest, [n, I1(1)])))
        code.b.store(code.b.xor(less, bit), entry(table, n))
    end = code.size(256 * code.target.crc_tables)
    with code.loop(code.size(256), end, 1, plain=True) as n:
        before = code.load(kind, entry(table, code.b.sub(n, code.size(256))))
        octet = code.b.and_(code.resize(before, usize.width), code.size(255))
        rest = code.b.lshr(before, kind(8)) if field.bits > 8 else kind(0)
        code.b.store(code.b.xor(rest, code.load(kind, entry(table, octet))), entry(table, n))

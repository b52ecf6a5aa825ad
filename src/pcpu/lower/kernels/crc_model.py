"""The register of a CRC as the kernels keep it, and tables of it.

The Rocksoft model up to 64 bits. Every kernel keeps the register in *message order*, in 8, 16,
32 or 64 bits: its low byte is the one that meets the next byte of the message. For a model that
reflects its input that is the register itself; for one that does not, it is the register
shifted to the top with its bytes reversed. So one shape of code serves both, and the difference
is only in constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from llvmlite import ir

from pcpu import gf2
from pcpu.isa import CrcModel
from pcpu.lower.code import Code, Value
from pcpu.lower.kernels import function
from pcpu.lower.stage import Stage


@dataclass(frozen=True)
class Field:
    """What a kernel needs to know of a model; models that differ elsewhere share their code."""

    width: int
    poly: int
    reflected: bool

    @property
    def bits(self) -> int:
        """The bits of the register."""
        return register_bits(self.width)

    @property
    def bytes(self) -> int:
        return self.bits // 8

    @property
    def symbol(self) -> str:
        return f"crc{self.width}.{self.poly:x}{'.reflected' if self.reflected else ''}"


def field_of(model: CrcModel) -> Field:
    return Field(model.width, model.poly, model.refin)


def register_bits(width: int) -> int:
    return max(8, 1 << (width - 1).bit_length())


def to_register(field: Field, value: int) -> int:
    """The register that stands for the remainder ``value``, whose bit k belongs to x^k."""
    if field.reflected:
        return gf2.reflect(value, field.width)
    top = value << (field.bits - field.width)
    return int.from_bytes(top.to_bytes(field.bytes, "big"), "little")


def from_register(field: Field, register: int) -> int:
    """The remainder that ``register`` stands for: the inverse of ``to_register``."""
    if field.reflected:
        return gf2.reflect(register, field.width)
    top = int.from_bytes(register.to_bytes(field.bytes, "little"), "big")
    return top >> (field.bits - field.width)


def initial(model: CrcModel) -> int:
    """The register before the first byte."""
    return to_register(field_of(model), model.init)


def emit_finish(code: Code, model: CrcModel, register: Value) -> Value:
    """The CRC from the register."""
    bits = register_bits(model.width)
    kind = ir.IntType(bits)
    if not model.refin:
        if bits > 8:
            register = code.b.bswap(register)
        register = code.b.lshr(register, kind(bits - model.width))
    if model.refin != model.refout:
        register = code.b.bitreverse(register)
        register = code.b.lshr(register, kind(bits - model.width))
    return code.b.xor(register, kind(model.xorout))


@cache
def tables(field: Field, count: int) -> tuple[tuple[int, ...], ...]:
    """``tables[k][byte]``: the register after ``byte`` and ``k`` zero bytes, from zero."""
    first = []
    for byte in range(256):
        value = gf2.reflect(byte, 8) if field.reflected else byte
        remainder = gf2.modulo(value << field.width, 1 << field.width | field.poly)
        first.append(to_register(field, remainder))
    found = [tuple(first)]
    for _ in range(count - 1):
        found.append(tuple(r >> 8 ^ first[r & 255] for r in found[-1]))
    return tuple(found)


def kernel_function(
    code: Code, field: Field, form: str, fed: Sequence[Stage] = ()
) -> tuple[Value, Code | None]:
    """The function ``form(register, data, length) -> register`` for ``field``: see function.py."""
    return function.kernel_function(code, f"{field.symbol}.{form}", ir.IntType(field.bits), fed)


def intrinsic(code: Code, name: str, signature: Value) -> Value:
    """The declaration of one of LLVM's own functions."""
    if name in code.module.globals:
        return code.module.globals[name]
    return ir.Function(code.module, signature, name)

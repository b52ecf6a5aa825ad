"""Vector instructions that LLVM has to be told, and the widths that processors have."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from pcpu.lower.bytes_in_words import SWIZZLE
from pcpu.lower.code import I1, I8, I16, I32, I64, Code, Value
from pcpu.lower.lane import pieces, shuffle
from pcpu.target import Target

# Multiply 16-bit lanes and add neighbours, by architecture and bytes of a vector.
# LLVM knows the pattern too, but loses it where it learns something about an operand.
_DOT = {
    ("wasm32", 16): "llvm.wasm.dot",
    ("x86_64", 16): "llvm.x86.sse2.pmadd.wd",
    ("x86_64", 32): "llvm.x86.avx2.pmadd.wd",
    ("x86_64", 64): "llvm.x86.avx512.pmaddw.d.512",
}
# Add eight neighbouring bytes in 64 bits (by their differences from zeros).
_ADD_EIGHTS = {
    ("x86_64", 16): "llvm.x86.sse2.psad.bw",
    ("x86_64", 32): "llvm.x86.avx2.psad.bw",
    ("x86_64", 64): "llvm.x86.avx512.psad.bw.512",
}
# Multiply unsigned with signed bytes and add neighbours, by bytes of a vector.
_PAIR_SUMS = {
    16: "llvm.x86.ssse3.pmadd.ub.sw.128",
    32: "llvm.x86.avx2.pmadd.ub.sw",
    64: "llvm.x86.avx512.pmaddubs.w.512",
}
# What has them, by bytes of a vector.
_BYTE_PRODUCTS = {
    16: ("+avxvnni", "+avx512vnni"), 32: ("+avxvnni", "+avx512vnni"), 64: ("+avx512vnni",),
}  # fmt: skip

# One stream of loads leaves the prefetchers of the processor behind: at 1 MiB, asking this far
# ahead took a CRC's 32 GB/s to 60 where it was measured. Half and twice as far do as well.
AHEAD = 4096


def architecture(target: Target) -> str:
    found = target.triple.split("-", maxsplit=1)[0]
    return "aarch64" if found == "arm64" else found


def width(target: Target) -> int:
    """Bytes of the widest vector."""
    if "+avx512bw" in target.features:
        return 64
    return 32 if "+avx2" in target.features else 16


def dot(code: Code, left: Value, right: Value) -> Value:
    """Products of signed 16-bit lanes, each pair of neighbours added in 32 bits."""
    count = left.type.count
    kind = ir.VectorType(I32, count // 2)
    name = _DOT.get((architecture(code.target), 2 * count))
    if name is not None:
        return call(code, name, kind, [left, right])
    wide = ir.VectorType(I32, count)
    products = code.b.mul(code.b.sext(left, wide), code.b.sext(right, wide))
    even, odd = (shuffle(code, products, products, range(i, count, 2)) for i in (0, 1))
    return code.b.add(even, odd)


def multiplies_bytes(target: Target, count: int) -> bool:
    """Whether vectors of ``count`` bytes have ``add_products``."""
    return any(feature in target.features for feature in _BYTE_PRODUCTS.get(count, ()))


def add_products(code: Code, total: Value, left: Value, right: Value) -> Value:
    """Products of unsigned bytes with signed ones, four neighbours added to a lane of 32 bits."""
    count = left.type.count
    name = f"llvm.x86.avx512.vpdpbusd.{8 * count}"
    return call(code, name, total.type, [total, left, right])


# Look up 16 bytes by 16 indices of up to 15, by architecture.
_ROW_LOOK_UPS = {
    "wasm32": SWIZZLE,
    "x86_64": "llvm.x86.ssse3.pshuf.b.128",
    "aarch64": "llvm.aarch64.neon.tbl1.v16i8",
}


def looks_up_rows(target: Target) -> bool:
    machine = architecture(target)
    return machine in _ROW_LOOK_UPS and (machine != "x86_64" or "+ssse3" in target.features)


def row_look_up(code: Code, row: Value, places: Value) -> Value:
    """The bytes of ``row`` at ``places``, where the target ``looks_up_rows``."""
    return call(code, _ROW_LOOK_UPS[architecture(code.target)], row.type, [row, places])


def has_masks(target: Target) -> bool:
    """Whether comparing bytes gives masks of a bit a lane that move to integer registers."""
    return "+avx512bw" in target.features


def adds_eights(target: Target) -> bool:
    return (architecture(target), width(target)) in _ADD_EIGHTS


def add_eights(code: Code, vector: Value) -> Value:
    """Eight neighbouring bytes added in lanes of 64 bits, where ``adds_eights``."""
    size = vector.type.count
    name = _ADD_EIGHTS[architecture(code.target), size]
    return call(code, name, ir.VectorType(I64, size // 8), [vector, vector.type([0] * size)])


def pair_sums(code: Code, vector: Value) -> Value:
    """Each pair of neighbouring bytes added in 16 bits."""
    count = vector.type.count
    machine, kind = architecture(code.target), ir.VectorType(I16, count // 2)
    if (machine, count) == ("wasm32", 16):
        return call(code, "llvm.wasm.extadd.pairwise.unsigned.v8i16", kind, [vector])
    if (machine, count) == ("aarch64", 16):
        return call(code, "llvm.aarch64.neon.uaddlp.v8i16.v16i8", kind, [vector])
    if machine == "x86_64" and "+ssse3" in code.target.features:
        return call(code, _PAIR_SUMS[count], kind, [vector, vector.type([1] * count)])
    return add_neighbours(code, vector)


def half_sums(code: Code, vector: Value) -> Value:
    """Each pair of neighbouring signed 16-bit lanes added in 32 bits."""
    count = vector.type.count
    if (architecture(code.target), count) == ("aarch64", 8):
        kind = ir.VectorType(I32, 4)
        return call(code, "llvm.aarch64.neon.saddlp.v4i32.v8i16", kind, [vector])
    return dot(code, vector, code.kept(1, 16, count))


def add_neighbours(code: Code, vector: Value) -> Value:
    """Each pair of lanes added in a lane of twice the width."""
    bits = vector.type.element.width
    kind = ir.VectorType(ir.IntType(2 * bits), vector.type.count // 2)
    pairs = code.b.bitcast(vector, kind)
    low = code.b.and_(pairs, kind([(1 << bits) - 1] * kind.count))
    return code.b.add(low, code.b.lshr(pairs, kind([bits] * kind.count)))


def total(code: Code, values: Sequence[Value]) -> Value:
    """All values added."""
    return functools.reduce(code.b.add, values)


def reduce(code: Code, combine: str, vector: Value) -> Value:
    """All lanes joined by ``combine``: add, xor, or, and, umin, umax."""
    kind = vector.type
    name = f"llvm.vector.reduce.{combine}.v{kind.count}i{kind.element.width}"
    return call(code, name, kind.element, [vector])


def any_true(code: Code, truths: Value) -> Value:
    """Whether any of the truths is, as one bit."""
    count = truths.type.count
    if architecture(code.target) != "wasm32":
        return call(code, f"llvm.vector.reduce.or.v{count}i1", I1, [truths])
    # LLVM would look at them one after the other.
    ones = pieces(code, code.b.sext(truths, ir.VectorType(I8, count)), 16)
    found = call(code, "llvm.wasm.anytrue.v16i8", I32, [functools.reduce(code.b.or_, ones)])
    return code.b.icmp_unsigned("!=", found, I32(0))


def mask(code: Code, truths: Value) -> Value:
    """The truths as the bits of a number."""
    return code.b.bitcast(truths, ir.IntType(truths.type.count))


def ask_for(code: Code, pointer: Value) -> None:
    """Get the line of the cache at ``pointer``, which is in memory, for later."""
    if code.target.plain_engine:
        # WebAssembly has no instruction for it, and V8 keeps a load whose value nobody wants.
        code.here(code.load(I32, pointer, 1))
        return
    call(code, "llvm.prefetch.p0", ir.VoidType(), [pointer, I32(0), I32(3), I32(1)])


def ask_ahead(code: Code, pointer: Value, size: int) -> None:
    """Get the lines of ``size`` bytes that lie AHEAD of ``pointer``, which need not exist. Not for
    WebAssembly."""
    for k in range(AHEAD, AHEAD + size, 64):
        ask_for(code, code.b.gep(pointer, [code.size(k)], source_etype=I8))


def call(code: Code, name: str, returns: Value, arguments: list[Any]) -> Value:
    """A call of an intrinsic."""
    return code.call(name, returns, arguments)

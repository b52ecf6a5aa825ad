"""Arithmetic on vectors of bytes for WebAssembly, which has it for words of 16 bits only.

Left to LLVM, bytes are widened to two vectors and put together again, or taken out one by one; V8
has shifts of bytes, for which it makes the masks anew each time.
"""

from __future__ import annotations

from pcpu.lower.code import I8, I16, Code, Value
from pcpu.lower.lane import joined, lane_type, pieces, splat

LOW, HIGH = 0x00FF, 0xFF00
SWIZZLE = "llvm.wasm.swizzle"  # looks up in 16 bytes; beyond them it gives 0


def shifted(code: Code, op: str, value: Value, amount: int) -> Value:
    """Every byte shifted by less than 8."""
    mask = 255 << amount & 255 if op == "<<" else 255 >> amount
    words = _shifted_words(code, op, value, I16(amount))
    return code.b.and_(words, code.kept(mask, 8, value.type.count))


def shifted_alike(code: Code, op: str, value: Value, amount: Value) -> Value:
    """Every byte shifted by ``amount``, a byte that is known when running."""
    b, low = code.b, code.b.and_(amount, I8(7))
    mask = b.neg(b.shl(I8(1), low)) if op == "<<" else b.lshr(I8(255), low)
    mask = b.select(b.icmp_unsigned("<", amount, I8(8)), mask, I8(0))
    words = _shifted_words(code, op, value, code.resize(low, 16))
    return b.and_(words, splat(code, mask, value.type.count))


def shifted_each(code: Code, op: str, value: Value, amounts: Value) -> Value:
    """Every byte shifted by one of its own, to nothing by 8 and more."""
    if op == "<<":
        return product(code, value, _row_of(code, [1 << n for n in range(8)], amounts))
    # Times 2^(7 - n) in a word, of which the seven lowest bits go.
    b = code.b
    low, high = _wide_products(code, value, _row_of(code, [128 >> n for n in range(8)], amounts))
    low = b.lshr(low, splat(code, I16(7), low.type.count))
    high = b.and_(b.add(high, high), code.kept(HIGH, 16, high.type.count))
    return b.bitcast(b.or_(low, high), value.type)


def rotated_each(code: Code, value: Value, amounts: Value) -> Value:
    """Every byte rotated to the left by one of its own, to nothing by more than 8."""
    b = code.b
    row = [1 << n for n in range(8)] + [1]
    low, high = _wide_products(code, value, _row_of(code, row, amounts))
    eight = splat(code, I16(8), low.type.count)
    low = b.and_(b.or_(low, b.lshr(low, eight)), code.kept(LOW, 16, low.type.count))
    high = b.and_(b.or_(high, b.shl(high, eight)), code.kept(HIGH, 16, low.type.count))
    return b.bitcast(b.or_(low, high), value.type)


def _row_of(code: Code, row: list[int], places: Value) -> Value:
    """The bytes of ``row``, and zeros after them, at ``places``."""
    kept = code.kept_row(bytes(row).ljust(16, b"\0"))
    parts = pieces(code, places, 16)
    return joined(code, [code.call(SWIZZLE, kept.type, [kept, part]) for part in parts])


def _wide_products(code: Code, left: Value, right: Value) -> tuple[Value, Value]:
    """The products of the low and of the high bytes of words, as words."""
    b, words, by = code.b, _words(code, left), _words(code, right)
    low, eight = code.kept(LOW, 16, words.type.count), splat(code, I16(8), words.type.count)
    highs = b.mul(b.lshr(words, eight), b.lshr(by, eight))
    return b.mul(b.and_(words, low), b.and_(by, low)), highs


def times(code: Code, value: Value, factor: int) -> Value:
    """Every byte times a number, modulo 256."""
    if factor.bit_count() == 1:
        return shifted(code, "<<", value, factor.bit_length() - 1)
    words = _words(code, value)
    by = code.kept(factor, 16, words.type.count)
    return _products(code, words, by, by, value.type)


def product(code: Code, left: Value, right: Value) -> Value:
    """The products of bytes, modulo 256."""
    words, by = _words(code, left), _words(code, right)
    high = code.b.lshr(by, by.type([8] * by.type.count))
    return _products(code, words, by, high, left.type)


def remainder(code: Code, value: Value, divisor: int) -> Value:
    """Every byte modulo a number that is no power of two."""
    b, words = code.b, _words(code, value)
    eight = words.type([8] * words.type.count)
    low = b.and_(words, code.kept(LOW, 16, words.type.count))
    low, high = (_remainder(code, half, divisor) for half in (low, b.lshr(words, eight)))
    return b.bitcast(b.or_(low, b.shl(high, eight)), value.type)


def _remainder(code: Code, value: Value, divisor: int) -> Value:
    """Words x below 256 modulo a number d.

    With f = 2**s // d of 8 bits, x f fits in a word and x f >> s is the quotient or one less: x / d
    is greater than x f / 2**s by less than x / 2**s.
    """
    b, count = code.b, value.type.count
    bits = 7 + divisor.bit_length()
    factor = code.kept((1 << bits) // divisor, 16, count)
    quotient = b.lshr(b.mul(value, factor), value.type([bits] * count))
    by = code.kept(divisor, 16, count)
    left = b.sub(value, b.mul(quotient, by))
    less = b.sub(left, by)  # wraps where there is nothing to take away
    return b.select(b.icmp_unsigned("<", less, left), less, left)


def _products(code: Code, words: Value, by: Value, high: Value, kind: Value) -> Value:
    """The low bytes of ``words`` times those of ``by``, the high ones times the words ``high``."""
    b, count = code.b, words.type.count
    low = b.and_(b.mul(words, by), code.kept(LOW, 16, count))
    upper = b.mul(b.and_(words, code.kept(HIGH, 16, count)), high)
    return b.bitcast(b.or_(low, upper), kind)


def _shifted_words(code: Code, op: str, value: Value, amount: Value) -> Value:
    words = _words(code, value)
    instruction = code.b.shl if op == "<<" else code.b.lshr
    by = splat(code, amount, words.type.count)
    return code.b.bitcast(instruction(words, by), value.type)


def _words(code: Code, value: Value) -> Value:
    return code.b.bitcast(value, lane_type(16, value.type.count // 2))

"""Low bits of a state that are the last bytes, ``(low << 8 | byte) & 0xffffff``, and expressions
about them as ones about single bytes, which lanes have."""

from __future__ import annotations

from collections.abc import Sequence

from pcpu.expr import Binary, Cond, Const, Expr, Var
from pcpu.lower.apart import LOW
from pcpu.lower.forms import joined

MOST = 4  # bytes of a window
_BYTE, _NONE = Var("byte"), Const(0)


def depth(after: Expr) -> int | None:
    """How many of the last bytes the low bits are once they become ``after``, from two on; None
    where they are something else."""
    for count in range(2, MOST + 1):
        kept = Const((1 << 8 * count) - 1)
        match after:
            case Binary("&", shifted, mask) if mask == kept and _is_shifted(shifted, LOW):
                return count
        if _is_shifted(after, Binary("&", LOW, Const(kept.value >> 8))):
            return count
    return None


def _is_shifted(expr: Expr, low: Expr) -> bool:
    """Whether ``expr`` is ``low`` a byte up with the byte below."""
    moved = (Binary("<<", low, Const(8)), Binary("*", low, Const(256)))
    match expr:
        case Binary("|" | "+" | "^", left, right):
            return (left in moved and right == _BYTE) or (right in moved and left == _BYTE)
    return False


def in_bytes(expr: Expr, before: Sequence[Var], size: int) -> Expr:
    """``expr``, of a state of ``size`` bytes, with the low bits as the bytes ``before``, the last
    one first, where that goes."""
    match expr:
        case Binary("==" | "!=", left, Const(number)) | Binary(
            "==" | "!=", Const(number), left
        ) if (parts := _bytes(left, before, size)) is not None:
            wanted = number.to_bytes(size, "little")
            each = [
                Binary("==", part, Const(byte))
                for part, byte in zip(parts, wanted, strict=True)
                if part != Const(byte)
            ]
            if any(isinstance(test.left, Const) for test in each):
                return Const(int(expr.op == "!="))
            alike = joined(each or [Const(1)], "&")
            return alike if expr.op == "==" else Binary("==", alike, _NONE)
    parts = _bytes(expr, before, size)
    if parts is not None and not isinstance(expr, Const) and not any(p != _NONE for p in parts[2:]):
        low, high = parts[:2]
        return low if high == _NONE else Binary("+", low, Binary("*", high, Const(256)))
    match expr:
        case Binary(op, left, right):
            return Binary(op, in_bytes(left, before, size), in_bytes(right, before, size))
        case Cond(test, then, other):
            return Cond(*(in_bytes(part, before, size) for part in (test, then, other)))
    return expr


def _bytes(expr: Expr, before: Sequence[Var], size: int) -> list[Expr] | None:
    """The bytes of a number, the lowest first, each of them one that is known; None where that does
    not show."""
    match expr:
        case Var() if expr == LOW:
            return _filled(before, size)
        case Var() if expr == _BYTE or expr in before:
            return _filled([expr], size)
        case Const(value):
            return [Const(byte) for byte in value.to_bytes(size, "little")]
        case Binary("<<", inner, Const(bits)) if bits % 8 == 0:
            found = _bytes(inner, before, size)
            return found and [*[_NONE] * (bits // 8), *found][:size]
        case Binary(">>", inner, Const(bits)) if bits % 8 == 0:
            found = _bytes(inner, before, size)
            return found and _filled(found[bits // 8 :], size)
        case Binary("*", inner, Const(256)):
            return _bytes(Binary("<<", inner, Const(8)), before, size)
        case Binary("&", inner, Const(mask)):
            found, kept = _bytes(inner, before, size), mask.to_bytes(size, "little")
            if found is None or not set(kept) <= {0, 255}:
                return None
            return [part if keeps else _NONE for part, keeps in zip(found, kept, strict=True)]
        case Binary("|" | "+" | "^", left, right):
            a, b = _bytes(left, before, size), _bytes(right, before, size)
            if a is None or b is None or any(_NONE not in pair for pair in zip(a, b, strict=True)):
                return None
            return [one if other == _NONE else other for one, other in zip(a, b, strict=True)]
    return None


def _filled(parts: Sequence[Expr], size: int) -> list[Expr]:
    return [*parts, *[_NONE] * (size - len(parts))]

"""Places in the stream that count modulo a number: bytes of a key that the compiler makes, where
lanes can have the rest.

``index`` of a map, which has eight bits of it, is ``key[index]`` with a key of all bytes. Of a fold
``index % 3`` is one with a key of the bytes 0, 1 and 2, and ``1 + (index & 6)`` one of 1, 1, 3, 3,
5, 5, 7 and 7. Keys that come over and over are there on vectors (cycle.py).

A fold of 32 bits has the low 32 of ``index``, where ``index % 10`` begins anew after 2^32 bytes. So
do stages there that have a key for it (``rounds``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pcpu.expr import (
    INDEX_WIDTH,
    Binary,
    Cond,
    Const,
    Expr,
    Index,
    Var,
    children,
    function,
    show,
    uses,
    walk,
)
from pcpu.isa import Immediate, Op
from pcpu.lower.code import I64, Code, Value
from pcpu.lower.columns import columns
from pcpu.lower.expression import rotation, rotation_of
from pcpu.lower.forms import reductions
from pcpu.lower.stage import Bytes, Stage

_PLACE = Var("index")
_MOST = 256
_LANES = 64  # of vectors, or more
_NAME = "places_{}"  # of a key


def with_keys(op: Op, *, in_rounds: bool = True) -> tuple[Op, tuple[bytes, ...]]:
    """``op`` with keys in the place of places modulo numbers, and these keys, the last operands.
    Without ``in_rounds`` these hold wherever the data lies in the stream."""
    body = _body(op)
    if body is None or not uses(body, "index") or columns(op) is not None:
        return op, ()
    # Bytes of an operand are asked for by the whole place.
    begins_anew = _wraps(op) is not None
    if begins_anew and (not in_rounds or any(isinstance(node, Index) for node in walk(body))):
        return op, ()
    found: dict[bytes, str] = {}
    width = op.state_bits if op.fold is not None else 8
    taken = {imm.name for imm in op.immediates}

    def name_of(key: bytes) -> str:
        free = (_NAME.format(number) for number in range(len(taken) + len(found) + 1))
        return found.setdefault(key, next(n for n in free if n not in taken | {*found.values()}))

    def visit(expr: Expr) -> Expr:
        key = _key(expr, width)
        if key is not None and (_is_easy(key) or not _easy_part(expr, width)):
            return Index(name_of(key), _PLACE)
        match expr:
            case Binary(operator, left, right):
                if (turned := rotation_of(expr, width)) is not None:
                    return rotation(visit(turned.value), visit(turned.amount), width)
                return Binary(operator, visit(left), visit(right))
            case Cond(test, then, other):
                return Cond(visit(test), visit(then), visit(other))
        return expr

    changed = visit(body)
    keys = tuple(Immediate(name, 0, (len(key), len(key))) for key, name in found.items())
    made = _with_operands(op, changed, keys) if keys else None
    return (op, ()) if made is None else (made, tuple(found))


def _with_operands(op: Op, changed: Expr, keys: tuple[Immediate, ...]) -> Op | None:
    """``op`` with what it computes changed and these operands more; None where a fold would be one
    that lanes do not have."""
    immediates = (*op.immediates, *keys)
    if op.fold is None:
        return replace(op, map=show(changed, 8), immediates=immediates)
    step = show(changed, op.state_bits)
    made = replace(op, fold=replace(op.fold, step=step), immediates=immediates)
    forms = reductions(made)
    return made if forms and all(form.bits is not None for form in forms) else None


def _body(op: Op) -> Expr | None:
    """What is computed of each byte, in what may have keys."""
    if op.fold is not None:
        return None if op.is_array else op.step_expr
    return op.map_expr if op.kind == "map" else None


def _key(expr: Expr, width: int) -> bytes | None:
    """What ``expr`` is from place 0 on, as often as it takes to come over again, where it hangs on
    the place alone and is a byte."""
    period = _period(expr)
    if period is None or not uses(expr, "index"):
        return None
    at = function(expr, ("index",), width)
    values = [at(place) for place in range(period)]
    if max(values) >= _MOST:
        return None
    shortest = next(n for n in range(1, period + 1) if values == values[:n] * (period // n))
    return bytes(values[:shortest])


def _is_easy(key: bytes) -> bool:
    """Whether its vectors stay as they are, or one comes of the one before."""
    return _LANES % len(key) == 0 or difference(key) is not None


def _easy_part(expr: Expr, width: int) -> bool:
    keys = (_key(part, width) for part in children(expr))
    return any(key is not None and _is_easy(key) for key in keys)


def difference(content: bytes) -> int | None:
    """What each byte is more than the one before modulo 256, the first one than the last too;
    None where that varies."""
    pairs = zip(content, content[1:] + content[:1], strict=True)
    found = {(after - before) % 256 for before, after in pairs}
    return found.pop() if len(found) == 1 else None


def _period(expr: Expr) -> int | None:
    """After how many places ``expr`` comes over again, up to ``_MOST``; None where it may not, or
    hangs on more than the place."""
    match expr:
        case Const():
            return 1
        case Binary("%", inner, Const(number)) if _wraps_at(inner) is not None:
            return number if number <= _MOST else None
        case Binary("&", inner, Const(mask)) | Binary("&", Const(mask), inner) if (
            mask < _MOST and _is_low(inner)
        ):
            return 1 << mask.bit_length()
        case Binary(_, left, right):
            periods = [_period(left), _period(right)]
        case Cond(test, then, other):
            periods = [_period(test), _period(then), _period(other)]
        case _:
            return None
    known = [period for period in periods if period is not None]
    period = math.lcm(*known)
    return period if len(known) == len(periods) and period <= _MOST else None


def _is_low(expr: Expr) -> bool:
    """Whether each bit of ``expr`` hangs on bits of the place alone that are not above it."""
    match expr:
        case Binary("+" | "-" | "*" | "&" | "|" | "^", left, right):
            return _is_low(left) and _is_low(right)
        case Binary("<<", left, Const()):
            return _is_low(left)
    return isinstance(expr, Const) or expr == _PLACE


def _wraps_at(expr: Expr) -> int | None:
    """The width of the place that ``expr`` is: all of it, or enough of its low bits for keys."""
    match expr:
        case Binary("&", inner, Const(mask)) if mask & mask + 1 == 0 and mask >= _MOST:
            width = _wraps_at(inner)
            return None if width is None else min(width, mask.bit_length())
    return INDEX_WIDTH if expr == _PLACE else None


def _wraps(op: Op) -> int | None:
    """The width of the place within which keys of ``op`` hold, None where they always do."""
    body = _body(op)
    found = [
        width
        for node in walk(body or Const(0))
        if isinstance(node, Binary) and node.op == "%" and isinstance(node.right, Const)
        and node.right.value & node.right.value - 1
        and (width := _wraps_at(node.left)) is not None and width < INDEX_WIDTH
    ]  # fmt: skip
    return min(found, default=None)


def keyed(code: Code, stage: Stage, *, in_rounds: bool = False) -> Stage:
    """The stage with keys in the place of places modulo numbers."""
    op, keys = with_keys(stage.op, in_rounds=in_rounds)
    made = (Bytes(code.array(key), code.size(len(key)), key) for key in keys)
    return replace(stage, op=op, immediates=(*stage.immediates, *made))


@contextmanager
def rounds(
    code: Code, stages: Sequence[Stage], data: Value, length: Value
) -> Iterator[tuple[list[Stage], Value, Value]]:
    """Stages with keys, and the data that these hold for: all of it or, in a loop, what comes
    before each place where some begin anew."""
    made = [keyed(code, stage, in_rounds=True) for stage in stages]
    widths = [
        _wraps(old.op) if new.op is not old.op else None
        for old, new in zip(stages, made, strict=True)
    ]
    if not any(widths):
        yield made, data, length
        return
    position = code.local(code.usize, code.size(0))
    head, body, after = (code.function.append_basic_block(n) for n in ("rounds", "round", "after"))
    code.b.branch(head)
    code.b.position_at_end(head)
    begin = code.load(code.usize, position)
    code.b.cbranch(code.b.icmp_unsigned("!=", begin, length), body, after)
    code.b.position_at_end(body)
    here, size = code.byte_at(data, begin), code.resize(code.b.sub(length, begin), INDEX_WIDTH)
    for number, (stage, width) in enumerate(zip(made, widths, strict=True)):
        if width is not None:
            place = stage.index(code, here)
            within = code.b.and_(place, I64((1 << width) - 1))
            size = code.at_most(code.b.sub(I64(1 << width), within), size)
            origin = code.b.sub(stage.origin, code.b.sub(place, within))
            made[number] = replace(stage, origin=origin)
    size = code.resize(size, code.usize.width)
    yield made, here, size
    code.b.store(code.b.add(begin, size), position)
    code.b.branch(head)
    code.b.position_at_end(after)

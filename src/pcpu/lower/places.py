"""Places in the stream that count modulo a number: bytes of a key that the compiler makes, where
lanes can have the rest.

``index`` of a map, which has eight bits of it, is ``key[index]`` with a key of all bytes. Of a fold
``index % 3`` is one with a key of the bytes 0, 1 and 2, and ``index & 6`` one of 0, 0, 2, 2, 4, 4,
6 and 6. Keys that come over and over are there on vectors (cycle.py).
"""

from __future__ import annotations

from dataclasses import replace

from pcpu.expr import Binary, Cond, Const, Expr, Index, Var, show, uses
from pcpu.isa import Immediate, Op
from pcpu.lower.code import Code
from pcpu.lower.columns import columns
from pcpu.lower.forms import reductions
from pcpu.lower.stage import Bytes, Stage

_PLACE = Var("index")
_MOST = 256
_NAME = "places_{}"  # of a key


def with_keys(op: Op) -> tuple[Op, tuple[bytes, ...]]:
    """``op`` with keys in the place of places modulo numbers, and these keys, the last operands."""
    body = _body(op)
    if body is None or not uses(body, "index") or columns(op) is not None:
        return op, ()
    found: dict[bytes, str] = {}
    taken = {imm.name for imm in op.immediates}

    def name_of(key: bytes) -> str:
        free = (_NAME.format(number) for number in range(len(taken) + len(found) + 1))
        return found.setdefault(key, next(n for n in free if n not in taken | {*found.values()}))

    def visit(expr: Expr) -> Expr:
        if (key := _key(expr)) is not None:
            return Index(name_of(key), _PLACE)
        match expr:
            case Binary(operator, left, right):
                return Binary(operator, visit(left), visit(right))
            case Cond(test, then, other):
                return Cond(visit(test), visit(then), visit(other))
        return expr

    changed = visit(body)
    if not found:
        return op, ()
    keys = tuple(Immediate(name, 0, (len(key), len(key))) for key, name in found.items())
    immediates = (*op.immediates, *keys)
    if op.fold is None:
        return replace(op, map=show(changed, 8), immediates=immediates), tuple(found)
    step = show(changed, op.state_bits)
    made = replace(op, fold=replace(op.fold, step=step), immediates=immediates)
    forms = reductions(made)
    fit = forms and all(form.bits is not None for form in forms)
    return (made, tuple(found)) if fit else (op, ())


def _body(op: Op) -> Expr | None:
    """What is computed of each byte, in what may have keys."""
    if op.fold is not None:
        return None if op.is_array else op.step_expr
    return op.map_expr if op.kind == "map" else None


def _key(expr: Expr) -> bytes | None:
    match expr:
        case Binary("%", inner, Const(number)) if inner == _PLACE and number <= _MOST:
            return bytes(range(number))
        case Binary("&", Binary("&", inner, Const(a)), Const(b)) if inner == _PLACE:
            return _masked(a & b)
        case Binary("&", a, Const(mask)) | Binary("&", Const(mask), a) if a == _PLACE:
            return _masked(mask)
    return None


def _masked(mask: int) -> bytes | None:
    return bytes(n & mask for n in range(1 << mask.bit_length())) if 0 < mask < _MOST else None


def keyed(code: Code, stage: Stage) -> Stage:
    """The stage with keys in the place of places modulo numbers."""
    op, keys = with_keys(stage.op)
    made = (Bytes(code.array(key), code.size(len(key)), key) for key in keys)
    return replace(stage, op=op, immediates=(*stage.immediates, *made))

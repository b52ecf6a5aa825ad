"""Folds ``state = (state ^ byte) * P`` and ``state = state * P ^ byte``: the FNV hashes.

They look serial, one multiplication a byte, and are not: docs/notes/fnv-parallel.md has the
proof. In short, state ^ byte = state + d where d = (l ^ byte) - l needs only the low byte l of
the state. So the end is a dot product of the d with powers of P, once the low bytes are known,
and those follow bit plane by bit plane, each a prefix XOR.

FNV-1, which multiplies first, is FNV-1a between a multiplication by P and one by its inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llvmlite import ir

from pcpu.expr import Binary, Const, Expr, Var
from pcpu.isa import Op
from pcpu.lower.code import Code, Value
from pcpu.lower.kernels import chain, fnv_block
from pcpu.lower.kernels.fnv_emitter import Emitter
from pcpu.lower.kernels.function import kernel_function
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage

_STATE, _BYTE = Var("state"), Var("byte")


@dataclass(frozen=True)
class Multiplication:
    """The odd ``factor``, and whether it comes before the byte (FNV-1) or after it (FNV-1a)."""

    factor: int
    first: bool


def multiplication(op: Op) -> Multiplication | None:
    """The step of a fold of this family, None where it is something else."""
    if not op.is_plain_fold or op.state_bits < 16:
        return None
    found = _match(op.step_expr, op.state_bits)
    # An even factor has no inverse, and its low bits are constant after 8 bytes: not a hash. Nor is
    # a sum by exclusive or, whose factor is 1.
    return found if found is not None and found.factor % 2 and found.factor > 1 else None


def _match(step: Expr, bits: int) -> Multiplication | None:
    if isinstance(step, Binary) and step.op == "^" and _BYTE in (step.left, step.right):
        product = step.left if step.right == _BYTE else step.right
        factor = _factor(product, _STATE, bits)
        return Multiplication(factor, first=True) if factor else None
    mixed = (Binary("^", _STATE, _BYTE), Binary("^", _BYTE, _STATE))
    factors = (_factor(step, each, bits) for each in mixed)
    return next((Multiplication(factor, first=False) for factor in factors if factor), None)


def _factor(expr: Expr, of: Expr, bits: int) -> int:
    """What ``expr`` multiplies ``of`` by, in products, shifts and sums; 0 where it is not that."""
    match expr:
        case Binary("*", inner, Const(times)) | Binary("*", Const(times), inner):
            return _factor(inner, of, bits) * times % (1 << bits)
        case Binary("<<", inner, Const(amount)) if amount < bits:
            return (_factor(inner, of, bits) << amount) % (1 << bits)
        case Binary("+" | "-" as sign, left, right):
            a, b = _factor(left, of, bits), _factor(right, of, bits)
            return (a + b if sign == "+" else a - b) % (1 << bits) if a and b else 0
    return int(expr == of)


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    (stage,) = stages
    kind = ir.IntType(stage.op.state_bits)
    form = multiplication(stage.op)
    assert form is not None
    name = f"fnv{'1' if form.first else '1a'}.{stage.op.state_bits}.{form.factor:x}"
    function, body = kernel_function(code, name, kind)
    if body is not None:
        _body(body, stage.op, form)
    state = code.b.call(function, [code.load(kind, stage.state), data, length])
    code.b.store(state, stage.state)


def _body(code: Code, op: Op, form: Multiplication) -> None:
    start, data, length = code.function.args
    bits = op.state_bits
    # A step of this form names no immediates, though init and finish may.
    stage = Stage(replace(op, immediates=()), (), code.local(ir.IntType(bits), start))
    done = code.local(code.usize, code.size(0))
    for width in fnv_block.widths(code.target):
        block = fnv_block.Block(width, form.factor, bits, fnv_block.in_words(code.target, bits))
        with code.when(
            code.b.icmp_unsigned(">=", _left(code, done, length), code.size(block.least))
        ):
            _scale(code, stage, form.factor if form.first else 1)
            _blocks(code, block, stage, data, length, done)
            _scale(code, stage, pow(form.factor, -1, 1 << bits) if form.first else 1)
    with code.loop(code.load(code.usize, done), length, 1, plain=True) as i:
        address = code.byte_at(data, i)
        chain.step(code, stage, code.load(ir.IntType(8), address), address)
    code.b.ret(code.load(ir.IntType(bits), stage.state))


def _left(code: Code, done: Value, length: Value) -> Value:
    return code.b.sub(length, code.load(code.usize, done))


def _scale(code: Code, stage: Stage, factor: int) -> None:
    kind = ir.IntType(stage.op.state_bits)
    if factor != 1:
        state = code.load(kind, stage.state)
        code.b.store(code.b.mul(state, kind(factor)), stage.state)


def _blocks(
    code: Code, block: fnv_block.Block, stage: Stage, data: Value, length: Value, done: Value
) -> None:
    """Blocks from ``done`` on for as long as the least one fits, and ``done`` behind them."""
    emitter = Emitter(code, block, stage.op.name)
    head, body, after = (code.function.append_basic_block(n) for n in ("blocks", "block", "after"))
    code.b.branch(head)
    code.b.position_at_end(head)
    left = _left(code, done, length)
    code.b.cbranch(code.b.icmp_unsigned(">=", left, code.size(block.least)), body, after)
    code.b.position_at_end(body)
    strips = _strips(code, block, code.b.udiv(left, code.size(block.least)))
    start = code.load(code.usize, done)
    size = code.b.mul(strips, code.size(block.least))
    again = code.b.icmp_unsigned(">=", code.b.sub(left, size), size)
    ahead = code.b.select(again, size, code.size(0))
    emitter.emit(stage.state, code.byte_at(data, start), strips, ahead)
    code.b.store(code.b.add(start, size), done)
    code.b.branch(head)
    code.b.position_at_end(after)


def _strips(code: Code, block: fnv_block.Block, fit: Value) -> Value:
    """The size of the next block where so many strips are left, at least one."""
    most = block.sizes[-1]
    largest = code.size(most)
    strips = code.b.select(
        code.b.icmp_unsigned("<", fit, largest),
        code.at_most(fit, code.size(max(block.sizes[:-1], default=most))),
        largest,
    )
    # A block of one strip is slow: rather two halves.
    last_two = code.b.icmp_unsigned("==", fit, code.size(most + 1))
    return code.b.select(last_two, code.size((most + 1) // 2), strips)


KERNEL = Kernel(
    "fnv",
    "an xor-multiply hash, many bytes at a time by bit planes",
    lambda op, target: multiplication(op) is not None,
    emit,
    fuses=False,
    yields=True,
)

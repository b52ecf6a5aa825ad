"""Folds that do one thing up to a place in the stream and another from there on: what comes behind
a header of 14 bytes, the first 4096, byte number 100.

    state = index < border ? first(state, byte) : other(state, byte)

Each part of the data goes through the kernel of its own step; the byte at the border takes the
step as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from pcpu.expr import INDEX_WIDTH, Binary, Const, Expr, Var
from pcpu.isa import Op
from pcpu.lower.code import I8, I64, Code, Value
from pcpu.lower.kernels import chain
from pcpu.lower.kernels.inner import goes_by_byte, run, with_step
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.linear import settled
from pcpu.lower.sides import ABOVE, BELOW, borders, sides
from pcpu.lower.stage import Stage
from pcpu.target import Target

_LEAST = 32  # bits of a state whose place begins anew so rarely that parts are long


@dataclass(frozen=True)
class Cut:
    """Before the place ``border`` the step is that of ``first``, behind it that of ``other``."""

    border: Expr
    first: Op
    other: Op


def cut(op: Op) -> Cut | None:
    """The step of a fold as Cut, None where it is something else."""
    if not op.is_plain_fold or op.state_bits < _LEAST:
        return None
    step = settled(op.step_expr, op.state_bits)
    place = _place(op.state_bits)
    for border in borders(step, place, op.state_bits):
        each = sides(step, place, border, op.state_bits)
        if step not in (each[BELOW], each[ABOVE]):
            names = (("first", BELOW), ("other", ABOVE))
            return Cut(border, *(with_step(op, name, each[side]) for name, side in names))
    return None


def _place(bits: int) -> Expr:
    """The place as steps of such a state have it."""
    if bits == INDEX_WIDTH:
        return Var("index")
    return Binary("&", Var("index"), Const((1 << bits) - 1))


def _accepts(others: Callable[[], Sequence[Kernel]], op: Op, target: Target) -> bool:
    form = cut(op)
    if form is None:
        return False
    return not all(goes_by_byte(others(), part, target) for part in (form.first, form.other))


def _emit(
    others: Callable[[], Sequence[Kernel]],
    code: Code,
    stages: Sequence[Stage],
    data: Value,
    length: Value,
) -> None:
    (stage,) = stages
    form, bits = cut(stage.op), stage.op.state_bits
    assert form is not None
    border = code.resize(stage.scalar(code, form.border, {}, bits), INDEX_WIDTH)
    with _rounds(code, stage, data, length) as (begin, place, size):
        here = code.byte_at(data, begin)
        away = code.b.sub(border, place)
        before = code.b.select(code.b.icmp_unsigned("<", place, border), away, I64(0))
        before = code.to_size(code.at_most(before, code.resize(size, INDEX_WIDTH)))
        run(code, others(), stage, form.first, here, before)
        within = code.b.icmp_unsigned("<", away, code.resize(size, INDEX_WIDTH))
        with code.when(within):
            address = code.byte_at(here, before)
            chain.step(code, stage, code.load(I8, address), address)
        behind = code.b.add(before, code.b.zext(within, code.usize))
        rest = code.b.sub(size, behind)
        run(code, others(), stage, form.other, code.byte_at(here, behind), rest)


@contextmanager
def _rounds(
    code: Code, stage: Stage, data: Value, length: Value
) -> Iterator[tuple[Value, Value, Value]]:
    """Parts of the data within which the place, in as many bits as the state has, goes up: where
    each begins, the place there in 64 bits, and its size."""
    most = I64((1 << stage.op.state_bits) - 1)
    done = code.local(code.usize, code.size(0))
    head, body, after = (code.function.append_basic_block(n) for n in ("rounds", "round", "after"))
    code.b.branch(head)
    code.b.position_at_end(head)
    begin = code.load(code.usize, done)
    code.b.cbranch(code.b.icmp_unsigned("!=", begin, length), body, after)
    code.b.position_at_end(body)
    place = code.b.and_(stage.index(code, code.byte_at(data, begin)), most)
    further = code.resize(code.b.sub(code.b.sub(length, begin), code.size(1)), INDEX_WIDTH)
    further = code.at_most(code.b.sub(most, place), further)
    size = code.b.add(code.to_size(further), code.size(1))
    yield begin, place, size
    code.b.store(code.b.add(begin, size), done)
    code.b.branch(head)
    code.b.position_at_end(after)


def kernel(others: Callable[[], Sequence[Kernel]]) -> Kernel:
    """The kernel, which takes one of ``others`` for each part; itself may be among them."""
    return Kernel(
        "cut",
        "what comes before a place and what comes behind it, each with a kernel of its own",
        partial(_accepts, others),
        partial(_emit, others),
        fuses=False,
    )

"""What the functions of both kinds of module are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llvmlite import ir

from pcpu.isa import Immediate, Op
from pcpu.layout import SLOT
from pcpu.lower.code import I64, Code, Value
from pcpu.lower.composed import composed
from pcpu.lower.fuse import Group, feed, fuse, in_two
from pcpu.lower.kernels import crc
from pcpu.lower.packed import Packed, pack, unpack
from pcpu.lower.places import rounds
from pcpu.lower.stage import Bytes, Stage
from pcpu.target import Target

Operand = Value | Bytes
# Where several loops go over the data they take turns on pieces that stay in the cache.
TILE = 131072


def module(name: str, target: Target) -> Any:
    made = ir.Module(name=name)
    made.triple = target.triple
    return made


def function(
    module: Any, target: Target, name: str, returns: Value, parameters: Sequence[Value]
) -> Code:
    made = ir.Function(module, ir.FunctionType(returns, parameters), name)
    made.attributes.add("nounwind")
    return Code(made, target)


def abi_type(bits: int) -> Any:
    """How a number of that width travels."""
    return ir.IntType(32 if bits <= 32 else 64)


def run(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    """All stages over ``data[0:length]``."""
    made: list[tuple[Stage, Packed, list[Stage]]] = []
    found = [part for stage in composed(code, stages) for part in _in_parts(code, stage, made)]
    with rounds(code, found, data, length) as (keyed, here, size):
        _run(code, keyed, here, size)
    for stage, form, halves in made:
        pack(code, stage, form, halves)


def _in_parts(
    code: Code, stage: Stage, made: list[tuple[Stage, Packed, list[Stage]]]
) -> Iterator[Stage]:
    """The stages that ``stage`` is taken apart into; ``made`` gets those to pack, in order."""
    form = in_two(stage.op, code.target)
    if form is None:
        yield stage
        return
    halves = unpack(code, stage, form)
    for half in halves:
        yield from _in_parts(code, half, made)
    made.append((stage, form, halves))


def _run(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    """The stages tile by tile, where they need several loops."""
    ops = [stage.op for stage in stages]
    groups = feed(fuse(ops, code.target), ops, code.target)
    if len(groups) == 1:
        _run_group(code, groups[0], stages, data, length)
        return
    with code.pieces(code.size(0), length, TILE) as (start, stop):
        for number, group in enumerate(groups):
            code.mark_part(number)
            _run_group(code, group, stages, code.byte_at(data, start), code.b.sub(stop, start))


def _run_group(
    code: Code, group: Group, stages: Sequence[Stage], data: Value, length: Value
) -> None:
    group.kernel.emit(code, [stages[index] for index in group.members], data, length)


def origin(code: Code, index: Value, data: Value) -> Value:
    """The ``origin`` of stages (stage.py) for ``data``, whose first byte is that of ``index``."""
    address = code.b.ptrtoint(data, code.usize)
    return code.b.sub(index, code.resize(address, 64))


def initial(code: Code, op: Op, operands: Sequence[Operand]) -> Value:
    """The first state."""
    if op.crc is not None:
        return ir.IntType(op.state_bits)(crc.initial(op.crc))
    return Stage(op, tuple(operands), None).scalar(code, op.init_expr, {}, op.state_bits)


def result(code: Code, op: Op, operands: Sequence[Operand], state: Value) -> Value:
    if op.crc is not None:
        return crc.emit_finish(code, op.crc, state)
    stage = Stage(op, tuple(operands), None)
    value = stage.scalar(code, op.finish_expr, {"state": state}, op.state_bits)
    return code.b.and_(value, value.type((1 << op.result_bits) - 1))


def start(code: Code, op: Op, operands: Sequence[Operand], slots: Value) -> None:
    """Set the slots at that address to the first states."""
    value = code.resize(initial(code, op, operands), 64)
    if not op.is_array:
        code.b.store(value, slots)
        return
    with code.loop(code.size(0), code.size(op.result_count), 1) as i:
        code.b.store(value, _at(code, slots, i))


def finish(code: Code, op: Op, operands: Sequence[Operand], slots: Value, out: Value) -> None:
    """The results of the states in the slots, as slots at ``out``, which may be the same."""

    def one(before: Value, after: Value) -> None:
        state = code.resize(code.load(I64, before), op.state_bits)
        code.b.store(code.resize(result(code, op, operands, state), 64), after)

    if not op.is_array:
        one(slots, out)
        return
    with code.loop(code.size(0), code.size(op.result_count), 1) as i:
        one(_at(code, slots, i), _at(code, out, i))


def _at(code: Code, slots: Value, index: Value) -> Value:
    return code.byte_at(slots, code.b.mul(index, code.size(SLOT)))


def constant(code: Code, imm: Immediate, value: int | bytes) -> Value | Bytes:
    """An operand that is known."""
    if isinstance(value, bytes):
        return Bytes(code.array(value), code.size(len(value)), value)
    return abi_type(imm.bits)(value)


def store_parameter(code: Code, place: Value, value: int | bytes) -> None:
    """Write the value of a parameter into a state (spec/abi.md A9)."""
    if isinstance(value, int):
        code.b.store(I64(value), place)
        return
    code.b.store(I64(len(value)), place)
    code.move(code.byte_at(place, code.size(SLOT)), code.array(value), code.size(len(value)))


def checked(code: Code, op: Op, given: Sequence[Value]) -> tuple[Operand, ...]:
    """The operands of ``op`` in parameters, each within its bounds: a caller's mistake stays
    within its own result.

    Numbers are cut to their width. Of too many bytes the first ones count, and too few read as
    zeros.
    """
    found: list[Operand] = []
    parameters = iter(given)
    for imm in op.immediates:
        value = next(parameters)
        if imm.sizes is None:
            found.append(code.b.and_(value, value.type((1 << imm.bits) - 1)))
            continue
        least, most = map(code.size, imm.sizes)
        length = next(parameters)
        enough = code.b.icmp_unsigned(">=", length, least)
        pointer = code.b.select(enough, value, code.array(bytes(imm.sizes[0])))
        if imm.sizes[0] < imm.sizes[1]:
            least = code.at_most(code.b.select(enough, length, least), most)
        found.append(Bytes(pointer, least))
    return tuple(found)

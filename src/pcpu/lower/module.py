"""The functions of a module around the kernels (spec/abi.md A3-A9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from pcpu.ir import Program
from pcpu.isa import Isa, Op
from pcpu.lower import expression
from pcpu.lower.code import I64, POINTER, Code, Value
from pcpu.lower.fuse import Group, feed, fuse
from pcpu.lower.kernels import crc
from pcpu.lower.stage import Stage
from pcpu.target import Target

STATE_SLOT = 8  # bytes of a state in memory
# Where several loops go over the data they take turns on pieces that stay in the cache.
TILE = 32768


def lower_program(program: Program, target: Target) -> tuple[str, list[str]]:
    """The IR text of a program module, and the names of its functions."""
    module = _module("program", target)
    ops = [instruction.op for instruction in program.instructions]
    folds = [i for i, op in enumerate(ops) if op.has_result]
    slots = {index: slot for slot, index in enumerate(folds)}

    def immediates(code: Code, index: int) -> list[Value]:
        given = program.instructions[index].immediates
        return [
            _abi_type(imm.bits)(value)
            for imm, value in zip(ops[index].immediates, given, strict=True)
        ]

    code = _function(module, target, "pcpu_init", ir.VoidType(), [POINTER])
    for index, slot in slots.items():
        value = _initial(code, ops[index], immediates(code, index))
        code.b.store(code.resize(value, 64), _slot(code, code.function.args[0], slot))
    code.b.ret_void()

    usize = ir.IntType(target.pointer_bits)
    code = _function(module, target, "pcpu_update", ir.VoidType(), [POINTER, POINTER, usize])
    state, data, length = code.function.args
    stages = []
    for index, op in enumerate(ops):
        local = None
        if index in slots:
            kind = ir.IntType(op.state_bits)
            stored = code.load(I64, _slot(code, state, slots[index]))
            local = code.local(kind, code.resize(stored, op.state_bits))
        stages.append(Stage(op, tuple(immediates(code, index)), local))
    _run(code, stages, data, length)
    for index, slot in slots.items():
        value = code.load(ir.IntType(ops[index].state_bits), stages[index].state)
        code.b.store(code.resize(value, 64), _slot(code, state, slot))
    code.b.ret_void()

    code = _function(module, target, "pcpu_finish", ir.VoidType(), [POINTER, POINTER])
    state, out = code.function.args
    for index, slot in slots.items():
        op = ops[index]
        stored = code.resize(code.load(I64, _slot(code, state, slot)), op.state_bits)
        value = _result(code, op, immediates(code, index), stored)
        code.b.store(code.resize(value, 64), _slot(code, out, slot))
    code.b.ret_void()

    code = _function(module, target, "pcpu_run", ir.VoidType(), [POINTER, usize, POINTER])
    data, length, out = code.function.args
    state = code.local(ir.ArrayType(I64, len(folds)))
    for name, arguments in (
        ("init", [state]),
        ("update", [state, data, length]),
        ("finish", [state, out]),
    ):
        code.b.call(module.globals[f"pcpu_{name}"], arguments)
    code.b.ret_void()
    return str(module), ["pcpu_init", "pcpu_update", "pcpu_finish", "pcpu_run"]


def lower_operations(isa: Isa, target: Target) -> tuple[str, list[str]]:
    """The IR text of the operations module, and the names of its functions."""
    module = _module("operations", target)
    names: list[str] = []
    for op in isa.operations:
        names += _map_kernel(module, target, op) if op.kind == "map" else _fold(module, target, op)
    return str(module), names


def _map_kernel(module: Any, target: Target, op: Op) -> list[str]:
    name = f"pcpu_{op.name}"
    usize = ir.IntType(target.pointer_bits)
    imms = _immediate_types(op)
    code = _function(module, target, name, ir.VoidType(), [POINTER, usize, *imms])
    data, length, *given = code.function.args
    _run(code, [Stage(op, _masked(code, op, given), None)], data, length)
    code.b.ret_void()
    return [name]


def _fold(module: Any, target: Target, op: Op) -> list[str]:
    name = f"pcpu_{op.name}"
    usize = ir.IntType(target.pointer_bits)
    imms = _immediate_types(op)
    state, result = _abi_type(op.state_bits), _abi_type(op.result_bits)

    code = init = _function(module, target, f"{name}_init", state, imms)
    value = _initial(code, op, _masked(code, op, code.function.args))
    code.b.ret(code.resize(value, state.width))

    parameters = [state, POINTER, usize, *imms]
    code = update = _function(module, target, f"{name}_update", state, parameters)
    before, data, length, *given = code.function.args
    local = code.local(ir.IntType(op.state_bits), code.resize(before, op.state_bits))
    _run(code, [Stage(op, _masked(code, op, given), local)], data, length)
    after = code.load(ir.IntType(op.state_bits), local)
    code.b.ret(code.resize(after, state.width))

    code = finish = _function(module, target, f"{name}_finish", result, [state, *imms])
    before, *given = code.function.args
    value = code.resize(before, op.state_bits)
    value = _result(code, op, _masked(code, op, given), value)
    code.b.ret(code.resize(value, result.width))

    code = _function(module, target, name, result, [POINTER, usize, *imms])
    data, length, *given = code.function.args
    value = code.b.call(init.function, given)
    value = code.b.call(update.function, [value, data, length, *given])
    code.b.ret(code.b.call(finish.function, [value, *given]))
    return [name, *(f"{name}_{part}" for part in ("init", "update", "finish"))]


def _run(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    """All stages over ``data[0:length]``, tile by tile where they need several loops."""
    ops = [stage.op for stage in stages]
    groups = feed(fuse(ops), ops, code.target)
    if len(groups) == 1:
        _run_group(code, groups[0], stages, data, length)
        return
    with code.pieces(code.size(0), length, TILE) as (start, stop):
        for group in groups:
            _run_group(code, group, stages, code.byte_at(data, start), code.b.sub(stop, start))


def _run_group(
    code: Code, group: Group, stages: Sequence[Stage], data: Value, length: Value
) -> None:
    group.kernel.emit(code, [stages[index] for index in group.members], data, length)


def _initial(code: Code, op: Op, immediates: Sequence[Value]) -> Value:
    if op.crc is not None:
        return ir.IntType(op.state_bits)(crc.initial(op.crc))
    values = Stage(op, tuple(immediates), None).values(code, op.state_bits)
    return expression.emit(code, op.init_expr, values, op.state_bits)


def _result(code: Code, op: Op, immediates: Sequence[Value], state: Value) -> Value:
    if op.crc is not None:
        return crc.emit_finish(code, op.crc, state)
    values = Stage(op, tuple(immediates), None).values(code, op.state_bits)
    values["state"] = state
    value = expression.emit(code, op.finish_expr, values, op.state_bits)
    return code.b.and_(value, value.type((1 << op.result_bits) - 1))


def _module(name: str, target: Target) -> Any:
    module = ir.Module(name=name)
    module.triple = target.triple
    return module


def _function(
    module: Any, target: Target, name: str, returns: Value, parameters: Sequence[Value]
) -> Code:
    function = ir.Function(module, ir.FunctionType(returns, parameters), name)
    function.attributes.add("nounwind")
    return Code(function, target)


def _slot(code: Code, base: Value, index: int) -> Value:
    return code.byte_at(base, code.size(STATE_SLOT * index))


def _abi_type(bits: int) -> Any:
    return ir.IntType(32 if bits <= 32 else 64)


def _immediate_types(op: Op) -> list[Any]:
    return [_abi_type(imm.bits) for imm in op.immediates]


def _masked(code: Code, op: Op, given: Sequence[Value]) -> tuple[Value, ...]:
    """Immediates cut to their width: a caller's mistake stays within its own result."""
    return tuple(
        code.b.and_(value, value.type((1 << imm.bits) - 1))
        for imm, value in zip(op.immediates, given, strict=True)
    )

"""The operations module: every operation as functions of its own (spec/abi.md A6, A7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from pcpu.isa import Isa, Op
from pcpu.lower import parts
from pcpu.lower.code import I64, POINTER, Code, Value
from pcpu.lower.stage import Stage
from pcpu.target import Target

VOID = ir.VoidType()


def lower_operations(isa: Isa, target: Target) -> tuple[str, list[str]]:
    """The IR text of the operations module, and the names of its functions."""
    module = parts.module("operations", target)
    names: list[str] = []
    for op in isa.operations:
        names += _Operation(module, target, op).write()
    return str(module), names


class _Operation:
    """``operands`` are the types of the operands; ``index`` that of the place in the stream,
    where the operation asks for it; ``span`` those of bytes."""

    def __init__(self, module: Any, target: Target, op: Op) -> None:
        self.module, self.target, self.op = module, target, op
        self.name = f"pcpu_{op.name}"
        self.span = [POINTER, ir.IntType(target.pointer_bits)]
        self.operands: list[Value] = []
        for imm in op.immediates:
            self.operands += self.span if imm.sizes else [parts.abi_type(imm.bits)]
        self.index = [I64] if op.uses_index else []

    def write(self) -> list[str]:
        if self.op.kind == "map":
            self.map()
            return [self.name]
        if self.op.is_array:
            self.array()
        else:
            self.fold()
        return [self.name, *(f"{self.name}_{part}" for part in ("init", "update", "finish"))]

    def function(self, part: str, returns: Value, parameters: Sequence[Value]) -> Code:
        return parts.function(self.module, self.target, self.name + part, returns, parameters)

    def run(self, code: Code, state: Value, span: Sequence[Value], rest: Sequence[Value]) -> None:
        """Run over a span; ``rest`` are the operands, and the index where there is one."""
        data, length = span
        origin = parts.origin(code, rest[-1], data) if self.index else None
        given = rest[: len(self.operands)]
        stage = Stage(self.op, parts.checked(code, self.op, given), state, origin)
        parts.run(code, [stage], data, length)

    def map(self) -> None:
        code = self.function("", VOID, [*self.span, *self.operands, *self.index])
        data, length, *rest = code.function.args
        self.run(code, None, (data, length), rest)
        code.b.ret_void()

    def fold(self) -> None:
        """A state is a number, passed by value."""
        op, bits = self.op, self.op.state_bits
        state, result = parts.abi_type(bits), parts.abi_type(op.result_bits)

        code = init = self.function("_init", state, self.operands)
        value = parts.initial(code, op, parts.checked(code, op, code.function.args))
        code.b.ret(code.resize(value, state.width))

        parameters = [state, *self.span, *self.operands, *self.index]
        code = update = self.function("_update", state, parameters)
        before, data, length, *rest = code.function.args
        local = code.local(ir.IntType(bits), code.resize(before, bits))
        self.run(code, local, (data, length), rest)
        after = code.load(ir.IntType(bits), local)
        code.b.ret(code.resize(after, state.width))

        code = finish = self.function("_finish", result, [state, *self.operands])
        before, *given = code.function.args
        value = code.resize(before, bits)
        value = parts.result(code, op, parts.checked(code, op, given), value)
        code.b.ret(code.resize(value, result.width))

        code = self.function("", result, [*self.span, *self.operands])
        data, length, *given = code.function.args
        value = code.b.call(init.function, given)
        value = code.b.call(update.function, [value, data, length, *given, *self.first])
        code.b.ret(code.b.call(finish.function, [value, *given]))

    def array(self) -> None:
        """The states are slots in the caller's memory."""
        op = self.op
        code = init = self.function("_init", VOID, [POINTER, *self.operands])
        state, *given = code.function.args
        parts.start(code, op, parts.checked(code, op, given), state)
        code.b.ret_void()

        parameters = [POINTER, *self.span, *self.operands, *self.index]
        code = update = self.function("_update", VOID, parameters)
        state, data, length, *rest = code.function.args
        self.run(code, state, (data, length), rest)
        code.b.ret_void()

        code = finish = self.function("_finish", VOID, [POINTER, POINTER, *self.operands])
        state, out, *given = code.function.args
        parts.finish(code, op, parts.checked(code, op, given), state, out)
        code.b.ret_void()

        code = self.function("", VOID, [*self.span, POINTER, *self.operands])
        data, length, out, *given = code.function.args
        code.b.call(init.function, [out, *given])
        code.b.call(update.function, [out, data, length, *given, *self.first])
        code.b.call(finish.function, [out, out, *given])
        code.b.ret_void()

    @property
    def first(self) -> list[Value]:
        """The index of the first byte of all."""
        return [I64(0) for _ in self.index]

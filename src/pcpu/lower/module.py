"""The functions of a program module around the kernels (spec/abi.md A8, A9)."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from pcpu.expr import Var
from pcpu.ir import Operand, Parameter, Program
from pcpu.isa import Immediate
from pcpu.layout import SLOT, layout
from pcpu.lower import parts
from pcpu.lower.code import I64, POINTER, Code, Value
from pcpu.lower.stage import Bytes, Stage
from pcpu.target import Target


def lower_program(program: Program, target: Target) -> tuple[str, list[str]]:
    """The IR text of a program module, and the names of its functions."""
    return _Module(program, target).write()


class _Module:
    def __init__(self, program: Program, target: Target) -> None:
        self.module, self.target = parts.module("program", target), target
        self.instructions = program.instructions
        self.layout = layout(program)
        self.defaults = {p.name: p.default or _least(p) for p in program.parameters}
        self.known: dict[str, int | bytes] = dict(program.constants) | dict(program.tables)
        folds = (i for i, each in enumerate(self.instructions) if each.op.has_result)
        self.slots = dict(zip(folds, self.layout.results, strict=True))

    def write(self) -> tuple[str, list[str]]:
        self.init()
        self.update()
        self.finish()
        self.run()
        return str(self.module), ["pcpu_init", "pcpu_update", "pcpu_finish", "pcpu_run"]

    def function(self, name: str, parameters: Sequence[Value]) -> Code:
        return parts.function(self.module, self.target, name, ir.VoidType(), parameters)

    def init(self) -> None:
        code = self.function("pcpu_init", [POINTER])
        (state,) = code.function.args
        for index, slots in self.slots.items():
            operands = self.operands(code, index, state)
            parts.start(
                code, self.instructions[index].op, operands, _slot(code, state, slots.start)
            )
        if self.layout.position is not None:
            code.b.store(I64(0), _slot(code, state, self.layout.position))
        code.b.ret_void()

    def update(self) -> None:
        usize = ir.IntType(self.target.pointer_bits)
        code = self.function("pcpu_update", [POINTER, POINTER, usize])
        state, data, length = code.function.args
        origin = self.origin(code, state, data)
        stages = [self.stage(code, index, state, origin) for index in range(len(self.instructions))]
        parts.run(code, stages, data, length)
        for index, slots in self.slots.items():
            if len(slots) == 1:
                value = code.load(ir.IntType(stages[index].op.state_bits), stages[index].state)
                code.b.store(code.resize(value, 64), _slot(code, state, slots.start))
        if self.layout.position is not None:
            place = _slot(code, state, self.layout.position)
            code.b.store(code.b.add(code.load(I64, place), code.resize(length, 64)), place)
        code.b.ret_void()

    def finish(self) -> None:
        code = self.function("pcpu_finish", [POINTER, POINTER])
        state, out = code.function.args
        for index, slots in self.slots.items():
            op, operands = self.instructions[index].op, self.operands(code, index, state)
            before, after = (_slot(code, base, slots.start) for base in (state, out))
            parts.finish(code, op, operands, before, after)
        code.b.ret_void()

    def run(self) -> None:
        usize = ir.IntType(self.target.pointer_bits)
        code = self.function("pcpu_run", [POINTER, usize, POINTER])
        data, length, out = code.function.args
        # An array may be too large for the stack; ``out`` has room for a state.
        large = self.layout.outputs > len(self.layout.results)
        state = out if large else code.room(SLOT * max(1, self.layout.slots))
        for name, offset in self.layout.parameters.items():
            parts.store_parameter(code, code.byte_at(state, code.size(offset)), self.defaults[name])
        for name, arguments in (
            ("init", [state]),
            ("update", [state, data, length]),
            ("finish", [state, out]),
        ):
            code.b.call(self.module.globals[f"pcpu_{name}"], arguments)
        code.b.ret_void()

    def stage(self, code: Code, index: int, state: Value, origin: Value | None) -> Stage:
        op, operands = self.instructions[index].op, self.operands(code, index, state)
        origin = origin if op.uses_index else None
        if index not in self.slots:
            return Stage(op, operands, None, origin)
        slot = _slot(code, state, self.slots[index].start)
        if op.is_array:
            return Stage(op, operands, slot, origin)
        stored = code.load(I64, slot)
        local = code.local(ir.IntType(op.state_bits), code.resize(stored, op.state_bits))
        return Stage(op, operands, local, origin)

    def origin(self, code: Code, state: Value, data: Value) -> Value | None:
        if self.layout.position is None:
            return None
        position = code.load(I64, _slot(code, state, self.layout.position))
        return parts.origin(code, position, data)

    def operands(self, code: Code, index: int, state: Value) -> tuple[Value | Bytes, ...]:
        instruction = self.instructions[index]
        return tuple(
            self.operand(code, imm, value, state)
            for imm, value in zip(instruction.op.immediates, instruction.immediates, strict=True)
        )

    def operand(self, code: Code, imm: Immediate, value: Operand, state: Value) -> Value | Bytes:
        if not isinstance(value, Var):
            assert isinstance(value, int | bytes)
            return parts.constant(code, imm, value)
        if value.name in self.known:
            return parts.constant(code, imm, self.known[value.name])
        place = code.byte_at(state, code.size(self.layout.parameters[value.name]))
        number = code.load(I64, place)
        if imm.sizes is None:
            return code.resize(number, parts.abi_type(imm.bits).width)
        return Bytes(code.byte_at(place, code.size(SLOT)), code.to_size(number))


def _slot(code: Code, base: Value, index: int) -> Value:
    return code.byte_at(base, code.size(SLOT * index))


def _least(parameter: Parameter) -> int | bytes:
    """What stands for a parameter without a default where nobody can give a value."""
    sizes = parameter.kind.sizes
    return 0 if sizes is None else bytes(sizes[0])

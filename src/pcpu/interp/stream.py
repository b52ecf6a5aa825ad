"""Operations over a stream of bytes, as their declarations say."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

from pcpu import expr, gf2
from pcpu.ir import Instruction, Program, ResultValue
from pcpu.isa import CrcModel

_REFLECTED = bytes(gf2.reflect(byte, 8) for byte in range(256))


class Interpreter:
    """One run of a program over a stream: ``update`` for each piece, then ``finish``."""

    def __init__(self, program: Program) -> None:
        self._steps = [_step(instruction) for instruction in program.instructions]
        self._position = 0

    def update(self, data: bytes) -> bytes:
        """The bytes that come out for the next ones that go in."""
        for step in self._steps:
            data = step.update(data, self._position)
        self._position += len(data)
        return data

    def finish(self) -> tuple[ResultValue, ...]:
        """The results in program order."""
        return tuple(step.finish() for step in self._steps if not isinstance(step, _Map))


def run(program: Program, data: bytes) -> tuple[bytes, tuple[ResultValue, ...]]:
    """The resulting bytes and the results of ``program`` on ``data``."""
    interpreter = Interpreter(program)
    return interpreter.update(data), interpreter.finish()


def states(instruction: Instruction, data: bytes, position: int) -> list[int]:
    """The states of a fold, one but for an array, after the piece of a stream at ``position``."""
    fold = _Fold(instruction)
    fold.update(data, position)
    return fold.states


def merge(instruction: Instruction) -> Callable[[int, int], int]:
    """The function that joins two states of a fold, by its ``merge``."""
    expression = instruction.op.merge_expr
    assert expression is not None
    bits = instruction.op.state_bits
    return expr.function(expression, ("a", "b"), bits, _constants(instruction))


class _Map:
    def __init__(self, instruction: Instruction) -> None:
        op = instruction.op
        names = ("byte", "index") if op.uses_index else ("byte",)
        self._new_byte = expr.function(op.map_expr, names, 8, _constants(instruction))
        self._table = None if op.uses_index else bytes(map(self._new_byte, range(256)))

    def update(self, data: bytes, position: int) -> bytes:
        if self._table is not None:
            return data.translate(self._table)
        return bytes(map(self._new_byte, data, itertools.count(position)))


class _Fold:
    """``states`` are all of an array's, or the one of any other fold."""

    def __init__(self, instruction: Instruction) -> None:
        op, bits = instruction.op, instruction.op.state_bits
        constants = _constants(instruction)
        init = expr.function(op.init_expr, (), bits, constants)
        self.states = [init()] * op.result_count
        names = ("byte", "index")
        self._step = expr.function(op.step_expr, ("state", *names), bits, constants)
        self._bin = None
        if op.bin_expr is not None:
            self._bin = expr.function(op.bin_expr, names, expr.INDEX_WIDTH, constants)
        self._finish = expr.function(op.finish_expr, ("state",), bits, constants)
        self._mask = (1 << op.result_bits) - 1

    def update(self, data: bytes, position: int) -> bytes:
        states, step, chosen = self.states, self._step, self._bin
        if chosen is not None:
            for index, byte in enumerate(data, position):
                number = chosen(byte, index) % len(states)
                states[number] = step(states[number], byte, index)
            return data
        state = states[0]
        for index, byte in enumerate(data, position):
            state = step(state, byte, index)
        states[0] = state
        return data

    def finish(self) -> ResultValue:
        finished = {state: self._finish(state) & self._mask for state in {*self.states}}
        results = tuple(finished[state] for state in self.states)
        return results[0] if self._bin is None else results


class _Crc:
    """The Rocksoft model as its author defines it, top bit first, with the table of his that says
    what eight bits come to."""

    def __init__(self, model: CrcModel) -> None:
        self._model = model
        self._width = max(model.width, 8)  # a narrower register is the top of one of eight bits
        self._spare = self._width - model.width
        self._register = model.init << self._spare
        self._table = _table(model.poly << self._spare, self._width)

    def update(self, data: bytes, position: int) -> bytes:
        del position
        register, table, shift = self._register, self._table, self._width - 8
        mask = (1 << shift) - 1
        for byte in data.translate(_REFLECTED) if self._model.refin else data:
            register = (register & mask) << 8 ^ table[register >> shift ^ byte]
        self._register = register
        return data

    def finish(self) -> int:
        register = self._register >> self._spare
        if self._model.refout:
            register = gf2.reflect(register, self._model.width)
        return register ^ self._model.xorout


@cache
def _table(poly: int, width: int) -> list[int]:
    """By the top eight bits of a register that are shifted out, one by one, what is added."""
    table, top = [], 1 << (width - 1)
    for byte in range(256):
        register = byte << (width - 8)
        for _ in range(8):
            register = (register ^ top) << 1 ^ poly if register & top else register << 1
        table.append(register)
    return table


def _step(instruction: Instruction) -> _Map | _Fold | _Crc:
    op = instruction.op
    if op.crc is not None:
        return _Crc(op.crc)
    return _Map(instruction) if op.kind == "map" else _Fold(instruction)


def _constants(instruction: Instruction) -> dict[str, int | bytes]:
    """The operands of a stage by name."""
    constants: dict[str, int | bytes] = {}
    for imm, value in zip(instruction.op.immediates, instruction.immediates, strict=True):
        assert isinstance(value, int | bytes)
        constants[imm.name] = value
    return constants

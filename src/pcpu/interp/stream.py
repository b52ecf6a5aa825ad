"""Operations over a stream of bytes, as their declarations say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pcpu import expr, gf2
from pcpu.ir import Instruction, Program
from pcpu.isa import CrcModel, Op


class Interpreter:
    """One run of a program over a stream: ``update`` for each piece, then ``finish``."""

    def __init__(self, program: Program) -> None:
        self._steps = [_step(instruction) for instruction in program.instructions]

    def update(self, data: bytes) -> bytes:
        """The bytes that come out for the next ones that go in."""
        for step in self._steps:
            data = step.update(data)
        return data

    def finish(self) -> tuple[int, ...]:
        """The results in program order."""
        return tuple(step.finish() for step in self._steps if not isinstance(step, _Map))


def run(program: Program, data: bytes) -> tuple[bytes, tuple[int, ...]]:
    """The resulting bytes and the results of ``program`` on ``data``."""
    interpreter = Interpreter(program)
    return interpreter.update(data), interpreter.finish()


class _Map:
    def __init__(self, op: Op, imms: dict[str, int]) -> None:
        new_byte = _bind(op.map_expr, ("byte",), imms, 8)
        self._table = bytes(new_byte(byte) for byte in range(256))

    def update(self, data: bytes) -> bytes:
        return data.translate(self._table)


class _Fold:
    def __init__(self, op: Op, imms: dict[str, int]) -> None:
        bits = op.state_bits
        self._state = _bind(op.init_expr, (), imms, bits)()
        self._step = _bind(op.step_expr, ("state", "byte"), imms, bits)
        self._finish = _bind(op.finish_expr, ("state",), imms, bits)
        self._mask = (1 << op.result_bits) - 1

    def update(self, data: bytes) -> bytes:
        state, step = self._state, self._step
        for byte in data:
            state = step(state, byte)
        self._state = state
        return data

    def finish(self) -> int:
        return self._finish(self._state) & self._mask


class _Crc:
    """The Rocksoft model as its author defines it: bit by bit, top bit first."""

    def __init__(self, model: CrcModel) -> None:
        self._model = model
        self._register = model.init

    def update(self, data: bytes) -> bytes:
        register, (width, poly) = self._register, (self._model.width, self._model.poly)
        order = range(8) if self._model.refin else range(7, -1, -1)
        mask = (1 << width) - 1
        for byte in data:
            for position in order:
                feedback = (register >> (width - 1)) ^ (byte >> position & 1)
                register = (register << 1 & mask) ^ (poly if feedback else 0)
        self._register = register
        return data

    def finish(self) -> int:
        register = self._register
        if self._model.refout:
            register = gf2.reflect(register, self._model.width)
        return register ^ self._model.xorout


def _step(instruction: Instruction) -> _Map | _Fold | _Crc:
    op = instruction.op
    if op.crc is not None:
        return _Crc(op.crc)
    names = (imm.name for imm in op.immediates)
    imms: dict[str, Any] = dict(zip(names, instruction.immediates, strict=True))
    return _Map(op, imms) if op.kind == "map" else _Fold(op, imms)


def _bind(
    expression: expr.Expr, parameters: tuple[str, ...], imms: dict[str, int], width: int
) -> Callable[..., int]:
    function = expr.function(expression, (*parameters, *imms), width)
    constants = tuple(imms.values())
    return lambda *values: function(*values, *constants)

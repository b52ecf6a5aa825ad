"""Programs over whole buffers -> LLVM IR, with the functions of spec/abi.md A12-A16."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from llvmlite import ir

from pcpu.ir import Program, Scalar, Statement
from pcpu.layout import SLOT, outputs
from pcpu.lower import parts, probe
from pcpu.lower.code import I32, I64, POINTER, Code, Value
from pcpu.lower.count import count
from pcpu.lower.frame import Frame, Names, Shape
from pcpu.lower.mark import mark
from pcpu.lower.statements import Emitter, together
from pcpu.target import Target

# A long program is cut into functions, since LLVM's time grows faster than a function's length.
PIECE = 64


def lower_whole(
    program: Program, target: Target, *, probes: bool = False, marked: bool = False
) -> tuple[str, list[str]]:
    """The IR text of a module for a whole program, and the names of its functions.

    With ``probes`` each statement is counted and timed, and the caller told of it (probe.py); code
    that is ``marked`` says what statement it is of (mark.py).
    """
    module = parts.module("program", target)
    shape = Shape(program, probes=probes, marked=marked)
    _size(module, target, shape)
    pieces = list(_pieces(together(program.body, shape)))
    functions = []
    for number, (first, part) in enumerate(pieces if len(pieces) > 1 else ()):
        code = parts.function(
            module, target, f"piece.{number}", I32, [POINTER] * len(Frame.POINTERS)
        )
        if marked:
            mark(code)
        code.function.linkage = "internal"
        code.function.attributes.add("noinline")
        _body(code, Frame(code, shape, code.function.args), part, first)
        functions.append(code.function)
    _exec(module, target, shape, functions)
    return str(module), ["pcpu_size", "pcpu_exec"]


def _pieces(apart: Iterable[Sequence[Statement]]) -> Iterator[tuple[int, list[Statement]]]:
    """The parts of a body in pieces, each with the number of its first statement."""
    number = start = length = 0
    piece: list[Statement] = []
    for statements in apart:
        if length == PIECE:
            yield start, piece
            start, length, piece = number, 0, []
        piece += statements
        length += 1
        number += sum(map(count, statements))
    yield start, piece


def _body(code: Code, frame: Frame, body: Sequence[Statement], first: int) -> None:
    Emitter(code, frame).block(body, first)
    code.b.ret(I32(0))


def _exec(module: Any, target: Target, shape: Shape, pieces: Sequence[Any]) -> None:
    """``pcpu_exec(state, spans, out) -> status``, and with probes a fourth argument."""
    pointers = [POINTER] * (4 if shape.probes else 3)
    code = parts.function(module, target, "pcpu_exec", I32, pointers)
    if shape.marked:
        mark(code)
    registers = code.room(SLOT * max(1, len(shape.slots)))
    given = list(code.function.args)
    hooks = given[3] if shape.probes else ir.Constant(POINTER, None)
    frame = Frame(code, shape, [registers, *given[:3], hooks])
    frame.clear()
    if shape.probes:
        probe.begin(code, frame)
    if pieces:
        for function in pieces:
            status = code.b.call(function, frame.arguments)
            with code.when(code.b.icmp_unsigned("!=", status, I32(0))):
                code.b.ret(status)
    else:
        Emitter(code, frame).block(shape.program.body, 0)
    frame.write_results()
    code.b.ret(I32(0))


def _size(module: Any, target: Target, shape: Shape) -> None:
    """``pcpu_size(state, spans)``: the lengths of the outputs and the most of output tables."""
    code = parts.function(module, target, "pcpu_size", ir.VoidType(), [POINTER, POINTER])
    state, spans = code.function.args
    null = ir.Constant(POINTER, None)
    frame = Frame(code, shape, [null, state, spans, null, null])
    for buffer in shape.program.buffers:
        if buffer.size is not None:
            value = Names(code, frame).scalar(buffer.size)
            code.b.store(value, frame.length_slot(buffer.name))
    for output, loop in outputs(shape.program):
        if isinstance(loop.size, str):
            rows = Names(code, frame).value(f"{loop.size}.count")
        else:
            rows = _windows(code, frame, loop.over.buffer, loop.size)
        row = I64(SLOT * len(output.columns))
        code.b.store(code.b.mul(rows, row), frame.length_slot(output.name))
    code.b.ret_void()


def _windows(code: Code, frame: Frame, buffer: str, size: Scalar) -> Value:
    """The windows of ``size`` bytes in all of ``buffer``; 0 for a size of 0."""
    length, step = frame.length(buffer), Names(code, frame).scalar(size)
    zero = code.b.icmp_unsigned("==", step, I64(0))
    turns = code.divide_up(length, code.b.select(zero, I64(1), step))
    return code.b.select(zero, I64(0), turns)

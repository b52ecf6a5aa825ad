"""Maps that look bytes up wherever an expression says: one byte after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pcpu.lower.code import I8, Code, Value
from pcpu.lower.kernels.kernel import Kernel
from pcpu.lower.stage import Stage


def emit(code: Code, stages: Sequence[Stage], data: Value, length: Value) -> None:
    with ExitStack() as stack:
        i = stack.enter_context(code.loop(code.size(0), length, 1))
        address = code.byte_at(data, i)
        byte = code.load(I8, address)
        for stage in stages:
            byte = stage.scalar(code, stage.op.map_expr, stage.given(code, byte, address), 8)
        code.b.store(byte, address)


KERNEL = Kernel("lookup", "one byte after the other", lambda op: op.kind == "map", emit, fuses=True)

"""The reference interpreter as an engine: slow, and right by definition."""

from __future__ import annotations

import platform

from pcpu import interp
from pcpu.interp import Interpreter
from pcpu.ir import Arguments, Inputs, Outcome, Program, ResultValue
from pcpu.isa import Isa
from pcpu.run.engine import Blocks, Engine, Write


def run(program: Program, isa: Isa, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    del isa  # a Program holds the operations that it uses
    interpreter = Interpreter(program)
    for block in blocks:
        data = interpreter.update(bytes(block))
        if write is not None:
            write(memoryview(data))
    return interpreter.finish()


def run_whole(program: Program, isa: Isa, inputs: Inputs, arguments: Arguments) -> Outcome:
    del isa
    return interp.run_whole(program, inputs, arguments)


def _version() -> str:
    return f"Python {platform.python_version()}"


ENGINE = Engine("interp", "the reference interpreter", run, run_whole, _version)

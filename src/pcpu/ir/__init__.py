"""Program: the one intermediate representation, and its verifier."""

from pcpu.errors import ProgramError, ProgramErrors
from pcpu.ir.fault import MAX_ERRORS, Fault, Path
from pcpu.ir.model import (
    EXACT_JSON,
    MAX_NAME,
    MAX_OPERATIONS,
    STREAM,
    Buffer,
    Parameter,
    Program,
    Result,
    ResultValue,
    Shown,
    show_result,
    shown_number,
    shown_value,
)
from pcpu.ir.names import Names
from pcpu.ir.outcome import Arguments, Inputs, Outcome
from pcpu.ir.parts import named_in, with_data
from pcpu.ir.pipeline import (
    check_immediate,
    check_immediate_count,
    check_length,
    check_name,
    verify_pipeline,
    with_names,
)
from pcpu.ir.statement import (
    DATA,
    MOVES,
    SCALAR_BITS,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Output,
    Repeat,
    Scalar,
    Span,
    Statement,
    bodies,
    show_bytes,
    walk,
)
from pcpu.ir.verify import check
from pcpu.ir.wellformed import MAX_BLOCKS, MAX_STATEMENTS
from pcpu.ir.work import Work

__all__ = [
    "DATA", "EXACT_JSON", "MAX_BLOCKS", "MAX_ERRORS", "MAX_NAME", "MAX_OPERATIONS",
    "MAX_STATEMENTS", "MOVES", "SCALAR_BITS", "STREAM", "Arguments", "Buffer", "Each", "Fault",
    "Fuse", "If", "Inputs", "Instruction", "Let", "Move", "Names", "Operand", "Outcome",
    "Output", "Parameter", "Path", "Program", "Repeat", "Result", "ResultValue", "Scalar",
    "Shown", "Span", "Statement", "Work", "bodies", "check", "check_immediate",
    "check_immediate_count", "check_length", "check_name", "named_in", "show_bytes",
    "show_result", "shown_number", "shown_value", "verify", "walk", "with_data", "with_names",
]  # fmt: skip


def verify(program: Program) -> None:
    """Raise ProgramError unless ``program`` is one; ProgramErrors where it says more than one."""
    if program.is_pipeline:
        verify_pipeline(program)
        return
    faults, _ = check(program)
    if faults:
        raise ProgramErrors(
            [ProgramError(f.code, f.message, pointer=f.pointer) for f in faults[:MAX_ERRORS]]
        )

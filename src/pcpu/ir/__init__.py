"""Program: the one intermediate representation, and its verifier."""

from pcpu.errors import ProgramError, ProgramErrors
from pcpu.ir.model import (
    DATA,
    EXACT_JSON,
    MAX_NAME,
    MAX_OPERATIONS,
    MOVES,
    STREAM,
    Buffer,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Output,
    Parameter,
    Program,
    Repeat,
    Result,
    ResultValue,
    Scalar,
    Shown,
    Span,
    Statement,
    bodies,
    show_bytes,
    show_result,
    walk,
)
from pcpu.ir.names import Names
from pcpu.ir.outcome import Arguments, Inputs, Outcome
from pcpu.ir.pipeline import (
    check_immediate,
    check_immediate_count,
    check_length,
    check_name,
    verify_pipeline,
    with_names,
)
from pcpu.ir.verify import check
from pcpu.ir.work import Work

__all__ = [
    "DATA", "EXACT_JSON", "MAX_NAME", "MAX_OPERATIONS", "MOVES", "STREAM", "Arguments", "Buffer",
    "Each", "Fuse", "If", "Inputs", "Instruction", "Let", "Move", "Names", "Operand", "Outcome",
    "Output", "Parameter", "Program",
    "Repeat", "Result", "ResultValue", "Scalar", "Shown", "Span", "Statement", "Work", "bodies",
    "check", "check_immediate", "check_immediate_count", "check_length", "check_name", "show_bytes",
    "show_result", "verify", "walk", "with_names",
]  # fmt: skip


def verify(program: Program) -> None:
    """Raise ProgramError unless ``program`` is one; ProgramErrors where it says more than one."""
    if program.is_pipeline:
        verify_pipeline(program)
        return
    faults, _ = check(program)
    if faults:
        pointers = ["".join(f"/{part}" for part in fault.path) for fault in faults]
        raise ProgramErrors([
            ProgramError(fault.code, fault.message, pointer=pointer)
            for fault, pointer in zip(faults, pointers, strict=True)
        ])  # fmt: skip

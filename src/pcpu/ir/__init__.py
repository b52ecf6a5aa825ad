"""Program: the one intermediate representation, and its verifier."""

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
from pcpu.ir.pipeline import (
    check_immediate,
    check_immediate_count,
    check_length,
    check_name,
    verify_pipeline,
    with_names,
)

__all__ = [
    "DATA", "EXACT_JSON", "MAX_NAME", "MAX_OPERATIONS", "MOVES", "STREAM", "Buffer", "Each", "Fuse",
    "If", "Instruction", "Let", "Move", "Names", "Operand", "Output", "Parameter", "Program",
    "Repeat", "Result", "ResultValue", "Scalar", "Shown", "Span", "Statement", "bodies",
    "check_immediate", "check_immediate_count", "check_length", "check_name", "show_bytes",
    "show_result", "verify", "walk", "with_names",
]  # fmt: skip


def verify(program: Program) -> None:
    """Raise ProgramError unless ``program`` is one."""
    verify_pipeline(program)

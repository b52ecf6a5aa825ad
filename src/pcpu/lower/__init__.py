"""Program -> LLVM IR, with the functions of spec/abi.md."""

from pcpu.lower.module import lower_operations, lower_program

__all__ = ["lower_operations", "lower_program"]

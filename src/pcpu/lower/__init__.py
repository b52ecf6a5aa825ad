"""Program -> LLVM IR, with the functions of spec/abi.md."""

from pcpu.lower.module import lower_program
from pcpu.lower.operations import lower_operations
from pcpu.lower.whole import lower_whole

__all__ = ["lower_operations", "lower_program", "lower_whole"]

"""pCPU: one compiler for byte programs.

>>> import pcpu
>>> check = pcpu.compile("crc32c")
>>> check(b"123456789").results
{'crc32c': 3808858755}
"""

from typing import TYPE_CHECKING, Any

from pcpu.errors import (
    EngineError,
    ExpressionError,
    IsaError,
    OutputClosedError,
    PcpuError,
    ProgramError,
    ProgramErrors,
    ToolchainError,
    TrapError,
    UsageError,
)

if TYPE_CHECKING:
    from pcpu.ir import Program
    from pcpu.isa import Isa
    from pcpu.library import load_isa
    from pcpu.sdk.builder import Builder
    from pcpu.sdk.compiled import Compiled, compile, load
    from pcpu.sdk.outcome import Outcome, Table
    from pcpu.sdk.read import parse
    from pcpu.sdk.stream import Pieces, Stream

__all__ = [
    "Builder",
    "Compiled",
    "EngineError",
    "ExpressionError",
    "Isa",
    "IsaError",
    "Outcome",
    "OutputClosedError",
    "PcpuError",
    "Pieces",
    "Program",
    "ProgramError",
    "ProgramErrors",
    "Stream",
    "Table",
    "ToolchainError",
    "TrapError",
    "UsageError",
    "compile",
    "load",
    "load_isa",
    "parse",
]

_HOMES = {
    "Builder": "pcpu.sdk.builder",
    "Compiled": "pcpu.sdk.compiled",
    "Isa": "pcpu.isa",
    "Outcome": "pcpu.sdk.outcome",
    "Pieces": "pcpu.sdk.stream",
    "Program": "pcpu.ir",
    "Stream": "pcpu.sdk.stream",
    "Table": "pcpu.sdk.outcome",
    "compile": "pcpu.sdk.compiled",
    "load": "pcpu.sdk.compiled",
    "load_isa": "pcpu.library",
    "parse": "pcpu.sdk.read",
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: the command line needs little of it, and starts for each use.
    if name not in _HOMES:
        raise AttributeError(f"module 'pcpu' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)

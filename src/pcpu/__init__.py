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
    WorkerError,
)

if TYPE_CHECKING:
    from pcpu.iprog.hinted import HintedPlan, Hints, plan_with_hints, plan_with_llvm_hints
    from pcpu.ir import Program
    from pcpu.isa import Isa
    from pcpu.library import load_isa
    from pcpu.sdk.builder import Builder
    from pcpu.sdk.client import Client, Health, NamedProgram
    from pcpu.sdk.client.answer import Answer, StreamedAnswer
    from pcpu.sdk.compiled import Compiled, compile, load
    from pcpu.sdk.function import program
    from pcpu.sdk.handles import Buffer, Number, Variable
    from pcpu.sdk.language import (
        U8,
        U16,
        U32,
        U64,
        Bits,
        Bytes,
        In,
        InOut,
        Length,
        Out,
        Rows,
        Span,
        Spans,
        Window,
        fuse,
        out,
        rows,
    )
    from pcpu.sdk.outcome import Outcome, Table
    from pcpu.sdk.read import parse
    from pcpu.sdk.stream import Pieces, Stream

__all__ = [
    "U8",
    "U16",
    "U32",
    "U64",
    "Answer",
    "Bits",
    "Buffer",
    "Builder",
    "Bytes",
    "Client",
    "Compiled",
    "EngineError",
    "ExpressionError",
    "Health",
    "HintedPlan",
    "Hints",
    "In",
    "InOut",
    "Isa",
    "IsaError",
    "Length",
    "NamedProgram",
    "Number",
    "Out",
    "Outcome",
    "OutputClosedError",
    "PcpuError",
    "Pieces",
    "Program",
    "ProgramError",
    "ProgramErrors",
    "Rows",
    "Span",
    "Spans",
    "Stream",
    "StreamedAnswer",
    "Table",
    "ToolchainError",
    "TrapError",
    "UsageError",
    "Variable",
    "Window",
    "WorkerError",
    "compile",
    "fuse",
    "load",
    "load_isa",
    "out",
    "parse",
    "plan_with_hints",
    "plan_with_llvm_hints",
    "program",
    "rows",
]

# fmt: off
_HOMES = {
    "pcpu.iprog.hinted": ("HintedPlan", "Hints", "plan_with_hints", "plan_with_llvm_hints"),
    "pcpu.ir": ("Program",),
    "pcpu.isa": ("Isa",),
    "pcpu.library": ("load_isa",),
    "pcpu.sdk.builder": ("Builder",),
    "pcpu.sdk.client": ("Client", "Health", "NamedProgram"),
    "pcpu.sdk.client.answer": ("Answer", "StreamedAnswer"),
    "pcpu.sdk.compiled": ("Compiled", "compile", "load"),
    "pcpu.sdk.function": ("program",),
    "pcpu.sdk.handles": ("Buffer", "Number", "Variable"),
    "pcpu.sdk.language": (
        "Bits", "Bytes", "In", "InOut", "Length", "Out", "Rows", "Span", "Spans", "U8", "U16",
        "U32", "U64", "Window", "fuse", "out", "rows",
    ),
    "pcpu.sdk.outcome": ("Outcome", "Table"),
    "pcpu.sdk.read": ("parse",),
    "pcpu.sdk.stream": ("Pieces", "Stream"),
}
# fmt: on


if not TYPE_CHECKING:  # a checker takes a module's __getattr__ for a promise of any name

    def __getattr__(name: str) -> Any:
        # Loaded when asked for: the command line needs little of it, and starts for each use.
        for home, names in _HOMES.items():
            if name in names:
                from importlib import import_module

                return getattr(import_module(home), name)
        raise AttributeError(f"module 'pcpu' has no attribute {name!r}")

"""What a module says of itself (spec/abi.md A10)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from pcpu import llvm
from pcpu.artifact import ABI_VERSION
from pcpu.ir import Program, Result
from pcpu.ir.document import operand_json
from pcpu.ir.traps import checks
from pcpu.isa import Isa
from pcpu.layout import SLOT, layout, outputs, whole_layout
from pcpu.target import Target
from pcpu.targets import lld


def compiled_for(isa: Isa, target: Target) -> dict[str, Any]:
    """The part of a manifest that says how something was compiled."""
    tools = {"pcpu": version("pcpu"), "llvm": llvm.version(), "llvmlite": version("llvmlite")}
    tools |= lld.versions()
    return {
        "abi": ABI_VERSION,
        "target": target.machine,
        "isa_digest": isa.digest,
        "compiled_with": f"pcpu {tools['pcpu']}, LLVM {tools['llvm']} -O{llvm.OPTIMISATION}",
        "tools": tools,
        "features": sorted(feature.lstrip("+") for feature in target.features),
    }


def of_operations(isa: Isa) -> dict[str, Any]:
    return {"kind": "ops", **isa.to_json()}


def of_stream(program: Program) -> dict[str, Any]:
    """Of the module of a program that runs over streams."""
    found = layout(program)
    signature = {"signature": program.signature} if program.is_pipeline else {}
    return _common(program) | signature | {
        "form": "stream",
        "state_bytes": SLOT * found.slots,
        "parameters": _parameters(program, found.parameters),
    }  # fmt: skip


def of_whole(program: Program, optimized: Program) -> dict[str, Any]:
    """Of the module of a program over data that is there as a whole; its checks are those that
    are left in the ``optimized`` one."""
    found = whole_layout(program)
    return _common(program) | {
        "form": "whole",
        "state_bytes": SLOT * found.slots,
        "parameters": _parameters(program, found.parameters),
        "buffers": [
            {"name": b.name, "role": b.role, "written": b.name in program.written}
            for b in program.buffers
        ],
        "tables": [
            {
                "name": output.name,
                "columns": [_result(program.registers[name]) for name in output.columns],
            }
            for output, _ in outputs(program)
        ],
        "traps": [
            {"status": c.status, "code": c.code, "line": c.line, "message": c.message}
            for c in checks(optimized)
        ],
    }  # fmt: skip


def _common(program: Program) -> dict[str, Any]:
    return {
        "kind": "program",
        "operations": [op.to_json() for op in program.operations],
        "program": str(program),
        "results": [_result(result) for result in program.results],
    }


def _parameters(program: Program, offsets: dict[str, int]) -> list[dict[str, Any]]:
    found = []
    for parameter in program.parameters:
        member: dict[str, Any] = {"name": parameter.name, "offset": offsets[parameter.name]}
        sizes = parameter.kind.sizes
        member |= {"bits": parameter.kind.bits} if sizes is None else {"sizes": list(sizes)}
        if parameter.default is not None:
            member["default"] = operand_json(parameter.default)
        found.append(member)
    return found


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "op": result.op and result.op.name,
        "bits": result.bits,
        "returns": result.returns,
        "count": result.count,
    }

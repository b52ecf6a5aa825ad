"""The whole compiler: what to compile -> IR -> -O3 -> object -> linked, with a manifest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Literal, get_args

from pcpu import ir, llvm
from pcpu.artifact import ABI_VERSION, Artifact, with_manifest
from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Program
from pcpu.isa import Isa, Op
from pcpu.layout import SLOT, layout
from pcpu.lower import lower_operations, lower_program
from pcpu.target import Target
from pcpu.targets import lld

MAX_TERMS = 8192  # names, constants and operators; about ten seconds of compiling
Form = Literal["ir", "opt-ir", "asm", "obj", "wasm", "so"]
FORMS: tuple[Form, ...] = get_args(Form)


def compile_program(
    program: Program, isa: Isa, target: Target, form: str | None = None
) -> Artifact:
    """One program, fused, for ``target``; ``form`` stops the line earlier.

    Raises ProgramError, UsageError (a form that the target does not have) or ToolchainError.
    """
    ir.verify(program)
    _check_size([i.op for i in program.instructions], MAX_TERMS)
    manifest = {
        "kind": "program",
        "operations": [op.to_json() for op in _used(program)],
        "program": str(program),
        "signature": program.signature,
        "form": "stream",
        "state_bytes": SLOT * layout(program).slots,
        "results": [
            {
                "name": r.name,
                "op": r.op and r.op.name,
                "bits": r.bits,
                "returns": r.returns,
                "count": r.count,
            }
            for r in program.results
        ],
    }
    text, exports = lower_program(program, target)
    return _line(text, exports, manifest, isa, target, form)


def compile_operations(isa: Isa, target: Target, form: str | None = None) -> Artifact:
    """Every operation of ``isa`` as kernels of its own."""
    _check_size(isa.operations, 4 * MAX_TERMS)
    manifest = {"kind": "ops", **isa.to_json()}
    text, exports = lower_operations(isa, target)
    return _line(text, exports, manifest, isa, target, form)


def _line(
    text: str,
    exports: Sequence[str],
    manifest: dict[str, Any],
    isa: Isa,
    target: Target,
    form: str | None,
) -> Artifact:
    form = form or target.linked
    if form in ("wasm", "so") and form != target.linked:
        raise UsageError(f"target {target.name} does not emit {form!r}, but {target.linked!r}")
    module = llvm.parse(text, target)
    if form == "ir":
        return Artifact("ir", str(module).encode(), manifest)
    llvm.optimise(module, target)
    if form == "opt-ir":
        return Artifact("opt-ir", str(module).encode(), manifest)
    if form == "asm":
        return Artifact("asm", llvm.emit(module, target, "asm"), manifest)
    code = llvm.emit(module, target, "obj")
    if form == "obj":
        return Artifact("obj", code, manifest)
    manifest = describe(isa, target) | manifest
    linked = target.link(code, exports)
    if target.linked == "wasm":
        assembly = llvm.emit(module, target, "asm").decode()
        manifest["simd"] = simd_counts(assembly, exports)
        linked = with_manifest(linked, manifest)
    return Artifact(target.linked, linked, manifest)


def describe(isa: Isa, target: Target) -> dict[str, Any]:
    """The part of a manifest that says how something was compiled."""
    tools = {"pcpu": version("pcpu"), "llvm": llvm.version(), "llvmlite": version("llvmlite")}
    tools |= lld.versions()
    return {
        "abi": ABI_VERSION,
        "target": "wasm32" if target.linked == "wasm" else target.triple,
        "isa_digest": isa.digest,
        "compiled_with": f"pcpu {tools['pcpu']}, LLVM {tools['llvm']} -O{llvm.OPTIMISATION}",
        "tools": tools,
        "features": sorted(feature.lstrip("+") for feature in target.features),
    }


_LABEL = re.compile(r"^([A-Za-z_][\w.$]*):", re.MULTILINE)
_CALL = re.compile(r"^\s+call\s+([\w.$]+)", re.MULTILINE)
_SIMD = re.compile(r"^\s+(?:v128|[if]\d+x\d+)\.", re.MULTILINE)


def simd_counts(assembly: str, exports: Sequence[str]) -> dict[str, int]:
    """The number of vector instructions in each exported function of WebAssembly assembly.

    Those of the functions that it calls count too, each once.
    """
    pieces = _LABEL.split(assembly)
    bodies = dict(zip(pieces[1::2], pieces[2::2], strict=True))

    def count(name: str) -> int:
        seen, waiting = set[str](), [name]
        while waiting:
            one = waiting.pop()
            if one in bodies and one not in seen:
                seen.add(one)
                waiting += _CALL.findall(bodies[one])
        return sum(len(_SIMD.findall(bodies[one])) for one in seen)

    return {name: count(name) for name in exports}


def _check_size(ops: Sequence[Op], limit: int) -> None:
    """Keep the time and memory of compiling in bounds, whatever the expressions."""
    terms = Counter({op.name: op.terms for op in ops})
    total = sum(terms[op.name] for op in ops)
    if total > limit:
        name, most = terms.most_common(1)[0]
        raise ProgramError(
            "too-long",
            f"the expressions of all operations have {total} terms together, of at most {limit}; "
            f"{name} alone has {most}",
        )


def _used(program: Program) -> list[Op]:
    return list({i.op.name: i.op for i in program.instructions}.values())

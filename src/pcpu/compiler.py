"""The whole compiler: from a Program over passes, IR, -O3 and an object to what is linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from pcpu import ir, levels, llvm, manifest
from pcpu.artifact import Artifact
from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Instruction, Program
from pcpu.isa import Isa, Op
from pcpu.lower import lower_operations, lower_program, lower_whole
from pcpu.optimize import optimize
from pcpu.target import Target

MAX_TERMS = 8192  # names, constants and operators; about ten seconds of compiling
Form = Literal["ir", "opt-ir", "asm", "obj", "wasm", "so"]
FORMS: tuple[Form, ...] = get_args(Form)


def compile_program(
    program: Program,
    isa: Isa,
    target: Target,
    form: str | None = None,
    *,
    whole: bool = False,
    without: Collection[str] = (),
) -> Artifact:
    """One program for ``target``: for streams where it can run over them, else, or where ``whole``
    says so, for data that is there as a whole. ``form`` stops the line earlier, and the passes
    named in ``without`` are left out.

    Raises ProgramError, UsageError (a form that the target does not have, a pass that there is
    not) or ToolchainError.
    """
    _check_program(program)
    optimized = optimize(program, without, whole=whole)
    if program.is_stream and not whole:
        return _line(
            partial(lower_program, optimized), manifest.of_stream(program), isa, target, form
        )
    told = manifest.of_whole(program, optimized)
    return _line(partial(lower_whole, optimized), told, isa, target, form)


def compile_probed(program: Program, target: Target) -> bytes:
    """The linked code of a program over whole buffers that tells its caller of each statement
    (lower/probe.py). Raises like ``compile_program``."""
    _check_program(program)
    text, exports = lower_whole(program, target, probes=True)
    module = llvm.parse(text, target)
    llvm.optimise(module, target)
    return target.link(llvm.emit(module, target, "obj"), exports)


@dataclass(frozen=True)
class Listing:
    """The optimised IR of a program over whole buffers and the assembly that becomes of it, with
    marks of the statements that they are of (lower/mark.py)."""

    ir: str
    asm: str


def listing(program: Program, target: Target) -> Listing:
    """What ``target`` makes of a program. Raises like ``compile_program``."""
    _check_program(program)
    text, _ = lower_whole(program, target, marked=True)
    module = llvm.parse(text, target)
    llvm.optimise(module, target)
    return Listing(str(module), llvm.emit(module, target, "asm").decode())


def compile_operations(isa: Isa, target: Target, form: str | None = None) -> Artifact:
    """Every operation of ``isa`` as kernels of its own."""
    _check_size(isa.operations, 4 * MAX_TERMS)
    return _line(partial(lower_operations, isa), manifest.of_operations(isa), isa, target, form)


def _line(
    lower: levels.Lower,
    told: dict[str, Any],
    isa: Isa,
    target: Target,
    form: str | None,
) -> Artifact:
    form = form or target.linked
    if form in ("wasm", "so") and form != target.linked:
        raise UsageError(f"target {target.name} does not emit {form!r}, but {target.linked!r}")
    if form == target.linked and target.levels:
        _, exports = lower(target)
        linked = target.link(levels.objects(lower, target), exports)
        return Artifact(form, linked, manifest.compiled_for(isa, target) | told)
    text, exports = lower(target)
    module = llvm.parse(text, target)
    if form == "ir":
        return Artifact("ir", str(module).encode(), told)
    llvm.optimise(module, target)
    if form == "opt-ir":
        return Artifact("opt-ir", str(module).encode(), told)
    if form == "asm":
        return Artifact("asm", llvm.emit(module, target, "asm"), told)
    code = llvm.emit(module, target, "obj")
    if form == "obj":
        return Artifact("obj", code, told)
    told = manifest.compiled_for(isa, target) | told
    linked = target.link(code, exports)
    if target.count_vectors is not None:
        told["simd"] = target.count_vectors(linked, exports)
    if target.embed is not None:
        linked = target.embed(linked, told)
    return Artifact(target.linked, linked, told)


def _check_program(program: Program) -> None:
    ir.verify(program)
    _check_size([s.op for s in ir.walk(program.body) if isinstance(s, Instruction)], MAX_TERMS)


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

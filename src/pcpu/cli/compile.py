"""``pcpu compile``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.cli.options import IsaFiles, TargetName, load_isa_files, print_json, read_with_isa
from pcpu.errors import UsageError


class EmitForm(StrEnum):
    passes = "passes"
    ir = "ir"
    opt_ir = "opt-ir"
    asm = "asm"
    obj = "obj"
    wasm = "wasm"
    so = "so"


def _passes(begun: str) -> list[str]:
    """For completion."""
    from pcpu.optimize import PASSES

    return [each.name for each in PASSES if each.name.startswith(begun)]


def compile(
    program: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROG]",
            help="The program, or a .pasm, .json or .pcpu file with it; or a plan.",
        ),
    ] = None,
    target: Annotated[TargetName, typer.Option(help="What to compile for.")] = TargetName.wasm,
    emit: Annotated[
        EmitForm | None, typer.Option(help="What to write; the linked module by default.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="OUT", help="Where it goes; - is stdout.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print on stderr which operations share a loop.")
    ] = False,
    ops: Annotated[
        bool, typer.Option("--ops", help="Every operation as a kernel of its own, not a program.")
    ] = False,
    decoder: Annotated[
        bool,
        typer.Option("--decoder", help="The WebAssembly decoder of plans, in five files."),
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PASS",
            help="Leave a pass of the optimizer out; may be repeated.",
            autocompletion=_passes,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifest, or the passes, as JSON.")
    ] = False,
    isa: IsaFiles = None,
) -> None:
    """Compile a program or a plan, or with --ops the whole instruction set.

    --emit passes prints the program after each pass of the optimizer that changes it.

    A plan (an .iprog file) becomes what rebuilds its file: a module, or with --target x86-64,
    aarch64 or riscv64 an executable for Linux.

    --decoder -o OUT.wasm writes a module that takes plans at run time, and beside it what it is
    given where a plan needs it: OUT-relocation.wasm, OUT-foreseen.wasm, OUT-matched.wasm,
    OUT-names.wasm and OUT-finders.wasm.

    \b
    Example: pcpu compile 'xor 0x5a | crc32c' --target wasm -o masked.wasm
    Example: pcpu compile new.iprog -o new.wasm
    Example: pcpu compile --decoder -o iprog.wasm
    """
    from pcpu.iprog.reconstructor import holds_plan

    if ops + decoder + (program is not None) != 1:
        raise UsageError("give one of: a program, a plan, --ops, --decoder")
    if decoder or (program is not None and holds_plan(program)):
        if emit is not None or explain or without or isa:
            raise UsageError("--emit, --explain, --without and --isa are about programs")
        _compile_plans(program, target, out, as_json=as_json)
        return
    if program is None:
        _check_operations(emit, explain, without)
    if emit is EmitForm.passes and program is not None:
        _write_passes(read_with_isa(program, isa)[1], without or (), as_json, out)
        return
    if as_json and out in (None, "-"):
        raise UsageError("--json takes stdout for the manifest; give -o OUT for the code")
    artifact = _compiled(program, isa, target, emit, without or (), explain=explain)
    _write(artifact, out)
    if as_json:
        print_json(artifact.manifest)


def _compile_plans(plan: str | None, target: TargetName, out: str | None, *, as_json: bool) -> None:
    """Compile what a plan becomes; without one the decoder of any."""
    from pcpu.cli.plans import compile_decoder, compile_plan_file

    if plan is None:
        compile_decoder(out, as_json=as_json)
    else:
        compile_plan_file(plan, target.value, out, as_json=as_json)


def _compiled(
    program: str | None, isa: list[Path] | None, target: TargetName, emit: EmitForm | None,
    without: Sequence[str], *, explain: bool,
) -> Any:  # fmt: skip
    """The artifact of a program; without one of all operations."""
    from pcpu import targets
    from pcpu.compiler import compile_operations, compile_program

    found, form = targets.find(target.value), emit.value if emit else None
    if program is None:
        return compile_operations(load_isa_files(isa), found, form)
    loaded, parsed = read_with_isa(program, isa)
    artifact = compile_program(parsed, loaded, found, form, without=without)
    if explain:
        _explain(parsed, without, found)
    return artifact


def _check_operations(
    emit: EmitForm | None, explain: bool, without: Sequence[str] | None
) -> None:  # fmt: skip
    for option, given in (("--explain", explain), ("--without", without),
                          ("--emit passes", emit is EmitForm.passes)):  # fmt: skip
        if given:
            raise UsageError(f"{option} is about a program")


def _write(artifact: Any, out: str | None) -> None:
    from pcpu.artifact import check_terminal

    if out not in (None, "-"):
        artifact.write(Path(out))
    elif artifact.is_text:
        sys.stdout.write(artifact.code.decode())
    else:
        if out is None:
            check_terminal()
        sys.stdout.buffer.write(artifact.code)


def _write_passes(program: Any, without: Sequence[str], as_json: bool, out: str | None) -> None:
    from pcpu.artifact import open_output
    from pcpu.optimize import report

    text = report(program, without, as_json=as_json)
    if out in (None, "-"):
        sys.stdout.write(text)
    else:
        with open_output(Path(out)) as file:
            file.write(text.encode())


def _explain(program: Any, without: Sequence[str], target: Any) -> None:
    from pcpu.lower.explain import explain
    from pcpu.optimize import optimize

    for line in explain(optimize(program, without), target):
        typer.echo(line, err=True)

"""The ``pcpu`` command: thin, every command a call into the package."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from pcpu.cli import bank, iprog
from pcpu.cli.check import check
from pcpu.cli.fmt import fmt
from pcpu.cli.options import (
    Bundled,
    IsaFiles,
    Json,
    Reconstructors,
    TargetName,
    load_isa_files,
    parse_bundled,
    print_json,
    read_with_isa,
)
from pcpu.cli.run import run
from pcpu.cli.sim import sim
from pcpu.errors import OutputClosedError, PcpuError, UsageError

app = typer.Typer(
    name="pcpu",
    help="One compiler for byte programs: from one line of text to native speed at the edge.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pcpu {version('pcpu')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """One compiler for byte programs: from one line of text to native speed at the edge."""


for command in (
    run, check, fmt, sim, iprog.plan, iprog.apply, iprog.inspect, iprog.verify, iprog.publish
):  # fmt: skip
    app.command()(command)
app.add_typer(bank.app)


class EmitForm(StrEnum):
    passes = "passes"
    ir = "ir"
    opt_ir = "opt-ir"
    asm = "asm"
    obj = "obj"
    wasm = "wasm"
    so = "so"


@app.command()
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
        bool, typer.Option("--decoder", help="The WebAssembly decoder that takes any plan.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="PASS", help="Leave a pass of the optimizer out; may be repeated."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the manifest, or the passes, as JSON.")
    ] = False,
    isa: IsaFiles = None,
) -> None:
    """Compile a program, or with --ops the whole instruction set.

    --emit passes prints the program after each pass of the optimizer that changes it.

    A plan (an .iprog file) becomes what rebuilds its file: a module, or with --target x86-64,
    aarch64 or riscv64 an executable for Linux.

    Example: pcpu compile 'xor 0x5a | crc32c' --target wasm -o masked.wasm
    """
    from pcpu import targets
    from pcpu.cli.plans import compile_decoder, compile_plan_file
    from pcpu.compiler import compile_operations, compile_program
    from pcpu.iprog.reconstructor import is_plan

    if ops + decoder + (program is not None) != 1:
        raise UsageError("give one of: a program, a plan, --ops, --decoder")
    if decoder or (program is not None and is_plan(program)):
        if emit is not None or explain or without or isa:
            raise UsageError("--emit, --explain, --without and --isa are about programs")
        if program is None:
            compile_decoder(out, as_json=as_json)
        else:
            compile_plan_file(program, target.value, out, as_json=as_json)
        return
    for option, given in (("--explain", explain), ("--without", without),
                          ("--emit passes", emit is EmitForm.passes)):  # fmt: skip
        if given and program is None:
            raise UsageError(f"{option} is about a program")
    if emit is EmitForm.passes and program is not None:
        _write_passes(read_with_isa(program, isa)[1], without or (), as_json, out)
        return
    if as_json and out in (None, "-"):
        raise UsageError("--json takes stdout for the manifest; give -o OUT for the code")
    found, form = targets.find(target.value), emit.value if emit else None
    if program is None:
        artifact = compile_operations(load_isa_files(isa), found, form)
    else:
        loaded, parsed = read_with_isa(program, isa)
        artifact = compile_program(parsed, loaded, found, form, without=without or ())
        if explain:
            _explain(parsed, without or (), found)
    if out not in (None, "-"):
        artifact.write(Path(out))
    elif artifact.is_text:
        sys.stdout.write(artifact.code.decode())
    elif out is None and sys.stdout.isatty():
        raise UsageError(f"{artifact.form} is binary; give -o OUT, or pipe it")
    else:
        sys.stdout.buffer.write(artifact.code)
    if as_json:
        print_json(artifact.manifest)


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


@app.command("isa")
def show_isa(
    op: Annotated[
        str | None, typer.Argument(metavar="[OP]", help="Only this one, with all about it.")
    ] = None,
    as_json: Json = False,
    isa: IsaFiles = None,
) -> None:
    """List the operations, or explain one.

    Example: pcpu isa mask
    """
    loaded = load_isa_files(isa)
    found = None if op is None else loaded.find(op)
    if op is not None and found is None:
        from pcpu.source.unknown import unknown_operation

        raise UsageError(unknown_operation(op, loaded))
    if as_json:
        print_json(found.to_json() if found else loaded.to_json() | {"isa_digest": loaded.digest})
        return
    from pcpu.reference import describe, print_table

    if found is None:
        print_table(loaded)
    else:
        typer.echo("\n".join(describe(found)))


@app.command()
def openapi(isa: IsaFiles = None) -> None:
    """Print the OpenAPI document of the Worker's HTTP interface.

    Example: pcpu openapi > openapi.json
    """
    from pcpu.openapi import document

    print_json(document(load_isa_files(isa)))


@app.command()
def build(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the bundle goes.")],
    program: Bundled = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="BUCKET", help="The R2 bucket with published files."),
    ] = None,
    reconstructor: Reconstructors = None,
    loader: Annotated[
        bool, typer.Option("--loader", help="Run published modules; the account must have it.")
    ] = False,
    isa: IsaFiles = None,
) -> None:
    """Write a Worker bundle that is ready to deploy.

    Example: pcpu build -o bundle --program 'xor 0x5a | crc32c' && cd bundle && npx wrangler deploy
    """
    from pcpu.bundle import build_bundle

    loaded = load_isa_files(isa)
    pipelines, named = parse_bundled(program, loaded)
    if bucket is None:
        _check_store("--bucket", reconstructor)
        build_bundle(loaded, pipelines, out, named=named)
    else:
        objects = _objects(reconstructor)
        build_bundle(loaded, pipelines, out, named=named, bucket=bucket, loader=loader, **objects)
    for path in sorted(out.iterdir()):
        typer.echo(f"{path.stat().st_size:>9}  {path}", err=True)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8787,
    program: Bundled = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", metavar="DIR", help="The folder of published files."),
    ] = None,
    reconstructor: Reconstructors = None,
    isa: IsaFiles = None,
) -> None:
    """Serve the Worker on 127.0.0.1.

    Builds the bundle and runs it on workerd, the real Workers runtime, until Ctrl-C.

    Example: pcpu serve --port 8787
    """
    from pcpu.serve import serve_forever

    loaded = load_isa_files(isa)
    pipelines, named = parse_bundled(program, loaded)
    if store is None:
        _check_store("--store", reconstructor)
        serve_forever(loaded, pipelines, named, port)
    elif not store.is_dir():
        raise UsageError(f"--store {store}: there is no such folder; pcpu publish makes it")
    else:
        serve_forever(loaded, pipelines, named, port, store=store, **_objects(reconstructor))


def _check_store(option: str, reconstructors: Sequence[str] | None) -> None:
    if reconstructors:
        raise UsageError(f"--reconstructor needs {option}, where its blobs are published")


def _objects(reconstructors: Sequence[str] | None) -> dict[str, Any]:
    """What a bundle rebuilds files with."""
    from pcpu.iprog.bundled import read_reconstructors
    from pcpu.iprog.publish import decoder

    return {"decoder": decoder(), "reconstructors": read_reconstructors(reconstructors or ())}


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show the toolchain and the engines found.

    With their versions; the exit code is 1 when one is missing.

    Example: pcpu doctor
    """
    from pcpu.doctor import examine

    checks = examine()
    if as_json:
        print_json({check.name: check.to_json() for check in checks})
    else:
        for check in checks:
            mark = "ok     " if check.found else "MISSING"
            typer.echo(f"{mark} {check.name:<12} {check.detail}")
    if not all(check.found for check in checks):
        raise typer.Exit(1)


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Under two minutes.")] = False,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit with 1 when a goal is missed.")
    ] = False,
    iprog: Annotated[
        bool, typer.Option("--iprog", help="Plans beside delta tools, in place of operations.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only this definition of bench/definitions, or pair of --iprog."
        ),
    ] = None,
    plot: Annotated[bool, typer.Option(help="Draw the plots in docs/img.")] = True,
    as_json: Json = False,
    json_path: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where the record goes; bench/record by default."),
    ] = None,
) -> None:
    """Measure pCPU beside the alternatives.

    In one run, and with all results compared.

    Example: pcpu bench --quick
    """
    if iprog:
        from pcpu.bench.delta.main import run_bench
    else:
        from pcpu.bench.main import run_bench

    raise typer.Exit(
        run_bench(
            quick=quick, gate=gate, only=only, plot=plot, as_json=as_json, json_path=json_path
        )
    )


def _prepare_process() -> None:
    """Make a signal to end leave through our clean-up, and give closed streams a stand-in."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants
            signal.signal(number, leave)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)
    if sys.stdout is None:  # not writable, so that writing to it is an error
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")


def _drop_output() -> None:
    """Let what stdout still holds go, so that Python does not fail on it on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run the command; errors become one message and an exit code."""
    try:
        _prepare_process()
        app()
    except OutputClosedError as error:
        _drop_output()
        sys.exit(error.exit_code)
    except PcpuError as error:
        typer.echo(f"pcpu: error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, say
        _drop_output()
        typer.echo(f"pcpu: error: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

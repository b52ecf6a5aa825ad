"""All commands: thin, each a call into the package."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from pcpu.cli import bank, iprog
from pcpu.cli.check import check
from pcpu.cli.compile import compile
from pcpu.cli.fmt import fmt
from pcpu.cli.options import (
    IsaFiles,
    Json,
    load_isa_files,
    print_json,
)
from pcpu.cli.publish import publish
from pcpu.cli.run import run
from pcpu.cli.sim import sim
from pcpu.cli.waiting import leave_at_once
from pcpu.cli.worker import build, serve
from pcpu.errors import OutputClosedError, PcpuError, UsageError

_OBJECTS = 50_000  # that are made between two looks for those that nothing leads to
_SIGNALLED = 128  # what an exit code is more than the number of a signal

app = typer.Typer(
    name="pcpu",
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
    """One compiler for byte programs: from one line of text to native speed at the edge.

    \b
    Example: pcpu run 'crc32c | lines = counteq 0x0a' photo.jpg
    """


app.command()(run)
app.command()(compile)
app.command()(check)
app.command()(fmt)
app.command()(sim)
app.command()(iprog.plan)
app.command()(iprog.apply)
app.command()(iprog.inspect)
app.command()(iprog.verify)
app.add_typer(bank.app)
app.command()(publish)


def _operations(begun: str) -> list[str]:
    """For completion."""
    return [op.name for op in load_isa_files(None).operations if op.name.startswith(begun)]


@app.command("isa")
def show_isa(
    op: Annotated[
        str | None,
        typer.Argument(
            metavar="[OP]", help="Only this one, with all about it.", autocompletion=_operations
        ),
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


app.command()(build)
app.command()(serve)


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
            typer.echo(f"{mark} {check.name:<16} {check.detail}")
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
        typer.Option(
            "-o", "--out", metavar="OUT", help="Where the record goes; bench/record by default."
        ),
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
        sys.exit(_SIGNALLED + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants
            signal.signal(number, leave)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)
    if sys.stdout is None:  # not writable, so that writing to it is an error
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")
    elif isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr, for names that are no text
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")
    # Modules are made of many objects that stay: to look through them time and again takes a tenth
    # of a start.
    gc.set_threshold(_OBJECTS)
    # Nor need Python do so once more when all is done, which takes a fifth of a second.
    atexit.register(gc.freeze)


def _drop_output() -> None:
    """Let what stdout still holds go, so that Python does not fail on it on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_command() -> None:
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
    except MemoryError:
        typer.echo("pcpu: error: there is not enough memory for this", err=True)
        sys.exit(1)
    except OSError as error:  # a full disk, say
        _drop_output()
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"pcpu: error: {where}{error.strerror or error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        leave_at_once(_SIGNALLED + signal.SIGINT)
    except SystemExit as error:
        if isinstance(error.code, int) and error.code > _SIGNALLED:
            leave_at_once(error.code)
        raise

"""``pcpu sim``."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.cli.options import (
    IsaFiles,
    Json,
    Named,
    Parameters,
    ProgramArgument,
    TargetName,
    load_isa_files,
    named_values,
    print_json,
)
from pcpu.errors import UsageError


def sim(
    program: ProgramArgument,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="The data; - is stdin, as is none.")
    ] = None,
    inputs: Named = None,
    parameters: Parameters = None,
    trace: Annotated[bool, typer.Option("--trace", help="Print every step that is kept.")] = False,
    limit: Annotated[
        int, typer.Option(min=0, max=100_000, metavar="N", help="How many steps are kept.")
    ] = 1000,
    step: Annotated[
        bool, typer.Option("--step", help="Stop before the first statement, and ask.")
    ] = False,
    breaks: Annotated[
        list[int] | None,
        typer.Option(
            "--break", metavar="LINE", help="Stop before that line, and ask; may be repeated."
        ),
    ] = None,
    target: Annotated[
        TargetName, typer.Option(help="Whose code the numbers without a run are of.")
    ] = TargetName.host,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="OUT", help="Also write it all as one page."),
    ] = None,
    as_json: Json = False,
    isa: IsaFiles = None,
) -> None:
    """Run a program statement by statement, and show what each did.

    It is the compiled program that runs, as native code; the data that results is dropped.

    Example: pcpu sim 'xor 0x5a | crc32c' photo.jpg --trace
    """
    from pcpu import targets
    from pcpu.files_whole import assign
    from pcpu.sim import analyse, console, load_source, show, simulate, to_json, write_page
    from pcpu.source import bind_arguments

    loaded = load_isa_files(isa)
    source = load_source(program, loaded)
    arguments = bind_arguments(source.program, named_values("--param", parameters))
    files = assign(
        source.program, file, named_values("--in", inputs), [], data_to_stdout=False
    ).inputs
    asks = step or bool(breaks)
    if asks and as_json:
        raise UsageError("--json prints one document, and --step and --break ask; give one of them")
    if asks and "-" in files.values():
        raise UsageError("with --step and --break stdin is for answers; give the data as FILE")
    out = console(sys.stdout)
    watcher = _prompt(source, out, breaks or [], stepping=step) if asks else None
    content = {name: _content(path) for name, path in files.items()}
    simulation = simulate(source, loaded, content, arguments, limit=limit, watcher=watcher)
    static = analyse(source, targets.find(target.value))
    if html is not None:
        write_page(html, simulation, static)
    if as_json:
        print_json(to_json(simulation, static))
    else:
        show(simulation, static, out, trace=trace)
    if simulation.trap is not None:
        raise typer.Exit(1)


def _content(path: str) -> Any:
    """What a file holds: in memory, as a mapped one would be slow at first touch."""
    from pcpu.artifact import open_source, read_all

    with open_source(path) as opened:
        return read_all(opened, path)


def _prompt(source: Any, out: Any, lines: list[int], *, stepping: bool) -> Any:
    from pcpu.sim import Prompt, sites_of

    if sys.stdin.isatty() and sys.stdout.isatty():
        with suppress(ImportError):
            import_module("readline")  # input() has history and editing then

    def ask(prompt: str) -> str:
        return input(prompt if sys.stdin.isatty() else "")

    return Prompt(source, out, ask, breaks=sites_of(source, lines), stepping=stepping)

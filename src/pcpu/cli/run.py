"""``pcpu run``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pcpu.cli.options import (
    EngineName,
    IsaFiles,
    Json,
    Named,
    Parameters,
    ProgramArgument,
    named_values,
    print_json,
    read_with_isa,
)
from pcpu.errors import PcpuError, ProgramError, TrapError, UsageError
from pcpu.run.engine import MAX_THREADS

SHOWN_ROWS = 20  # of a table on a terminal


def run(
    program: ProgramArgument,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE|-]", help="The data; - is stdin, as is none."),
    ] = None,
    out: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            help="Where the data goes; - is stdout. NAME=OUT for one of several buffers, or for an "
            "output table as CSV; may be repeated.",
        ),
    ] = None,
    inputs: Named = None,
    parameters: Parameters = None,
    engine: Annotated[EngineName, typer.Option(help="What runs the program.")] = EngineName.jit,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_THREADS,
            metavar="N",
            help="Cores to use, where the program's folds merge.",
        ),
    ] = 1,
    as_json: Json = False,
    isa: IsaFiles = None,
) -> None:
    """Run a program over a file or stdin, of any size.

    The resulting data goes to OUT, or to stdout when the program changes it, but to a terminal
    only with -o -; the results go to stderr, or with --json to stdout.

    Example: pcpu run 'xor 0x5a | crc32c' photo.jpg -o masked.jpg
    """
    from pcpu.source import bind_arguments

    loaded, parsed = read_with_isa(program, isa)
    arguments = bind_arguments(parsed, named_values("--param", parameters))
    sources = named_values("--in", inputs)
    stream = _stream(parsed, arguments)
    if stream is not None:
        source, sink = _data_of_pipeline(file, sources, out or [])
        _run_stream(stream, loaded, source, sink, engine, threads, as_json=as_json)
        return
    if threads > 1:
        raise UsageError("only pipelines run on several threads")
    from pcpu.files_whole import assign

    files = assign(parsed, file, sources, out or [], data_to_stdout=not as_json)
    whole = _run_whole(parsed, loaded, files, arguments, engine.value, program)
    if as_json:
        print_json(whole.to_json())
    else:
        _show_whole(whole, files.outputs)


def _data_of_pipeline(
    file: str | None, sources: dict[str, str], out: list[str]
) -> tuple[str, str | None]:
    """Where the data comes from and where it goes, if that is said."""
    if sources and (sources.keys() != {"data"} or file is not None):
        raise UsageError("a pipeline has one input, data: give FILE or --in data=FILE")
    if len(out) > 1:
        raise UsageError("a pipeline has one output; give -o once")
    source = sources.get("data", "-") if file is None else file
    return source, out[0].removeprefix("data=") if out else None


def _run_stream(
    pipeline: Any, isa: Any, source: str, sink: str | None, engine: EngineName, threads: int,
    *, as_json: bool,
) -> None:  # fmt: skip
    from pcpu.files import run_file

    report = run_file(
        pipeline, isa, source, sink, engine.value, data_to_stdout=not as_json, threads=threads
    )
    if as_json:
        print_json(report.to_json())
    else:
        show_results(report.results)


def _stream(program: Any, arguments: Any) -> Any:
    """The pipeline that means the same, which streams can run; None where there is none."""
    from pcpu.ir import verify

    if program.is_pipeline:
        return program
    bound = program.bound(arguments)
    if not bound.is_pipeline:
        return None
    try:
        verify(bound)
    except ProgramError:  # a value that does not fit where it is used: a trap when it runs
        return None
    return bound


def _run_whole(program: Any, isa: Any, files: Any, arguments: Any, engine: str, path: str) -> Any:
    from pcpu.files_whole import run_whole_files

    try:
        return run_whole_files(program, isa, files, arguments, engine)
    except TrapError as error:
        raise PcpuError(_in_source(error, path)) from None


def _in_source(error: TrapError, path: str) -> str:
    """The message of a trap with its line of the file ``path``."""
    if not error.line or not path.endswith(".pasm"):
        return str(error)
    from pcpu.source.read import read_text

    line = read_text(path).split("\n")[error.line - 1].strip()
    return f"{path}:{error.line}: {error.message}\n  {line}"


def _show_whole(report: Any, files: Any) -> None:
    show_results(report.results)
    for name, rows in report.tables.items():
        if name not in files:
            _show_table(name, report.columns[name], rows)


def show_results(results: dict[str, Any]) -> None:
    """One line on stderr for each result; of several numbers, those that are not 0."""
    for name, value in results.items():
        typer.echo(f"{name} {_compact(value) if isinstance(value, list) else value}", err=True)


def _compact(numbers: list[int | str]) -> str:
    from pcpu.reference import compact

    return compact(numbers)


def _show_table(name: str, columns: tuple[str, ...], rows: list[list[Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=name, title_justify="left"
    )
    table.add_column("", justify="right", style="dim")
    for column in columns:
        table.add_column(column, justify="right")
    for number, row in enumerate(rows[:SHOWN_ROWS]):
        table.add_row(str(number), *map(str, row))
    console = Console(stderr=True)
    console.print(table)
    if len(rows) > SHOWN_ROWS:
        more = len(rows) - SHOWN_ROWS
        console.print(f"... and {more} more rows; -o {name}=FILE.csv writes them all")

"""``pcpu plan``, ``apply``, ``inspect`` and ``verify``: files from plans."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.artifact import appears_whole, check_output, check_sink
from pcpu.cli.bars import bar, planning
from pcpu.cli.corpus import plan_corpus
from pcpu.cli.options import Json, print_json
from pcpu.cli.waiting import waited
from pcpu.errors import UsageError, plural


class ModeName(StrEnum):
    small = "small"
    instant = "instant"


Blobs = Annotated[
    list[str] | None,
    typer.Option(
        "--blob", metavar="BLOB", help="What the file is rebuilt from; may be repeated, in order."
    ),
]
PlanFile = Annotated[
    str, typer.Argument(metavar="X.iprog", help="The plan, or a .json file with it.")
]


def plan(
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", metavar="OUT", help="Where the plan goes; as JSON if .json; - is stdout."
        ),
    ],
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="The file to plan.")] = None,
    blob: Blobs = None,
    bank: Annotated[
        str | None,
        typer.Option("--bank", metavar="BANK", help="Choose the blob from a bank (pcpu bank)."),
    ] = None,
    best: Annotated[
        int,
        typer.Option(
            min=1, max=255, metavar="N", help="Choose up to N blobs, where more make it smaller."
        ),
    ] = 1,
    corpus: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Plan all files below DIR from --bank; OUT is a folder."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The Dask cluster that plans a corpus."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Processes that plan a corpus here; by default one a core."
        ),
    ] = None,
    mode: Annotated[
        ModeName, typer.Option(help="Smallest, or rebuilt at the speed of memory.")
    ] = ModeName.small,
    window: Annotated[
        int | None,
        typer.Option(
            min=4096,
            max=4 << 20,
            metavar="N",
            help="Bytes of a window, a power of two; by default 65536 or more, instantly 262144.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell where each part of the file comes from.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="OUT", help="Draw that, as a page, or a picture if .svg."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how to rebuild a file from others that the reader holds.

    The plan is applied and compared before it is written. With --corpus, plan many files; what
    is done already is kept.

    \b
    Example: pcpu plan new.bin --blob old.bin -o new.iprog --html new.html
    Example: pcpu plan --corpus new --bank bank -o plans
    """
    if corpus is not None:
        others = (file, blob, window, html, explain or None, best if best > 1 else None)
        if any(given is not None for given in others):
            raise UsageError("--corpus stands in place of FILE, and goes with --bank and --mode")
        plan_corpus(corpus, bank, out, mode.value, scheduler, workers, as_json)
        return
    if file is None:
        raise UsageError("give a FILE to plan, or --corpus DIR")
    if scheduler is not None or workers is not None:
        raise UsageError("--scheduler and --workers are about --corpus")
    if window is not None and window & (window - 1):
        raise UsageError(f"--window {window}: a power of two is wanted")
    _check_blobs(bank, blob, best)
    _check_outputs(out, html, (file, *(blob or ())), as_json)
    planned = _plan_file(file, blob or [], bank, best, mode.value, window, out)
    about = _explained(planned, html) if explain or html is not None else None
    _tell(planned, about, as_json=as_json)


def _check_blobs(bank: str | None, blob: list[str] | None, best: int) -> None:
    if bank is not None and blob:
        raise UsageError("give either --bank or --blob")
    if best > 1 and bank is None:
        raise UsageError("--best is about --bank")


def _check_outputs(out: str, html: Path | None, read: Sequence[str], as_json: bool) -> None:
    """What cannot be written, or is ``read``, is said before there is a plan."""
    written = [Path(out).resolve()] if appears_whole(out) else []
    written += [html.resolve()] if html is not None else []
    if len({*written}) < len(written):
        raise UsageError(f"{out} would be the plan and its page")
    for name in read:
        if Path(name).resolve() in written:
            raise UsageError(f"{name} is what is planned from, and would be written over")
    if as_json and out == "-":
        raise UsageError("with --json stdout holds what is told; give another OUT for the plan")
    check_sink(out)
    if html is not None:
        from pcpu.iprog.explain.picture import check_name

        check_name(html)
        check_output(html)


def _plan_file(
    file: str, blob: list[str], bank: str | None, best: int, mode: Any, window: int | None, out: str
) -> Any:
    """Plan ``file`` and write the plan."""
    from pcpu.iprog import files
    from pcpu.iprog.plan import make_plan

    content, blobs = files.mapped(file), [files.mapped(name) for name in blob]
    with planning(len(content)) as progress:

        def make(blobs: Sequence[Any], names: Sequence[str]) -> Any:
            return make_plan(
                content,
                blobs,
                mode,
                name=Path(file).name,
                blob_names=names,
                window_bits=None if window is None else window.bit_length() - 1,
                progress=progress,
            )

        if bank is None:
            planned = waited(lambda: make(blobs, [Path(name).name for name in blob]))
        else:
            planned, blobs = waited(lambda: _from_bank(bank, content, make, best))
    files.write_plan(planned.plan, blobs, out)
    return planned


def apply(
    plan: PlanFile,
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="OUT", help="Where the file goes; - is stdout.")
    ],
    blob: Blobs = None,
    span: Annotated[
        str | None,
        typer.Option(
            "--range", metavar="A-B", help="Only the bytes A to B, as in HTTP; also A- and -N."
        ),
    ] = None,
) -> None:
    """Rebuild a file from its plan and what it was planned from.

    Every byte is checked before it is written, and the file appears whole or not at all.

    \b
    Example: pcpu apply new.iprog --blob old.bin -o new.bin
    Example: pcpu apply new.iprog --blob old.bin --range -100 -o end
    """
    from pcpu.iprog import files

    reader = files.open_plan(plan, blob or (), compare=False)
    size = reader.header.file.size
    wanted = None if span is None else files.parse_range(span, size)
    length = size if wanted is None else wanted[1] - wanted[0]
    with files.naming(plan), bar("rebuilding", length) as advance:
        files.rebuild(reader, out, wanted, advance)


_REBUILT = ("windows", "file")  # whose checks are of what is rebuilt


def inspect(
    plan: PlanFile,
    blob: Blobs = None,
    program: Annotated[
        bool,
        typer.Option("--program", help="Print it as a program of buffers blob and out."),
    ] = False,
    windows: Annotated[
        str | None,
        typer.Option(metavar="A-B", help="Of the program, only windows A to B; also A- and -N."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a plan says.

    With --json and its blobs, all of it: the JSON form of spec/iprog.md. With --program and its
    blobs a program that any engine runs and pcpu sim shows. Nothing is rebuilt, so what the
    windows come to is not checked; pcpu verify does that. The not_checked of --json says what is
    not.

    \b
    Example: pcpu inspect new.iprog
    Example: pcpu inspect new.iprog --blob old.bin --program > new.pasm
    Example: pcpu sim new.pasm --in blob=old.bin
    """
    from pcpu.iprog import files

    if program or windows is not None:
        if as_json or not program:
            raise UsageError("--windows goes with --program, and --json with neither")
        _print_program(plan, blob or (), windows)
        return
    if blob and as_json:
        _print_document(plan, blob)
        return
    content = files.read_plan(plan, [files.mapped(name) for name in blob or ()])
    with files.naming(plan):
        described = files.describe(content)
    if as_json and not described["blobs"]:  # so it has all of them
        _print_document(plan, ())
    elif as_json:
        print_json(described | {"not_checked": ["blobs", "frames", *_REBUILT]})
    else:
        _show_header(described)


def _print_document(plan: str, blobs: Sequence[str]) -> None:
    from pcpu.iprog import files
    from pcpu.iprog.document import to_json

    reader = files.open_plan(plan, blobs)
    with files.naming(plan), planning():  # sites are found by loops of the planner
        document = to_json(reader)
    print_json(document | {"not_checked": [*_REBUILT]})


def _print_program(plan: str, blobs: Sequence[str], windows: str | None) -> None:
    from pcpu.iprog import files
    from pcpu.iprog.program import to_program

    reader = files.open_plan(plan, blobs)
    chosen = None
    if windows is not None:
        first, last = files.parse_span("--windows", windows, reader.header.windows, "windows")
        chosen = range(first, last)
    with files.naming(plan), planning():
        text = str(to_program(reader, chosen))
    sys.stdout.write(text)


def verify(plan: PlanFile, blob: Blobs = None) -> None:
    """Rebuild a file, keep nothing, and say whether all of it is right.

    Example: pcpu verify new.iprog --blob old.bin
    """
    from pcpu.iprog import files

    reader = files.open_plan(plan, blob or (), compare=False)
    with files.naming(plan), bar("verifying", reader.header.file.size) as advance:
        files.verify(reader, advance)
    header = reader.header
    typer.echo(
        f"{plural(header.file.size, 'byte')} in {plural(header.windows, 'window')}: all right",
        err=True,
    )


def _from_bank(
    bank: str, content: Any, make: Callable[..., Any], most: int
) -> tuple[Any, list[Any]]:
    """The plan from the blobs of a bank that suit best, and these, if any do."""
    from pcpu.iprog.bank.several import plan_several
    from pcpu.iprog.bank.store import Bank

    store = Bank(bank)
    planned, chosen = plan_several(store, content, make, most)
    for entry in chosen:
        typer.echo(f"from {entry.name}: --blob {store.blob_path(entry.sha256)}", err=True)
    if not chosen:
        typer.echo("from no blob, as none has anything in common with it", err=True)
    return planned, [store.blob(entry) for entry in chosen]


def _explained(planned: Any, html: Path | None) -> Any:
    from pcpu.iprog.explain import explain
    from pcpu.iprog.explain.picture import write_picture

    about = explain(planned)
    if html is not None:
        write_picture(html, about)
    return about


def _tell(planned: Any, about: Any, *, as_json: bool) -> None:
    """Print what a plan is, and its explanation if there is one."""
    if as_json:
        told = {} if about is None else {"explanation": about.to_json()}
        print_json(planned.to_json() | told)
        return
    _show_plan(planned)
    if about is not None:
        from pcpu.iprog.explain.text import lines

        for line in lines(about):
            typer.echo(line, err=True)


def _show_plan(planned: Any) -> None:
    report = planned.to_json()
    typer.echo(
        f"{report['size']} bytes for {report['file_size']}: {report['ratio']:.1f} to 1, in windows "
        f"of {report['window_size']}",
        err=True,
    )
    _show_streams(report["streams"], err=True)


def _show_header(described: dict[str, Any]) -> None:
    for key in ("file", *(f"blob {n}" for n in range(len(described["blobs"])))):
        content = described["file"] if key == "file" else described["blobs"][int(key[5:])]
        name = f" {content['name']}" if content["name"] else ""
        typer.echo(f"{key}:{name} {content['size']} bytes, SHA-256 {content['sha256']}")
    typer.echo(f"windows: {described['windows']} of {described['window_size']} bytes")
    about = described["relocation"]
    if about is not None:
        finders = " ".join(map(str, about["finders"]))
        typer.echo(f"relocation: {about['sites']} sites of finders {finders}")
    if described["renames"]:
        typer.echo("names: foreseen")
    typer.echo(f"plan: {described['size']} bytes in {plural(described['blocks'], 'block')}")
    _show_streams(described["streams"], err=False)


def _show_streams(streams: list[dict[str, Any]], *, err: bool) -> None:
    """How many bytes of the plan each stream takes, and in brackets how many it has."""
    for row in streams:
        typer.echo(f"{row['stored']:>10}  {row['stream']} ({row['bytes']})", err=err)

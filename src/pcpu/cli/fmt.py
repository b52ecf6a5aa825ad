"""``pcpu fmt``."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.cli.options import IsaFiles, load_isa_files
from pcpu.errors import PcpuError, UsageError


def fmt(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...|-", help="The .pasm files; - is stdin, and goes to stdout."
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 where something would be.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; print what would change.")
    ] = False,
    isa: IsaFiles = None,
) -> None:
    """Write .pasm files in their canonical form, in place.

    Comments stay, and single blank lines, and how numbers and bytes are spelled.

    Example: pcpu fmt --check examples/*.pasm
    """
    loaded = load_isa_files(isa)
    changed = failed = False
    for name in files:
        try:
            before, after = _formatted(name, loaded)
        except PcpuError as error:
            typer.echo(f"pcpu: error: {error}", err=True)
            failed = True
            continue
        changed |= before != after
        if diff:
            sys.stdout.write(_difference(name, before, after))
        elif not check:
            _write(name, before, after)
        elif before != after:
            typer.echo(f"{name} would change", err=True)
    if failed:
        raise typer.Exit(UsageError.exit_code)
    if check and changed:
        raise typer.Exit(1)


def _formatted(name: str, isa: Any) -> tuple[str, str]:
    """The text of a file, and how it should be."""
    from pcpu.source.format import format_pasm
    from pcpu.source.read import MAX_FILE, decoded, read_text

    if name == "-":
        text = decoded(sys.stdin.buffer.read(MAX_FILE + 1), "stdin")
    elif name.lower().endswith(".pasm"):
        text = read_text(name)
    else:
        raise UsageError(f"{name} is no .pasm file")
    return text, format_pasm(text, isa, "stdin" if name == "-" else name)


def _difference(name: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (fmt)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _write(name: str, before: str, after: str) -> None:
    """Replace a file that changes, at once and with its permissions; stdin goes to stdout."""
    from pcpu.artifact import open_output

    if name == "-":
        sys.stdout.write(after)
        return
    if before == after:
        return
    path = Path(name)
    mode = path.stat().st_mode & 0o7777
    with open_output(path) as file:
        file.write(after.encode())
    path.chmod(mode)

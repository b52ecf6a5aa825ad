"""``pcpu plan --corpus``: plans for all files of a folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from pcpu.cli.options import print_json
from pcpu.errors import PcpuError, UsageError


def plan_corpus(
    corpus: str,
    bank: str | None,
    out: str,
    mode: Any,
    scheduler: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Plan, report, and say how many files failed. Raises PcpuError where any did."""
    from pcpu.iprog.corpus.run import run

    if bank is None:
        raise UsageError("--corpus needs --bank BANK")
    if scheduler is not None and workers is not None:
        raise UsageError("--workers is about this machine; --scheduler brings its own")
    with _bar() as advance:
        summary = run(corpus, bank, out, mode, scheduler, workers, advance)
    told = summary.to_json()
    if as_json:
        print_json(told)
    else:
        typer.echo(
            f"{told['planned']} planned, {told['kept']} from before, {told['failed']} failed: "
            f"{told['bytes']} bytes in plans of {told['plan_bytes']}\n"
            f"see {told['report.html']}",
            err=True,
        )
    if summary.failed:
        first = summary.failed[0]
        raise PcpuError(
            f"{len(summary.failed)} of {told['files']} files could not be planned; the first is "
            f"{first.path}: {first.error}; the others are in {told['report.html']}"
        )


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    if not sys.stderr.isatty():
        yield lambda path, done, count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda path, done, count: progress.update(
            task, completed=done, total=count, description=Path(path).name.replace("[", r"\[")
        )

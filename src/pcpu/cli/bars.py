"""Bars and notices on stderr, for work that takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

BAR_FROM = 4 << 20  # bytes of a file; smaller ones are done before a bar would be read


@contextmanager
def stages(size: int) -> Iterator[Callable[[str, float], None]]:
    """A bar for work that says what it is doing and how much of it is done."""
    with _shown(size >= BAR_FROM) as progress:
        yield progress


@contextmanager
def loops_told() -> Iterator[None]:
    """Say so where the planner's loops are compiled meanwhile: by a new installation, once."""
    from pcpu.iprog.jit import compiling

    def tell() -> None:
        typer.echo("compiling the planner's loops, once: up to a minute", err=True)

    with compiling(tell):
        yield


@contextmanager
def bar(what: str, size: int) -> Iterator[Callable[[int], None]]:
    with stages(size) as progress:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress(what, done / size if size else 1)

        yield advance


@contextmanager
def _shown(wanted: bool) -> Iterator[Callable[[str, float], None]]:
    if not wanted or not sys.stderr.isatty():
        yield lambda what, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("planning", total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)


@contextmanager
def counted(what: str, count: int) -> Iterator[Callable[[int], None]]:
    """A bar for so many files."""
    with _shown(count > 1) as progress:
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            progress(f"{what} {done}/{count}", done / count)

        yield advance

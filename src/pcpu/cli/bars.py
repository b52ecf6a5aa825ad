"""Bars and notices on stderr, for work that takes long. Bars are for terminals alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

BAR_FROM = 4 << 20  # bytes of a file; smaller ones are done before a bar would be read
Progress = Callable[[str, float], None]  # what is being done, and how much of it is done


class _Bar:
    """Nothing on what is no terminal, or until it is shown."""

    def __init__(self) -> None:
        self._shown: Any = None

    def show(self) -> None:
        if self._shown is not None or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._shown = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._shown.add_task("starting", total=1.0)
        self._shown.start()

    def tell(self, what: str, share: float | None = None) -> None:
        if self._shown is not None:
            self._shown.update(self._task, description=what, completed=share)

    def end(self) -> None:
        if self._shown is not None:
            self._shown.stop()


@contextmanager
def stages(size: int) -> Iterator[Progress]:
    """A bar for work that says what it is doing and how much of it is done."""
    with _bar(size >= BAR_FROM) as found:
        yield found.tell


@contextmanager
def planning(size: int = 0) -> Iterator[Progress]:
    """The same for the planner, of a file of any size where its loops are compiled meanwhile: by a
    new installation, once. That is told in any case."""
    from pcpu.iprog.jit import compiling

    with _bar(size >= BAR_FROM) as found:

        def loop(count: int) -> None:
            if count == 1:
                typer.echo("compiling loops of the planner, to be kept: up to a minute", err=True)
                found.show()
            found.tell(f"compiling loop {count}")

        with compiling(loop):
            yield found.tell


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
def adding(count: int) -> Iterator[Callable[[int], None]]:
    """A bar for so many files of a bank."""
    with planning(BAR_FROM if count > 1 else 0) as progress:
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            progress(f"adding {done}/{count}", done / count)

        yield advance


@contextmanager
def _bar(wanted: bool) -> Iterator[_Bar]:
    found = _Bar()
    if wanted:
        found.show()
    try:
        yield found
    finally:
        found.end()

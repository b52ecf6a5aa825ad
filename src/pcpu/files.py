"""Running a program over files and pipes: in blocks, in constant memory, with progress."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from pcpu import run as engines
from pcpu.artifact import check_terminal, open_sink, open_source, write_all
from pcpu.errors import PcpuError, UsageError
from pcpu.ir import Program, Shown
from pcpu.isa import Isa

PROGRESS_FROM = 64 << 20  # smaller files are done before a bar would be read


@dataclass
class Report:
    """What a run gave: results by name, as they are shown, and how many bytes passed."""

    results: dict[str, Shown]
    bytes_in: int
    bytes_out: int

    def to_json(self) -> dict[str, Any]:
        return {"results": self.results, "bytes_in": self.bytes_in, "bytes_out": self.bytes_out}


def run_file(
    program: Program,
    isa: Isa,
    source: str,
    out: str | None,
    engine: str,
    *,
    data_to_stdout: bool,
    threads: int = 1,
) -> Report:
    """Run ``program`` over the file ``source`` (``-``: stdin).

    The data goes to ``out`` where one is given (``-``: stdout), else to stdout if the program
    changes it and ``data_to_stdout`` says so. An output file appears whole or not at all.
    """
    if threads > 1 and engine != "jit":
        raise UsageError("only the engine jit runs on several threads")
    with ExitStack() as stack:
        data = stack.enter_context(open_source(source))
        out = _place_of_data(out, program, data_to_stdout)
        sink = None if out is None else stack.enter_context(open_sink(out))
        if sink is not None:
            _check_apart(data, sink)
        block = engines.block_size(threads)
        counted = stack.enter_context(_Counted.opened(data, source, block))
        write = None if sink is None else partial(write_all, sink)
        if threads > 1:
            from pcpu.run.jit import run_threads

            values = run_threads(program, isa, counted.blocks(), write, threads)
        else:
            values = engines.find(engine).run(program, isa, counted.blocks(), write)
        if sink is not None:
            sink.flush()
    shown = {r.name: r.show(v) for r, v in zip(program.results, values, strict=True)}
    return Report(shown, counted.size, counted.size)


def _place_of_data(out: str | None, program: Program, data_to_stdout: bool) -> str | None:
    """Where the data goes, if anywhere. Raises UsageError where it would be in the way there."""
    if out is None and data_to_stdout and program.has_map:
        check_terminal()
        return "-"
    if out == "-" and not data_to_stdout:
        raise UsageError("with --json stdout holds the results; give another OUT for the data")
    return out


def _check_apart(data: IO[bytes], sink: IO[bytes]) -> None:
    """Raise UsageError where what is written would be read again, and so without an end."""
    read, written = os.fstat(data.fileno()), os.fstat(sink.fileno())
    if not (stat.S_ISREG(read.st_mode) and read.st_size and os.path.samestat(read, written)):
        return
    appends = fcntl.fcntl(sink, fcntl.F_GETFL) & os.O_APPEND
    if appends or sink.tell() > os.lseek(data.fileno(), 0, os.SEEK_CUR):
        raise UsageError("the data comes from the file that it goes to; give another, or -o FILE")


class _Counted:
    """A file as blocks in one buffer that is used again and again."""

    def __init__(self, file: IO[bytes], progress: Any, block: int) -> None:
        self.file, self.progress, self.block, self.size = file, progress, block, 0

    @classmethod
    @contextmanager
    def opened(cls, file: IO[bytes], name: str, block: int) -> Iterator[_Counted]:
        status = os.fstat(file.fileno())
        total = status.st_size if stat.S_ISREG(status.st_mode) else None
        wanted = sys.stderr.isatty() and (total is None or total >= PROGRESS_FROM)
        with _progress_bar(name, total) if wanted else nullcontext() as advance:
            yield cls(file, advance, block)

    def blocks(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(self.block))
        while True:
            try:
                count = self.file.readinto(buffer)  # type: ignore[attr-defined]
            except OSError as error:
                raise PcpuError(f"the data cannot be read: {error.strerror}") from None
            if not count:
                return
            self.size += count
            yield buffer[:count]
            if self.progress is not None:
                self.progress(count)


@contextmanager
def _progress_bar(name: str, total: int | None) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("stdin" if name == "-" else Path(name).name, total=total)
        yield lambda count: progress.advance(task, count)

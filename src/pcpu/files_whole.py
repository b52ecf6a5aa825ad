"""Running a whole program over files: inputs mapped into memory, outputs that appear whole."""

from __future__ import annotations

import csv
import io
import mmap
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from pcpu import run as engines
from pcpu.artifact import check_terminal, open_sink, open_source, read_all, write_all
from pcpu.errors import PcpuError, UsageError
from pcpu.ir import Outcome, Program, Shown
from pcpu.isa import Isa
from pcpu.layout import outputs


@dataclass
class WholeReport:
    """What a run gave: results and rows of tables, as they are shown, and lengths of buffers."""

    results: dict[str, Shown]
    tables: dict[str, list[list[Shown]]]
    columns: dict[str, tuple[str, ...]]
    bytes_in: dict[str, int]
    bytes_out: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        tables = {
            name: [dict(zip(self.columns[name], row, strict=True)) for row in rows]
            for name, rows in self.tables.items()
        }
        return {
            "results": self.results,
            "tables": tables,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }


@dataclass(frozen=True)
class Files:
    """Which file each buffer comes from and goes to; ``-`` is stdin or stdout."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def assign(
    program: Program,
    source: str | None,
    sources: Mapping[str, str],
    targets: Sequence[str],
    *,
    data_to_stdout: bool,
) -> Files:
    """Give each buffer its file: those of ``sources`` and ``NAME=FILE`` in ``targets`` by name,
    ``source`` and a FILE alone to the one that is left.

    Raises UsageError, with the names of buffers that need a file.
    """
    return Files(
        _inputs(program, source, sources), _outputs(program, targets, to_stdout=data_to_stdout)
    )


def _inputs(program: Program, source: str | None, sources: Mapping[str, str]) -> dict[str, str]:
    wanted = [b.name for b in program.buffers if b.role != "out"]
    for name in sources:
        if name not in wanted:
            known = ", ".join(wanted) or "none"
            raise UsageError(f"--in {name}: there is no such input; known: {known}")
    left = [name for name in wanted if name not in sources]
    first = "data" if "data" in left else left[0] if left else None
    others = [name for name in left if name != first]
    if others:
        raise UsageError(f"give the other inputs with --in NAME=FILE: {', '.join(others)}")
    if source is not None and first is None:
        raise UsageError(f"no input is left for {source}")
    inputs = dict(sources) | ({} if first is None else {first: "-" if source is None else source})
    if list(inputs.values()).count("-") > 1:
        raise UsageError("stdin can be one input only")
    return inputs


def _outputs(program: Program, targets: Sequence[str], *, to_stdout: bool) -> dict[str, str]:
    written = [b.name for b in program.buffers if b.name in program.written]
    tables = [output.name for output, _ in outputs(program)]
    found: dict[str, str] = {}
    alone: list[str] = []
    for target in targets:
        name, sign, path = target.partition("=")
        if not sign or name not in (*written, *tables):
            alone.append(target)
        elif name in found:
            raise UsageError(f"-o {name}= is given twice")
        else:
            found[name] = path
    free = [name for name in written if name not in found]
    if not alone and to_stdout and len(written) == 1 and free and not tables:
        check_terminal()
        alone = ["-"]
    if len(alone) > 1 or (alone and len(free) != 1):
        names = ", ".join((*free, *(name for name in tables if name not in found))) or "none"
        raise UsageError(f"-o {alone[-1]}: write -o NAME=FILE, where NAME is one of: {names}")
    found |= dict(zip(free, alone, strict=False))
    if "-" in found.values() and not to_stdout:
        raise UsageError("with --json stdout holds the results; give another OUT for the data")
    if list(found.values()).count("-") > 1:
        raise UsageError("stdout can be one output only")
    return found


def run_whole_files(
    program: Program,
    isa: Isa,
    files: Files,
    arguments: Mapping[str, int | bytes],
    engine: str,
) -> WholeReport:
    """Run ``program``; every buffer of ``files.outputs`` appears whole or not at all."""
    with ExitStack() as stack:
        buffers = {b.name: b for b in program.buffers}
        inputs = {
            name: _input(stack, path, writable=buffers[name].role == "inout")
            for name, path in files.inputs.items()
        }
        sizes = {name: len(content) for name, content in inputs.items()}
        outcome = engines.find(engine).run_whole(program, isa, inputs, arguments)
        report = _report(program, outcome, sizes)
        for name, path in files.outputs.items():
            sink = stack.enter_context(open_sink(path))
            content = outcome.buffers.get(name)
            if content is None:
                content = _table_text(report.columns[name], report.tables[name])
            write_all(sink, memoryview(content))
            sink.flush()
        # Buffers are views of mapped files, which can only be closed without any.
        del inputs, outcome
    return report


def _report(program: Program, outcome: Outcome, sizes: dict[str, int]) -> WholeReport:
    columns = {output.name: output.columns for output, _ in outputs(program)}
    registers = program.registers
    tables = {
        name: [
            [
                registers[column].show(value)
                for column, value in zip(columns[name], row, strict=True)
            ]
            for row in rows
        ]
        for name, rows in outcome.tables.items()
    }
    lengths = {name: len(content) for name, content in outcome.buffers.items()}
    return WholeReport(outcome.shown(program), tables, columns, sizes, lengths)


def _table_text(columns: tuple[str, ...], rows: list[list[Shown]]) -> bytes:
    """CSV with a heading, and the line ends of text files."""
    text = io.StringIO(newline="")
    sheet = csv.writer(text, lineterminator="\n")
    sheet.writerow(columns)
    sheet.writerows(rows)
    return text.getvalue().encode()


def _input(stack: ExitStack, path: str, *, writable: bool) -> Any:
    """A file's bytes; changes to them stay in memory. Where another program cuts the file off
    meanwhile, the system ends this one with SIGBUS."""
    file = stack.enter_context(open_source(path))
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size:
        access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
        try:
            return mmap.mmap(file.fileno(), 0, access=access)
        except OSError as error:
            raise PcpuError(f"{path} cannot be read: {error.strerror}") from None
    return read_all(file, path)

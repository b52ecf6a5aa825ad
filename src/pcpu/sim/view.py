"""A simulation on a terminal."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import IO

from rich.console import Console
from rich.text import Text

from pcpu.sim import words
from pcpu.sim.source import Site, Source
from pcpu.sim.static import Static
from pcpu.sim.trace import Precision, Simulation, Step

SHOWN_STATEMENTS, SHOWN_ROWS = 200, 10
HEADINGS = ("line", "statement", "runs", "bytes", "time", "GB/s", "IR", "vec", "c/B")
_INDENT = 2
_LEFT = 8  # columns before the text of a step
_STATUS = {"ended": "green", "stopped": "yellow", "trapped": "bold red"}


def console(file: IO[str]) -> Console:
    """Plain text where it is not a terminal, or where NO_COLOR asks for it; a question mark for
    what the file's encoding has not got."""
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="replace")
    return Console(
        file=file, color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False
    )


def show(simulation: Simulation, static: Static, out: Console, *, trace: bool) -> None:
    """Print what a simulation found, with its steps where ``trace`` says so."""
    _View(simulation, static, out).show(trace=trace)


class _View:
    def __init__(self, simulation: Simulation, static: Static, out: Console) -> None:
        self.simulation, self.static, self.out = simulation, static, out
        self.source = simulation.source

    def show(self, *, trace: bool) -> None:
        if trace:
            for step in self.simulation.steps:
                print_step(self.out, self.simulation, step)
            if self.simulation.left_out:
                left = f"and {self.simulation.left_out:,} more steps, which are counted below"
                self.out.print(Text(f"{'':>7}  ... {left}", style="dim"))
            self.out.print()
        for line in self._statements():
            self.out.print(line, no_wrap=True, crop=True)
        self._trap()
        self._results()
        self._tables()
        self._summary()

    def _statements(self) -> Iterator[Text]:
        """A row for each statement, with all the room that the numbers leave for its text."""
        steps = self.source.steps[:SHOWN_STATEMENTS]
        rows = [self._row(site) for site in steps]
        metrics, total = self.simulation.metrics, self.static.total
        last = [
            "", "all", "", words.count(metrics.bytes_touched), words.duration(metrics.ns), "",
            words.count(total.instructions), str(total.vector_bits or ""), "",
        ]  # fmt: skip
        lines = list(grid((HEADINGS, *rows, last), self.out.width, flexible=1))
        rule = Text("─" * max(map(len, lines)), style="dim")
        yield Text(lines[0], style="dim")
        yield rule
        for site, line in zip(steps, lines[1:-1], strict=True):
            yield Text(line, style="" if self.simulation.totals[site.number].runs else "dim")
        if len(self.source.steps) > len(steps):
            yield Text(f"... and {len(self.source.steps) - len(steps):,} more", style="dim")
        yield rule
        yield Text(lines[-1], style="bold")
        yield Text("")

    def _row(self, site: Site) -> list[str]:
        total, numbers = self.simulation.totals[site.number], self.static.statements[site.number]
        assert numbers is not None
        text = words.printable(" " * _INDENT * site.depth + self.source.line(site))
        return [
            str(site.line), words.shortened(text, 200), words.count(total.runs),
            words.count(total.bytes) if total.bytes else "",
            words.duration(total.ns) if total.runs else "", words.speed(total.rate),
            words.count(numbers.instructions), str(numbers.vector_bits or ""),
            words.cycles(numbers.cycles_per_byte),
        ]  # fmt: skip

    def _trap(self) -> None:
        trap = self.simulation.trap
        if trap is None:
            return
        place = f"{trap.place.file}:{trap.place.line}:{trap.place.column}"
        heading = Text(f"trap {trap.error.code} at {place}", style="bold red")
        self.out.print(heading, soft_wrap=True)
        for line in trap.place.excerpt(self.out.width - 4).split("\n"):
            self.out.print(Text(f"  {line}"), soft_wrap=True)
        self.out.print(Text(trap.error.message), style="red")
        self.out.print()

    def _results(self) -> None:
        outcome = self.simulation.outcome
        if outcome is None:
            return
        for name, value in outcome.shown(self.source.program).items():
            shown = words.several(value) if isinstance(value, list) else str(value)
            self.out.print(Text.assemble((f"{name} ", "bold"), shown))
        if outcome.results:
            self.out.print()

    def _tables(self) -> None:
        outcome, registers = self.simulation.outcome, self.source.program.registers
        for name, rows in ({} if outcome is None else outcome.tables).items():
            columns = self.source.columns[name]
            shown = [
                [str(registers[c].show(v)) for c, v in zip(columns, row, strict=True)]
                for row in rows[:SHOWN_ROWS]
            ]
            cells = [["", *columns], *([str(n), *row] for n, row in enumerate(shown))]
            self.out.print(Text(name, style="bold"))
            for line in grid(cells, self.out.width):
                self.out.print(Text(line), no_wrap=True, crop=True)
            if len(rows) > SHOWN_ROWS:
                self.out.print(Text(f"... and {len(rows) - SHOWN_ROWS:,} more rows", style="dim"))
            self.out.print()

    def _summary(self) -> None:
        metrics, costs = self.simulation.metrics, self.simulation.precision
        checksum = metrics.checksum_out
        status = self.simulation.status
        self.out.print(
            Text.assemble(
                (status, _STATUS[status]),
                f"  bytes_total {metrics.bytes_total}  bytes_touched {metrics.bytes_touched}"
                f"  desc_count {metrics.desc_count}",
            )
        )
        shown = "none" if checksum is None else f"0x{checksum:08x}"
        self.out.print(Text(f"checksum_out {shown} (CRC-32C)  ns {metrics.ns}"))
        for line in (
            f"Times are good to about {costs.clock:.0f} ns; what it takes to measure is left out.",
            f"IR: instructions of LLVM; vec: bits of the widest vector ({self.static.target});",
            "c/B: cycles for a byte, estimated from the code of the hot loop.",
        ):
            self.out.print(Text(line, style="dim"))


def grid(rows: Sequence[Sequence[str]], width: int, flexible: int | None = None) -> Iterator[str]:
    """Rows of cells as lines of ``width`` at most: numbers to the right; the column that is
    ``flexible`` to the left, and shortened where there is no room."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if flexible is not None:
        rest = sum(widths) - widths[flexible] + 2 * (len(widths) - 1)
        widths[flexible] = min(widths[flexible], max(16, width - rest))
    for row in rows:
        cells = [
            f"{words.shortened(cell, size):<{size}}" if index == flexible else f"{cell:>{size}}"
            for index, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def print_step(out: Console, simulation: Simulation, step: Step) -> None:
    """One step: what ran, how long, and what it changed."""
    for line in step_lines(simulation.source, simulation.precision, step, out.width):
        out.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def step_lines(source: Source, costs: Precision, step: Step, width: int) -> Iterator[Text]:
    clock = costs.clock
    yield head(source, step, width, words.brief(step.ns, clock) if step.done else "...",
               words.speed(step.rate if step.ns >= clock else None))  # fmt: skip
    change = step.change
    if change is not None and step.where is not None:
        for mark, content, style in (("-", change.before, "red"), ("+", change.after, "green")):
            for row in words.dump(change.offset, content):
                yield Text(f"  {mark} {row}", style=style)
    elif step.compared and step.where is not None:
        within = "" if step.compared == step.where.length else f" in its first {step.compared}"
        yield Text(f"{'':{_LEFT}}no byte changed{within}", style="dim")
    for changed in step.registers:
        name, before, after = words.register(changed, source.program)
        yield Text.assemble(" " * _LEFT, (name, "bold"), f" {before} -> ", (after, "green"))


def head(source: Source, step: Step, width: int, time: str, speed: str) -> Text:
    """The line of a step: its number, line, statement, turns and span; time and GB/s."""
    text = words.printable(" " * _INDENT * step.site.depth + source.line(step.site))
    about = [] if step.where is None else [words.span(step.where)]
    about += [f"turn {'.'.join(map(str, step.turns))}"] if step.turns else []
    rest = f"{'  '.join(about)}  {time:>8} {speed:>5}"
    room = max(12, width - 15 - len(rest))
    rest = rest.rstrip()
    return Text.assemble(
        (f"{step.index:>7}", "dim"), f" {step.site.line:>4}  ",
        f"{words.shortened(text, room):<{room}} ", (rest, "dim"),
    )  # fmt: skip

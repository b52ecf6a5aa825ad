"""The results as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcpu.bench.definition import Definition, Row, show_size
from pcpu.bench.goals import Verdict, best_peer
from pcpu.bench.measure import Samples
from pcpu.bench.run import Results
from pcpu.bench.runtimes import Runtime

STYLES = {"ours": "bold", "variant": "", "baseline": "dim", "peer": "", "limit": "dim italic"}


def print_results(
    console: Console,
    definitions: Sequence[Definition],
    runtimes: Sequence[Runtime],
    results: Results,
) -> None:
    for definition in definitions:
        for runtime in runtimes:
            sizes = [s for d, r, s in results.found if (d, r) == (definition.name, runtime.name)]
            if sizes:
                console.print(_table(definition, runtime, sorted(sizes), results))
    if cases := [definition for definition in definitions if definition.family]:
        console.print(_ratios(cases, runtimes, results))
    for missing in results.missing:
        what = " ".join(part for part in (missing.definition, missing.row) if part)
        where = f"{what} in {missing.runtime}" if what else missing.runtime
        console.print(Text(f"not measured: {where}: {missing.reason}", style="yellow"))


def _table(
    definition: Definition, runtime: Runtime, sizes: Sequence[int], results: Results
) -> Table:
    title = f"{definition.title}, {runtime.title}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ("GB/s", "median", "spread", "a call", "limit", "peer"):
        table.add_column(name, justify="right", no_wrap=True)
    for size in sizes:
        found = results.found[definition.name, runtime.name, size]
        rows = [row for row in definition.rows_in(runtime.name) if row.id in found]
        rows.sort(key=lambda row: found[row.id].best)
        peer = best_peer(definition, runtime.name, found)
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            shown = show_size(size) if index == 0 else ""
            cells = _cells(row, found, size, peer)
            table.add_row(shown, *cells, style=STYLES[row.role], end_section=last)
        table.add_row()
    return table


def _ratios(
    definitions: Sequence[Definition], runtimes: Sequence[Runtime], results: Results
) -> Table:
    """The cases of a file beside each other: how many times as fast as the best peer."""
    table = Table(
        title="in short", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for heading in ("", "runtime", "size", "peer", "median", "spread"):
        left = heading in ("", "runtime")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for definition in definitions:
        for runtime in runtimes:
            for size in definition.sizes:
                found = results.found.get((definition.name, runtime.name, size), {})
                ours = next(
                    (r for r in definition.rows if r.role == "ours" and r.id in found), None
                )
                peer = best_peer(definition, runtime.name, found)
                if ours and peer:
                    cells = _ratio(found[ours.id], found[peer.id])
                    table.add_row(definition.title, runtime.title, show_size(size), *cells)
        table.add_row()
    return table


def _ratio(ours: Samples, peer: Samples) -> list[str]:
    """Of the fastest samples, of the median ones, and the larger of both spreads."""
    spread = max(ours.spread, peer.spread)
    ratios = (peer.best / ours.best, peer.median / ours.median)
    return [*(f"{ratio:.2f}x" for ratio in ratios), f"{spread:.0%}"]


def _cells(row: Row, found: dict[str, Samples], size: int, peer: Row | None) -> list[str]:
    samples, limit = found[row.id], found.get("limit")
    of_limit = ratio = ""
    if limit and row.role != "limit":
        of_limit = f"{limit.best / samples.best:.0%}"
    if peer and row.role in ("ours", "variant"):
        ratio = f"{found[peer.id].best / samples.best:.2f}x"
    return [
        row.title,
        rate(size / samples.best),
        rate(size / samples.median),
        f"{samples.spread:.0%}",
        duration(samples.best),
        of_limit,
        ratio,
    ]


def duration(seconds: float) -> str:
    """With three significant digits: 12.3 ns, 4.56 us, 789 ms."""
    for unit, scale in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if seconds < 999.5 * scale or unit == "s":
            break
    value = seconds / scale
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def rate(bytes_a_second: float) -> str:
    """GB/s with three significant digits."""
    value = bytes_a_second / 1e9
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def print_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    short = [verdict for verdict in verdicts if not verdict.met]
    for verdict in short:
        console.print(Text(f"short of its goal: {verdict}", style="red"))
    if verdicts:
        console.print(f"{len(verdicts) - len(short)} of {len(verdicts)} goals met")

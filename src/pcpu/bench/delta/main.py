"""``pcpu bench --iprog``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pcpu.artifact import write_beside
from pcpu.bench import record
from pcpu.bench.bar import progress_bar
from pcpu.bench.definition import ROOT
from pcpu.bench.delta.goals import Verdict, judge, rounded
from pcpu.bench.delta.measure import INSTANT, SMALL, ZSTD, Measured, measure
from pcpu.bench.delta.pairs import described, load
from pcpu.bench.delta.tools import TOOLS

QUICK = 6 << 20  # bytes of the largest files of a quick run
FORMAT = 1


def run_bench(
    *, quick: bool, gate: bool, json_path: Path | None, plot: bool, only: str | None, as_json: bool
) -> int:
    """Measure, print and record. The exit code is 1 where ``gate`` is set and a goal is missed.

    A whole run is recorded in bench/record and drawn in docs/img; a quick one, or one of a single
    pair, only where ``json_path`` says. Raises UsageError, ToolchainError, or PcpuError (a file
    that was not rebuilt).
    """
    began = time.monotonic()
    chosen = [p for p in described(only) if not quick or p["new"]["size"] <= QUICK]
    bar = progress_bar()
    results: list[Measured] = []
    with bar:
        task = bar.add_task("fetching", total=len(chosen))
        # The smallest program warms processes up.
        programs = [p for p in described() if p["kind"] == "executable"]
        small = load(min(programs, key=lambda p: p["old"]["size"])).old
        for pair in chosen:
            results.append(
                measure(load(pair), small, lambda what: bar.update(task, description=what))
            )
            bar.update(task, advance=1)
    verdicts = list(judge(results))
    made = make_record(results, verdicts, quick, time.monotonic() - began)
    if as_json:
        print(json.dumps(made, indent=1))
    else:
        show(Console(), results, verdicts)
    _keep(made, json_path, plot, whole=only is None and not quick)
    return 1 if gate and not all(verdict.met for verdict in verdicts) else 0


def make_record(
    results: Sequence[Measured], verdicts: Sequence[Verdict], quick: bool, seconds: float
) -> dict[str, Any]:
    """What ``json`` can write; MB/s of the new file, bytes."""
    load_average = os.getloadavg()[1] if hasattr(os, "getloadavg") else None
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "commit": record.commit(),
        "quick": quick,
        "seconds": round(seconds),
        "machine": record.machine(),
        "load": load_average,  # processes that wanted to run meanwhile
        "goals": [{**asdict(v), "met": v.met} for v in verdicts],
        "pairs": [
            {
                "name": r.pair.name, "kind": r.pair.kind, "size": r.pair.size, "peer": r.peer,
                "ratio": r.ratio, "copy": r.copy,
                "tools": {name: asdict(row) for name, row in r.rows.items()},
                "missing": r.missing,
            }
            for r in results
        ],
    }  # fmt: skip


def show(out: Console, results: Sequence[Measured], verdicts: Sequence[Verdict]) -> None:
    """Tables of sizes and of speeds, what was not measured, and the goals."""
    sizes = _table("bytes to send", ["pair", "size", *(t.name for t in TOOLS), "/ best peer"])
    speeds = _table("MB/s of the new file, and memory to encode in times it", [
        "pair", "encode", "memory", "zstd encode", "native", "instant", "zstd",
        "WASM", "instant", "zstd", "cold", "instant", "zstd", "again", "instant", "memory.copy",
    ])  # fmt: skip
    for r in results:
        cells = [str(r.rows[t.name].size) if t.name in r.rows else "" for t in TOOLS]
        sizes.add_row(r.pair.name, str(r.pair.size), *cells, f"{r.ratio:.3f}")
        small, instant, zstd = r.rows[SMALL], r.rows[INSTANT], r.rows.get(ZSTD)
        speeds.add_row(r.pair.name, *(_number(value) for value in (
            small.make, small.memory / r.pair.size, zstd.make if zstd else None, small.apply,
            instant.apply, zstd.apply if zstd else None, small.wasm, instant.wasm,
            zstd.wasm if zstd else None, small.first, instant.first,
            zstd.first if zstd else None, small.again, instant.again, r.copy,
        )))  # fmt: skip
    out.print(sizes, speeds)
    for r in results:
        for what, why in r.missing.items():
            out.print(f"not measured: {what} on {r.pair.name}: {why}", style="yellow")
    for verdict in verdicts:
        out.print(f"{'met   ' if verdict.met else 'MISSED'} {verdict}",
                  style="" if verdict.met else "bold red", highlight=False)  # fmt: skip


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, head in enumerate(heads):
        broken = head.replace(" ", "\n")
        table.add_column(broken, justify="right" if number else "left", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else rounded(value)


def _keep(made: dict[str, Any], path: Path | None, plot: bool, whole: bool) -> None:
    notes = Console(stderr=True, soft_wrap=True)
    if whole or path is not None:
        usual = ROOT / "record" / (f"{made['date'][:10]}-iprog-{record.slug(made['machine'])}.json")
        chosen = path or usual
        chosen.parent.mkdir(parents=True, exist_ok=True)
        with write_beside(chosen) as file:
            file.write(json.dumps(made, indent=1).encode() + b"\n")
        notes.print(f"recorded in {chosen}")
    if whole and plot:
        from pcpu.bench.delta.plot import draw
        from pcpu.bench.delta.readme import write_figures

        notes.print("drew", *draw(made))
        write_figures(made)

"""``pcpu bench``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pcpu.bench.bar import progress_bar
from pcpu.bench.build import Kit, build
from pcpu.bench.definition import Definition, load_definitions
from pcpu.bench.goals import judge
from pcpu.bench.measure import FULL, QUICK, Settings
from pcpu.bench.record import make_record, record_path, record_text, write_record
from pcpu.bench.run import Plan, Results, run, steps
from pcpu.bench.runtimes import Runtime, all_runtimes
from pcpu.bench.table import print_results, print_verdicts
from pcpu.isa import Isa
from pcpu.library import load_isa


def run_bench(
    *,
    quick: bool,
    gate: bool,
    json_path: Path | None,
    plot: bool,
    only: str | None,
    as_json: bool = False,
) -> int:
    """Measure, print and record. The exit code is 1 where ``gate`` is set and a goal is missed.

    A whole run is recorded in bench/record/ and drawn; a quick one, or one of a single definition,
    is not drawn and recorded only where ``json_path`` says. ``as_json`` prints the record instead
    of tables. Raises UsageError, ToolchainError or EngineError (rows that disagree).
    """
    began = time.monotonic()
    isa = load_isa()
    definitions = load_definitions(isa, only)
    runtimes = all_runtimes()
    plan = steps(definitions, runtimes, quick)
    kit, results = _measured(isa, definitions, runtimes, plan, QUICK if quick else FULL)
    measured = {
        definition.name: {size for steps_ in plan.values() for d, size in steps_ if d is definition}
        for definition in definitions
    }
    verdicts = judge(definitions, results, measured)
    record = make_record(definitions, results, verdicts, kit, quick, time.monotonic() - began)
    if as_json:
        print(record_text(record), end="")
    else:
        out = Console()
        print_results(out, definitions, runtimes, results)
        print_verdicts(out, verdicts)
    _keep(record, json_path, plot, whole=only is None and not quick)
    return 1 if gate and not all(verdict.met for verdict in verdicts) else 0


def _measured(
    isa: Isa,
    definitions: Sequence[Definition],
    runtimes: Sequence[Runtime],
    plan: Plan,
    settings: Settings,
) -> tuple[Kit, Results]:
    """What was compiled, and how fast it is; a bar on standard error says how far this is."""
    bar = progress_bar()
    with bar, tempfile.TemporaryDirectory(prefix="pcpu-bench-") as folder:
        task = bar.add_task("compiling", total=sum(map(len, plan.values())))
        kit = build(isa, definitions, Path(folder))
        results = run(
            kit, plan, runtimes, settings,
            lambda what, new: bar.update(task, advance=int(new), description=what),
        )  # fmt: skip
        return kit, results


def _keep(record: dict[str, Any], json_path: Path | None, plot: bool, whole: bool) -> None:
    """Write the record and the pictures, and say on standard error where they are."""
    notes = Console(stderr=True, soft_wrap=True)
    if whole or json_path is not None:
        path = json_path or record_path(record)
        write_record(record, path)
        notes.print(f"recorded in {path}")
    if whole and plot:
        from pcpu.bench.definition import ROOT
        from pcpu.bench.plot import draw
        from pcpu.bench.readme import write_tables

        notes.print("drew", *draw(record))
        write_tables(record, ROOT.parent)

"""A simulation from beginning to end: what measuring costs, the run, what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pcpu.ir import Arguments, Inputs, Let, Outcome, Program, Repeat
from pcpu.isa import Isa
from pcpu.run import jit
from pcpu.sim.caret import trap_place
from pcpu.sim.probe import Run, Watcher, run_probed
from pcpu.sim.source import Source
from pcpu.sim.trace import Metrics, Precision, Simulation, Total, Trap
from pcpu.source import parse_pipeline

LIMIT = 1000  # steps that are kept by default
_TURNS, _TRIES = 4096, 5  # of measuring what measuring costs


def simulate(
    source: Source, isa: Isa, inputs: Inputs, arguments: Arguments, *,
    limit: int = LIMIT, watcher: Watcher | None = None,
) -> Simulation:  # fmt: skip
    """Run a program statement by statement, as native code.

    ``inputs`` and ``arguments`` are as for an engine's ``run_whole``. Raises EngineError or
    ToolchainError; a trap is a part of what comes back.
    """
    size = sum(len(content) for content in inputs.values())
    costs = precision()
    run = run_probed(source, inputs, arguments, limit, watcher, costs)
    steps, totals = run.recording.steps, run.recording.totals
    return Simulation(
        source, run.outcome, _trap(source, run), steps, run.recording.begun - len(steps),
        totals, _metrics(source, totals, run.outcome, size, isa), costs,
    )  # fmt: skip


@cache
def precision() -> Precision:
    """What it costs here to measure statements that do nothing: the least of some tries."""
    program = Program((Repeat(_TURNS, (Let("x", 0),)),), buffers=())
    source = Source("", "", program, {})
    runs = [run_probed(source, {}, {}, 0).recording.totals for _ in range(_TRIES)]
    return Precision(
        min(inner.ns for _, inner in runs) / _TURNS, min(outer.ns for outer, _ in runs) / _TURNS
    )


def _trap(source: Source, run: Run) -> Trap | None:
    if run.trap is None:
        return None
    return Trap(run.trap, trap_place(source, run.status))


def _metrics(
    source: Source, totals: Sequence[Total], outcome: Outcome | None, size: int, isa: Isa
) -> Metrics:
    sites = list(zip(source.sites, totals, strict=True))
    return Metrics(
        bytes_total=size,
        bytes_touched=sum(total.touched for total in totals),
        desc_count=sum(total.runs * site.spans for site, total in sites),
        checksum_out=None if outcome is None else _checksum(outcome, isa),
        ns=sum(total.ns for site, total in sites if site.depth == 0),
    )


def _checksum(outcome: Outcome, isa: Isa) -> int:
    """The CRC-32C of the buffers, one after the other."""
    session = jit.Native(parse_pipeline("crc32c", isa), isa).session()
    for content in outcome.buffers.values():
        session.update(memoryview(content))
    (value,) = session.finish()
    assert isinstance(value, int)
    return value

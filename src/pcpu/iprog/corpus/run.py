"""A run over a corpus, from its files to the table and the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from pcpu.artifact import open_output
from pcpu.errors import UsageError
from pcpu.iprog.bank.store import Bank
from pcpu.iprog.corpus import journal, page
from pcpu.iprog.corpus.jobs import Job, Outcome, Setting, Summary, list_jobs
from pcpu.iprog.corpus.work import holds
from pcpu.iprog.plan import Mode

_EXTRA = ("dask", "distributed", "fastparquet")
Advance = Callable[[str, int, int], None]  # a path, files done, files in all


def run(
    corpus: str,
    bank: str,
    out: str,
    mode: Mode = "small",
    scheduler: str | None = None,
    workers: int | None = None,
    advance: Advance = lambda path, done, count: None,
) -> Summary:
    """Plan all files below ``corpus`` from ``bank``; plans, journal, table and page go to ``out``.

    What a run before did is kept where it still holds. Raises UsageError; what goes wrong with
    single files is in the summary.
    """
    begun = time.perf_counter()
    need_extra()
    from pcpu.iprog.corpus import cluster

    entries = Bank(bank).entries()
    if not entries:
        raise UsageError(f"{bank} is empty; pcpu bank add {bank} FILE")
    jobs = list_jobs(corpus, (bank, out))
    setting = Setting.of(corpus, bank, out, mode, entries)
    folder = _made(out)
    kept, todo = _split(setting, jobs, folder / "journal.jsonl", advance)
    found = dict(kept)
    if todo:
        with (
            cluster.connected(scheduler, workers) as client,
            journal.appended(folder / "journal.jsonl") as file,
        ):
            for outcome in cluster.outcomes(client, setting, todo):
                file.write(journal.line(outcome))
                found[outcome.path] = outcome
                advance(outcome.path, len(found), len(jobs))
    outcomes = tuple(found[job.path] for job in jobs)
    return _told(outcomes, len(kept), time.perf_counter() - begun, folder, corpus, bank)


def _told(
    outcomes: tuple[Outcome, ...], kept: int, seconds: float, folder: Path, corpus: str, bank: str
) -> Summary:
    """The summary, which the table and the page have too."""
    from pcpu.iprog.corpus import table

    files = {name: str(folder / name) for name in ("plans", "results.parquet", "report.html")}
    summary = Summary(outcomes, kept, seconds, files)
    table.write(summary, folder / "results.parquet")
    with open_output(folder / "report.html") as html:
        html.write(page.render(summary, corpus, bank).encode())
    return summary


def need_extra() -> None:
    """Raises UsageError where Dask and Parquet are not installed."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise UsageError(f"--corpus needs {', '.join(missing)}; run 'make setup'")


def _made(out: str) -> Path:
    try:
        (Path(out) / "plans").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {out}: the folder cannot be made: {error.strerror}") from None
    return Path(out)


def _split(
    setting: Setting, jobs: list[Job], path: Path, advance: Advance
) -> tuple[dict[str, Outcome], list[Job]]:
    """What runs before did and still holds, and what is left to do."""
    before = journal.read(path)
    kept: dict[str, Outcome] = {}
    for job in jobs:
        outcome = before.get(job.path)
        if outcome is not None and holds(setting, job, outcome):
            kept[job.path] = outcome
            advance(job.path, len(kept), len(jobs))
    return kept, [job for job in jobs if job.path not in kept]

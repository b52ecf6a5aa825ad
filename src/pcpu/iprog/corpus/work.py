"""What a worker does: one file at a time, from the corpus to its plan."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pcpu.artifact import open_output
from pcpu.errors import PcpuError
from pcpu.iprog.bank.select import plan_best
from pcpu.iprog.bank.store import Bank, Entry
from pcpu.iprog.corpus.jobs import Job, Outcome, Setting
from pcpu.iprog.files import mapped
from pcpu.iprog.plan import Planned, make_plan
from pcpu.iprog.reference import digest

MEMORY = 10  # bytes that planning takes for each byte of the file and its blob, at most about
_TURN = threading.Lock()  # workers of a cluster may have several threads, and planning takes memory


def work(setting: Setting, job: Job, memory: int | None = None) -> Outcome:
    """Plan one file, and write its plan, within ``memory`` bytes.

    What is wrong with the file or the bank is in the outcome. Errors of the system are raised,
    as another try may go well.
    """
    with _TURN:
        begun = time.perf_counter()
        try:
            return _plan(setting, job, memory, begun)
        except PcpuError as error:
            return Outcome(
                job.path, job.size, setting.made_by, seconds=time.perf_counter() - begun,
                error=str(error),
            )  # fmt: skip


def _plan(setting: Setting, job: Job, memory: int | None, begun: float) -> Outcome:
    file = mapped(str(setting.file(job.path)))
    bank = Bank(setting.bank)
    tried = 0

    def plan(blobs: Sequence[Any], names: Sequence[str]) -> Planned:
        nonlocal tried
        tried += 1
        needed = MEMORY * (len(file) + sum(map(len, blobs)))
        if memory is not None and needed > memory:
            raise PcpuError(
                f"planning takes about {needed >> 20} MiB of memory, and a worker has "
                f"{memory >> 20}; use fewer workers"
            )
        return make_plan(file, blobs, setting.mode, name=Path(job.path).name, blob_names=names)

    planned, best = plan_best(bank, file, plan, _entries(setting.bank, setting.made_by))
    path = setting.plan(job.path)
    _make_folder(path.parent)
    with open_output(path) as out:
        out.write(planned.plan)
    return Outcome(
        path=job.path,
        size=len(file),
        made_by=setting.made_by,
        sha256=planned.header.file.sha256.hex(),
        plan_size=len(planned.plan),
        plan_sha256=hashlib.sha256(planned.plan).hexdigest(),
        blob=best.entry.name if best else "",
        blob_sha256=best.entry.sha256 if best else "",
        blob_size=best.entry.sketch.size if best else 0,
        shared=round(best.nearness.share, 4) if best else 0.0,
        tried=tried,
        seconds=round(time.perf_counter() - begun, 3),
    )


def _make_folder(folder: Path) -> None:
    """Raises PcpuError where a file is in the way, such as the plan of a file that the corpus had
    before: no other try would go better."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        raise PcpuError(f"{there}, of a run before, is in the way of a folder; remove it") from None


@lru_cache(maxsize=1)
def _entries(bank: str, made_by: str) -> tuple[Entry, ...]:
    """The sketches of a bank, read once by each worker; ``made_by`` changes when they do."""
    return tuple(Bank(bank).entries())


def holds(setting: Setting, job: Job, outcome: Outcome) -> bool:
    """Whether an outcome of a run before is still what this run would give: a plan that is there
    and whole, of the file as it is, from the same bank and versions."""
    if outcome.error or outcome.made_by != setting.made_by or outcome.size != job.size:
        return False
    try:
        kept = setting.plan(job.path).read_bytes()
        if hashlib.sha256(kept).hexdigest() != outcome.plan_sha256:
            return False
        return digest(mapped(str(setting.file(job.path)))).hex() == outcome.sha256
    except (OSError, PcpuError):
        return False

"""Workers: on this machine, or those of a Dask cluster.

A file goes to any worker that is free, the largest files first. A worker that dies, and an error
of the system, lead to another try; what fails three times is given up.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dask
import distributed

from pcpu.errors import PcpuError, UsageError
from pcpu.iprog.corpus.jobs import Job, Outcome, Setting
from pcpu.iprog.corpus.work import work

RETRIES = 2
_SHARE = 0.8  # of a worker's memory that planning may take: Dask ends one that takes more than 0.95
_CONNECT_S = 20


@contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """A client of the cluster at an address, or of one of so many processes on this machine, by
    default one for each core. Raises UsageError."""
    with tempfile.TemporaryDirectory(prefix="pcpu-dask-") as folder:
        settings = {
            "temporary-directory": folder,
            "distributed.scheduler.allowed-failures": RETRIES,
            "distributed.comm.timeouts.connect": f"{_CONNECT_S}s",
        }
        with dask.config.set(settings):
            cluster = None if scheduler is not None else _local(workers or os.cpu_count() or 1)
            try:
                client = _client(cluster or scheduler)
                try:
                    yield client
                finally:
                    with suppress(OSError, TimeoutError):  # the cluster may be gone
                        client.close()
            finally:
                if cluster is not None:
                    cluster.close()


def _local(workers: int) -> Any:
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, silence_logs=logging.CRITICAL,
        # Its web server cannot be left out: without an address it takes that of pcpu serve.
        dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False},
    )  # fmt: skip


def _client(where: Any) -> Any:
    try:
        client = distributed.Client(where, timeout=_CONNECT_S)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"--scheduler {where}: there is no cluster: {error}") from None
    if not client.scheduler_info(n_workers=-1)["workers"]:
        client.close()
        raise UsageError(f"--scheduler {where}: the cluster has no workers")
    return client


def outcomes(client: Any, setting: Setting, jobs: Iterable[Job]) -> Iterator[Outcome]:
    """The outcome of each job as it is there. Raises PcpuError where the cluster is lost."""
    memory = _memory(client)
    known = {
        client.submit(work, setting, job, memory, pure=False, retries=RETRIES): job
        for job in sorted(jobs, key=lambda job: -job.size)
    }
    waiting = distributed.as_completed(list(known))
    try:
        for future in waiting:
            yield _outcome(setting, known.pop(future), future)
    except (distributed.CancelledError, OSError, TimeoutError) as error:
        raise PcpuError(
            f"the cluster is lost ({type(error).__name__}); the same command goes on where it ended"
        ) from None


def _outcome(setting: Setting, job: Job, future: Any) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status != "error":
        raise distributed.CancelledError(future.key)
    error = future.exception()
    said = "; ".join(str(error).split("\n")) or "no reason is given"
    if isinstance(error, distributed.KilledWorker):
        said = f"{RETRIES + 1} workers ended while they planned it; it may take too much memory"
    return Outcome(job.path, job.size, setting.made_by, error=f"{type(error).__name__}: {said}")


def _memory(client: Any) -> int | None:
    """What planning may take on every worker."""
    limits = [w["memory_limit"] for w in client.scheduler_info(n_workers=-1)["workers"].values()]
    least = min((limit for limit in limits if limit), default=None)
    return None if least is None else int(least * _SHARE)

"""What a corpus asks for: a job for each file, and what came of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from pcpu.errors import UsageError
from pcpu.iprog.bank.sketch import VERSION as SKETCH
from pcpu.iprog.bank.store import Entry
from pcpu.iprog.format import VERSION as PLAN
from pcpu.iprog.plan import Mode


@dataclass(frozen=True)
class Setting:
    """What all jobs of a run have in common. ``made_by`` tells runs apart whose plans may differ:
    the bank's blobs, versions and mode."""

    corpus: str
    bank: str
    out: str
    mode: Mode
    made_by: str

    @staticmethod
    def of(corpus: str, bank: str, out: str, mode: Mode, entries: Sequence[Entry]) -> Setting:
        told = [f"pcpu {version('pcpu')}, plan {PLAN}, sketch {SKETCH}, {mode}"]
        told += sorted(entry.sha256 for entry in entries)
        made_by = hashlib.sha256("\n".join(told).encode()).hexdigest()
        paths = [os.path.abspath(path) for path in (corpus, bank, out)]  # noqa: PTH100 - links stay
        return Setting(paths[0], paths[1], paths[2], mode, made_by)

    def file(self, path: str) -> Path:
        return Path(self.corpus, path)

    def plan(self, path: str) -> Path:
        return Path(self.out, "plans", f"{path}.iprog")


@dataclass(frozen=True)
class Job:
    """A file to be planned: its path in the corpus, and its size when it was listed."""

    path: str
    size: int


@dataclass(frozen=True)
class Outcome:
    """What came of a job: a plan, or ``error`` says why there is none. ``shared`` is the part of
    the file that its blob has too, ``tried`` how many plans were made, ``seconds`` how long it
    took."""

    path: str
    size: int
    made_by: str
    sha256: str = ""
    plan_size: int = 0
    plan_sha256: str = ""
    blob: str = ""
    blob_sha256: str = ""
    blob_size: int = 0
    shared: float = 0.0
    tried: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def ratio(self) -> float:
        """Bytes of the file for each byte of the plan."""
        return self.size / self.plan_size if self.plan_size else 0.0


@dataclass(frozen=True)
class Summary:
    """All outcomes of a corpus by path; ``kept`` of them are of runs before."""

    outcomes: tuple[Outcome, ...]
    kept: int
    seconds: float
    files: dict[str, str] = field(default_factory=dict)

    @property
    def planned(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.error]

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.error]

    def to_json(self) -> dict[str, Any]:
        size, plan_size = (
            sum(values)
            for values in zip(*((o.size, o.plan_size) for o in self.planned), (0, 0), strict=True)
        )
        return {
            "files": len(self.outcomes),
            "planned": len(self.planned) - self.kept,
            "kept": self.kept,
            "failed": len(self.failed),
            "bytes": size,
            "plan_bytes": plan_size,
            "ratio": size / plan_size if plan_size else None,
            "seconds": round(self.seconds, 3),
            **self.files,
        }


def list_jobs(corpus: str, aside: Sequence[str]) -> list[Job]:
    """A job for each file below ``corpus``, by path, but for what lies in folders ``aside``.
    Raises UsageError."""
    root = Path(corpus)
    if not root.is_dir():
        raise UsageError(f"--corpus {corpus}: there is no such folder")
    skipped = {os.path.realpath(path) for path in aside}
    found = sorted(_below(root, skipped), key=lambda job: job.path)
    if not found:
        raise UsageError(f"--corpus {corpus}: the folder has no files")
    _check_places(corpus, found)
    return found


def _check_places(corpus: str, jobs: Sequence[Job]) -> None:
    """Raise UsageError where the plan of a file would lie where the folder of others has to be."""
    plans = {f"{job.path}.iprog": job.path for job in jobs}
    for job in jobs:
        for folder in PurePosixPath(job.path).parents:
            if (file := plans.get(str(folder))) is not None:
                raise UsageError(
                    f"--corpus {corpus}: the plan of {file} would be called {folder}, as the "
                    f"folder of {job.path} is; rename one of them"
                )


def _below(root: Path, skipped: set[str]) -> Iterator[Job]:
    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [
            name for name in folders if os.path.realpath(Path(folder, name)) not in skipped
        ]
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield Job(path.relative_to(root).as_posix(), path.stat().st_size)

"""The outcomes of a corpus as Parquet, a row for each file."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import fastparquet
import pandas

from pcpu.artifact import open_output
from pcpu.iprog.corpus.jobs import Outcome, Summary

_INNER = ("made_by",)


def write(summary: Summary, path: Path) -> None:
    """Write ``path``, which appears whole or not at all."""
    rows = [_row(outcome) for outcome in summary.outcomes]
    with tempfile.TemporaryDirectory(prefix="pcpu-table-") as folder:
        made = Path(folder, "table")
        fastparquet.write(str(made), pandas.DataFrame(rows), compression="ZSTD")
        with open_output(path) as file:
            file.write(made.read_bytes())


def _row(outcome: Outcome) -> dict[str, object]:
    row = {"status": "failed" if outcome.error else "planned", **asdict(outcome)}
    row["ratio"] = outcome.ratio
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
        if name not in _INNER
    }

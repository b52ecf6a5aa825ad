"""A run as JSON: what was measured, on what, with what."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pcpu.artifact import write_beside
from pcpu.bench.build import Kit
from pcpu.bench.definition import ROOT, Definition, Row
from pcpu.bench.goals import Verdict
from pcpu.bench.measure import Samples
from pcpu.bench.run import Results

FORMAT = 1
DIGITS = 4  # significant ones; a clock gives no more


def machine() -> dict[str, Any]:
    """The processor by its own name, without the name of the host."""
    model, flags = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
        known = {name.strip(): value.strip() for name, _, value in reversed(lines)}
        model = known.get("model name", model)
        if {"cpu family", "model"} <= known.keys():
            model += f" (family {known['cpu family']}, model {known['model']})"
        flags = known.get("flags", known.get("Features", ""))
    return {
        "processor": model,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "cores": _cores(),
        "flags": flags,
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slug(described: dict[str, Any]) -> str:
    """The machine in a file's name."""
    plain = re.sub(r"\((?:R|TM|tm)\)|CPU|Processor|@.*", " ", described["processor"])
    return re.sub(r"[^a-z0-9]+", "-", f"{plain} {described['architecture']}".lower()).strip("-")


def commit() -> str | None:
    """The commit of the checkout, with a + behind it where files differ; None without git."""
    git = ["git", "-C", str(ROOT.parent)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "src"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "")


def make_record(
    definitions: Sequence[Definition],
    results: Results,
    verdicts: Sequence[Verdict],
    kit: Kit,
    quick: bool,
    seconds: float,
) -> dict[str, Any]:
    by_name = {definition.name: definition for definition in definitions}
    return {
        "format": FORMAT,
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "commit": commit(),
        "quick": quick,
        "seconds": round(seconds),
        "machine": machine(),
        "versions": dict(sorted((results.versions | _versions(definitions)).items())),
        "compiled_with": kit.manifest["wasm"]["compiled_with"],
        "simd": kit.manifest["wasm"]["simd"],
        "goals": [_goal(verdict) for verdict in verdicts],
        "missing": [vars(missing) for missing in results.missing],
        "results": [
            {"definition": name, "runtime": runtime, "size": size}
            | _result(by_name[name].row(row_id), samples)
            for (name, runtime, size), found in results.found.items()
            for row_id, samples in found.items()
        ],
    }


def _goal(verdict: Verdict) -> dict[str, Any]:
    goal = verdict.goal
    return {
        "definition": verdict.definition, "runtime": goal.runtime, "size": verdict.size,
        "rival": verdict.rival, "value": verdict.value and _short(verdict.value),
        "met": verdict.met, "at_least": goal.at_least, "at_most_ns": goal.at_most_ns,
    }  # fmt: skip


def _result(row: Row, samples: Samples) -> dict[str, Any]:
    times = {
        "min": samples.best, "median": samples.median,
        "p10": samples.decile(1), "p90": samples.decile(9),
    }  # fmt: skip
    return {
        "row": row.id,
        "title": row.title,
        "role": row.role,
        "ns": {name: _short(seconds * 1e9) for name, seconds in times.items()},
        "samples": len(samples.seconds),
        "calls": samples.calls,
    }


def _versions(definitions: Sequence[Definition]) -> dict[str, str]:
    """Of the packages that rows need, from Python's or npm's metadata."""
    found = {}
    for package in {row.package for d in definitions for row in d.rows if row.package}:
        manifest = ROOT / "js" / "node_modules" / package / "package.json"
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            if manifest.exists():
                found[package] = json.loads(manifest.read_text())["version"]
    return found


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def record_text(record: dict[str, Any]) -> str:
    """JSON with one result a line, so that two records can be compared as text."""
    results = record["results"]
    head = json.dumps({**record, "results": []}, indent=1, ensure_ascii=False)
    assert head.endswith('"results": []\n}')
    lines = ",\n  ".join(json.dumps(result, ensure_ascii=False) for result in results)
    return head.removesuffix("[]\n}") + f"[\n  {lines}\n ]\n}}\n"


def write_record(record: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as file:
        file.write(record_text(record).encode())


def record_path(record: dict[str, Any]) -> Path:
    return ROOT / "record" / f"{record['date'][:10]}-{slug(record['machine'])}.json"

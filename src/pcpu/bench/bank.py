"""Whether banks choose well: the plan from the blob they choose, beside the smallest of all.

    python -m pcpu.bench.bank [NAME...] [-o RECORD.json]

The blobs are the versions of the libraries of ``bench/iprog/bank.json``. Each version that is held
out is planned from all other versions of its library and from those files of other libraries that
share most with it; a bank of all blobs but that file says which one it would have chosen. Sizes of
plans are kept in ``build/iprog``, as making them all takes an hour.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from pcpu.bench.delta.pairs import ROOT, STORE, fetched
from pcpu.errors import PcpuError
from pcpu.iprog.bank.rank import from_chunks
from pcpu.iprog.bank.select import Depth, select
from pcpu.iprog.bank.sketch import Studied, study
from pcpu.iprog.bank.store import Bank
from pcpu.iprog.plan import make_plan

LIBRARIES = ROOT / "bench" / "iprog" / "bank.json"
GOAL = 1.02  # times the smallest plan, that a chosen one may have
_BESIDE = 4  # files of other libraries that each file is planned from


@dataclass(frozen=True)
class Case:
    """A file that is held out, and from which others it is planned."""

    name: str
    sha256: str
    blobs: tuple[str, ...]


class Sizes:
    """Sizes of plans, kept on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, file: str, blob: str) -> int:
        key = f"{file[:16]} {blob[:16]}"
        if key not in self.known:
            content, base = ((STORE / sha256).read_bytes() for sha256 in (file, blob))
            self.known[key] = len(make_plan(content, [base]).plan)
            self.path.write_text(json.dumps(self.known))
        return self.known[key]


def read_libraries(names: Sequence[str]) -> list[dict[str, Any]]:
    libraries: list[dict[str, Any]] = json.loads(LIBRARIES.read_text("utf-8"))["libraries"]
    unknown = set(names) - {library["name"] for library in libraries}
    if unknown:
        raise PcpuError(f"{LIBRARIES} has no library {', '.join(sorted(unknown))}")
    return [library for library in libraries if not names or library["name"] in names]


def cases(libraries: Sequence[dict[str, Any]], studied: dict[str, Studied]) -> Iterator[Case]:
    """All that are held out."""
    for library in libraries:
        own = [version["sha256"] for version in library["versions"]]
        for version in library["versions"]:
            if version["version"] not in library["held_out"]:
                continue
            file = version["sha256"]
            levels = studied[file].levels
            beside = sorted(
                (other for other in studied if other not in own),
                key=lambda other: -from_chunks(levels, studied[other].levels).share,
            )
            blobs = [blob for blob in own if blob != file] + beside[:_BESIDE]
            yield Case(f"{library['name']} {version['version']}", file, tuple(blobs))


def measure(case: Case, bank: Bank, sizes: Sizes) -> dict[str, Any]:
    """What the bank chooses at each depth, as a ratio to the smallest plan, and how long choosing
    takes without the plans."""
    file = (STORE / case.sha256).read_bytes()
    entries = [entry for entry in bank.entries() if entry.sha256 != case.sha256]
    plans = 0

    class Known:
        """Stands for a plan whose size is known."""

        def __init__(self, blob: str) -> None:
            self.plan = bytes(sizes.of(case.sha256, blob))
            self.header = type("Header", (), {"blobs": [_Content(bytes.fromhex(blob))]})

    def plan(blobs: Sequence[Any], names: Sequence[str]) -> Any:
        nonlocal plans
        plans += 1
        return Known(names[0])

    chosen, seconds = {}, {}
    for depth in Depth:
        begun = time.process_time()
        best = select(bank, file, plan, depth, entries)[0]
        seconds[depth.name.lower()] = round(time.process_time() - begun, 4)
        chosen[depth.name.lower()] = sizes.of(case.sha256, best.entry.sha256)
    smallest = min([*(sizes.of(case.sha256, blob) for blob in case.blobs), *chosen.values()])
    return {
        "name": case.name,
        "smallest": smallest,
        "plans": max(plans, 1),
        "seconds": seconds,
        "ratios": {depth: round(size / smallest, 4) for depth, size in chosen.items()},
    }


@dataclass(frozen=True)
class _Content:
    sha256: bytes


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares of files whose plan is within the goal, and means."""
    return {
        "files": len(rows),
        "within": {
            depth.name.lower(): float(
                np.mean([row["ratios"][depth.name.lower()] <= GOAL for row in rows])
            )
            for depth in Depth
        },
        "plans": float(np.mean([row["plans"] for row in rows])),
        "seconds": {
            depth.name.lower(): float(np.median([r["seconds"][depth.name.lower()] for r in rows]))
            for depth in Depth
        },
    }


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Libraries; all by default.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Where a record goes.")] = None,
) -> None:
    """Fetch, sketch, choose, and compare."""
    libraries = read_libraries(names or ())
    bank = Bank.made(str(STORE / "bank"))
    studied: dict[str, Studied] = {}
    count, begun = 0, 0.0
    for library in read_libraries(()):
        first = fetched(library, library["versions"][0])
        study(first.read_bytes())  # so that compiling loops is not measured
        for version in library["versions"]:
            content = fetched(library, version).read_bytes()
            start = time.process_time()
            studied[version["sha256"]] = study(content)
            begun += time.process_time() - start
            count += len(content)
            bank.add(str(STORE / version["sha256"]), version["sha256"])
    sizes = Sizes(STORE / "bank-plans.json")
    rows = []
    for case in cases(libraries, studied):
        rows.append(measure(case, bank, sizes))
        typer.echo(json.dumps(rows[-1]))
    told = summary(rows) | {"blobs": len(studied), "sketch_megabytes_a_second": count / 1e6 / begun}
    typer.echo(json.dumps(told))
    if out is not None:
        out.write_text(json.dumps(told | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)

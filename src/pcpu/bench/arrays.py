"""One large array: pCPU called from Python beside numpy, in one process, results compared.

    python -m pcpu.bench.arrays [--size "64 MiB"] [--rounds 5] [--only xor] [--json]

``bench/arrays.toml`` says what is measured. The rows of a case take turns, each time in another
order; the median counts, and the spread says how quiet the machine was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcpu.bench import array_peers
from pcpu.bench.build import SEED
from pcpu.bench.definition import ROOT, parse_size, show_size
from pcpu.bench.record import machine
from pcpu.errors import EngineError, PcpuError, UsageError
from pcpu.library import load_isa
from pcpu.sdk.compiled import Compiled, compile
from pcpu.sdk.read import parse

TABLES = {"rot13": bytes((byte + 13) % 256 for byte in range(256))}


@dataclass
class Row:
    """One way to do it on memory of its own; ``run`` gives the result, or the changed bytes, or
    None where it has changed ``data``."""

    case: str
    title: str
    data: bytearray
    run: Callable[[], Any]
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """(p90 - p10) / median of the times, by the nearest rank."""
        ordered = sorted(self.seconds)
        last = len(ordered) - 1
        return (ordered[round(last * 0.9)] - ordered[round(last * 0.1)]) / self.median


def measure(case: dict[str, Any], data: bytes, rounds: int, threads: Sequence[int]) -> list[Row]:
    """The rows of one case, timed. Raises EngineError where two of them disagree."""
    rows = list(_rows(case, data, threads))
    answers = [_timed(row) for row in rows]
    _compare(rows, answers)
    for row in rows:
        row.seconds.clear()  # the first call touched memory for the first time
    for turn in range(rounds):
        for row in rows[turn % len(rows) :] + rows[: turn % len(rows)]:
            answers[rows.index(row)] = _timed(row)
    if not any(isinstance(answer, bytearray) for answer in answers):
        _compare(rows, answers)
    return rows


def _rows(case: dict[str, Any], data: bytes, threads: Sequence[int]) -> Iterator[Row]:
    text = case["program"].format(**{n: f"0x{table.hex()}" for n, table in TABLES.items()})
    program = parse(text, load_isa(), "pipeline")
    compiled = compile(program)
    operand = next(iter(program.instructions[0].immediates), None)

    def ours(count: int) -> Row:
        own = bytearray(data)
        title = "pCPU" if count == 1 else f"pCPU, {count} threads"
        return Row(case["name"], title, own, lambda: _result(compiled, own, count))

    def theirs(name: str) -> Row:
        own, peer = bytearray(data), array_peers.find(name)
        array = np.frombuffer(own, np.uint8)
        return Row(case["name"], peer.title, own, lambda: peer.run(own, array, operand))

    yield from map(ours, threads)
    yield from map(theirs, case["peers"])


def _result(compiled: Compiled, data: bytearray, threads: int) -> Any:
    outcome = compiled(data, in_place=True, threads=threads)
    return next(iter(outcome.results.values()), None)


def _timed(row: Row) -> Any:
    start = time.perf_counter()
    answer = row.run()
    row.seconds.append(time.perf_counter() - start)
    return answer


def _compare(rows: Sequence[Row], answers: Sequence[Any]) -> None:
    found = [
        row.data if answer is None else answer for row, answer in zip(rows, answers, strict=True)
    ]
    for row, answer in zip(rows, found, strict=True):
        if answer != found[0]:
            raise EngineError(f"{row.case}: {row.title} and {rows[0].title} disagree")


def run(
    size: int, rounds: int, threads: Sequence[int], cases: Sequence[dict[str, Any]]
) -> Iterator[list[Row]]:
    """The cases one after the other, on random bytes that are the same in every run."""
    data = np.random.default_rng(SEED).bytes(size)
    for case in cases:
        yield measure(case, data, rounds, threads)


def main(arguments: Sequence[str] | None = None) -> int:
    definition = tomllib.loads((ROOT / "arrays.toml").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(
        prog="python -m pcpu.bench.arrays",
        description="One large array: pCPU called from Python beside numpy. "
        "The cases are those of bench/arrays.toml.",
    )
    parser.add_argument("--size", default=definition["size"], help="such as '64 MiB'")
    parser.add_argument(
        "--rounds", type=int, default=definition["rounds"], help="how often the rows take turns"
    )
    parser.add_argument("--only", metavar="CASE", help="one case")
    parser.add_argument("--json", action="store_true", help="print the record")
    chosen = parser.parse_args(arguments)
    try:
        size = parse_size(chosen.size)
        cases = [c for c in definition["case"] if chosen.only in (None, c["name"])]
        if not cases:
            known = ", ".join(c["name"] for c in definition["case"])
            raise UsageError(f"no case is called {chosen.only!r}; known: {known}")
        found = run(size, max(1, chosen.rounds), definition["threads"], cases)
        _print(size, found, as_json=chosen.json)
    except PcpuError as error:
        print(f"pcpu: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _print(size: int, cases: Iterator[list[Row]], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {"case": r.case, "title": r.title, "seconds": [float(f"{s:.4g}") for s in r.seconds]}
            for case in cases
            for r in case
        ]
        print(json.dumps({"machine": machine(), "size": size, "rows": rows}, indent=2))
        return
    print(f"{show_size(size)} of random bytes, {machine()['processor']}, numpy {np.__version__}")
    print(f"{'':9}{'':34}{'median ms':>10}{'GB/s':>8}{'spread':>8}   median against pCPU's")
    for case in cases:
        for row in case:
            ratio = row.median / case[0].median
            print(
                f"{row.case:9}{row.title:34}{row.median * 1e3:10.1f}"
                f"{size / row.median / 1e9:8.2f}{row.spread:8.0%}   {ratio:.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())

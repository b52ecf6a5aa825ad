"""What plans are meant to reach, and whether they do."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pcpu.bench.delta.measure import INSTANT, SMALL, ZSTD, Measured, Row


@dataclass(frozen=True)
class Verdict:
    """A goal: ``value`` is to be at most ``limit``, or at least where ``at_least``."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        word = "at least" if self.at_least else "at most"
        return f"{self.what}: {rounded(self.value)}, the goal is {word} {self.limit:g}"


# Kind of pairs: the geometric mean of size to the best peer's, and the worst of them.
SIZES = {"executable": (0.40, 0.85), "text": (1.00, 1.10), "packed": (1.02, 1.02)}
ENCODE = 3.0  # MB/s
MEMORY = 8.0  # bytes for each of the file
WASM = 1 << 20  # bytes from which on a file's speed is more than the cost of calls


def rounded(value: float) -> str:
    """Three digits, and never an exponent."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def judge(results: Sequence[Measured]) -> Iterator[Verdict]:
    """All goals that the results say something about."""
    for kind, (mean, worst) in SIZES.items():
        own = [r for r in results if r.pair.kind == kind]
        if own:
            ratios = [r.ratio for r in own]
            last = max(own, key=lambda r: r.ratio)
            yield Verdict(f"size, {kind}: mean", geometric_mean(ratios), mean)
            yield Verdict(f"size, {kind}: worst, {last.pair.name}", last.ratio, worst)
    large = [r for r in results if r.pair.size >= WASM]
    if not large:
        return
    slowest = min(large, key=lambda r: r.rows[SMALL].make)
    what = f"encode, MB/s: slowest, {slowest.pair.name}"
    yield Verdict(what, slowest.rows[SMALL].make, ENCODE, at_least=True)
    most = max(large, key=_memory)
    yield Verdict(f"memory, times the file: most, {most.pair.name}", _memory(most), MEMORY)
    for mode, floor in ((SMALL, 1.3), (INSTANT, 4.0)):
        zstd = [r.rows.get(ZSTD) for r in large]
        ours = [r.rows[mode].wasm for r in large]
        npm = [row.wasm if row else None for row in zstd]
        native = [row.apply if row else None for row in zstd]
        yield from _median(f"{mode} in WASM, times zstd-WASM: median", ours, npm, floor)
        yield from _median(f"{mode} in WASM, times native zstd: median", ours, native, 1.0)
        ours = [r.rows[mode].first for r in large]
        npm = [row.first if row else None for row in zstd]
        yield from _median(f"{mode} in WASM, cold, times zstd-WASM cold: median", ours, npm, 1.0)
    instant, copied = [r.rows[INSTANT].again for r in large], [r.copy for r in large]
    yield from _median(f"{INSTANT} in WASM, times memory.copy: median", instant, copied, 0.5)


def _memory(result: Measured) -> float:
    row: Row = result.rows[SMALL]
    return row.memory / result.pair.size


def _median(
    what: str, ours: Sequence[float | None], others: Sequence[float | None], floor: float
) -> Iterator[Verdict]:
    """The median of ratios, where both are known."""
    both = zip(ours, others, strict=True)
    ratios = [a / b for a, b in both if a is not None and b is not None]
    if ratios:
        yield Verdict(what, statistics.median(ratios), floor, at_least=True)

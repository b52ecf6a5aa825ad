"""Files that the Worker rebuilds, as a client of ``pcpu serve --store`` gets them:
``python -m pcpu.bench.objects``, the table of docs/publishing.md.

Each file and mode has a Worker of its own, so that the first request finds nothing in memory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from pcpu.bench.delta.pairs import Pair, described, load
from pcpu.errors import PcpuError
from pcpu.iprog.files import mapped
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import Mode, make_plan
from pcpu.iprog.publish import publish

CASES: tuple[tuple[str, Mode], ...] = (
    ("caniuse", "small"), ("numpy", "small"), ("numpy", "instant"), ("esbuild", "small"),
    ("lightningcss", "instant"), ("ruff", "small"), ("ruff", "instant"),
)  # fmt: skip
ROUNDS = 9
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Served:
    """MB/s and milliseconds of processor time of all of workerd: of the first request for a whole
    file, and the median of those that follow."""

    name: str
    mode: Mode
    size: int
    first: tuple[float, float]
    then: tuple[float, float]

    def __str__(self) -> str:
        cells = [self.name, self.mode, f"{self.size / 1e6:.1f}"]
        for speed, processor in (self.first, self.then):
            cells += [f"{speed:.0f}", f"{processor:.0f}"]
        return f"| {' | '.join(cells)} |"


def measure(pair: Pair, mode: Mode) -> Served:
    """Publish the new file of ``pair`` as a plan from the old one, and get it. Raises PcpuError
    where another file comes."""
    with tempfile.TemporaryDirectory(prefix="pcpu-bench-") as store:
        blobs = [mapped(str(pair.old))]
        plan = make_plan(mapped(str(pair.new)), blobs, mode).plan
        publish(NativeReader(plan, blobs), Path(store), pair.name)
        with _serving(Path(store)) as (url, process), httpx.Client(base_url=url) as client:
            client.get("/health").raise_for_status()
            first, *others = (_get(client, process, pair) for _ in range(1 + ROUNDS))
    then = statistics.median(s for s, _ in others), statistics.mean(p for _, p in others)
    return Served(pair.name, mode, pair.size, first, then)


def _get(client: httpx.Client, process: int, pair: Pair) -> tuple[float, float]:
    found, began, busy = bytearray(), time.perf_counter(), _processor(process)
    with client.stream("GET", f"/v1/objects/{pair.name}", timeout=60) as answer:
        for piece in answer.iter_raw():
            found += piece
    seconds, busy = time.perf_counter() - began, _processor(process) - busy
    if hashlib.sha256(found).digest() != hashlib.sha256(pair.new.read_bytes()).digest():
        raise PcpuError(f"{pair.name}: the Worker sends another file")
    return pair.size / 1e6 / seconds, busy


def _processor(process: int) -> float:
    """Milliseconds of processor time of a process and of those that it waited for."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * 1000 / _TICK


@contextmanager
def _serving(store: Path) -> Iterator[tuple[str, int]]:
    """The address of a Worker, and the number of the process of workerd."""
    pcpu = Path(sys.executable).with_name("pcpu")
    command = [str(pcpu), "serve", "--port", "0", "--store", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            url = re.search(r"http://[\d.:]+", line)
            if url is None:
                raise PcpuError(f"pcpu serve says {line!r}")
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            yield url[0], int(children[0])
        finally:
            server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pcpu.bench.objects",
        description="Files that the Worker rebuilds from plans: fetch, publish, get, and compare.",
    )
    parser.parse_args()
    print("| file | mode | MB | first: MB/s | CPU ms | then: MB/s | CPU ms |")
    print("|---|---|---|---|---|---|---|")
    for name, mode in CASES:
        print(measure(load(described(name)[0]), mode), flush=True)


if __name__ == "__main__":
    main()

"""One tool on one pair, in a process of its own, so that its memory is its own.

    python -m pcpu.bench.delta.child TOOL OLD NEW PATCH SMALL

prints a JSON object: bytes of the patch, seconds to make and to apply it, bytes of memory that
making took beyond what the process had after it warmed up on SMALL, a program.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pcpu.bench.delta.tools import TOOLS, Tool
from pcpu.errors import PcpuError
from pcpu.iprog.memory import return_large_arrays

APPLIED = 3  # times, at least; the fastest counts
_ENOUGH, _MOST = 0.3, 25  # seconds after which, and times after which, no more are wanted
_EVERY = 0.004  # seconds between two looks at the memory


def run(tool: Tool, old: Path, new: Path, patch: Path) -> dict[str, float]:
    """Raises PcpuError where the file that comes back is another one."""
    content = new.read_bytes()
    with _memory() as most:
        begun = time.perf_counter()
        tool.make(old, new, patch)
        made = time.perf_counter() - begun
    # As in a process that applies one patch: memory that is used again would cost nothing.
    return_large_arrays()
    applied: list[float] = []
    tool.apply(old, patch, len(content))  # what is compiled for it is not timed
    while len(applied) < APPLIED or (sum(applied) < _ENOUGH and len(applied) < _MOST):
        begun = time.perf_counter()
        found = tool.apply(old, patch, len(content))
        applied.append(time.perf_counter() - begun)
        if bytes(found) != content:
            raise PcpuError(f"{tool.name} does not rebuild {new}")
        del found  # so that its memory is there again
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    return {
        "size": patch.stat().st_size, "make": made, "apply": min(applied),
        "memory": max(most[0], 0 if tool.ours else children),
    }  # fmt: skip


@contextmanager
def _memory() -> Iterator[list[int]]:
    """The most that this process grows by, in bytes."""
    before, most, done = _resident(), [0], threading.Event()

    def look() -> None:
        while not done.wait(_EVERY):
            most[0] = max(most[0], _resident() - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def _resident() -> int:
    """Of Linux; nothing elsewhere."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def _warm_up(tool: Tool, module: Path, folder: Path) -> None:
    """Load what is loaded once: ``module`` is a small program."""
    small = folder / "small"
    small.write_bytes(module.read_bytes()[: 1 << 20])
    tool.make(module, small, folder / "patch")


def main() -> None:
    name, *paths = sys.argv[1:]
    old, new, patch, small = map(Path, paths)
    tool = next(tool for tool in TOOLS if tool.name == name)
    with tempfile.TemporaryDirectory() as folder:
        _warm_up(tool, small, Path(folder))
    print(json.dumps(run(tool, old, new, patch)))


if __name__ == "__main__":
    try:
        main()
    except PcpuError as error:
        sys.exit(str(error))

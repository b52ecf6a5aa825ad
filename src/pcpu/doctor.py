"""``pcpu doctor``: what of the toolchain and the engines is there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from pcpu import disk_cache, llvm, run, targets, worker
from pcpu.errors import PcpuError
from pcpu.targets import lld


@dataclass(frozen=True)
class Check:
    """One thing that pCPU needs; ``detail`` is its version, or what is wrong."""

    name: str
    found: bool
    detail: str

    def to_json(self) -> dict[str, Any]:
        return {"found": self.found, "detail": self.detail}


def examine() -> list[Check]:
    """Look at everything; never raises."""
    return [_check(name, look) for name, look in _looks()]


def _looks() -> Iterator[tuple[str, Callable[[], str]]]:
    yield "pcpu", lambda: f"{version('pcpu')}, cache in {disk_cache.folder()}"
    yield "llvm", lambda: f"{llvm.version()} (llvmlite {version('llvmlite')})"
    yield "lld", lambda: f"{lld.versions()['lld']} ({' '.join(lld.command('wasm-ld'))})"
    yield "zig", lambda: lld.versions()["zig"]
    yield "node", lambda: f"{_output(str(worker.node()), '--version')} ({worker.node()})"
    for package in ("esbuild", "workerd", "wrangler"):
        yield f"npm {package}", partial(worker.package_version, package)
    for name in targets.NAMES:
        yield f"target {name}", partial(_target, name)
    for name in run.NAMES:
        yield f"engine {name}", partial(_engine, name)


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (PcpuError, ImportError, OSError, subprocess.CalledProcessError) as error:
        return Check(name, False, str(error))


def _target(name: str) -> str:
    target = targets.find(name)
    return f"{target.doc}: {target.triple}, {target.cpu}"


def _engine(name: str) -> str:
    return run.find(name).version()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

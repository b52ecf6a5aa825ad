"""Node: V8 with its trap handler, the clock inside the process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pcpu import worker
from pcpu.bench.build import Kit
from pcpu.bench.definition import ROOT
from pcpu.bench.measure import Handle
from pcpu.bench.plan import Plan
from pcpu.bench.runtimes.lines import LineHandle, open_row
from pcpu.bench.runtimes.runtime import Runtime, Unavailable
from pcpu.errors import EngineError, ToolchainError


@dataclass
class NodeSession:
    process: subprocess.Popen[str]
    versions: dict[str, str]

    def send(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return read(self.process)

    def open(self, plan: Plan) -> Handle:
        return LineHandle(self.send, open_row(self.send, plan))


def read(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EngineError(f"Node ended early, with exit code {process.wait()}")
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer


@contextmanager
def start(kit: Kit, size: int) -> Iterator[NodeSession]:
    try:
        executable = worker.node()
    except ToolchainError as error:
        raise Unavailable(str(error)) from None
    modules = {name: str(path) for name, path in kit.modules["wasm"].items()}
    scripts = {name: str(path) for name, path in kit.scripts.items()}
    data = {kind: str(path) for kind, path in kit.data.items()}
    options = json.dumps({"data": data, "size": size, "modules": modules, "scripts": scripts})
    process = subprocess.Popen(
        [executable, str(ROOT / "js" / "node.js"), options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield NodeSession(process, read(process))
        finally:
            assert process.stdin is not None
            process.stdin.close()


def runtime() -> Runtime:
    return Runtime("node", "Node", start, order=1, tiers=True)

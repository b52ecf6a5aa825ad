"""workerd, the runtime of Workers, with the clock outside.

A Worker's clocks may stand still while it computes. So one request runs a row many times, and
what it takes the client, less the least that an empty request takes, is the time: what is left of
the request's own cost counts against the row.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcpu import worker
from pcpu.bench.build import Kit
from pcpu.bench.definition import ROOT
from pcpu.bench.measure import Handle
from pcpu.bench.plan import Plan
from pcpu.bench.runtimes.lines import LineHandle, ask, open_row
from pcpu.bench.runtimes.runtime import Runtime, Unavailable
from pcpu.errors import EngineError, ToolchainError
from pcpu.run.workerd_process import serving

MIB = 1 << 20
COPIES = 128  # of loops.js; a module cannot be imported twice here
TIMEOUT = 300  # seconds that one request may take
EMPTY = 30  # how many of the latest empty requests are looked at
COMPATIBILITY = "2026-10-20"


@dataclass
class WorkerdSession:
    connection: http.client.HTTPConnection
    versions: dict[str, str]
    empty: deque[float] = field(default_factory=lambda: deque(maxlen=EMPTY))

    def request(self, method: str, body: bytes, path: str = "/") -> dict[str, Any]:
        self.connection.request(method, path, body)
        with self.connection.getresponse() as response:
            content = response.read()
        if response.status != http.client.OK:
            raise EngineError(f"workerd answered {response.status}: {content[:200]!r}")
        answer = json.loads(content)
        assert isinstance(answer, dict)
        return answer

    def send(self, command: dict[str, Any]) -> dict[str, Any]:
        return self.request("POST", json.dumps(command).encode())

    def seconds(self, command: dict[str, Any]) -> float:
        start = time.perf_counter()
        ask(self.send, command)
        return time.perf_counter() - start

    def open(self, plan: Plan) -> Handle:
        return _Handle(self.send, open_row(self.send, plan), self)


@dataclass
class _Handle(LineHandle):
    session: WorkerdSession

    def time(self, calls: int, warm: int) -> float:
        command = {"do": "run", "handle": self.number, "calls": calls, "warm": 0}
        if warm:
            ask(self.send, {**command, "calls": warm})
        empty = self.session.empty
        while len(empty) < EMPTY:
            empty.append(self.session.seconds({"do": "nothing"}))
        empty.append(self.session.seconds({"do": "nothing"}))
        taken = self.session.seconds(command)
        # Of a time that is nearly all the request's own nothing can be told; it is not made small.
        return max(taken - min(empty), taken / 10)


@contextmanager
def start(kit: Kit, size: int) -> Iterator[WorkerdSession]:
    try:
        binary = worker.workerd()
    except ToolchainError as error:
        raise Unavailable(str(error)) from None
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory(prefix="pcpu-bench-") as folder:
        _bundle(Path(folder), kit)
        with serving(Path(folder), 0) as (port, _):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            session = WorkerdSession(connection, {"workerd": version.stdout.split()[-1]})
            for kind, path in kit.data.items():
                session.request("PUT", path.read_bytes()[:size], f"/{kind}")
            yield session
            connection.close()


def _bundle(folder: Path, kit: Kit) -> None:
    """Every module and the configuration that names them as they are imported."""
    scripts = {f"{s.relative_to(ROOT / 'js')}": s for s in _scripts()}
    scripts |= {f"loops-{i}.js": ROOT / "js" / "loops.js" for i in range(COPIES)}
    scripts |= {f"{name}.js": path for name, path in kit.scripts.items()}
    library = ROOT / "js/node_modules/hash-wasm/dist/index.esm.js"
    modules = {f"{name}.wasm": path for name, path in kit.modules["wasm"].items()}
    if library.exists():
        scripts["hash-wasm"] = library
        binary = modules["hash-wasm.wasm"] = folder / "hash-wasm.wasm"
        extract = [worker.node(), ROOT / "js" / "extract.js"]
        binary.write_bytes(subprocess.run(extract, capture_output=True, check=True).stdout)
    lines = []
    for kind, files in (("esModule", scripts), ("wasm", modules)):
        for index, (name, path) in enumerate(files.items()):
            shutil.copy(path, folder / f"{kind}-{index}")
            lines.append(f'(name = "{name}", {kind} = embed "{kind}-{index}")')
    # The first module is the Worker.
    lines.sort(key=lambda line: '"workerd.js"' not in line)
    text = CONFIG % (COMPATIBILITY, ",\n    ".join(lines))
    (folder / "config.capnp").write_text(text)


def _scripts() -> list[Path]:
    js = ROOT / "js"
    names = ("workerd.js", "rows.js", "loops.js", "libraries.js")
    return [*(js / name for name in names), *sorted((js / "baselines").glob("*.js"))]


CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "bench", worker = .bench)],
  sockets = [(name = "http", http = (), service = "bench")],
);
const bench :Workerd.Worker = (
  compatibilityDate = "%s",
  modules = [
    %s
  ],
);
"""


def runtime() -> Runtime:
    # 16 MiB: an isolate has 128 MB in all. A request costs a fraction of a millisecond.
    return Runtime("workerd", "workerd", start, order=2, largest=16 * MIB, stretch=6, tiers=True)

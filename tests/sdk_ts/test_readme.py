"""The examples of the SDK's README: they type-check and print what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pcpu import targets, worker
from pcpu.compiler import compile_program
from pcpu.library import load_isa
from pcpu.run.workerd_process import serving
from pcpu.source import parse_pasm
from tests.sdk_ts.build import SDK, node
from tests.worker.server import Server

TEXT = (SDK / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```ts( worker)?\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
EXAMPLES = [text for of_worker, text in BLOCKS if not of_worker]
(FRAMES,) = re.findall(r"^```pasm\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
(WORKER,) = [text for of_worker, text in BLOCKS if of_worker]

TSCONFIG = """{
  "compilerOptions": {
    "target": "esnext", "module": "nodenext", "lib": ["esnext", "dom", "dom.iterable"], "types": [],
    "strict": true, "noUncheckedIndexedAccess": true, "exactOptionalPropertyTypes": true, "noEmit": true,
    "skipDefaultLibCheck": true
  }
}
"""
WASM = (
    'declare module "*.wasm" {\n  const module: WebAssembly.Module;\n  export default module;\n}\n'
)
CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "example", worker = .example)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "example")],
);
const example :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "masked.wasm", wasm = embed "masked.wasm"),
  ],
);
"""


@pytest.fixture(scope="module")
def examples(project: Path, modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    for name in ("masked", "ops"):
        shutil.copy(modules / f"{name}.wasm", folder)
    isa = load_isa()
    frames = compile_program(parse_pasm(FRAMES, isa), isa, targets.find("wasm"))
    frames.write(folder / "frames.wasm")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(project / "node_modules")
    return folder


def test_types(examples: Path) -> None:
    for number, text in enumerate([*EXAMPLES, WORKER]):
        (examples / f"example{number}.ts").write_text(text)
    (examples / "tsconfig.json").write_text(TSCONFIG)
    (examples / "wasm.d.ts").write_text(WASM)
    node(SDK / "node_modules" / "typescript" / "bin" / "tsc", "-p", examples)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples(number: int, examples: Path, server: Server) -> None:
    text = EXAMPLES[number].replace("http://127.0.0.1:8787", server.url)
    expected = re.findall(r"console\.log\(.*\); // (.*)", text)
    assert expected
    (examples / f"run{number}.ts").write_text(text)
    done = subprocess.run(
        [worker.node(), f"run{number}.ts"],
        cwd=examples,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == expected


@pytest.fixture(scope="module")
def example(examples: Path) -> Iterator[str]:
    """The address of the example of a Worker, bundled as its users bundle it."""
    (examples / "worker.ts").write_text(WORKER)
    esbuild = SDK / "node_modules" / "esbuild" / "bin" / "esbuild"
    bundle = ["--bundle", "--format=esm", "--external:./masked.wasm", "--log-level=error"]
    node(esbuild, examples / "worker.ts", *bundle, f"--outfile={examples / 'index.js'}")
    (examples / "config.capnp").write_text(CONFIG)
    with serving(examples, 0, subprocess.DEVNULL) as (port, _):
        yield f"http://127.0.0.1:{port}"


def test_worker(example: str) -> None:
    data = bytes(range(256)) * 10_000
    masked = bytes(byte ^ 0x5A for byte in data)
    assert httpx.post(example, content=data).content == masked
    pieces = (data[start : start + 9999] for start in range(0, len(data), 9999))
    assert httpx.post(example, content=pieces).content == masked
    assert httpx.get(example).status_code == 400

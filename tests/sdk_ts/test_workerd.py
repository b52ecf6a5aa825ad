"""The SDK in workerd: worker.js, bundled with the packed package."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import httpx
import pytest

from tests.sdk_ts.build import HERE, SDK, node
from tests.worker.server import Server

NAMES = ("boom", "program", "masked", "ops", "whole")
CONFIG = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "sdk", worker = .sdk),
    (name = "pcpu", external = (address = "127.0.0.1:@PORT@", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "sdk")],
);
const sdk :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    @MODULES@
  ],
  bindings = [(name = "PCPU", service = "pcpu")],
);
"""
DATA = bytes(i * i >> 3 & 0xFF for i in range(700_001))
MASKED = bytes(byte ^ 0x5A for byte in DATA)


@pytest.fixture(scope="module")
def sdk(
    project: Path, modules: Path, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sdk")
    for name in NAMES:
        shutil.copy(modules / f"{name}.wasm", folder)
    shutil.copy(HERE / "worker.js", folder)
    (folder / "node_modules").symlink_to(project / "node_modules")
    esbuild = SDK / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--external:*.wasm", "--log-level=error"]
    node(esbuild, folder / "worker.js", *options, f"--outfile={folder / 'index.js'}")
    embedded = [f'(name = "{name}.wasm", wasm = embed "{name}.wasm"),' for name in NAMES]
    config = CONFIG.replace("@PORT@", str(server.port)).replace(
        "@MODULES@", "\n    ".join(embedded)
    )
    (folder / "config.capnp").write_text(config)
    with Server(folder) as found:
        yield found


def logged(sdk: Server) -> str:
    """The next words of the log, which may come after the answer."""
    for _ in range(100):
        if text := sdk.output():
            return text.strip()
        time.sleep(0.02)
    return ""


@pytest.mark.parametrize("size", [1, 4096, 1 << 20])
def test_streams(sdk: Server, size: int) -> None:
    count = 5000 if size == 1 else len(DATA)  # a piece takes its time
    pieces = (DATA[start : start + size] for start in range(0, count, size))
    assert sdk.client.post("/stream?program=masked", content=pieces).content == MASKED[:count]
    assert logged(sdk) == f"crc32c,{google_crc32c.value(MASKED[:count])}"


def test_a13_parameters(sdk: Server) -> None:
    data = DATA.replace(b"\xee", b"")
    answer = sdk.client.post("/stream?program=program&key=1", content=data)
    assert answer.content == bytes(byte ^ 1 for byte in data)
    assert logged(sdk).startswith(f"count,{len(data)},total,")


def test_a_trap_breaks_the_stream_off(sdk: Server) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        sdk.client.post("/stream?program=program", content=bytes(1_000_000) + b"\xee")
    assert "failed: WasmTrap" in logged(sdk)
    assert sdk.client.post("/stream?program=program", content=b"\0").content == b"\x5a"
    assert logged(sdk) == "count,1,total,90"


def test_a_piece_comes_out_before_the_next_goes_in(sdk: Server) -> None:
    out = [0x5B, 0x58, 0x59]
    crc = str(google_crc32c.value(bytes(out)))
    found = sdk.client.get("/bytewise").json()
    assert found == {"out": out, "results": {"crc32c": crc}}


def test_who_leaves_ends_the_run(sdk: Server) -> None:
    assert sdk.client.get("/leaving").json() == {"cancelled": "failed", "aborted": "failed"}


def test_operations(sdk: Server) -> None:
    pipeline = "mask 0x0102 | crc32c | find 0x62"
    found = sdk.client.post("/ops", params={"pipeline": pipeline}, content=b"abc").json()
    expected = bytes([0x60, 0x60, 0x62])
    crc = f"{google_crc32c.value(expected):#010x}"
    assert found == {"data": expected.hex(), "results": {"crc32c": crc, "find": 2}}


def test_a14_a15_a16_whole(sdk: Server) -> None:
    assert sdk.client.post("/whole", content=b"abc").json() == {
        "data": bytes(byte ^ 1 for byte in b"bca").hex(),
        "lines": [[0, f"{(0x63 + 0x62):#010x}"], [1, "0x00000060"]],
        "results": {"count": 2, "last": "96"},
        "inputs": ["source", "list"],
    }


def test_code_from_bytes_is_refused(sdk: Server) -> None:
    found = sdk.client.get("/compile").json()
    assert found["name"] == "ModuleError"
    assert "Wasm code generation disallowed by embedder" in found["message"]


def test_a_trap_drops_the_instance(sdk: Server) -> None:
    check = {"crc32c": str(0xE3069283)}
    assert sdk.client.get("/trap").json() == {"name": "WasmTrap", "results": check}


@pytest.mark.parametrize("want", ["data", "results", "both", None])
def test_a_client_in_a_worker(sdk: Server, want: str | None) -> None:
    query = {"pipeline": "xor 0x5a | crc32c"} | ({"want": want} if want else {})
    found = sdk.client.post("/client", params=query, content=DATA).json()
    assert found.get("data") == (None if want == "results" else MASKED.hex())
    results = {"crc32c": str(google_crc32c.value(MASKED))}
    assert found.get("results") == (None if want == "data" else results)
    assert found["status"] == "ok"

"""The same bundle under wrangler, which is what deploys it."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from pcpu import worker

pytestmark = pytest.mark.slow


def wrangler(bundle: Path, home: Path, *arguments: str) -> subprocess.Popen[str]:
    script = worker.folder() / "node_modules/wrangler/bin/wrangler.js"
    quiet = {"CLOUDFLARE_CF_FETCH_ENABLED": "false", "WRANGLER_SEND_METRICS": "false", "CI": "1"}
    return subprocess.Popen(
        [str(worker.node()), str(script), *arguments],
        cwd=bundle,
        env=os.environ | quiet | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_deploy_takes_every_module(bundle: Path, tmp_path: Path) -> None:
    process = wrangler(bundle, tmp_path, "deploy", "--dry-run", f"--outdir={tmp_path / 'out'}")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    sent = {path.name for path in (tmp_path / "out").iterdir()} - {"README.md"}
    modules = {path.name for path in bundle.glob("*.wasm")}
    assert sent == {"index.js", "module.txt", "openapi.json", "programs.js", *modules}
    assert 'env.MAX_JSON_BYTES ("8388608")' in output


def test_dev_serves_it(bundle: Path, tmp_path: Path) -> None:
    process = wrangler(bundle, tmp_path, "dev", "--ip=127.0.0.1", "--port=0")
    try:
        assert process.stdout
        found = None
        deadline = time.monotonic() + 60
        while found is None and time.monotonic() < deadline:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        body = {"data": "123456789", "program": "xor 0 | crc32c"}
        answer = httpx.post(f"{found[0]}/v1/pipeline", json=body, timeout=30)
        assert answer.json()["results"] == {"crc32c": "0xe3069283"}
        data = bytes(1 << 20)
        headers = {"content-type": "application/octet-stream"}
        url = f"{found[0]}/v1/pipeline?program=xor:1"
        assert httpx.post(url, content=data, headers=headers).content == b"\1" * len(data)
    finally:
        process.terminate()
        process.wait(timeout=20)

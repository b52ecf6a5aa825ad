"""Real workerd serving a bundle, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from pcpu import worker

ROOT = Path(__file__).parents[2]
JSON = "application/json"
OCTETS = "application/octet-stream"


class Server:
    """One workerd process on a port of its own, and a client for it."""

    def __init__(self, bundle: Path, unset: Sequence[str] = (), **bindings: object) -> None:
        """``bindings`` replace the bundle's values, ``unset`` removes them."""
        config = (bundle / "config.capnp").read_text()
        for name, value in (*bindings.items(), *((name, None) for name in unset)):
            new = "" if value is None else f'(name = "{name}", text = "{value}"),'
            config, found = re.subn(rf'\(name = "{name}", text = "\d+"\),', new, config)
            assert found == 1
        self.config = bundle / f"config-{os.urandom(4).hex()}.capnp"
        self.config.write_text(config)

    def __enter__(self) -> Self:
        self.log = tempfile.TemporaryFile("w+")
        self.read = 0
        control, child = os.pipe()
        arguments = [f"--control-fd={child}", "--socket-addr=http=127.0.0.1:0", str(self.config)]
        if "workerLoader" in self.config.read_text():
            arguments.append("--experimental")
        self.process = subprocess.Popen(
            [worker.workerd(), "serve", *arguments],
            pass_fds=[child],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        os.close(child)
        with os.fdopen(control) as events:
            line = events.readline()
        if not line:
            raise RuntimeError(f"workerd did not start: {self.output()}")
        self.port = int(json.loads(line)["port"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.kill()  # on SIGTERM workerd waits for requests that a test left behind
        self.process.wait()
        self.log.close()
        self.config.unlink()

    def output(self) -> str:
        """What workerd has written to its log since it was asked last."""
        self.log.seek(self.read)
        text = self.log.read()
        self.read = self.log.tell()
        return text

    def rss(self) -> int:
        """Bytes of memory that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes until the server closes or is silent for a second."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(request)
            answer = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while block := connection.recv(65536):
                    answer += block
            return answer

    def json(self, body: object) -> httpx.Response:
        """POST /v1/pipeline; ``body`` is JSON text, or a value to be written as such."""
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.client.post("/v1/pipeline", content=content, headers={"content-type": JSON})

    def octets(self, program: str, data: bytes = b"", **query: str) -> httpx.Response:
        return self.client.post(
            "/v1/pipeline",
            params={"program": program, **query},
            content=data,
            headers={"content-type": OCTETS},
        )


def problem(response: httpx.Response) -> dict[str, Any]:
    """The members of a problem document, after what holds for each of them (H9)."""
    assert response.headers["content-type"] == "application/problem+json"
    members: dict[str, Any] = response.json()
    assert members["status"] == response.status_code
    assert members["type"] == f"urn:pcpu:problem:{members['code']}"
    assert members["title"]
    assert members["detail"]
    return members


def split(response: httpx.Response) -> tuple[bytes, dict[str, Any]]:
    """The data and the results of a `both` answer (H8)."""
    assert response.headers["content-type"] == "application/vnd.pcpu.data-then-results"
    data, line, end = response.content.rsplit(b"\n", 2)
    assert end == b""
    results: dict[str, Any] = json.loads(line)
    assert results["bytes_out"] == len(data)
    return data, results

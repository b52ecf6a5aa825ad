"""Large files, many at once, and clients that do not read: spec/http.md H20, H21, H24."""

from __future__ import annotations

import hashlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from tests.worker.publishing import MIB, Large, Shop, shop
from tests.worker.server import Server, problem


def stalled(server: Server, name: str) -> socket.socket:
    """A request whose answer is not read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(f"GET /v1/objects/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def cpu(server: Server) -> int:
    """Ticks of time that the Worker has computed."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def check_ranges(found: Shop, name: str, file: Large, count: int) -> None:
    random = Random(7)
    for _ in range(count):
        first = random.randrange(file.size)
        stop = min(first + random.randrange(1, 500_000), file.size)
        got = found.get(name, range=f"bytes={first}-{stop - 1}")
        assert got.content == file.read(first, stop)


def test_large_files_and_ranges(larger: Shop, large: Large) -> None:
    digest = hashlib.sha256(larger.get("large").content).hexdigest()
    assert f'"{digest}"' == larger.get("large", range="bytes=0-0").headers["etag"]
    check_ranges(larger, "large", large, 60)


def test_many_at_once(larger: Shop, large: Large) -> None:
    def one(seed: int) -> None:
        random = Random(seed)
        for _ in range(5):
            first = random.randrange(large.size)
            stop = min(first + random.randrange(1, 3 * MIB), large.size)
            answer = larger.get("large", range=f"bytes={first}-{stop - 1}")
            assert answer.content == large.read(first, stop)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(24)))
    assert larger.server.output() == ""


def test_h24_who_comes_when_memory_is_taken_is_told(larger: Shop, objects_bundle: Path) -> None:
    with shop(objects_bundle, larger.store, {}, MAX_DECODER_BYTES=8 * MIB) as found:
        waiting = [stalled(found.server, "large")]
        while (answer := found.get("large", range="bytes=0-9")).status_code == 206:
            waiting.append(stalled(found.server, "large"))
            assert len(waiting) < 9
        assert (answer.status_code, problem(answer)["code"]) == (503, "busy")
        for connection in waiting:
            connection.close()
        for _ in range(100):
            time.sleep(0.05)
            if found.get("large", range="bytes=0-9").status_code == 206:
                break
        assert found.get("large", range="bytes=0-9").status_code == 206


def test_who_does_not_read_and_who_leaves_cost_nothing(larger: Shop) -> None:
    larger.get("large")
    before = larger.server.rss()
    waiting = [stalled(larger.server, "large") for _ in range(5)]
    time.sleep(0.5)
    ticks = cpu(larger.server)
    time.sleep(0.5)
    assert cpu(larger.server) - ticks < 5
    for connection in waiting:
        connection.close()
    time.sleep(0.3)
    ticks = cpu(larger.server)
    time.sleep(0.5)
    assert cpu(larger.server) - ticks < 5
    assert larger.server.rss() - before < 64 * MIB
    assert larger.server.output() == ""


@pytest.mark.slow
def test_h20_a_gibibyte_in_bounded_memory(objects_bundle: Path, tmp_path: Path) -> None:
    huge = Large(1024)
    huge.publish(tmp_path / "store", "huge")
    with shop(objects_bundle, tmp_path / "store", {}) as found:
        found.server.client.get("/health")
        before, most, hashed = found.server.rss(), 0, hashlib.sha256()
        with found.server.client.stream("GET", "/v1/objects/huge") as answer:
            for piece in answer.iter_raw(MIB):
                hashed.update(piece)
                most = max(most, found.server.rss())
        assert answer.headers["etag"] == f'"{hashed.hexdigest()}"'
        assert most - before < 64 * MIB
        check_ranges(found, "huge", huge, 100)

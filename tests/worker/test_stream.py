"""Streams: long ones, slow ones, many at once, and broken-off ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Iterator

import google_crc32c
import httpx
import pytest

from tests.worker.build import FUSED
from tests.worker.server import OCTETS, Server, split

HEADERS = {"content-type": OCTETS}
XOR = bytes(byte ^ 90 for byte in range(256))


def crc32c(data: bytes) -> str:
    return f"{google_crc32c.value(data):#010x}"


@pytest.mark.parametrize("program", ["xor 90 | crc32c | counteq 7", "crc32c"])
@pytest.mark.parametrize(
    "size", [1, 65535, 65536, 131_073, 262_143, 262_144, 262_145, 524_288, 5_000_001]
)
def test_sizes_about_the_blocks(server: Server, program: str, size: int) -> None:
    data = random.Random(size).randbytes(size)
    out, results = split(server.octets(program, data, want="both"))
    expected = data.translate(XOR) if "xor" in program else data
    assert out == expected
    assert results["results"]["crc32c"] == crc32c(expected)
    assert results["results"].get("counteq", expected.count(7)) == expected.count(7)


@pytest.mark.parametrize("program", ["xor 90 | crc32c", FUSED])
def test_slow_chunked_uploads(server: Server, program: str) -> None:
    pieces = [random.Random(i).randbytes(i * 37 % 101 + 1) for i in range(40)]

    def slowly() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            time.sleep(0.005)

    answer = server.client.post(
        "/v1/pipeline", params={"program": program}, content=slowly(), headers=HEADERS
    )
    out, results = split(answer)
    assert (out, results) == split(server.octets(program, b"".join(pieces)))
    assert results["results"]["crc32c"] == crc32c(out)


@pytest.mark.parametrize("program", ["xor 90 | crc32c | fnv", FUSED])
def test_a_hundred_at_once(server: Server, program: str) -> None:
    """Interleaved in one isolate and one instance: no stream may see another's state or bytes."""
    data = [random.Random(i).randbytes(1000 + 9973 * i) for i in range(100)]

    async def pieces(index: int) -> AsyncIterator[bytes]:
        for at in range(0, len(data[index]), 50_000):
            yield data[index][at : at + 50_000]
            await asyncio.sleep(0)

    async def one(client: httpx.AsyncClient, index: int) -> None:
        answer = await client.post(
            "/v1/pipeline", params={"program": program}, content=pieces(index), headers=HEADERS
        )
        out, results = split(answer)
        expected = data[index].translate(XOR)
        if program == FUSED:
            expected = expected.translate(bytes((byte + 1) % 256 for byte in range(256)))
        assert out == expected
        assert results["results"]["crc32c"] == crc32c(expected)

    async def everything() -> None:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60) as client:
            await asyncio.gather(*(one(client, index) for index in range(100)))

    asyncio.run(everything())


def upload(server: Server, query: str, length: int | None = 100 << 20) -> socket.socket:
    """A connection with the head of an upload written to it."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    head = (
        f"POST /v1/pipeline?{query} HTTP/1.1\r\nHost: x\r\nContent-Type: {OCTETS}\r\n{size}\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


@pytest.mark.parametrize("length", [100 << 20, None], ids=["content-length", "chunked"])
@pytest.mark.parametrize("sent", [0, 1000, 1 << 20])
@pytest.mark.parametrize("query", ["program=xor:1", "program=xor:1,crc32c", "program=crc32c"])
def test_aborted_uploads(server: Server, query: str, sent: int, length: int | None) -> None:
    with upload(server, query, length) as connection:
        if length is None:
            connection.sendall(b"%x\r\n" % (2 << 20))

        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            connection.sendall(b"x" * sent)
            if sent > 500_000 and query != "program=crc32c":
                assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert server.octets("crc32c", b"123456789").json()["results"]["crc32c"] == "0xe3069283"
    assert server.output() == ""


def test_an_upload_that_ends_early_has_no_whole_answer(server: Server) -> None:
    for query in ("program=xor:1", "program=xor:1,crc32c", "program=crc32c"):
        with upload(server, query) as connection:
            connection.sendall(b"x" * 400_000)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while block := connection.recv(1 << 16):
                    answer += block
        assert b'"results"' not in answer
        assert not answer.endswith(b"0\r\n\r\n")
    assert server.output() == ""


def test_readers_that_leave(server: Server) -> None:
    """The answer is thrown away after its first bytes; memory must not grow with every such reader."""
    data = bytes(8 << 20)

    def leave() -> None:
        with server.client.stream(
            "POST", "/v1/pipeline?program=xor:1,crc32c", content=data, headers=HEADERS
        ) as answer:
            next(answer.iter_bytes())

    for _ in range(5):
        leave()
    before = server.rss()
    for _ in range(30):
        leave()
    assert server.rss() - before < 64 << 20
    assert server.output() == ""


def test_a_reader_that_does_not_read_holds_the_upload_back(server: Server) -> None:
    """Without back-pressure the whole answer would pile up in memory."""
    before = server.rss()
    with upload(server, "program=xor:1", 1 << 30) as connection:
        connection.settimeout(1)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 400 << 20:
                sent += connection.send(bytes(1 << 20))
        assert sent < 100 << 20
        assert server.rss() - before < 64 << 20
    assert server.output() == ""


def test_H9_bodies_that_come_slowly_take_bounded_memory_together(server: Server) -> None:
    """Any number of clients may send most of a body and wait."""
    head = b"POST /v1/pipeline HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    begun = head + b"Content-Length: 8000000\r\n\r\n" + b'{"data": "' + b"x" * 7_000_000
    waiting = 0
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            for _ in range(20)
        ]
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                connection.sendall(begun)
        assert server.octets("crc32c", b"123456789").json()["results"]["crc32c"] == "0xe3069283"
        for connection in connections:
            connection.settimeout(1)
            try:
                assert connection.recv(1000).startswith(b"HTTP/1.1 503 ")
            except TimeoutError:
                waiting += 1
            except ConnectionError:  # the answer is lost where more was on its way
                pass
    assert 5 <= waiting <= 8
    for _ in range(20):  # nothing is left of those that have gone, nor of those that were answered
        answer = server.json({"data": "x" * 5_000_000, "program": "counteq 120"})
        assert answer.json()["results"]["counteq"] == 5_000_000
    assert server.output() == ""


@pytest.mark.slow
def test_a_gibibyte_in_bounded_memory(server: Server) -> None:
    block = random.Random(3).randbytes(1 << 20)
    before, most = server.rss(), 0

    def body() -> Iterator[bytes]:
        nonlocal most
        for _ in range(1024):
            yield block
            most = max(most, server.rss())

    answer = server.client.post(
        "/v1/pipeline",
        params={"program": "xor 90 | crc32c", "want": "results"},
        content=body(),
        headers=HEADERS,
    )
    crc = 0
    for _ in range(1024):
        crc = google_crc32c.extend(crc, block.translate(XOR))
    assert answer.json()["results"]["crc32c"] == f"{crc:#010x}"
    assert answer.json()["bytes_in"] == 1 << 30
    assert most - before < 64 << 20

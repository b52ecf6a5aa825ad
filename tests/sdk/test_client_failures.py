"""``pcpu.Client`` where connections and answers are not what they should be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import pcpu
from pcpu.errors import UsageError, WorkerError

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
RESULTS = b'{"results": {"crc32": "0x00000000"}, "bytes_in": 0, "bytes_out": 0}'


def answer(body: bytes = RESULTS) -> bytes:
    return OK % (len(body), body)


@contextmanager
def serving(*connections: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that handles one connection after the other as it is told, and then listens no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for handle in connections:
                connection, _ = listener.accept()
                with connection:
                    handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=10)
        assert not thread.is_alive()


def request(connection: socket.socket) -> bytes:
    """The head of a request, and its body where the length is stated."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = int((head.lower() + b"\r\n").partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head


def replying(*replies: bytes) -> Callable[[socket.socket], None]:
    """Answers as many requests on one connection, and closes it."""

    def handle(connection: socket.socket) -> None:
        for reply in replies:
            request(connection)
            connection.sendall(reply)

    return handle


def failure(url: str, timeout: float = 5) -> WorkerError:
    with pcpu.Client(url, timeout=timeout) as client, pytest.raises(WorkerError) as caught:
        client.run("crc32", b"")
    return caught.value


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    error = failure(url)
    assert (error.code, error.status) == ("unreachable", 0)
    assert str(error) == f"{url}: the connection failed: Connection refused"
    assert failure("http://nowhere.invalid").code == "unreachable"


def test_nobody_answers() -> None:
    done = threading.Event()
    with serving(lambda connection: (request(connection), done.wait(10))) as url:
        error = failure(url, timeout=0.2)
        done.set()
    assert error.code == "timeout"
    assert str(error) == f"{url}: no answer within 0.2 seconds"


@pytest.mark.parametrize(
    ("reply", "code", "message"),
    [
        (b"", "cut-off", "the connection failed"),
        (b"nonsense\r\n\r\n", "cut-off", "the connection failed: nonsense"),
        (answer()[:-5], "cut-off", "the answer ended 5 bytes too early"),
        (answer(b"{}]"), "cut-off", "the answer is not whole"),
        (answer(b"[]"), "cut-off", "the answer is not whole"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{", "cut-off", "the connection failed: IncompleteRead"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\noops!", "internal", "status 502: oops!"),
        (
            b"HTTP/1.1 414 URI Too Long\r\ncontent-length: 12\r\n\r\nURI too long",
            "url-too-long",
            "the program or a parameter is too long for a URL; bundle the program with "
            "'pcpu build --program NAME=FILE', with defaults for what is long, and use run_named",
        ),
        (b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n[]", "internal", "status 500: []"),
        (b'HTTP/1.1 400 No\r\ncontent-length: 53\r\n\r\n{"code": "syntax", "detail": "no", "pointer": "/ops"} ', "syntax", "program#/ops: no"),
    ],
)  # fmt: skip
def test_answers_that_are_none(reply: bytes, code: str, message: str) -> None:
    with serving(replying(reply)) as url:
        error = failure(url)
    assert error.code == code
    assert message in str(error)


@pytest.mark.parametrize("stated", [b"3", b"2", b"4"])
def test_data_then_results_are_split_exactly(stated: bytes) -> None:
    body = b'abc\n{"results": {}, "bytes_out": %s}\n' % stated
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.pcpu.data-then-results\r\n"
    reply = head + b"content-length: %d\r\n\r\n%s" % (len(body), body)
    with serving(replying(reply)) as url, pcpu.Client(url) as client:
        if stated == b"3":
            assert client.run("xor 1 | crc32", b"xyz").data == b"abc"
        else:
            with pytest.raises(WorkerError, match="the answer is not whole"):
                client.run("xor 1 | crc32", b"xyz")


def test_a_connection_is_used_again() -> None:
    with serving(replying(answer(), answer(), answer())) as url, pcpu.Client(url) as client:
        for _ in range(3):
            assert client.run("crc32", b"abc")["crc32"] == 0


def test_a_connection_that_was_closed_meanwhile() -> None:
    with (
        serving(replying(answer()), replying(answer(), answer())) as url,
        pcpu.Client(url) as client,
    ):
        for _ in range(3):
            assert client.run("crc32", b"abc")["crc32"] == 0


def test_what_cannot_be_sent_again_goes_over_a_new_connection() -> None:
    def chunked(connection: socket.socket) -> None:
        content = b""
        while not content.endswith(b"0\r\n\r\n"):
            content += connection.recv(65536)
        connection.sendall(answer())

    with serving(replying(answer()), chunked) as url, pcpu.Client(url) as client:
        client.run("crc32", b"abc")
        assert client.run("crc32", iter([b"abc"]))["crc32"] == 0


def test_headers_and_paths() -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(answer(b'{"programs": []}'))

    headers = {"authorization": "Bearer x"}
    with serving(handle) as url, pcpu.Client(f"{url}/deep/", headers=headers) as client:
        assert client.programs() == []
        assert repr(client) == f"pcpu.Client('{url}/deep/')"
    assert seen[0].startswith(b"GET /deep/v1/programs HTTP/1.1")
    assert b"authorization: Bearer x" in seen[0]


def test_wrong_urls_and_a_closed_client() -> None:
    for url in ("localhost:8787", "ftp://host", "http://", ""):
        with pytest.raises(UsageError, match=r"is no URL of a Worker; write http://HOST:PORT"):
            pcpu.Client(url)
    with pytest.raises(UsageError, match="has no valid port"):
        pcpu.Client("http://host:99999")
    client = pcpu.Client("https://host")
    client.close()
    with pytest.raises(UsageError, match="the client is closed"):
        client.health()

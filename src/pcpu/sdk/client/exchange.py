"""Requests to a Worker over connections that are used again."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from pcpu.errors import PcpuError, UsageError, WorkerError
from pcpu.sdk.client.body import READ, Body

KEPT = 8  # idle connections
SMALL = 1 << 16  # bytes that a socket takes without anyone reading the answer
_BROKEN = (OSError, http.client.HTTPException)
_TOO_LONG = (414, 431)  # said by what is before the Worker: workerd has room for 64 KiB
_TOO_LONG_HINT = (
    "the program or a parameter is too long for a URL; bundle the program with "
    "'pcpu build --program NAME=FILE', with defaults for what is long, and use run_named"
)


class Connections:
    """Connections to one Worker. Safe to use from several threads."""

    def __init__(self, url: str, timeout: float | None, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url!r} is no URL of a Worker; write http://HOST:PORT")
        try:
            port = parts.port
        except ValueError:
            raise UsageError(f"{url!r} has no valid port") from None
        self.url, self.timeout = url, timeout
        self._prefix = parts.path.rstrip("/")
        self._headers = dict(headers)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._kind, self._host, self._port = kind, parts.hostname, port
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def take(self, *, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it has been used before."""
        with self._lock:
            if self._closed:
                raise UsageError("the client is closed")
            if self._idle and not fresh:
                return self._idle.pop(), True
        return self._kind(self._host, self._port, timeout=self.timeout), False

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if not self._closed and connection.sock is not None and len(self._idle) < KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def get(self, path: str) -> Any:
        """The JSON that ``path`` answers. Raises WorkerError."""
        with self.exchange("GET", path, {}, None) as answer:
            return _json(answer.read(), self.url)

    def exchange(
        self, method: str, path: str, query: Mapping[str, str], body: Body | None
    ) -> Exchange:
        """Send a request; its answer, whose status is 200. Raises WorkerError.

        A connection that was used before may have been closed by the Worker meanwhile; then the
        request, if it can be sent again, goes over a new one.
        """
        target = f"{self._prefix}/{path}" + (
            f"?{urlencode(query, quote_via=quote)}" if query else ""
        )
        repeats = body is None or body.repeats
        connection, used = self.take(fresh=not repeats)
        try:
            return Exchange(self, connection, self._headers, (method, target), body)
        except WorkerError as error:
            if not (used and error.code == "cut-off"):
                raise
        connection, _ = self.take(fresh=True)
        return Exchange(self, connection, self._headers, (method, target), body)


class Exchange:
    """A request that is being sent and its answer, which is being read."""

    def __init__(
        self,
        pool: Connections,
        connection: http.client.HTTPConnection,
        headers: Mapping[str, str],
        request: tuple[str, str],
        body: Body | None,
    ) -> None:
        self._pool, self._connection, self.url = pool, connection, pool.url
        self.sent = 0  # bytes of the body
        self._failure: BaseException | None = None  # of who sends it
        self._sender: threading.Thread | None = None
        self.total = None if body is None else body.length
        try:
            self._wrapped(lambda: self._begin(headers, request, body))
            self.response: http.client.HTTPResponse = self._wrapped(connection.getresponse)
            problem = None
            if self.response.status != http.client.OK:
                problem = _problem(self.response.status, self.read(), pool.url)
        except BaseException:
            self.abort()
            raise
        if problem is not None:
            # The Worker has not waited for the data, so neither is sending it worth a wait.
            self.end(keep=self._sender is None)
            raise problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _begin(
        self, headers: Mapping[str, str], request: tuple[str, str], body: Body | None
    ) -> None:
        connection = self._connection
        connection.putrequest(*request)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-type", body.kind)
            if body.length is None:
                connection.putheader("transfer-encoding", "chunked")
            else:
                connection.putheader("content-length", str(body.length))
        connection.endheaders()
        # From here on a lost connection is an error, and no reason to open another one.
        connection.auto_open = 0
        if body is None:
            return
        if body.length is not None and body.length <= SMALL:
            for piece in body.pieces():
                self.sent += len(piece)
                connection.send(piece)
        else:
            # The answer begins before the request has ended, so someone else must send.
            self._sender = threading.Thread(target=self._send, args=(body,), daemon=True)
            self._sender.start()

    def _send(self, body: Body) -> None:
        connection = self._connection
        try:
            for piece in body.pieces():
                self.sent += len(piece)
                if body.length is None:
                    connection.send(b"%x\r\n" % len(piece))
                    connection.send(piece)
                    connection.send(b"\r\n")
                else:
                    connection.send(piece)
            if body.length is None:
                connection.send(b"0\r\n\r\n")
        except BaseException as error:  # whatever the caller's iterator raises, he gets it
            self._failure = error
            _shut(connection)

    def _wrapped(self, action: Callable[[], Any]) -> Any:
        """What ``action`` gives; what breaks the connection as a WorkerError."""
        try:
            return action()
        except TimeoutError:
            message = f"no answer within {self._pool.timeout:g} seconds"
            raise WorkerError("timeout", message, url=self._pool.url) from None
        except _BROKEN as error:
            self._join()
            if self._failure is not None and not isinstance(self._failure, _BROKEN):
                raise self._failure from None
            code = "cut-off"
            if isinstance(error, ConnectionRefusedError | socket.gaierror):
                code = "unreachable"
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise WorkerError(
                code, f"the connection failed: {reason}", url=self._pool.url
            ) from None

    def pieces(self) -> Iterator[bytes]:
        """The body of the answer as it comes. Raises WorkerError."""
        while piece := self._wrapped(lambda: self.response.read1(READ)):
            yield piece
        if self.response.length:
            message = f"the answer ended {self.response.length} bytes too early"
            raise WorkerError("cut-off", message, url=self._pool.url)
        self.response.read()  # nothing is left, but only this says so

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def end(self, *, keep: bool = True) -> None:
        """Keep the connection if all has been sent and read, else close it."""
        whole = keep and self.response.isclosed()
        self._join(wait=whole)
        if whole and self._failure is None and not self.response.will_close:
            self._connection.auto_open = 1
            self._pool.give_back(self._connection)
        else:
            self.abort()

    def abort(self) -> None:
        _shut(self._connection)
        self._join()
        self._connection.close()

    def _join(self, *, wait: bool = True) -> None:
        if self._sender is not None and self._sender is not threading.current_thread():
            if not wait:
                _shut(self._connection)
            self._sender.join()
            self._sender = None


def _shut(connection: http.client.HTTPConnection) -> None:
    """Wake whoever waits for the connection, in whatever thread."""
    try:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already


def _json(content: bytes, url: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise WorkerError("cut-off", "the answer is no JSON", url=url) from None


def _problem(status: int, content: bytes, url: str) -> PcpuError:
    """The error that a problem document (RFC 9457) states."""
    try:
        members = json.loads(content)
    except ValueError:
        members = None
    if not isinstance(members, dict) or "code" not in members:
        if status in _TOO_LONG:
            return WorkerError("url-too-long", _TOO_LONG_HINT, url=url, status=status)
        text = content[:200].decode(errors="replace").strip()
        return WorkerError("internal", f"status {status}: {text}", url=url, status=status)
    return WorkerError(
        str(members["code"]), str(members.get("detail", "")), url=url, status=status,
        line=members.get("line"), column=members.get("column"),
        excerpt=members.get("excerpt"), pointer=members.get("pointer"),
    )  # fmt: skip

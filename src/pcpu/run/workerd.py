"""The real Workers runtime: the program's own module in the Worker, data through HTTP."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from pcpu import worker
from pcpu.bundle import ANY_PORT, build_bundle
from pcpu.errors import EngineError
from pcpu.ir import Program, ResultValue, shown_value
from pcpu.isa import Isa
from pcpu.run.engine import Blocks, Engine, Write
from pcpu.run.workerd_process import serving
from pcpu.run.workerd_whole import NAME, run_whole

READ = 1 << 18
MAX_QUERY = 1 << 15  # with a program in it; in 64 KiB a whole request has to begin


def run(program: Program, isa: Isa, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    with tempfile.TemporaryDirectory(prefix="pcpu-workerd-") as folder:
        bundle = Path(folder) / "bundle"
        known = isa.only(program.operations)
        query = urlencode({"program": str(program)})
        if len(query) <= MAX_QUERY:
            build_bundle(known, [program], bundle)
            path = f"/v1/pipeline?{query}&"
        else:
            build_bundle(known, [], bundle, named={NAME: program})
            path = f"/v1/programs/{NAME}?"
        with serving(bundle, ANY_PORT, subprocess.DEVNULL) as (port, _):
            return _exchange(port, path, program, blocks, write)


class _Upload:
    """The blocks as a chunked request body, counted as they are sent."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, self.sent = blocks, 0
        self.error: Exception | None = None

    def send(self, connection: http.client.HTTPConnection) -> None:
        try:
            for block in filter(len, self.blocks):  # one of no bytes would end the body
                self.sent += len(block)
                connection.send(b"%x\r\n" % len(block))
                connection.send(block)
                connection.send(b"\r\n")
            connection.send(b"0\r\n\r\n")
        except Exception as error:
            self.error = error
            connection.close()


def _exchange(
    port: int, path: str, program: Program, blocks: Blocks, write: Write | None
) -> tuple[ResultValue, ...]:
    """``path`` is what the query is appended to that says what is wanted."""
    want = "results" if write is None else "both" if program.results else "data"
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("POST", f"{path}want={want}")
    connection.putheader("content-type", "application/octet-stream")
    connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    upload = _Upload(blocks)
    # The answer streams while the request does, so someone else must send.
    sender = threading.Thread(target=upload.send, args=(connection,), daemon=True)
    sender.start()
    try:
        tail = _receive(connection, upload, write if want != "results" else None)
        sender.join()
    except (OSError, http.client.HTTPException) as error:
        if upload.error is not None and not isinstance(upload.error, OSError):
            raise upload.error from None
        raise EngineError(f"workerd broke the connection off: {error}") from None
    finally:
        connection.close()
    if want == "data":
        return ()
    report = json.loads(tail)
    if report["bytes_in"] != upload.sent:
        raise EngineError(f"workerd read {report['bytes_in']} of {upload.sent} bytes")
    return tuple(shown_value(report["results"][result.name]) for result in program.results)


def _receive(connection: http.client.HTTPConnection, upload: _Upload, write: Write | None) -> bytes:
    """Write the data; what follows it (spec/http.md H8).

    Data comes back only after it was sent, and the results only after all was sent: so what
    lies within the bytes sent so far is data, whatever it looks like.
    """
    response = connection.getresponse()
    if response.status != 200:
        raise EngineError(f"workerd answered {response.status}: {response.read(2000).decode()}")
    tail = bytearray()
    received = 0
    for piece in _pieces(response):
        data = piece[: max(0, upload.sent - received)] if write is not None else piece[:0]
        if write is not None and data:
            write(data)
            received += len(data)
        tail += piece[len(data) :]
    if write is not None and received != upload.sent:
        raise EngineError(f"workerd gave {received} of {upload.sent} bytes back")
    return bytes(tail)


def _pieces(response: http.client.HTTPResponse) -> Iterator[memoryview]:
    while piece := response.read1(READ):
        yield memoryview(piece)


def _version() -> str:
    done = subprocess.run(
        [worker.workerd(), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


ENGINE = Engine("workerd", "the Workers runtime", run, run_whole, _version)

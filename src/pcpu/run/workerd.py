"""The real Workers runtime: the program's own module in the Worker, data through HTTP."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from pcpu import worker
from pcpu.bundle import ANY_PORT, build_bundle
from pcpu.errors import EngineError, TrapError
from pcpu.ir import Arguments, Buffer, Inputs, Outcome, Program, ResultValue, Shown
from pcpu.isa import Isa
from pcpu.run.engine import Blocks, Engine, Write
from pcpu.run.workerd_process import serving

READ = 1 << 18
WHOLE = "whole"  # what the Worker calls a whole program
UNPROCESSABLE = 422
TRAP = "trap-"


def run(program: Program, isa: Isa, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    with tempfile.TemporaryDirectory(prefix="pcpu-workerd-") as folder:
        bundle = Path(folder) / "bundle"
        build_bundle(isa, [program], bundle)
        with serving(bundle, ANY_PORT, subprocess.DEVNULL) as (port, _):
            return _exchange(port, program, blocks, write)


class _Upload:
    """The blocks as a chunked request body, counted as they are sent."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, self.sent = blocks, 0
        self.error: Exception | None = None

    def send(self, connection: http.client.HTTPConnection) -> None:
        try:
            for block in self.blocks:
                self.sent += len(block)
                connection.send(b"%x\r\n" % len(block))
                connection.send(block)
                connection.send(b"\r\n")
            connection.send(b"0\r\n\r\n")
        except Exception as error:
            self.error = error
            connection.close()


def _exchange(
    port: int, program: Program, blocks: Blocks, write: Write | None
) -> tuple[ResultValue, ...]:
    want = "results" if write is None else "both" if program.results else "data"
    query = urlencode({"program": str(program), "want": want})
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("POST", f"/v1/pipeline?{query}")
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
    return tuple(_value(report["results"][result.name]) for result in program.results)


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


def _value(shown: Shown) -> ResultValue:
    return tuple(map(_number, shown)) if isinstance(shown, list) else _number(shown)


def _number(shown: int | str) -> int:
    return int(shown, 16) if isinstance(shown, str) else shown


def _version() -> str:
    done = subprocess.run(
        [worker.workerd(), "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def run_whole(program: Program, isa: Isa, inputs: Inputs, arguments: Arguments) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="pcpu-workerd-") as folder:
        bundle = Path(folder) / "bundle"
        build_bundle(isa, [], bundle, named={WHOLE: program})
        with serving(bundle, ANY_PORT, subprocess.DEVNULL) as (port, _):
            return _whole(port, program, inputs, arguments)


def _whole(port: int, program: Program, inputs: Inputs, arguments: Arguments) -> Outcome:
    """Ask for one buffer after the other: an answer holds the data of one."""
    query = {
        name: f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
        for name, value in arguments.items()
    }
    body, kind = _form(inputs)
    report = json.loads(_post(port, query | {"want": "results"}, body, kind))
    buffers = {}
    for name in program.written:
        buffers[name] = _post(port, query | {"want": "data", "buffer": name}, body, kind)
    buffers |= {b.name: inputs[b.name] for b in program.buffers if _is_left(b, buffers)}
    tables = {
        name: [tuple(map(_number, row)) for row in rows] for name, rows in report["tables"].items()
    }
    results = {r.name: _value(report["results"][r.name]) for r in program.results}
    return Outcome(buffers, results, tables)


def _is_left(buffer: Buffer, buffers: dict[str, bytes]) -> bool:
    """Whether a buffer that may be changed was not, and so did not come back."""
    return buffer.role == "inout" and buffer.name not in buffers


def _form(inputs: Inputs) -> tuple[bytes, str]:
    """The inputs as a form (RFC 7578), and its content type."""
    if not inputs:
        return b"", "application/octet-stream"
    boundary = secrets.token_hex(24)
    parts = b"".join(
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; filename="{name}"\r\n'
        "content-type: application/octet-stream\r\n\r\n".encode()
        + bytes(content)
        + b"\r\n"
        for name, content in inputs.items()
    )
    return parts + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _post(port: int, query: dict[str, str], body: bytes, kind: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        url = f"/v1/programs/{WHOLE}?{urlencode(query)}"
        connection.request("POST", url, body, {"content-type": kind})
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise EngineError(f"workerd broke the connection off: {error}") from None
    finally:
        connection.close()
    if response.status == UNPROCESSABLE:
        problem = json.loads(answer)
        if problem["code"].startswith(TRAP):
            code = problem["code"].removeprefix(TRAP)
            raise TrapError(code, problem["detail"], problem.get("line", 0))
    if response.status != 200:
        raise EngineError(f"workerd answered {response.status}: {answer[:2000].decode()}")
    return answer


ENGINE = Engine("workerd", "the Workers runtime", run, run_whole, _version)

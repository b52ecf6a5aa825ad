"""Any program on the real Workers runtime: bundled by name, its inputs through HTTP
(spec/http.md H12-H17)."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pcpu.bundle import ANY_PORT, build_bundle
from pcpu.errors import EngineError, TrapError
from pcpu.ir import Arguments, Inputs, Outcome, Program, shown_number, shown_value
from pcpu.isa import Isa
from pcpu.run.workerd_process import serving

NAME = "program"
TRAP = "trap-"


def run_whole(program: Program, isa: Isa, inputs: Inputs, arguments: Arguments) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="pcpu-workerd-") as folder:
        bundle = Path(folder) / "bundle"
        build_bundle(isa.only(program.operations), [], bundle, named={NAME: program})
        with serving(bundle, ANY_PORT, subprocess.DEVNULL) as (port, _):
            return ask(port, NAME, program, inputs, arguments)


def ask(port: int, name: str, program: Program, inputs: Inputs, arguments: Arguments) -> Outcome:
    """Run ``program``, which the Worker has by ``name``, over buffers by name.

    It runs once for each buffer that it writes, since an answer holds one. Raises TrapError, or
    EngineError for any other problem.
    """
    request = _Request(port, name, program, inputs, arguments)
    report = json.loads(request.send(want="results"))
    buffers = {
        b.name: bytearray(request.send(want="data", buffer=b.name))
        if b.name in program.written
        else inputs[b.name]
        for b in program.buffers
        if b.role in ("inout", "out")
    }
    return Outcome(
        buffers,
        {name: shown_value(shown) for name, shown in report["results"].items()},
        {
            name: [tuple(map(shown_number, row)) for row in rows]
            for name, rows in report["tables"].items()
        },
    )


class _Request:
    """The same inputs and parameters, to be sent with different queries."""

    def __init__(
        self, port: int, name: str, program: Program, inputs: Inputs, arguments: Arguments
    ) -> None:
        self._port, self._name = port, name
        self._arguments = {name: _written(argument) for name, argument in arguments.items()}
        names = [b.name for b in program.buffers if b.role != "out"]
        if program.is_stream:
            self._type, self._body = "application/octet-stream", bytes(inputs[names[0]])
        else:
            boundary = secrets.token_hex(16)
            self._type = f"multipart/form-data; boundary={boundary}"
            self._body = _form({name: bytes(inputs[name]) for name in names}, boundary)

    def send(self, **query: str) -> bytes:
        """The body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        path = f"/v1/programs/{self._name}?{urlencode(self._arguments | query)}"
        try:
            connection.request("POST", path, self._body, {"content-type": self._type})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"workerd broke the connection off: {error}") from None
        finally:
            connection.close()
        if response.status in (414, 431):  # which workerd says before the Worker sees it
            message = (
                "the values of the parameters are too long for a URL; give the program defaults"
            )
            raise EngineError(message)
        if response.status != 200:
            raise _error(json.loads(content))
        return content


def _written(argument: int | bytes) -> str:
    if isinstance(argument, int):
        return str(argument)
    return f"0x{argument.hex()}" if argument else '""'


def _form(parts: dict[str, bytes], boundary: str) -> bytes:
    if not parts:
        return f"--{boundary}--".encode()
    pieces = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'.encode() + content
        for name, content in parts.items()
    ]
    return b"\r\n".join([*pieces, f"--{boundary}--".encode()])


def _error(problem: dict[str, Any]) -> TrapError | EngineError:
    code, detail = problem["code"], problem["detail"]
    if code.startswith(TRAP):
        found = code.removeprefix(TRAP)
        return TrapError(found, detail, problem.get("line", 0), problem["numbers"])
    return EngineError(f"workerd answered {problem['status']}: {detail}")

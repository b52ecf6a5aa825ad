"""Programs on a Worker (spec/http.md)."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, SupportsIndex
from urllib.parse import quote

from pcpu.artifact import write_all
from pcpu.errors import UsageError
from pcpu.ir import Program
from pcpu.sdk.builder import Builder
from pcpu.sdk.client.answer import Answer, StreamedAnswer
from pcpu.sdk.client.body import Body, body_of, empty, form_of, input_of
from pcpu.sdk.client.exchange import Connections
from pcpu.sdk.compiled import Compiled
from pcpu.sdk.files import Target, opened_target

if TYPE_CHECKING:
    from pcpu.sdk.client.body import Data

Want = Literal["data", "results", "both"]


@dataclass(frozen=True)
class Health:
    """``compiled_with`` is one line for people; ``isa_digest`` tells sets of operations apart."""

    status: str
    abi: int
    isa_digest: str
    compiled_with: str


@dataclass(frozen=True)
class NamedProgram:
    """A program that a Worker has by name: its text, and as in a manifest (spec/abi.md A10) its
    ``form`` ("stream" or "whole"), parameters, buffers, tables and results."""

    name: str
    program: str
    form: str
    parameters: list[dict[str, Any]]
    buffers: list[dict[str, Any]]
    tables: list[dict[str, Any]]
    results: list[dict[str, Any]]


class Client:
    """A Worker at a URL. Threads may share it; connections are used again.

    Every method raises WorkerError: where the Worker refuses a request, with the code, line and
    column or pointer that it states; ``unreachable``, ``timeout`` and ``cut-off`` are codes of the
    connection, and ``url-too-long`` of a program or parameter that no URL has room for. Data is
    bytes (any contiguous buffer), a binary file object, a Path or an iterable of bytes, which are
    sent as they come; a thread sends what is not small.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float | None = 60.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """``url`` is where the Worker's paths begin, ``timeout`` the seconds that anything may
        keep us waiting, ``headers`` are sent with every request."""
        self._connections = Connections(url, timeout, headers or {})

    def __repr__(self) -> str:
        return f"pcpu.Client({self._connections.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nothing uses."""
        self._connections.close()

    # What there is

    def health(self) -> Health:
        found = self._connections.get("health")
        return Health(*(found[name] for name in ("status", "abi", "isa_digest", "compiled_with")))

    def isa(self) -> dict[str, Any]:
        """The operations that the Worker has, as ``pcpu isa --json`` prints them."""
        found: dict[str, Any] = self._connections.get("v1/isa")
        return found

    def programs(self) -> list[NamedProgram]:
        """The programs that the Worker has by name."""
        names = NamedProgram.__dataclass_fields__
        found = self._connections.get("v1/programs")["programs"]
        return [NamedProgram(**{name: program[name] for name in names}) for program in found]

    # Pipelines

    def run(
        self,
        program: str | Program | Builder | Compiled,
        data: Data,
        *,
        want: Want | None = None,
        target: Target | None = None,
    ) -> Answer:
        """Run a pipeline over data, and wait for all of the answer.

        ``want`` says what comes back; without it the data where the program changes it, and the
        results where it has any. With ``target`` the data goes to that file, as it comes.
        """
        return _whole(self.stream(program, data, want=want), target)

    def stream(
        self,
        program: str | Program | Builder | Compiled,
        data: Data,
        *,
        want: Want | None = None,
    ) -> StreamedAnswer:
        """Run a pipeline over data of any length: the answer begins before the data has ended."""
        query = {"program": _text(program)} | ({} if want is None else {"want": want})
        exchange = self._connections.exchange("POST", "v1/pipeline", query, body_of(data))
        return StreamedAnswer(exchange)

    # Programs by name

    def run_named(
        self,
        name: str,
        data: Data | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        want: Want | None = None,
        buffer: str | None = None,
        target: Target | None = None,
        **parameters: SupportsIndex | bytes | str,
    ) -> Answer:
        """Run a program that the Worker has, and wait for all of the answer.

        ``data`` is its one input, or ``inputs`` has several by name; a list of spans may be pairs
        (offset, length). ``buffer`` says which of several written ones comes back. Numbers are
        ints, bytes are bytes or str.
        """
        answer = self.stream_named(
            name, data, inputs=inputs, want=want, buffer=buffer, **parameters
        )
        return _whole(answer, target)

    def stream_named(
        self,
        name: str,
        data: Data | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        want: Want | None = None,
        buffer: str | None = None,
        **parameters: SupportsIndex | bytes | str,
    ) -> StreamedAnswer:
        """``run_named`` with an answer that is iterated over."""
        query = {key: _written(key, value) for key, value in parameters.items()}
        query |= {} if want is None else {"want": want}
        query |= {} if buffer is None else {"buffer": buffer}
        path = f"v1/programs/{quote(name, safe='')}"
        body = _inputs(data, inputs)
        return StreamedAnswer(self._connections.exchange("POST", path, query, body))


def _text(program: str | Program | Builder | Compiled) -> str:
    if isinstance(program, str):
        return program
    if isinstance(program, Builder):
        program = program.build()
    found = program.program if isinstance(program, Compiled) else program
    if not isinstance(found, Program):
        kinds = "a text, a Program, a Builder or a compiled program"
        raise UsageError(f"a program is {kinds}, not {type(found).__name__}")
    if not found.is_pipeline:
        hint = "bundle it with 'pcpu build --program NAME=FILE' and use run_named"
        raise UsageError(f"a Worker runs pipelines, and this is none; {hint}")
    return str(found)


def _inputs(data: Data | None, inputs: Mapping[str, Any] | None) -> Body:
    if inputs is None:
        return empty() if data is None else body_of(data)
    if data is not None:
        raise UsageError("give data, the one input, or inputs by name; not both")
    values = {name: input_of(name, value) for name, value in inputs.items()}
    return body_of(next(iter(values.values()))) if len(values) == 1 else form_of(values)


def _written(name: str, value: object) -> str:
    """A parameter's value as a query has it (spec/http.md H13)."""
    if isinstance(value, bool) or not isinstance(value, str | bytes | bytearray | memoryview):
        try:
            return str(operator.index(value))  # type: ignore[arg-type]
        except TypeError:
            what = "an int, bytes or str"
            raise UsageError(
                f"the parameter {name!r} is {what}, not {type(value).__name__}"
            ) from None
    content = value.encode() if isinstance(value, str) else bytes(value)
    return f"0x{content.hex()}"


def _whole(streamed: StreamedAnswer, target: Target | None) -> Answer:
    with streamed:
        if target is None:
            pieces = list(streamed)
            has_data = streamed.has_data
            return replace(streamed.answer, data=b"".join(pieces) if has_data else None)
        with opened_target(target) as file:
            for piece in streamed:
                write_all(file, memoryview(piece))
        return streamed.answer

"""What a Worker answers: data, and then results."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pcpu.errors import UsageError, WorkerError
from pcpu.ir import ResultValue, shown_number, shown_value
from pcpu.sdk.client.exchange import Exchange

DATA_THEN_RESULTS = "application/vnd.pcpu.data-then-results"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """``data`` is None where none was wanted, or where it went to a file.

    ``results`` are numbers by name (tuples where they are several), ``tables`` rows of numbers.
    ``bytes_in`` and ``bytes_out`` are lengths. ``report`` is all that the Worker said, as JSON has
    it: which code ran, whether its kernels are vectorized.
    """

    data: bytes | None
    results: dict[str, ResultValue] = field(default_factory=dict)
    tables: dict[str, list[tuple[int, ...]]] = field(default_factory=dict)
    bytes_in: int | None = None
    bytes_out: int | None = None
    report: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """A result or a table."""
        if name in self.results:
            return self.results[name]
        if name in self.tables:
            return self.tables[name]
        known = ", ".join([*self.results, *self.tables]) or "none"
        raise KeyError(f"the answer has no {name!r}; it has {known}")


class StreamedAnswer:
    """An answer whose data is iterated over as it comes, and which has the rest afterwards.

    It is a context manager: leaving its block before the end breaks the connection off.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._pieces = self._split()
        self._answer: Answer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exchange.end()

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the data, of any sizes. Raises WorkerError where the answer is cut off."""
        return self._pieces

    @property
    def answer(self) -> Answer:
        """The results, once all data has been taken. Raises UsageError before."""
        if self._answer is None:
            raise UsageError("the results are there once all data has been taken")
        return self._answer

    @property
    def results(self) -> dict[str, ResultValue]:
        """Those of ``answer``."""
        return self.answer.results

    @property
    def has_data(self) -> bool:
        """Whether data comes back, perhaps none of it."""
        return self._kind != JSON

    @property
    def _kind(self) -> str:
        return self._exchange.response.headers.get_content_type()

    def _split(self) -> Iterator[bytes]:
        received, tail = 0, bytearray()
        for piece in self._exchange.pieces():
            taken = piece[: self._data_length - received] if self.has_data else b""
            tail += piece[len(taken) :]
            if taken:
                received += len(taken)
                yield taken
        if self._kind not in (JSON, DATA_THEN_RESULTS):
            self._answer = Answer(None, bytes_out=received)
            return
        report = self._report(bytes(tail))
        if self.has_data and report.get("bytes_out") != received:
            raise self._cut_off()
        self._answer = _answer(report)

    @property
    def _data_length(self) -> int:
        """How many bytes of data there are, as far as that is known: what comes back of a stream
        was sent before, so until all is sent it is what has been sent (spec/http.md H8, H16)."""
        exchange = self._exchange
        if self._kind != DATA_THEN_RESULTS:
            return sys.maxsize
        stated = exchange.response.headers.get("pcpu-data-length")
        if stated is not None and stated.isdigit():
            return int(stated)
        return exchange.sent if exchange.total is None else exchange.total

    def _report(self, tail: bytes) -> dict[str, Any]:
        try:
            report = json.loads(tail)
        except ValueError:
            raise self._cut_off() from None
        if not isinstance(report, dict):
            raise self._cut_off()
        return report

    def _cut_off(self) -> WorkerError:
        return WorkerError("cut-off", "the answer is not whole", url=self._exchange.url)


def _answer(report: Mapping[str, Any]) -> Answer:
    results = {name: shown_value(shown) for name, shown in report.get("results", {}).items()}
    tables = {
        name: [tuple(map(shown_number, row)) for row in rows]
        for name, rows in report.get("tables", {}).items()
    }
    sizes = (report.get("bytes_in"), report.get("bytes_out"))
    return Answer(None, results, tables, *sizes, dict(report))

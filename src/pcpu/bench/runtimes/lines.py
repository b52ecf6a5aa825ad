"""The benchmark's protocol with a JavaScript runtime: one JSON object there, one back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pcpu.bench.plan import Plan
from pcpu.bench.runtimes.runtime import Unavailable
from pcpu.errors import EngineError

Send = Callable[[dict[str, Any]], dict[str, Any]]


def ask(send: Send, command: dict[str, Any]) -> dict[str, Any]:
    answer = send(command)
    if "error" in answer:
        raise EngineError(f"{command['do']}: {answer['error']}")
    return answer


def open_row(send: Send, plan: Plan) -> int:
    """The number of the opened row."""
    answer = send({"do": "open", "row": plan.to_json()})
    if "error" in answer:
        raise Unavailable(answer["error"])
    return int(answer["handle"])


@dataclass
class LineHandle:
    """A row on the other side, which measures its time itself."""

    send: Send
    number: int

    def load(self, size: int) -> None:
        ask(self.send, {"do": "load", "handle": self.number, "size": size})

    def answer(self) -> str:
        return str(ask(self.send, {"do": "answer", "handle": self.number})["answer"])

    def time(self, calls: int, warm: int) -> float:
        command = {"do": "run", "handle": self.number, "calls": calls, "warm": warm}
        return float(ask(self.send, command)["seconds"])

"""How fast loops might be: models of machines, one file a target, and what they say of code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Machine:
    """A model of a processor; ``document`` is a member of ``machines`` in a file here.

    ``units`` says how many instructions begin in a cycle on each; ``classes`` are [name, pattern,
    what it takes of the units], of which the first that fits an instruction counts; ``memory`` are
    [unit, pattern] of what operands in memory take besides; ``widths`` and ``vectors`` are
    [pattern, bytes moved] and [pattern, bits]; ``bulk`` are [pattern, cycles for a byte] of calls.
    """

    name: str
    document: Mapping[str, Any]

    @property
    def latency(self) -> Mapping[str, float]:
        """Cycles of opcodes of LLVM's IR."""
        found: dict[str, float] = self.document["latency"]
        return found

    def throughput(self, code: Iterable[str]) -> float:
        """The cycles that a turn through ``code`` takes at least."""
        used = dict.fromkeys(self.document["units"], 0.0)
        issued = 0
        for text in code:
            takes = next(takes for pattern, takes in self._classes if pattern.search(text))
            memory = [unit for unit, pattern in self._memory if pattern.search(text)]
            issued += bool(takes or memory)
            for unit, amount in (*takes.items(), *((unit, 1) for unit in memory)):
                used[unit] += amount
        rates = self.document["units"]
        busiest = max(used[unit] / rates[unit] for unit in used)
        return max(issued / float(self.document["issue"]), float(busiest))

    def moved(self, text: str) -> int:
        """The bytes that an instruction loads or stores."""
        return next((size for pattern, size in self._widths if pattern.search(text)), 0)

    def vector_bits(self, text: str) -> int:
        return next((bits for pattern, bits in self._vectors if pattern.search(text)), 0)

    def bulk(self, text: str) -> float | None:
        """The cycles for a byte of a call that moves or sets memory."""
        return next((cost for pattern, cost in self._bulk if pattern.search(text)), None)

    @cached_property
    def _classes(self) -> list[tuple[re.Pattern[str], dict[str, float]]]:
        return [(re.compile(p), takes) for _, p, takes in self.document["classes"]]

    @cached_property
    def _memory(self) -> list[tuple[str, re.Pattern[str]]]:
        return [(unit, re.compile(p)) for unit, p in self.document["memory"]]

    @cached_property
    def _widths(self) -> list[tuple[re.Pattern[str], int]]:
        return _patterns(self.document["widths"])

    @cached_property
    def _vectors(self) -> list[tuple[re.Pattern[str], int]]:
        return _patterns(self.document["vectors"])

    @cached_property
    def _bulk(self) -> list[tuple[re.Pattern[str], float]]:
        return _patterns(self.document["bulk"])


def _patterns(rows: Iterable[tuple[str, Any]]) -> list[tuple[re.Pattern[str], Any]]:
    return [(re.compile(pattern), value) for pattern, value in rows]


@cache
def find(triple: str) -> Machine | None:
    """The model for targets of that triple; None where there is none for their architecture."""
    architecture = triple.partition("-")[0].replace("arm64", "aarch64")
    for name in ("host", "wasm"):
        document = json.loads((files("pcpu.sim.throughput") / f"{name}.json").read_text("utf-8"))
        if architecture in document["machines"]:
            return Machine(architecture, document["machines"][architecture])
    return None

"""What a runtime is: it opens rows, which it then runs as often as it is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pcpu.bench.build import Kit
from pcpu.bench.measure import Handle
from pcpu.bench.plan import Plan


class Unavailable(Exception):
    """A runtime or a row cannot be measured here; the message says why."""


class Session(Protocol):
    """A started runtime; ``versions`` says what runs in it."""

    versions: dict[str, str]

    def open(self, plan: Plan) -> Handle:
        """Raises Unavailable with the reason."""


@dataclass(frozen=True)
class Runtime:
    """``start(kit, size)`` gives a session for data of up to ``size`` bytes, or raises Unavailable.

    ``largest`` is the size up to which the runtime is measured. ``stretch`` is how much longer a
    sample must be than elsewhere, because of what its clock or a call costs. ``tiers`` says that
    it compiles while it runs, so that rows must be warmed up.
    """

    name: str
    title: str
    start: Callable[[Kit, int], AbstractContextManager[Session]]
    order: int
    largest: int = 1 << 62
    stretch: float = 1.0
    tiers: bool = False

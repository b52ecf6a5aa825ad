"""What a simulation found: steps, counts for each statement, and how the program ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pcpu.errors import TextPlace, TrapError
from pcpu.ir import Outcome
from pcpu.sim.source import Site, Source

SHOWN_BYTES = 16  # of a span that changed
SHOWN_NUMBERS = 8  # of a register that is several
SHOWN_REGISTERS = 16  # that a step changed


@dataclass(frozen=True)
class Where:
    """Bytes of a buffer or table."""

    buffer: str
    offset: int
    length: int


@dataclass(frozen=True)
class Change:
    """The first bytes of a span that a statement changed: up to 16, from ``offset`` of its buffer
    on, which is that of the first one."""

    offset: int
    before: bytes
    after: bytes


@dataclass(frozen=True)
class RegisterChange:
    """A register before and after a statement. Of one that is several numbers they are those
    from the first that changed on, whose place is ``index``, at most 8."""

    name: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    index: int | None = None


@dataclass
class Step:
    """One run of a statement: number ``index``, from 1. ``turns`` are those of the loops around
    it, the outer one first. What it did is known once it is ``done``.

    ``compared`` is how many bytes of the span were looked at for ``change``; 0 where the statement
    writes none. ``registers`` are those that changed, at most 16 of them.
    """

    index: int
    site: Site
    turns: tuple[int, ...]
    where: Where | None
    done: bool = False
    ns: int = 0
    compared: int = 0
    change: Change | None = None
    registers: list[RegisterChange] = field(default_factory=list)

    @property
    def touched(self) -> int:
        """The bytes of all spans that it reads or writes."""
        return 0 if self.where is None else self.where.length * self.site.spans

    @property
    def rate(self) -> float | None:
        return rate(0 if self.where is None else self.where.length, self.ns)


@dataclass(frozen=True)
class Total:
    """All runs of a statement: how many, the bytes of their spans, of all that they read or
    wrote, and their nanoseconds."""

    runs: int = 0
    bytes: int = 0
    touched: int = 0
    ns: int = 0

    @property
    def rate(self) -> float | None:
        return rate(self.bytes, self.ns)


def rate(size: int, ns: int) -> float | None:
    """Bytes in nanoseconds, which is GB/s; None where one of them is 0."""
    return size / ns if size and ns else None


@dataclass(frozen=True)
class Precision:
    """What measuring costs in nanoseconds: of a statement's own time, and of each statement that
    runs in another. It has been taken from all times."""

    clock: float
    probe: float


@dataclass(frozen=True)
class Metrics:
    """What a run comes to, in the words of the first pCPU: bytes of the inputs; bytes of all
    spans that were read or written, and how many spans; the CRC-32C of the ``inout`` and ``out``
    buffers, one after the other (None where what is in them counts for nothing); nanoseconds of
    the statements."""

    bytes_total: int
    bytes_touched: int
    desc_count: int
    checksum_out: int | None
    ns: int


@dataclass(frozen=True)
class Trap:
    """A failed check, and its place in the source."""

    error: TrapError
    place: TextPlace


@dataclass(frozen=True)
class Simulation:
    """A run: ``outcome`` is None where it ended with a ``trap`` or was stopped.

    ``steps`` are the first ones; ``left_out`` of them are only in ``totals``, which are those of
    all statements by their numbers.
    """

    source: Source
    outcome: Outcome | None
    trap: Trap | None
    steps: Sequence[Step]
    left_out: int
    totals: Sequence[Total]
    metrics: Metrics
    precision: Precision

    @property
    def status(self) -> str:
        if self.trap is not None:
            return "trapped"
        return "stopped" if self.outcome is None else "ended"

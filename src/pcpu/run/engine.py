"""What an engine is, and the loop that those inside this process share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # plans need none of it, and start sooner without
    from pcpu.ir import Arguments, Inputs, Outcome, Program, ResultValue
    from pcpu.isa import Isa

Blocks = Iterator[memoryview]  # writable; valid until the next one is asked for
Write = Callable[[memoryview], object]
BLOCK = 1 << 20
MAX_THREADS = 256  # of one run
_THREAD_BLOCKS = 4  # that each of several threads gets at a time: enough to hide its start


@dataclass(frozen=True)
class Engine:
    """A way to run programs.

    ``run(program, isa, blocks, write)`` feeds the blocks through, hands the resulting bytes
    to ``write`` unless that is None, and returns the results in program order; it is for
    pipelines. ``run_whole(program, isa, inputs, arguments)`` runs any program over whole buffers:
    those of ``inputs`` that are ``inout`` are writable, and hold anything afterwards: what counts
    is what comes back. Both raise EngineError or ToolchainError, the second TrapError too.
    ``version()`` says what the engine runs on.
    """

    name: str
    doc: str
    run: Callable[[Program, Isa, Blocks, Write | None], tuple[ResultValue, ...]]
    run_whole: Callable[[Program, Isa, Inputs, Arguments], Outcome]
    version: Callable[[], str]


def block_size(threads: int) -> int:
    """How much of a file is read at a time."""
    return BLOCK * (_THREAD_BLOCKS * threads if threads > 1 else 1)


class Session(Protocol):
    """One stream through a program in this process."""

    def update(self, block: memoryview) -> None:
        """Run the program over the next bytes, in place."""

    def finish(self) -> tuple[ResultValue, ...]:
        """The results."""


def feed(session: Session, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    for block in blocks:
        session.update(block)
        if write is not None:
            write(block)
    return session.finish()

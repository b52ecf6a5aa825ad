"""Running a program on an engine over pieces, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcpu import run as engines
from pcpu.ir import Program, ResultValue
from pcpu.isa import Isa


def run_pieces(
    engine: str, program: Program, isa: Isa, data: bytes, sizes: Sequence[int] = ()
) -> tuple[bytes, tuple[ResultValue, ...]]:
    """The bytes and results of ``program`` when ``data`` comes in pieces of ``sizes``, then the rest."""
    out = bytearray()

    def blocks() -> Iterator[memoryview]:
        start = 0
        for size in [*sizes, len(data)]:
            piece = bytearray(data[start : start + size])
            start += len(piece)
            yield memoryview(piece)

    results = engines.find(engine).run(program, isa, blocks(), out.extend)
    return bytes(out), results

"""Which buffers a program changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pcpu.ir.model import Program
from pcpu.ir.statement import Each, Instruction, Move, Statement, bodies


def written(program: Program) -> frozenset[str]:
    """The names of the buffers that a statement of ``program`` writes to."""
    return frozenset(_written(program.body, {}))


def _written(body: tuple[Statement, ...], roots: Mapping[str, str]) -> Iterator[str]:
    """``roots`` has the buffers that the windows of the loops around lie in."""
    for s in body:
        match s:
            case Instruction():
                if s.op.kind == "map":
                    yield roots.get(s.span.buffer, s.span.buffer)
            case Move():
                yield roots.get(s.target.buffer, s.target.buffer)
            case Each():
                root = roots.get(s.over.buffer, s.over.buffer)
                yield from _written(s.body, {**roots, s.name: root})
            case _:
                for inner in bodies(s):
                    yield from _written(inner, roots)

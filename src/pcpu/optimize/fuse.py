"""Operations that follow each other on one span as a ``fuse``, which is lowered as one pass over
tiles that fit in the cache (lower/fuse.py says which of them share a loop).
"""

from __future__ import annotations

from collections.abc import Iterator

from pcpu.ir import MAX_BLOCKS, MAX_STATEMENTS, Fuse, Instruction, Program, Statement, bodies, walk
from pcpu.optimize.edit import Body, names, with_blocks, with_body


def fuse(program: Program) -> Program:
    room = MAX_STATEMENTS - sum(1 for s in walk(program.body) if not isinstance(s, Fuse))
    return with_body(program, _Fuser(room).block(program.body, depth=0))


class _Fuser:
    """Adds at most ``room`` statements."""

    def __init__(self, room: int) -> None:
        self.room = room

    def block(self, body: Body, depth: int) -> Body:
        found: list[Statement] = []
        for group in _groups(body):
            if len(group) == 1:
                (s,) = group
                blocks = tuple(self.block(block, depth + 1) for block in bodies(s))
                found.append(with_blocks(s, blocks))
            elif depth < MAX_BLOCKS and self.room > 0:
                self.room -= 1
                found.append(Fuse(_instructions(group), group[0].line))
            else:
                found += group
        return tuple(found)


def _instructions(body: Body) -> tuple[Instruction, ...]:
    return tuple(s for s in body if isinstance(s, Instruction))


def _groups(body: Body) -> Iterator[Body]:
    """The statements, operations that may share a fuse together. A fuse that is there already
    counts as what is in it."""
    group: list[Instruction] = []
    results: set[str] = set()
    for s in body:
        for part in s.body if isinstance(s, Fuse) else (s,):
            if group and not _joins(part, group[0], results):
                yield tuple(group)
                group, results = [], set()
            if isinstance(part, Instruction):
                group.append(part)
                results |= set() if part.name is None else {part.name}
            else:
                yield (part,)
    if group:
        yield tuple(group)


def _joins(s: Statement, first: Instruction, results: set[str]) -> bool:
    """Whether ``s`` may stand in a fuse that begins with ``first`` and has these results."""
    return isinstance(s, Instruction) and s.span == first.span and results.isdisjoint(names(s))

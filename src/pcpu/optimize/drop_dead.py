"""Without what nobody can notice: results that nobody reads or returns, registers, empty blocks and
loops, spans of no bytes, and declarations that nothing names.

A check that can fail is noticed: the program would end there. So an operation whose result is dead
goes only where its span lies in its buffer, and its operands fit, whatever the input; else it stays
as it is. Nothing cheaper has the same check, with the same line and numbers.

It is a search from what must stay: writes, checks that can fail, results. A statement that stays
keeps the blocks around it and whatever sets the registers that it reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from pcpu.ir import Each, Fuse, Instruction, Move, Program, Statement, named_in, walk
from pcpu.ir.parts import spans_of
from pcpu.optimize.edit import Body, names, returned, sets, with_blocks, with_body
from pcpu.optimize.facts import Facts, Node


def drop_dead(program: Program) -> Program:
    body = _Search(program).body()
    # A program has at least one statement, so one that does nothing stays as it is.
    return _used(with_body(program, body)) if body else program


class _Search:
    def __init__(self, program: Program) -> None:
        self.root = Facts(program).nodes
        self.parents: list[int] = []
        self.statements: list[Statement] = []
        self.setters: dict[str, list[int]] = defaultdict(list)
        needed = list(self.enter(self.root, -1, runs=True))
        for name in returned(program):
            needed += self.setters[name]
        self.marked = self.reach(needed)

    def enter(self, nodes: tuple[Node, ...], parent: int, *, runs: bool) -> Iterator[int]:
        """Number the statements in their order; the numbers of those that must stay."""
        for node in nodes:
            number = len(self.statements)
            self.statements.append(node.statement)
            self.parents.append(parent)
            if (name := sets(node.statement)) is not None:
                self.setters[name].append(number)
            if runs and _acts(node):
                yield number
            for block in node.blocks:
                yield from self.enter(block, number, runs=runs and not _has_no_turn(node))

    def reach(self, needed: list[int]) -> set[int]:
        marked: set[int] = set()
        while needed:
            number = needed.pop()
            if number in marked or number < 0:
                continue
            marked.add(number)
            needed.append(self.parents[number])
            for name in names(self.statements[number]):
                needed += self.setters.pop(name, [])
        return marked

    def body(self) -> Body:
        numbers = iter(range(len(self.statements)))

        def kept(nodes: tuple[Node, ...]) -> Body:
            found: list[Statement] = []
            for node in nodes:
                stays = next(numbers) in self.marked
                blocks = tuple(kept(block) for block in node.blocks)
                if stays:
                    found.append(_with(node.statement, blocks))
            return tuple(found)

        return kept(self.root)


def _acts(node: Node) -> bool:
    """Whether a statement does something itself, but for setting a register."""
    s = node.statement
    if not node.quiet:
        return True
    if isinstance(s, Each):
        return s.output is not None
    writes = isinstance(s, Move) or (isinstance(s, Instruction) and s.op.kind == "map")
    return writes and not node.places[0].empty


def _has_no_turn(node: Node) -> bool:
    s = node.statement
    return isinstance(s, Each) and not isinstance(s.size, str) and node.places[0].empty


def _with(s: Statement, blocks: tuple[Body, ...]) -> Statement:
    if isinstance(s, Fuse) and len(blocks[0]) == 1:
        return blocks[0][0]
    return with_blocks(s, blocks)


def _used(program: Program) -> Program:
    """``program`` without the constants and tables that nothing names."""
    used = {name for b in program.buffers if b.size is not None for name in named_in(b.size)}
    for s in walk(program.body):
        used |= {*names(s), *(span.buffer for _, span in spans_of(s))}
    constants = tuple(c for c in program.constants if c[0] in used)
    tables = tuple(t for t in program.tables if t[0] in used)
    return replace(program, constants=constants, tables=tables)

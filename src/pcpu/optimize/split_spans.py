"""Operations on one span next to each other, so that they can be fused: statements on several
spans in turn are split by span.

An operation moves up to the last one on the same span if what it passes over touches other bytes
and registers, and if not both of them may fail: of two failed checks the first is the one that
counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pcpu.ir import Fuse, Instruction, Move, Program, Span, Statement
from pcpu.optimize.edit import Body, names, sets, with_blocks, with_body
from pcpu.optimize.facts import Facts, Node, Place

# How many spans an operation may look for, and how many places are told apart: they bound the time.
MAX_GROUPS = 16
MAX_PLACES = 64


def split_spans(program: Program) -> Program:
    facts = Facts(program)
    body, _ = _block(facts.nodes, facts)
    return with_body(program, body)


@dataclass
class _Effects:
    """What statements read and write: registers, places, and buffers as a whole; and whether one
    of their checks can fail."""

    reads: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    read: list[Place] = field(default_factory=list)
    written: list[Place] = field(default_factory=list)
    roots_read: set[str] = field(default_factory=set)
    roots_written: set[str] = field(default_factory=set)
    may_fail: bool = False

    def add(self, other: _Effects) -> None:
        self.reads |= other.reads
        self.sets |= other.sets
        self.read += other.read
        self.written += other.written
        self.roots_read |= other.roots_read
        self.roots_written |= other.roots_written
        self.may_fail |= other.may_fail
        if len(self.read) + len(self.written) > MAX_PLACES:
            self.blur()

    def blur(self) -> None:
        """Forget places and remember their buffers."""
        self.roots_read |= {place.root for place in self.read}
        self.roots_written |= {place.root for place in self.written}
        self.read, self.written = [], []


@dataclass
class _Group:
    """Operations on one span: the statements, their results, and what has come after them."""

    span: Span
    statements: list[Statement]
    results: set[str]
    passed: _Effects = field(default_factory=_Effects)


def _block(nodes: tuple[Node, ...], facts: Facts) -> tuple[Body, _Effects]:
    """The statements of a block in their new order, and the effects of them all."""
    cells: list[list[Statement]] = []  # what stands together
    groups: list[_Group] = []  # the latest ones, in the order of their cells
    all_effects = _Effects()
    for node in nodes:
        inner = [_block(block, facts) for block in node.blocks]
        statement = with_blocks(node.statement, tuple(body for body, _ in inner))
        effects = _own_effects(node)
        for _, found in inner:
            if not isinstance(statement, Fuse):
                found.blur()
            effects.add(found)
        all_effects.add(effects)
        span = _span(statement)
        index = next((i for i, g in enumerate(groups) if g.span == span), None)
        if index is not None and _may_join(effects, groups[index], facts):
            groups[index].statements.append(statement)
            groups[index].results |= effects.sets
        else:
            cells.append([statement])
            if index is not None:
                del groups[index]
            index = len(groups)
        for group in groups[:index]:
            group.passed.add(effects)
        if index == len(groups) and span is not None:
            groups = [*groups, _Group(span, cells[-1], set(effects.sets))][-MAX_GROUPS:]
    return tuple(statement for cell in cells for statement in cell), all_effects


def _span(s: Statement) -> Span | None:
    """The span of an operation or of several that are fused."""
    return s.span if isinstance(s, Instruction) else s.body[0].span if isinstance(s, Fuse) else None


def _own_effects(node: Node) -> _Effects:
    """Those of a statement, without those of its blocks."""
    s = node.statement
    found = _Effects(reads=set(names(s)), may_fail=not node.quiet)
    if (name := sets(s)) is not None:
        found.sets.add(name)
    if isinstance(s, Move):
        found.written, found.read = [node.places[0]], list(node.places[1:])
    elif isinstance(s, Instruction):
        places = found.written if s.op.kind == "map" else found.read
        places.append(node.places[0])
    return found


def _may_join(s: _Effects, group: _Group, facts: Facts) -> bool:
    passed = group.passed
    return not (
        s.reads & (group.results | passed.sets)  # nothing above reads a result of s
        or (s.may_fail and passed.may_fail)
        or _meet(s.read, passed.written, passed.roots_written, facts)
        or _meet(s.written, passed.written, passed.roots_written, facts)
        or _meet(s.written, passed.read, passed.roots_read, facts)
    )


def _meet(places: list[Place], others: list[Place], roots: set[str], facts: Facts) -> bool:
    return any(
        place.root in roots or any(not facts.disjoint(place, other) for other in others)
        for place in places
    )

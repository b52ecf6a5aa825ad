"""One statement for two that follow each other and touch adjacent bytes: a map with the same
operands, a block operation with the same byte, literals.

Both must be quiet, that is, their checks can never fail: one that fails would state another span.
And a block operation reads its whole source before it writes, so the first target must not
overlap what the second one reads.
"""

from __future__ import annotations

from dataclasses import replace

from pcpu import expr
from pcpu.ir import SCALAR_BITS, Instruction, Move, Program, Span, Statement
from pcpu.ir.parts import spans_of
from pcpu.optimize.edit import Body, scalar_sum, with_blocks, with_body
from pcpu.optimize.facts import Facts, Node, Place

MAX_LITERAL = 65536  # bytes of a merged one, as of a table: a line of text has to hold it


def merge_spans(program: Program) -> Program:
    facts = Facts(program)
    return with_body(program, _merged(facts.nodes, facts))


def _merged(nodes: tuple[Node, ...], facts: Facts) -> Body:
    found: list[Node] = []
    for node in nodes:
        blocks = tuple(_merged(block, facts) for block in node.blocks)
        new = replace(node, statement=with_blocks(node.statement, blocks))
        while found and (joined := _joined(found[-1], new, facts)) is not None:
            found.pop()
            new = joined
        found.append(new)
    return tuple(node.statement for node in found)


def _joined(a: Node, b: Node, facts: Facts) -> Node | None:
    """``a`` and then ``b`` as one statement, where that is the same."""
    if not (a.quiet and b.quiet and _alike(a.statement, b.statement)):
        return None
    if any(not facts.disjoint(a.places[0], source) for source in b.places[1:]):
        return None
    first, second = a, b
    if not _adjacent(a, b):
        first, second = b, a
        if not _adjacent(b, a):
            return None
    statement = _statement(first.statement, second.statement, a.statement.line)
    if statement is None:
        return None
    pairs = zip(first.places, second.places, strict=True)
    places = tuple(Place(x.root, x.offset, x.length + y.length) for x, y in pairs)
    return Node(statement, places=places)


def _alike(a: Statement, b: Statement) -> bool:
    """Whether two statements do the same to every byte."""
    if isinstance(a, Instruction) and isinstance(b, Instruction):
        same = (a.op, a.immediates) == (b.op, b.immediates)
        # An index counts from where a span begins.
        return same and a.op.kind == "map" and not a.op.uses_index
    if isinstance(a, Move) and isinstance(b, Move) and a.kind == b.kind:
        return a.value == b.value if a.kind != "lit" else _literal(a, b) is not None
    return False


def _literal(a: Move, b: Move) -> bytes | None:
    """What two literals write together."""
    if isinstance(a.value, bytes) and isinstance(b.value, bytes):
        both = a.value + b.value
        return both if len(both) <= MAX_LITERAL else None
    return None


def _adjacent(a: Node, b: Node) -> bool:
    """Whether each span of ``b`` begins where that of ``a`` ends."""
    buffers = [span.buffer for _, span in spans_of(a.statement)]
    return buffers == [span.buffer for _, span in spans_of(b.statement)] and all(
        p.offset + p.length == q.offset for p, q in zip(a.places, b.places, strict=True)
    )


def _statement(first: Statement, second: Statement, line: int) -> Statement | None:
    """``first`` over what both touch."""
    pairs = zip(spans_of(first), spans_of(second), strict=True)
    found = [_span(x, y) for (_, x), (_, y) in pairs]
    if isinstance(first, Instruction) and found[0] is not None:
        return replace(first, span=found[0], line=line)
    if isinstance(first, Move) and isinstance(second, Move):
        target, *sources = (span for span in found if span is not None)
        if len(sources) == len(first.sources):
            value = _literal(first, second) if first.kind == "lit" else first.value
            return replace(first, target=target, sources=tuple(sources), value=value, line=line)
    return None


def _span(first: Span, second: Span) -> Span | None:
    """Both spans as one, or None where nobody could write its length."""
    if first.length is None:
        return None
    length = None if second.length is None else scalar_sum(first.length, second.length)
    if not isinstance(length, int | None) and expr.malformed(length, SCALAR_BITS):
        return None
    return Span(first.buffer, first.offset, length)

"""What there is to say of a program before it runs: for ``pcpu check``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pcpu.ir.bound import Bound, Factor
from pcpu.ir.declare import declare
from pcpu.ir.document import operand_json
from pcpu.ir.model import Program, Result
from pcpu.ir.scope import Scope, known
from pcpu.ir.statement import Each, Instruction, Move, Operand, Span, Statement, walk
from pcpu.ir.text import first_line, show_kind, show_scalar
from pcpu.ir.traps import Check, Part, checks
from pcpu.ir.work import Work
from pcpu.optimize.facts import Facts, Node


def summary(program: Program, work: Work) -> dict[str, Any]:
    """Of a verified ``program`` whose work is bounded by ``work``, of what ``json`` can write."""
    return {
        "form": "stream" if program.is_stream else "whole",
        "parameters": [
            {"name": p.name, "kind": show_kind(p.kind)}
            | ({} if p.default is None else {"default": operand_json(p.default)})
            for p in program.parameters
        ],
        "buffers": [
            {"name": b.name, "role": b.role}
            | ({} if b.size is None else {"size": show_scalar(b.size)})
            for b in program.buffers
        ],
        "results": [_result(result) for result in program.results],
        "tables": [
            {"name": s.output.name, "columns": list(s.output.columns), "line": s.line}
            for s in walk(program.body)
            if isinstance(s, Each) and s.output is not None
        ],
        "traps": [
            {"line": check.line, "code": check.code, "what": check.what, "text": first_line(s)}
            for check, s in possible_traps(program)
        ],
        "work": {
            "bytes": str(work.bytes),
            "steps": str(work.steps),
            "words": list(in_words(work)),
        },
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "returns": result.returns,
        "bits": result.bits,
        "count": result.count,
        "op": result.op and result.op.name,
    }


def in_words(work: Work) -> Iterator[str]:
    """The bound, a sentence for each length that it grows with."""
    monomials = sorted({*work.bytes.terms, *work.steps.terms}, key=lambda m: (not m, m))
    for monomial in monomials:
        parts = [
            f"{_number(bound.terms[monomial])} {one if bound.terms[monomial] <= 1 else several}"
            for bound, one, several in (
                (work.bytes, "byte touched", "bytes touched"),
                (work.steps, "step", "steps"),
            )
            if bound.terms.get(monomial)
        ]
        if parts:
            yield f"{_of(monomial)}: {', '.join(parts)}"


def _of(monomial: tuple[str, ...]) -> str:
    if not monomial:
        return "whatever the input"
    name, _, attribute = monomial[0].partition(".")
    return {
        "len": f"for each byte of {name}",
        "count": f"for each span of {name}",
        "total": f"for each byte that the spans of {name} have together",
    }[attribute]


def _number(factor: Factor) -> str:
    """Rounded up where it is no whole number."""
    if factor.denominator == 1:
        return f"{factor.numerator:,}"
    if factor.numerator == 1:
        return f"1/{factor.denominator:,}"
    return f"{-(-factor * 1000 // 1) / 1000:,.3f}"


# Traps


def possible_traps(program: Program) -> Iterator[tuple[Check, Statement]]:
    """The checks that may fail when ``program`` runs, as far as that is plain to see."""
    scope = Scope(program)
    assert not list(declare(scope, program))
    plain = _Plain(scope)
    nodes = list(_flat(Facts(program).nodes))
    for check in checks(program):
        node = nodes[check.index]
        if not node.quiet and not plain.holds(node.statement, check.part):
            yield check, node.statement


def _flat(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """The statements in the order in which checks number them."""
    for node in nodes:
        yield node
        for block in node.blocks:
            yield from _flat(block)


@dataclass(frozen=True)
class _Plain:
    """What is known of constants, parameters and the sizes of buffers."""

    scope: Scope

    def holds(self, s: Statement, part: int) -> bool:
        """Whether that check of ``s`` cannot fail."""
        match s:
            case Instruction():
                if part == Part.TARGET:
                    return self.within(s.span)
                index = part - Part.OPERAND
                return self.at_most(s.immediates[index], (1 << s.op.immediates[index].bits) - 1)
            case Move():
                return self.move_holds(s, part)
            case Each():
                if part == Part.TARGET:
                    return self.within(s.over)
                return not isinstance(s.size, str) and bool(known(s.size, self.scope))
            case _:
                return True

    def move_holds(self, s: Move, part: int) -> bool:
        match part:
            case Part.TARGET:
                return self.within(s.target)
            case Part.SOURCE | Part.SECOND:
                return self.within(s.sources[part - Part.SOURCE])
            case Part.OPERAND:
                return s.value is not None and self.at_most(s.value, 255)
            case _ if s.kind == "lit":
                sizes = self.literal_sizes(s.value)
                length = self.length(s.target)
                return length is not None and sizes == (length, length)
            case _:
                source = s.sources[part - Part.SOURCE_LENGTH]
                length = self.length(source)
                if length is not None and length == self.length(s.target):
                    return True
                # Two spans whose lengths are written alike.
                return source.length is not None and source.length == s.target.length

    def literal_sizes(self, value: Operand | None) -> tuple[int, int] | None:
        if isinstance(value, bytes):
            return len(value), len(value)
        return self.scope.bytes_sizes(show_scalar(value)) if value is not None else None

    def within(self, span: Span) -> bool:
        if span.offset == 0 and span.length is None:
            return True
        size, offset = self.scope.sizes.get(span.buffer), known(span.offset, self.scope)
        length = 0 if span.length is None else known(span.length, self.scope)
        if None in (size, offset, length):
            return False
        return (offset or 0) + (length or 0) <= (size or 0)

    def length(self, span: Span) -> int | None:
        if span.length is not None:
            return known(span.length, self.scope)
        size, offset = self.scope.sizes.get(span.buffer), known(span.offset, self.scope)
        return None if size is None or offset is None else size - offset

    def at_most(self, operand: Operand, limit: int) -> bool:
        if isinstance(operand, bytes):
            return True
        bound: Bound | None = self.scope.bound(operand)
        return bound is not None and bound.constant is not None and bound.constant <= limit

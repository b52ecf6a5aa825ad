"""Blocks that run never or once, as far as numbers in the program say so."""

from __future__ import annotations

from dataclasses import replace

from pcpu.ir import Each, If, Program, Repeat, Statement, bodies, walk
from pcpu.optimize.edit import Body, assigned, names, returned, sets, with_blocks, with_body


def settle(program: Program) -> Program:
    """``program`` without the blocks that never run, and with those that run once in their place.

    A register stays known to the verifier where its only setting never ran and it is read as 0.
    """
    found = _Settler(program, set()).program()
    missing = _unset(found, program)
    if missing:
        found = _Settler(program, missing).program()
    if missing and _unset(found, program):  # in a block that is there again
        found = _Settler(program, assigned(program.body)).program()
    return found


class _Settler:
    """Blocks that set a register of ``keep`` stay."""

    def __init__(self, program: Program, keep: set[str]) -> None:
        self.source, self.keep = program, keep
        # A .return without names cannot be written, so nothing comes to be a result in that case.
        self.no_results = not returned(program)

    def program(self) -> Program:
        return with_body(self.source, self.block(self.source.body, top=True) or self.source.body)

    def block(self, body: Body, *, top: bool = False) -> Body:
        found: list[Statement] = []
        for s in body:
            found += self.statement(s, top)
        return tuple(found)

    def statement(self, s: Statement, top: bool) -> Body:
        s = with_blocks(s, tuple(self.block(b) for b in bodies(s))) if bodies(s) else s
        match s:
            case If(test=int(test)):
                chosen, dead = (s.then, s.other) if test else (s.other, s.then)
                if self.is_needed(dead):
                    return (s,)
                if self.may_join(chosen, top):
                    return chosen
                return (replace(s, test=1, then=chosen, other=()),)
            case Repeat(count=0) if not self.is_needed(s.body):
                return ()
            case Repeat(count=1) if self.may_join(s.body, top):
                return (s,) if s.counter in _mentioned(s.body) else s.body
        return (s,)

    def is_needed(self, dead: Body) -> bool:
        """Whether a block that never runs declares something: a register, an output table."""
        outputs = any(isinstance(s, Each) and s.output is not None for s in walk(dead))
        return outputs or not self.keep.isdisjoint(assigned(dead))

    def may_join(self, body: Body, top: bool) -> bool:
        """Whether the statements of a block may stand where the block stands."""
        return not (top and self.no_results and assigned(body))


def _mentioned(body: Body) -> set[str]:
    return {name for s in walk(body) for name in names(s)}


def _unset(program: Program, source: Program) -> set[str]:
    """The registers of ``source`` that are used where no statement above sets them."""
    above: set[str] = set()
    missing: set[str] = set()

    def visit(body: Body) -> None:
        for s in body:
            columns = s.output.columns if isinstance(s, Each) and s.output is not None else ()
            missing.update(name for name in names(s) if name not in above and name not in columns)
            if (name := sets(s)) is not None:
                above.add(name)
            for block in bodies(s):
                visit(block)
            missing.update(name for name in columns if name not in above)

    visit(program.body)
    missing.update(name for name in returned(program) if name not in above)
    return missing & source.registers.keys()

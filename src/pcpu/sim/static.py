"""What can be said of a program's code without running it, for each statement and in all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pcpu.compiler import listing
from pcpu.ir import Move
from pcpu.sim import assembly, irloop, irtext, throughput
from pcpu.sim.assembly import AsmLoop, Assembly
from pcpu.sim.irtext import NOWHERE, Module, Place
from pcpu.sim.source import Source
from pcpu.sim.throughput import Machine
from pcpu.target import Target


@dataclass(frozen=True)
class CodeLine:
    """A line of code and the statements, by number, that it is of."""

    text: str
    statements: tuple[int, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """``instructions`` of LLVM's IR, the widest vector of the machine's code (0: none), and
    the cycles that its loops are estimated to take for a byte of the span (None: unknown)."""

    instructions: int
    vector_bits: int
    cycles_per_byte: float | None


@dataclass(frozen=True)
class Static:
    """``statements`` are those of a program by number; those in a ``fuse`` are all None."""

    target: str
    statements: Sequence[Numbers | None]
    total: Numbers
    ir: Sequence[CodeLine]
    asm: Sequence[CodeLine]


def analyse(source: Source, target: Target) -> Static:
    """Compile a program for ``target`` and look at the code. Raises like ``compile_program``."""
    listed = listing(source.program, target)
    return _Analysis(source, target, irtext.parse(listed.ir), assembly.parse(listed.asm)).static()


class _Analysis:
    def __init__(self, source: Source, target: Target, ir: Module, asm: Assembly) -> None:
        self.source, self.target, self.ir, self.asm = source, target, ir, asm
        self.machine = throughput.find(target.triple)
        self.called = self._called()
        self.owners: dict[str, set[int]] = defaultdict(set)
        for (statement, _), names in self.called.items():
            for name in names:
                if statement is not None:
                    self.owners[name].add(statement)

    def static(self) -> Static:
        sites = {site.number for site in self.source.steps}
        counts = self._instructions()
        vectors = self._vectors()
        cycles = {} if self.machine is None else self._cycles(self.machine)
        return Static(
            self.target.name,
            [
                Numbers(counts[s.number], vectors[s.number], cycles.get(s.number))
                if s.number in sites else None
                for s in self.source.sites
            ],
            Numbers(
                sum(1 for f in self.ir.functions.values() for _ in f.instructions),
                max((self._bits(text) for text, _, _ in self.asm.lines), default=0),
                None,
            ),
            [CodeLine(text, self._of(name, place)) for text, name, place in self.ir.lines],
            [CodeLine(text, self._of(name, place)) for text, name, place in self.asm.lines],
        )  # fmt: skip

    def _of(self, function: str | None, place: Place) -> tuple[int, ...]:
        """The statements that a line of a function is of."""
        if place[0] is not None:
            return (place[0],)
        return tuple(sorted(self.owners.get(function or "", ())))

    def _called(self) -> dict[Place, set[str]]:
        """What the code of each place calls, whatever the way."""
        found: dict[Place, set[str]] = defaultdict(set)
        for function in self.ir.functions.values():
            for i in function.instructions:
                if i.place != NOWHERE and i.callee in self.ir.functions:
                    found[i.place] |= self._reached(i.callee)
        return found

    def _reached(self, name: str) -> set[str]:
        seen, waiting = set[str](), [name]
        while waiting:
            one = waiting.pop()
            if one in self.ir.functions and one not in seen:
                seen.add(one)
                waiting += self.ir.functions[one].callees
        return seen

    def _instructions(self) -> dict[int, int]:
        counts: dict[int, int] = defaultdict(int)
        for function in self.ir.functions.values():
            for i in function.instructions:
                for statement in self._of(function.name, i.place):
                    counts[statement] += 1
        return counts

    def _vectors(self) -> dict[int, int]:
        widest: dict[int, int] = defaultdict(int)
        for text, function, place in self.asm.lines:
            bits = self._bits(text)
            for statement in self._of(function, place) if bits else ():
                widest[statement] = max(widest[statement], bits)
        return widest

    def _bits(self, text: str) -> int:
        return 0 if self.machine is None else self.machine.vector_bits(text)

    def _cycles(self, machine: Machine) -> dict[int, float]:
        """The estimated cycles for a byte of each statement: those of its passes together."""
        loops = [loop for f in self.ir.functions.values() for loop in irloop.innermost(f)]
        places: dict[Place, list[irloop.Loop]] = defaultdict(list)
        for loop in loops:
            if loop.bytes:
                places[loop.place].append(loop)
        written = self._written(machine)
        found: dict[int, float] = defaultdict(float)
        for place in sorted({*places, *self.called} - {NOWHERE}):
            inside = [loop for loop in places[NOWHERE] if loop.function.name in self.called[place]]
            hot = max((*places[place], *inside), key=_heat, default=None)
            if hot is not None and place[0] is not None:
                code = _nearest(hot, written[hot.function.name, hot.place], machine)
                cycles = machine.throughput(code) if code else 0.0
                found[place[0]] += max(cycles, hot.latency(machine.latency)) / hot.bytes
        for site in self.source.sites:
            if site.is_block:
                found.pop(site.number, None)  # of what LLVM moved out of the loop
        for number, cost in self._bulk(machine).items():
            found[number] += cost
        return {number: cycles for number, cycles in found.items() if cycles}

    def _bulk(self, machine: Machine) -> dict[int, float]:
        """What the calls of block operations cost for a byte; unrolled loops hold several of
        one."""
        found = {s.number: 0.0 for s in self.source.sites if isinstance(s.statement, Move)}
        for text, _, (statement, _) in self.asm.lines:
            if statement in found:
                cost = machine.bulk(" ".join(text.split()))
                found[statement] = max(found[statement], cost or 0.0)
        return found

    def _written(self, machine: Machine) -> dict[tuple[str, Place], list[AsmLoop]]:
        """The machine's loops that move bytes, by function and place."""
        found: dict[tuple[str, Place], list[AsmLoop]] = defaultdict(list)
        for name, function in self.asm.functions.items():
            for loop in function.loops():
                own = name.removeprefix("_") if name not in self.ir.functions else name
                if _moved(loop, machine):
                    found[own, loop.place].append(loop)
        return found


def _heat(loop: irloop.Loop) -> tuple[bool, int]:
    """What most of the data goes through is largest: no loop over a table, but the widest."""
    return not loop.is_short, loop.bytes


def _nearest(loop: irloop.Loop, written: Sequence[AsmLoop], machine: Machine) -> list[str]:
    """The code of the machine's loop that moves about as many bytes, if there is one."""
    found = min(written, key=lambda one: abs(_moved(one, machine) - loop.accessed), default=None)
    return [] if found is None else [c.text for c in found.code]


def _moved(loop: AsmLoop, machine: Machine) -> int:
    return sum(machine.moved(c.text) for c in loop.code)

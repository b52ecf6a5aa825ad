"""The innermost loops of a function in LLVM IR: bytes that a turn handles, and what it waits for.

A byte counts where it is loaded from, or stored to, an address that goes on by a step which does
not depend on the data. Where a loop stores, what it loads is not counted; scratch memory of the
function never is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pcpu.sim.irtext import NOWHERE, Function, Inst, Place

_ACCESS = re.compile(r"(?:load|store) (?:volatile )?(<[^>]*>|\w+)")
_VECTOR = re.compile(r"<(\d+) x (\w+)>")
_POINTER = re.compile(r'ptr %("[^"]*"|[\w.$-]+)')
_INCOMING = re.compile(r'\[ (.*?), %("[^"]*"|[\w.$-]+) \]')
_END = re.compile(r'icmp (?:eq|ne) i\d+ %("[^"]*"|[\w.$-]+), \d+$')
_FIXED, _LINEAR, _DATA = range(3)  # how a value changes from turn to turn


def innermost(function: Function) -> list[Loop]:
    """The loops without loops in them."""
    found = _natural_loops(function)
    return [
        Loop(function, header, frozenset(body))
        for header, body in found.items()
        if not any(other in body for other in found if other != header)
    ]


@dataclass(frozen=True)
class Loop:
    """``header`` and ``body`` are labels of blocks; the body has the header in it."""

    function: Function
    header: str
    body: frozenset[str]

    @property
    def instructions(self) -> Iterator[Inst]:
        for label, block in self.function.blocks.items():
            if label in self.body:
                yield from block.instructions

    @property
    def place(self) -> Place:
        """What most of it is of."""
        counted = Counter(i.place for i in self.instructions if i.place != NOWHERE)
        return counted.most_common(1)[0][0] if counted else NOWHERE

    @cached_property
    def bytes(self) -> int:
        """The bytes that a turn handles; 0 where it does not go through memory."""
        return self._moved("store") or self._moved("load")

    @property
    def accessed(self) -> int:
        """The bytes that a turn loads and stores, wherever they lie."""
        return sum(_width(i) for i in self.instructions if i.opcode in ("load", "store"))

    @cached_property
    def is_short(self) -> bool:
        """Whether it ends after as many turns whatever the data, as a loop over a table does."""
        starts = {
            name
            for name, phi in self._phis.items()
            for value, label in _INCOMING.findall(phi.text)
            if label.strip('"') not in self.body and value.isdigit()
        }
        values = self.function.values
        for i in self.instructions:
            if i.opcode == "icmp" and (end := _END.search(i.text)):
                counted = values.get(end.group(1))
                if counted is not None and starts & {counted.name, *counted.operands}:
                    return True
        return False

    def _moved(self, opcode: str) -> int:
        total = 0
        for i in self.instructions:
            pointer = _pointer(i) if i.opcode == opcode else None
            if pointer is not None and self._kinds.get(pointer) == _LINEAR:
                total += 0 if self._is_scratch(pointer) else _width(i)
        return total

    def latency(self, cycles: Mapping[str, float]) -> float:
        """The longest time that a value takes to its next turn; ``cycles`` are those of opcodes,
        1 where there is none."""
        return max((self._round(phi, cycles) for phi in self._phis.values()), default=0.0)

    def _round(self, start: Inst, cycles: Mapping[str, float]) -> float:
        """The time from the value of a phi to its next one; 0 where that does not depend on it."""
        times = {start.name: 0.0}
        changed = True
        while changed:
            changed = False
            for i in self.instructions:
                known = [times[o] for o in i.operands if o in times]
                if i.name is None or i.name in self._phis or not known:
                    continue
                time = max(known) + cycles.get(i.opcode, 1.0)
                changed |= times.get(i.name) != time
                times[i.name] = time
        return times.get(self._next(start), 0.0)

    @cached_property
    def _phis(self) -> dict[str, Inst]:
        header = self.function.blocks[self.header].instructions
        return {i.name: i for i in header if i.opcode == "phi" and i.name is not None}

    def _next(self, phi: Inst) -> str:
        """The value that a phi of the header takes for the next turn."""
        values = {label: str(value) for value, label in _INCOMING.findall(phi.text)}
        return next(value for label, value in values.items() if label in self.body)[1:]

    @cached_property
    def _kinds(self) -> dict[str, int]:
        """How the values of the loop change from turn to turn."""
        kinds = {i.name: _FIXED for i in self.instructions if i.name is not None}
        changed = True
        while changed:
            changed = False
            for i in self.instructions:
                if i.name is None:
                    continue
                if i.opcode in ("load", "call"):
                    kind = _DATA
                elif i.name in self._phis:
                    kind = max(_LINEAR, kinds.get(self._next(i), _FIXED))
                else:
                    kind = max((kinds.get(o, _FIXED) for o in i.operands), default=_FIXED)
                changed |= kinds[i.name] != kind
                kinds[i.name] = kind
        return kinds

    def _is_scratch(self, pointer: str) -> bool:
        """Whether an address lies in memory of the function's own."""
        seen = set[str]()
        while pointer not in seen:
            seen.add(pointer)
            i = self.function.values.get(pointer)
            if i is None or i.opcode == "alloca":
                return i is not None
            if i.opcode == "phi":
                values = [value[1:] for value, _ in _INCOMING.findall(i.text)]
                pointer = next((value for value in values if value not in seen), pointer)
            else:
                pointer = _pointer(i) or pointer
        return False


def _pointer(i: Inst) -> str | None:
    """The local value that is the address in an instruction; the last one, since a store may
    store an address."""
    found = _POINTER.findall(i.text)
    return found[-1] if found else None


def _width(i: Inst) -> int:
    """The bytes that a load or store moves."""
    match = _ACCESS.search(i.text)
    return 0 if match is None else type_bits(match.group(1)) // 8


def type_bits(kind: str) -> int:
    if vector := _VECTOR.fullmatch(kind):
        return int(vector.group(1)) * type_bits(vector.group(2))
    return int(kind[1:]) if kind[0] == "i" and kind[1:].isdigit() else 64


def _natural_loops(function: Function) -> dict[str, set[str]]:
    """Headers of loops -> the labels of their blocks."""
    before: dict[str, list[str]] = {label: [] for label in function.blocks}
    for label, block in function.blocks.items():
        for successor in block.successors:
            before[successor].append(label)
    loops: dict[str, set[str]] = {}
    for label, header in _back_edges(function):
        body, waiting = loops.setdefault(header, {header}), [label]
        while waiting:
            one = waiting.pop()
            if one not in body:
                body.add(one)
                waiting += before[one]
    return loops


def _back_edges(function: Function) -> Iterator[tuple[str, str]]:
    """The edges that lead back to a block on the way here; structured code has no others that
    make loops."""
    first = next(iter(function.blocks))
    way, on_way, seen = [(first, iter(function.blocks[first].successors))], {first}, {first}
    while way:
        label, successors = way[-1]
        for successor in successors:
            if successor in on_way:
                yield label, successor
            elif successor not in seen:
                seen.add(successor)
                on_way.add(successor)
                way.append((successor, iter(function.blocks[successor].successors)))
                break
        else:
            way.pop()
            on_way.discard(label)

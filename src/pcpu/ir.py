"""Program: the one intermediate representation, its verifier and its JSON (spec/program.md)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pcpu.errors import ProgramError
from pcpu.isa import Op

MAX_OPERATIONS = 256
MAX_NAME = 32
EXACT_JSON = 2**53 - 1  # the largest integer that every JSON reader keeps


@dataclass(frozen=True)
class Instruction:
    """One operation with its immediates; ``name`` is that of its result, None for a map."""

    op: Op
    immediates: tuple[int, ...] = ()
    name: str | None = None

    @property
    def text(self) -> str:
        return " ".join([self.op.name, *map(str, self.immediates)])


@dataclass(frozen=True)
class Result:
    """Where a program's result comes from and how it is shown."""

    name: str
    op: Op

    def show(self, value: int) -> int | str:
        """A count as a number, anything else as a hexadecimal string of its full width."""
        return show_result(value, self.op.returns, self.op.result_bits)


def show_result(value: int, returns: str, bits: int) -> int | str:
    return value if returns == "count" else f"0x{value:0{(bits + 3) // 4}x}"


@dataclass(frozen=True)
class Program:
    """A sequence of operations over one span of bytes."""

    instructions: tuple[Instruction, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(Result(i.name, i.op) for i in self.instructions if i.name is not None)

    @property
    def has_map(self) -> bool:
        """Whether the program changes the data."""
        return any(i.op.kind == "map" for i in self.instructions)

    @cached_property
    def signature(self) -> str:
        """The program without names: programs of one signature run the same code."""
        return " | ".join(i.text for i in self.instructions)

    def __str__(self) -> str:
        """The canonical text."""
        names, shown = Names(), []
        for i in self.instructions:
            usual = i.name is None or i.name == names.default(i.op)
            names.add(i.op, None if usual else i.name)
            shown.append(i.text if usual else f"{i.name} = {i.text}")
        return " | ".join(shown)

    def to_json(self) -> dict[str, Any]:
        return {"ops": [_instruction_json(i) for i in self.instructions]}

    def canonical_json(self) -> str:
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))


def _instruction_json(instruction: Instruction) -> dict[str, Any]:
    imms = [i if i <= EXACT_JSON else str(i) for i in instruction.immediates]
    member: dict[str, Any] = {"op": instruction.op.name}
    if imms:
        member["imm"] = imms[0] if len(imms) == 1 else imms
    if instruction.name is not None:
        member["name"] = instruction.name
    return member


class Names:
    """Gives the results of a program their names, in program order (P8)."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self._unnamed: dict[str, int] = {}

    def default(self, op: Op) -> str:
        """What the next result would be called without a name of its own."""
        first = self._unnamed.get(op.name, 0) + 1
        numbered = (op.name if n == 1 else f"{op.name}_{n}" for n in itertools.count(first))
        return next(name for name in numbered if name not in self.taken)

    def add(self, op: Op, given: str | None) -> str | None:
        """The name of the next result of the program; None for a map."""
        if not op.has_result:
            return None
        name = given or self.default(op)
        if given is None:
            self._unnamed[op.name] = self._unnamed.get(op.name, 0) + 1
        self.taken.add(name)
        return name


def with_names(stages: Iterable[tuple[Op, Sequence[int], str | None]]) -> Program:
    """A Program from (op, immediates, name or None), with the missing names given."""
    names = Names()
    return Program(tuple(Instruction(op, tuple(i), names.add(op, name)) for op, i, name in stages))


# The verifier. A parser runs each check where it knows the place; ``verify`` runs them all.


def check_length(count: int) -> None:
    if count > MAX_OPERATIONS:
        raise ProgramError("too-long", f"a program has at most {MAX_OPERATIONS} operations")


def check_name(op: Op, name: str, taken: Iterable[str]) -> None:
    if not op.has_result:
        raise ProgramError("name-on-map", f"{op.name} changes the data and has no result to name")
    if name in taken:
        raise ProgramError("duplicate-name", f"an earlier result is called {name!r} already")


def check_immediate_count(op: Op, count: int) -> None:
    wanted = len(op.immediates)
    if count != wanted:
        names = ", ".join(i.name for i in op.immediates)
        takes = f"{wanted or 'no'} immediate{'' if wanted == 1 else 's'}"
        takes += f" ({names})" if names else ""
        raise ProgramError("immediate-count", f"{op.name} takes {takes}, {count} given")


def check_immediate(op: Op, index: int, value: int) -> None:
    imm = op.immediates[index]
    if value < 0 or value >> imm.bits:
        shown = str(value) if abs(value) < 10**30 else "the number"
        raise ProgramError(
            "immediate-range",
            f"{shown} is outside 0..{(1 << imm.bits) - 1}, the range of {imm.name} of {op.name}",
        )


def verify(program: Program) -> None:
    """Raise ProgramError unless ``program`` obeys spec/program.md."""
    if not program.instructions:
        raise ProgramError("syntax", "a program has at least one operation")
    check_length(len(program.instructions))
    taken: set[str] = set()
    for instruction in program.instructions:
        op, name = instruction.op, instruction.name
        if name is not None:
            check_name(op, name, taken)
            taken.add(name)
        elif op.has_result:
            raise ProgramError("syntax", f"the result of {op.name} has no name")
        check_immediate_count(op, len(instruction.immediates))
        for index, value in enumerate(instruction.immediates):
            check_immediate(op, index, value)

"""Where things lie in the memory that a compiled program is given (spec/abi.md A9, A13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pcpu.ir import Each, Output, Parameter, Program, ResultValue, walk

SLOT = 8  # bytes of a number


@dataclass(frozen=True)
class Layout:
    """The state of a program over a stream, in slots.

    ``results`` has the slots of each result, in program order; ``position`` is the slot that
    counts the bytes, None where no operation asks; then come the parameters, whose offsets in
    bytes are ``parameters``. ``slots`` is how many there are.
    """

    results: tuple[range, ...]
    position: int | None
    parameters: dict[str, int]
    slots: int

    @property
    def outputs(self) -> int:
        """How many numbers the results are."""
        return self.results[-1].stop if self.results else 0

    def values(self, numbers: Any) -> tuple[ResultValue, ...]:
        """The results in ``numbers``, a sequence or a ctypes array of all of theirs."""
        return tuple(
            tuple(numbers[slots.start : slots.stop]) if len(slots) > 1 else numbers[slots.start]
            for slots in self.results
        )


def layout(program: Program) -> Layout:
    """The layout of a program that runs over streams."""
    uses_index = any(instruction.op.uses_index for instruction in program.instructions)
    results = result_slots(program)
    start = results[-1].stop if results else 0
    position, start = (start, start + 1) if uses_index else (None, start)
    parameters = _parameter_offsets(program, SLOT * start)
    return Layout(results, position, parameters, start + _parameter_slots(program))


def result_slots(program: Program) -> tuple[range, ...]:
    """The slots of each result, one after the other."""
    results: list[range] = []
    start = 0
    for result in program.results:
        results.append(range(start, start + result.count))
        start += result.count
    return tuple(results)


@dataclass(frozen=True)
class WholeLayout:
    """The state of a whole program: its parameters, then the registers that are several numbers;
    both by their offsets in bytes."""

    parameters: dict[str, int]
    arrays: dict[str, int]
    slots: int


def whole_layout(program: Program) -> WholeLayout:
    start = _parameter_slots(program)
    arrays = {}
    for register in program.registers.values():
        if register.count > 1:
            arrays[register.name] = SLOT * start
            start += register.count
    return WholeLayout(_parameter_offsets(program, 0), arrays, start)


class Hooks(IntEnum):
    """The slots of what a program with probes shares with its caller (lower/probe.py).

    ``PROBE`` is the address of ``probe(i32 statement, i32 phase, i64 address, i64 offset,
    i64 length, i64 ns) -> i32``, which ends the program by anything but 0; ``CLOCK`` that of
    ``clock_gettime``, and ``CLOCK_ID`` what it is asked for. ``WANTED`` is the address of a byte
    for each statement, which says whether the probe is called; ``COUNTERS`` that of the slots of
    ``Counter`` for each; ``TURNS`` that of the turns of the loops around a statement, the outer
    one first. The program writes the others: where its registers are, the nanoseconds that it
    spent in the probe, and how many statements have begun.
    """

    PROBE = 0
    CLOCK = 1
    CLOCK_ID = 2
    WANTED = 3
    COUNTERS = 4
    TURNS = 5
    REGISTERS = 6
    PAUSED = 7
    BEGUN = 8


class Counter(IntEnum):
    """What is counted for each statement: how often it ran, bytes of its spans, nanoseconds."""

    RUNS = 0
    BYTES = 1
    NS = 2


BEFORE, AFTER = 0, 1  # phases of a statement
STOPPED = 0xFFFF_FFFF  # the status where a probe ended the program; no check has it
PULSE = 1 << 16  # once in so many statements the probe is called, wanted or not


def outputs(program: Program) -> list[tuple[Output, Each]]:
    """The output tables with their loops, in program order."""
    loops = (s for s in walk(program.body) if isinstance(s, Each))
    return [(loop.output, loop) for loop in loops if loop.output is not None]


def fill_parameters(
    state: bytearray | memoryview, offsets: Mapping[str, int], arguments: Mapping[str, int | bytes]
) -> None:
    """Write ``arguments``, which are all there and fit, into a state."""
    for name, at in offsets.items():
        value = arguments[name]
        if isinstance(value, bytes):
            state[at : at + SLOT] = len(value).to_bytes(SLOT, "little")
            state[at + SLOT : at + SLOT + len(value)] = value
        else:
            state[at : at + SLOT] = value.to_bytes(SLOT, "little")


def _slots(parameter: Parameter) -> int:
    """A number takes one slot; bytes take one for their length and then their own."""
    sizes = parameter.kind.sizes
    return 1 if sizes is None else 1 + -(-sizes[1] // SLOT)


def _parameter_slots(program: Program) -> int:
    return sum(map(_slots, program.parameters))


def _parameter_offsets(program: Program, start: int) -> dict[str, int]:
    found = {}
    for parameter in program.parameters:
        found[parameter.name] = start
        start += SLOT * _slots(parameter)
    return found

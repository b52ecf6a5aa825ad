"""Where things lie in the memory that a compiled program is given (spec/abi.md)."""

from __future__ import annotations

from collections.abc import Mapping

from pcpu.ir.model import Each, Output, Parameter, Program, walk

SLOT = 8  # bytes of a number


def parameter_bytes(parameter: Parameter) -> int:
    """A number takes one slot; bytes take one for their length and then their own."""
    sizes = parameter.kind.sizes
    return SLOT if sizes is None else SLOT + -(-sizes[1] // SLOT) * SLOT


def parameter_offsets(program: Program, start: int = 0) -> dict[str, int]:
    """The offset of each parameter in the state, in bytes, from ``start`` on."""
    found = {}
    for parameter in program.parameters:
        found[parameter.name] = start
        start += parameter_bytes(parameter)
    return found


def array_offsets(program: Program) -> dict[str, int]:
    """The offset of each register of several numbers in the state of a whole program."""
    start = sum(map(parameter_bytes, program.parameters))
    found = {}
    for register in program.registers.values():
        if register.count > 1:
            found[register.name] = start
            start += SLOT * register.count
    return found


def whole_state_bytes(program: Program) -> int:
    """The size of the state of a whole program."""
    arrays = sum(r.count for r in program.registers.values() if r.count > 1)
    return sum(map(parameter_bytes, program.parameters)) + SLOT * arrays


def fill_parameters(
    state: bytearray | memoryview,
    program: Program,
    arguments: Mapping[str, int | bytes],
    start: int = 0,
) -> None:
    """Write ``arguments``, which are all there and fit, into a state."""
    for name, at in parameter_offsets(program, start).items():
        value = arguments[name]
        if isinstance(value, bytes):
            state[at : at + SLOT] = len(value).to_bytes(SLOT, "little")
            state[at + SLOT : at + SLOT + len(value)] = value
        else:
            state[at : at + SLOT] = value.to_bytes(SLOT, "little")


def outputs(program: Program) -> list[tuple[Output, Each]]:
    """The output tables with their loops, in program order."""
    loops = (s for s in walk(program.body) if isinstance(s, Each))
    return [(loop.output, loop) for loop in loops if loop.output is not None]

"""The calls that make up one run of a row: the same for every runtime."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pcpu.bench.definition import Definition, Row
from pcpu.errors import UsageError
from pcpu.ir import Instruction, Program, show_bytes
from pcpu.isa import Op
from pcpu.layout import SLOT, layout

# Where an argument is not a number: the data's address, its length, the program's state, where
# its results go; or bytes, in hexadecimal after "0x", which only functions get.
Argument = int | str
STATE = 16384  # room for the state of a program and, in its second half, the results


@dataclass(frozen=True)
class Call:
    """One function and its arguments; ``bits`` is the width of its result, 0 without one."""

    name: str
    args: tuple[Argument, ...]
    bits: int = 0


@dataclass(frozen=True)
class Plan:
    """``outputs`` u64 are read from ``out`` after the calls; ``changes`` says whether the data is
    part of the answer; a row that is not ``checked`` has no answer. ``data`` is a kind of bytes.
    Rows with one ``home`` run in one memory, at the same addresses; without, in their own."""

    kind: str
    data: str
    home: str
    module: str
    source: str
    calls: tuple[Call, ...]
    outputs: int
    changes: bool
    checked: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


SEED = 90  # the limits' third argument: a value that the compiler does not know


def make_plan(row: Row, definition: Definition) -> Plan:
    program = definition.program
    calls, module, outputs = _operations(program), "ops", 0
    if row.kind == "program":
        calls, module, outputs = PROGRAM, definition.name, layout(program).outputs
        if SLOT * layout(program).slots > STATE // 2:
            raise UsageError(
                f"{definition.name} has a larger state than the benchmark has room for"
            )
    elif row.source.startswith("limits#"):
        module, _, name = row.source.partition("#")
        is_limit = row.role == "limit"
        calls = (Call(name, ("data", "size", *([SEED] if is_limit else [])), calls[-1].bits),)
    return Plan(
        kind="kernel" if row.kind == "limit" else row.kind,
        data=definition.data,
        home=definition.name if row.role == "ours" or module == "limits" else "",
        module=module,
        source=row.source,
        calls=calls,
        outputs=outputs,
        changes=program.has_map,
        checked=row.role != "limit",
    )


PROGRAM = (
    Call("pcpu_init", ("state",)),
    Call("pcpu_update", ("state", "data", "size")),
    Call("pcpu_finish", ("state", "out")),
)


def _operations(program: Program) -> tuple[Call, ...]:
    return tuple(
        Call(f"pcpu_{i.op.name}", ("data", "size", *_operands(i)), _bits(i.op))
        for i in program.instructions
    )


def _operands(instruction: Instruction) -> tuple[Argument, ...]:
    found: list[Argument] = []
    for value in instruction.immediates:
        assert isinstance(value, int | bytes)
        found.append(show_bytes(value) if isinstance(value, bytes) else value)
    return tuple(found)


def _bits(op: Op) -> int:
    return op.result_bits if op.has_result else 0

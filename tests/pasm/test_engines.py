"""Whole programs give on every engine what the interpreter gives, traps included."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pcpu import run as engines
from pcpu.errors import TrapError
from pcpu.library import load_isa
from tests.pasm.strategies import Case, cases

ISA = load_isa()
FAST = ("jit", "wasmtime")


def outcome(engine: str, case: Case) -> Any:
    """All that a run leaves, or the trap that ended it."""
    roles = {b.name: b.role for b in case.program.buffers}
    inputs = {
        name: bytearray(content) if roles[name] == "inout" else content
        for name, content in case.inputs.items()
    }
    try:
        left = engines.find(engine).run_whole(case.program, ISA, inputs, case.arguments)
    except TrapError as trap:
        return trap.code, trap.line, trap.numbers, str(trap)
    return {n: bytes(c) for n, c in left.buffers.items()}, left.results, left.tables


@pytest.mark.parametrize("engine", FAST)
@given(case=cases(ISA))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_S9_S17_random_programs(engine: str, case: Case) -> None:
    assert outcome(engine, case) == outcome("interp", case)

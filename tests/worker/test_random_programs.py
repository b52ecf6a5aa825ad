"""Random programs by name: the Worker gives what the interpreter gives, traps included."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcpu import run as engines
from pcpu.bundle import build_bundle
from pcpu.errors import TrapError
from pcpu.ir import Arguments, Inputs, Outcome, Program
from pcpu.library import load_isa
from pcpu.run.workerd_whole import ask
from tests.pasm.strategies import Case, cases
from tests.worker.server import Server

ISA = load_isa()


def outcome(run: Any, case: Case) -> Any:
    """All that a run leaves, or the trap that ended it."""
    inputs = {name: bytearray(content) for name, content in case.inputs.items()}
    try:
        left: Outcome = run(case.program, inputs, case.arguments)
    except TrapError as trap:
        return trap.code, trap.line, trap.numbers, str(trap)
    return {n: bytes(c) for n, c in left.buffers.items()}, left.results, left.tables


def interpreted(program: Program, inputs: Inputs, arguments: Arguments) -> Outcome:
    return engines.find("interp").run_whole(program, ISA, inputs, arguments)


@given(st.lists(cases(ISA), min_size=20, max_size=20))
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_h13_h15_h17_random_programs(drawn: list[Case]) -> None:
    named = {f"p{number}": case for number, case in enumerate(drawn)}
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        build_bundle(ISA, [], bundle, named={name: c.program for name, c in named.items()})
        with Server(bundle) as server:
            for name, case in named.items():
                found = outcome(lambda *given, name=name: ask(server.port, name, *given), case)
                assert found == outcome(interpreted, case)
            assert server.output() == ""

"""Whatever a pass does to a program, the program means the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcpu.errors import TrapError
from pcpu.interp.whole import run_whole
from pcpu.ir import Program, check
from pcpu.ir.text import pasm_text
from pcpu.optimize import PASSES, Pass, optimize
from pcpu.source.pasm import parse_pasm
from tests.optimize.programs import ISA, Case, cases

SETTINGS = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def outcome(program: Program, case: Case) -> Any:
    """Buffers, results in their order and tables; or the trap with its line and numbers."""
    try:
        found = run_whole(program, case.inputs, case.arguments)
    except TrapError as trap:
        return trap.code, trap.line, trap.numbers, str(trap)
    return found.buffers, list(found.results.items()), found.tables


@pytest.mark.parametrize("one", PASSES, ids=lambda p: p.name)
@SETTINGS
@given(data=st.data())
def test_a_pass_keeps_the_meaning(one: Pass, data: st.DataObject) -> None:
    case = data.draw(cases())
    after = one.run(case.program)
    text = pasm_text(after)
    assert check(after)[0] == [], text
    assert outcome(after, case) == outcome(case.program, case), text
    assert pasm_text(one.run(after)) == text
    assert pasm_text(parse_pasm(text, ISA)) == text


@SETTINGS
@given(cases())
def test_all_passes_keep_the_meaning(case: Case) -> None:
    after = optimize(case.program)
    assert outcome(after, case) == outcome(case.program, case)
    assert pasm_text(optimize(after)) == pasm_text(after)

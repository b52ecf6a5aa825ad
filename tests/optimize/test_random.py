"""Whatever a pass does to a program, the program means the same: random programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pcpu.errors import TrapError
from pcpu.interp.whole import run_whole
from pcpu.ir import Program, check
from pcpu.ir.text import pasm_text
from pcpu.optimize import PASSES, optimize
from pcpu.source.pasm import parse_pasm
from tests.optimize.programs import ISA, Case, make_case
from tests.pasm import strategies

PROGRAMS, AT_ONCE = 400, 40


def outcome(
    program: Program, case: Case | strategies.Case, run: Callable[..., Any] = run_whole
) -> Any:
    """Buffers, results in their order and tables; or the trap with its line and numbers."""
    try:
        found = run(program, case.inputs, case.arguments)
    except TrapError as trap:
        return trap.code, trap.line, trap.numbers, str(trap)
    return found.buffers, list(found.results.items()), found.tables


def check_passes(case: Case | strategies.Case, what: str) -> None:
    """Each alone and all together; each is done after one time, and what it gives can be written."""
    wanted = outcome(case.program, case)
    for one in PASSES:
        after = one.run(case.program)
        text = pasm_text(after)
        shown = f"{what}\n; after {one.name}\n{text}"
        assert check(after)[0] == [], shown
        assert outcome(after, case) == wanted, shown
        assert pasm_text(one.run(after)) == text, shown
        assert pasm_text(parse_pasm(text, ISA)) == text, shown
    assert outcome(optimize(case.program, whole=True), case) == wanted, what


@pytest.mark.parametrize("first", range(0, PROGRAMS, AT_ONCE))
def test_passes_keep_the_meaning(first: int, share: int) -> None:
    for seed in range(first, first + AT_ONCE, min(share, 3)):
        case = make_case(seed)
        check_passes(case, f"seed {seed}, {case}")


@given(case=strategies.cases(ISA))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_passes_keep_the_meaning_of_any_program(case: strategies.Case) -> None:
    check_passes(case, pasm_text(case.program))

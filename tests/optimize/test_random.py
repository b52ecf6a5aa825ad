"""Whatever a pass does to a program, the program means the same: random programs."""

from __future__ import annotations

from typing import Any

import pytest

from pcpu.errors import TrapError
from pcpu.interp.whole import run_whole
from pcpu.ir import Program, check
from pcpu.ir.text import pasm_text
from pcpu.optimize import PASSES, optimize
from pcpu.source.pasm import parse_pasm
from tests.optimize.programs import ISA, Case, make_case

PROGRAMS, SHARE = 600, 50


def outcome(program: Program, case: Case) -> Any:
    """Buffers, results in their order and tables; or the trap with its line and numbers."""
    try:
        found = run_whole(program, case.inputs, case.arguments)
    except TrapError as trap:
        return trap.code, trap.line, trap.numbers, str(trap)
    return found.buffers, list(found.results.items()), found.tables


@pytest.mark.parametrize("first", range(0, PROGRAMS, SHARE))
def test_passes_keep_the_meaning(first: int) -> None:
    """Each alone and all together; and each is done after one time, and what it gives can be written."""
    for seed in range(first, first + SHARE):
        case = make_case(seed)
        wanted = outcome(case.program, case)
        for one in PASSES:
            after = one.run(case.program)
            text = pasm_text(after)
            shown = f"seed {seed}, {case}\n; after {one.name}\n{text}"
            assert check(after)[0] == [], shown
            assert outcome(after, case) == wanted, shown
            assert pasm_text(one.run(after)) == text, shown
            assert pasm_text(parse_pasm(text, ISA)) == text, shown
        assert outcome(optimize(case.program), case) == wanted, f"seed {seed}, {case}"

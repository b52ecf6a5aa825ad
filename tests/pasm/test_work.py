"""The bound of the work (S19-S21): what a run does is never more."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings

from pcpu import ir
from pcpu.errors import TrapError
from pcpu.interp.whole import SPAN_BYTES, Spent, run_whole
from pcpu.library import load_isa
from tests.pasm.strategies import Case, cases

ISA = load_isa()


def lengths(case: Case) -> dict[str, int]:
    """What the names in a bound stand for."""
    found: dict[str, int] = {}
    for buffer in case.program.buffers:
        content = case.inputs.get(buffer.name, b"")
        found[f"{buffer.name}.len"] = len(content)
        found[f"{buffer.name}.count"] = len(content) // SPAN_BYTES
        found[f"{buffer.name}.total"] = sum(
            int.from_bytes(content[at : at + 8], "little")
            for at in range(8, len(content), SPAN_BYTES)
        )
    return found


def check_bound(case: Case) -> None:
    faults, work = ir.check(case.program)
    assert not faults
    spent = Spent()
    with suppress(TrapError):  # what was done until then counts too
        run_whole(case.program, case.inputs, case.arguments, spent)
    known = lengths(case)
    assert spent.bytes <= work.bytes.at(known)
    assert spent.steps <= work.steps.at(known)


@given(cases(ISA))
@settings(max_examples=300, deadline=None)
def test_S20_a_run_does_no_more_than_its_bound(case: Case) -> None:
    check_bound(case)

"""Random programs: nothing is lost in writing."""

from __future__ import annotations

from hypothesis import given, settings

from pcpu import ir
from pcpu.ir.text import pasm_text
from pcpu.isa import read_isa
from pcpu.source import parse_pasm
from tests.pasm.strategies import Case, cases

ISA = read_isa()


@given(cases(ISA))
@settings(max_examples=200, deadline=None)
def test_S25_text_is_lossless(case: Case) -> None:
    ir.verify(case.program)
    assert parse_pasm(pasm_text(case.program), ISA) == case.program

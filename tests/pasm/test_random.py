"""Random programs: nothing is lost in writing."""

from __future__ import annotations

import json

from hypothesis import given, settings

from pcpu import ir
from pcpu.ir.text import pasm_text
from pcpu.library import load_isa
from pcpu.source import parse_json, parse_pasm
from tests.pasm.strategies import Case, cases

ISA = load_isa()


@given(cases(ISA))
@settings(max_examples=200, deadline=None)
def test_S25_text_is_lossless(case: Case) -> None:
    ir.verify(case.program)
    assert parse_pasm(pasm_text(case.program), ISA) == case.program


@given(cases(ISA))
@settings(max_examples=200, deadline=None)
def test_S23_json_is_lossless(case: Case) -> None:
    document = json.loads(json.dumps(case.program.to_json()))
    assert parse_json(document, ISA) == case.program

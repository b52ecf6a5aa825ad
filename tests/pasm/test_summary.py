"""What ``pcpu check`` says of traps holds in every run."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, event, given, settings

from pcpu.errors import TrapError
from pcpu.interp.whole import run_whole
from pcpu.ir.text import pasm_text
from pcpu.summary import possible_traps
from tests.pasm.running import ISA, parse
from tests.pasm.strategies import Case, cases


@given(case=cases(ISA))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_S17_a_trap_is_one_of_those_that_can_occur(case: Case) -> None:
    program = parse(pasm_text(case.program))
    possible = {(check.line, check.code) for check, _ in possible_traps(program)}
    try:
        run_whole(program, case.inputs, case.arguments)
    except TrapError as trap:
        event(trap.code)
        assert (trap.line, trap.code) in possible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xor data, 1\n", []),
        ("xor data[0:4], 1\n", ["span-range"]),
        ("if data.len >= 4\nxor data[0:4], 1\nend\n", []),
        (".param n imm8\nxor data, n\n", []),
        (".param n imm9\nxor data, n\n", ["immediate-range"]),
        (".table t = 0x0102\ncrc32c t[1:1]\n", []),
        (".out o, 4\nlit o, 0x01020304\n", []),
        (".param key bytes3-4\n.out o, 4\nlit o, key\n", ["length-mismatch"]),
        (".param key bytes4\n.out o, 4\nlit o, key\n", []),
        ("copy data[1:4], data[0:4]\n", ["span-range", "span-range"]),
        (".in src\ncopy data, src\n", ["length-mismatch"]),
        ("each window w of 4 in data\nfill w[0:1], w.index & 255\nend\n", []),
        (".spans list\neach span s of list in data\nend\n", ["spans-size", "span-range"]),
        ("repeat 3 as i\nadd data, i\nend\n", []),
    ],
)
def test_S17_traps_that_can_occur(text: str, expected: list[str]) -> None:
    assert [check.code for check, _ in possible_traps(parse(text))] == expected

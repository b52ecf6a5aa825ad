"""Whole programs give on every engine what the interpreter gives, traps included."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pcpu import run as engines
from pcpu.errors import TrapError
from pcpu.library import load_isa
from pcpu.source.pasm import parse_pasm
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


PROGRAMS = {
    "loops": """.param key bytes1-8 = "ab"
.param size imm16 = 100
.in blob
.inout data
.spans list
.out out, data.len + 8
n = le data[0:2]
h = hist blob
each window w of size in data into sums(crc, at)
    mask w, key
    crc = crc32c w
    at = w.start
end
each span s of list in blob into parts(f, k)
    f = find s, 7
    k = s.index
end
copyadd out[8:], data, n & 255
lit out[0:8], "12345678"
""",
    "trap": "n = be data[0:2]\nxor data[n:], 1\n",
    "no input": ".out out, 10\nfill out[2:3], 9\nc = crc32 out\n",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_S9_S17_workerd_agrees(text: str) -> None:
    program = parse_pasm(text, ISA)
    given = {
        "blob": bytes(range(256)) * 3,
        "data": bytes(i * 7 % 251 for i in range(1234)),
        "list": b"".join(struct.pack("<QQ", *p) for p in ((0, 5), (700, 68), (5, 0))),
    }
    inputs = {b.name: given[b.name] for b in program.buffers if b.role != "out"}
    case = Case(program, inputs, {"key": b"xyz", "size": 77} if program.parameters else {})
    wanted, found = outcome("interp", case), outcome("workerd", case)
    assert found[:2] == wanted[:2]
    if len(wanted) == 3:
        assert found == wanted

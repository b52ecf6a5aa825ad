"""The passes together: their line, their limits, what is shown of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

import pcpu.optimize
from pcpu import targets
from pcpu.errors import InternalError, ProgramError, UsageError
from pcpu.expr import Var
from pcpu.ir import MAX_BLOCKS, MAX_STATEMENTS, Fuse, If, Program, Repeat, Statement, walk
from pcpu.ir.text import pasm_text
from pcpu.lower.explain import explain
from pcpu.optimize import PASSES, Pass, optimize, report, steps
from pcpu.source import parse_json, parse_pipeline
from pcpu.source.pasm import parse_pasm
from tests.optimize.programs import ISA

TEXT = """.const key = 90
.inout data
.out out, 16

n = key + 1
xor data[0:16], key
fill out[0:8], 0
fill out[8:8], 0
c = crc32c data[0:16]
if key == 7
    add data, 1
end
"""


def test_a_program_goes_through_all_passes() -> None:
    changed = []
    program = parse_pasm(TEXT, ISA)
    for one, after in steps(program):
        if after != program:
            changed.append(one.name)
        program = after
    assert changed == ["fold-constants", "drop-dead", "merge-spans", "split-spans", "fuse"]
    assert pasm_text(program) == (
        ".inout data\n.out out, 16\n\nn = 91\nfuse\n    xor data[0:16], 90\n"
        "    c = crc32c data[0:16]\nend\nfill out[0:16], 0\n"
    )


def test_passes_can_be_left_out() -> None:
    program = parse_pasm(TEXT, ISA)
    assert optimize(program, [p.name for p in PASSES]) == program
    assert not any(isinstance(s, Fuse) for s in optimize(program, ["fuse"]).body)
    with pytest.raises(UsageError) as raised:
        optimize(program, ["inline"])
    known = "fold-constants, drop-dead, merge-spans, split-spans, fuse"
    assert str(raised.value) == f"there is no pass 'inline'; known: {known}"


@pytest.mark.parametrize("text", ["xor 1 | crc32c | counteq 2", "nop = crc32c"])
def test_streams_stay_streams(text: str) -> None:
    """Unless they are to run on data that is there as a whole; then they are one pass."""
    program = parse_pipeline(text, ISA)
    assert optimize(program) is program
    assert not optimize(program, whole=True).is_stream or len(program.body) == 1
    with_parameter = parse_pasm(".param p imm8\nxor data, p\nc = crc32c data\n", ISA)
    assert optimize(with_parameter) is with_parameter


def test_a_broken_pass_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(program: Program) -> Program:
        return Program(program.body[1:], program.parameters, program.constants)

    monkeypatch.setattr(pcpu.optimize, "PASSES", (Pass("break", "", broken),))
    with pytest.raises(InternalError) as raised:
        optimize(parse_pasm("n = 1\nif n\n    xor data, n\nend\n", ISA))
    assert str(raised.value) == (
        "the pass break breaks this program: there is no 'n' here (at body/0/if). "
        "Please report it; --without break gets around it"
    )


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(ProgramError, match="at least one statement"):
        optimize(Program((), constants=(("n", 1),)))


def test_the_report_reads_back() -> None:
    program = parse_pasm(TEXT, ISA)
    after = dict(steps(program))
    shown = report(program)
    heads = [line for line in shown.splitlines() if line.startswith("; ")]
    assert heads == ["; before the passes", *(f"; after {p.name}" for p in PASSES)]
    sections = ["; " + part for part in shown.split("\n; ")]
    assert [parse_pasm(part, ISA) for part in sections[1:]] == list(after.values())
    found = json.loads(report(program, as_json=True))
    assert [step["pass"] for step in found] == [None, *(p.name for p in PASSES)]
    assert parse_json(found[-1]["program"], ISA) == optimize(program)


def test_the_report_leaves_out_passes_that_change_nothing() -> None:
    shown = report(parse_pasm("xor data[0:4], 1\nc = crc32c data[0:4]\n", ISA), ["drop-dead"])
    assert [line for line in shown.splitlines() if line.startswith("; ")] == [
        "; before the passes",
        "; after fuse",
    ]
    assert (
        report(parse_pipeline("xor 1", ISA)) == "; before the passes\n.inout data\n\nxor data, 1\n"
    )


def test_loops_are_explained() -> None:
    target = targets.find("wasm")
    assert list(explain(optimize(parse_pasm(TEXT, ISA)), target)) == [
        "loop 1 over data[0:16], lanes: xor 90",
        "loop 2 over data[0:16], crc: crc32c",
    ]
    looped = "each window w of 64 in data\n    xor w, w.index & 7\n    add w, 1\nend\nnot data\n"
    assert list(explain(optimize(parse_pasm(looped, ISA)), target)) == [
        "loop 1 over w, lanes: xor w.index & 7 | add 1",
        "loop 2 over data, lanes: not",
    ]
    assert list(explain(parse_pipeline("xor 1 | mask 0x0102", ISA), target)) == [
        "loop 1, lanes: xor 1 | mask 0x0102"
    ]


# Limits: a pass that would exceed one of the verifier's leaves things as they are.


PAIR = parse_pasm("xor data[0:1], 1\nadd data[0:1], 1\n", ISA).body


def fuses(program: Program) -> int:
    return sum(1 for s in walk(PASSES[-1].run(program).body) if isinstance(s, Fuse))


def test_no_block_is_one_too_deep() -> None:
    body: tuple[Statement, ...] = PAIR
    for _ in range(MAX_BLOCKS - 1):
        body = (If(Var("data.len"), body),)
    assert fuses(Program(body)) == 1
    assert fuses(Program((If(Var("data.len"), body),))) == 0


def test_no_statement_is_one_too_many() -> None:
    loops = tuple(Repeat(2, PAIR) for _ in range(MAX_STATEMENTS // 3 - 1))
    room = MAX_STATEMENTS - 3 * len(loops)
    assert 0 < room < len(loops)
    assert fuses(Program(loops)) == room


def test_all_the_work_that_is_allowed() -> None:
    text = "each window w of 1 in data\n    repeat 21844\n        xor w, 1\n        add w, 1\n    end\nend\n"
    with pytest.raises(ProgramError, match="more than 65536 times"):
        parse_pasm(text.replace("21844", "21845"), ISA)
    assert fuses(parse_pasm(text, ISA)) == 1


def test_lengths_stay_where_their_numbers_would_be_too_much_work() -> None:
    """The bound of the work takes a small length for what it is, and else that of the buffer."""
    names = [f"b{n}" for n in range(20)]
    head = "".join(f".inout {name}\n" for name in names)
    text = head + "n = 1048575\nrepeat 60000\n" + "".join(f"xor {b}[n:n], n & 7\n" for b in names)
    folded = PASSES[0].run(parse_pasm(text + "end\n", ISA))
    assert "xor b0[1048575:n], 7" in pasm_text(folded)
    fewer = PASSES[0].run(parse_pasm(text.replace("60000", "50000") + "end\n", ISA))
    assert "xor b0[1048575:1048575], 7" in pasm_text(fewer)


# Time: ten times the statements take ten times as long. Calls are counted, as clocks are not exact.

BLOCK = """x = x + {n}
xor data[{n}:4], x & 7
add data[{m}:4], 1
copy out[{m}:4], data[{n}:4]
c{n} = crc32c data[{n}:4]
if x > {n}
    y = y + x
    fill out[{n}:4], y & 1
else
    xor out, y & 3
end
xor data[y:4], 1
each window w{n} of 4 in data
    sub w{n}, 1
    y = w{n}.len
end
"""


def program(blocks: int) -> Program:
    text = "".join(BLOCK.format(n=4 * n, m=4 * n + 4) for n in range(blocks))
    head = ".inout data\n.out out, 1000000\n.return x\nx = 0\ny = data.len\n"
    return parse_pasm(head + text, ISA)


def calls(run: Callable[[], object]) -> int:
    count = 0

    def tell(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tell)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("one", PASSES, ids=lambda p: p.name)
def test_time_grows_like_the_program(one: Pass) -> None:
    small, large = program(40), program(160)
    one.run(small)
    fewer, more = (calls(lambda p=p: one.run(p)) for p in (small, large))  # type: ignore[misc]
    assert more < 4.5 * fewer


def test_ten_thousand_statements() -> None:
    long = program(800)
    assert sum(1 for _ in walk(long.body)) > 10_000
    assert optimize(long) != long

"""What a simulation computes and counts."""

from __future__ import annotations

import struct
import tracemalloc

import google_crc32c
import pytest

from pcpu import interp
from pcpu.errors import TrapError
from pcpu.ir import Instruction, Move, walk
from pcpu.isa import Isa
from pcpu.sim.difference import COMPARED, first_difference
from pcpu.sim.simulate import precision
from pcpu.sim.source import canonical_source
from pcpu.sim.trace import Change
from pcpu.source import bind_arguments, parse_json, parse_pipeline
from tests.sim.programs import LOOPS, MOVES, TEXT, run, source

SPANS = struct.pack("<6Q", 0, 44, 44, 46, 1700, 100)
CASES = [
    (LOOPS, {"data": TEXT, "parts": SPANS}, {}),
    (LOOPS, {"data": TEXT[:300], "parts": b""}, {"key": "0x00000000"}),
    (LOOPS, {"data": TEXT[:8], "parts": b""}, {}),
    (MOVES, {"data": TEXT[:64], "other": bytes(range(64))}, {}),
    (".param n imm16\nk = 0\nm = 0\nrepeat n\n  k = k + 2\n  repeat 2 as j\n    m = m + j\n  end\nend", {}, {"n": "9"}),
    ("xor data, 1\nif data.len > 4\n  x = 1\n  s = sum data\nelse\n  x = 2\nend\n", {"data": TEXT}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "inputs", "given"), CASES)
def test_it_computes_what_the_interpreter_does(
    isa: Isa, text: str, inputs: dict[str, bytes], given: dict[str, str]
) -> None:
    program = source(text, isa).program
    wanted = interp.run_whole(program, inputs, bind_arguments(program, given))
    outcome = run(text, isa, inputs, given=given).outcome
    assert outcome is not None
    assert outcome.results == wanted.results
    assert outcome.tables == wanted.tables
    assert {name: bytes(b) for name, b in outcome.buffers.items()} == wanted.buffers


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("n = data.len\nxor data[n:1], 3", 5),
        ("copy data[0:4], data[1 + data.len:4]", 17),
        ("copy data[0:4], data[8:3 + data.len % 2]", 17),
        ("x = sum data\ncounteq data, x", 15),
        ("x = sum data\n    copyxor data[0:2],  data[4:2] , x", 37),
        ("x = sum data\nfill data, x", 12),
        (".param w imm8 = 0\neach window p of w in data\nend", 18),
        (".spans s\neach span p of s in data[1:]\nx = sum p\nend", 16),
        ('lit data[0:data.len], "GET "', 23),
        ("if 1\n  n = data.len\n  xor data[n:1], 3\nend", 7),
        ("repeat 2\n  s = crc32c data\n  n = data.len\n  xor data[n:1], 3\nend", 7),
    ],
)
def test_a_trap_is_that_of_the_interpreter_at_its_place(isa: Isa, text: str, column: int) -> None:
    inputs = {"data": TEXT, "s": bytes(17)}
    found = source(text, isa)
    inputs = {b.name: inputs[b.name] for b in found.program.buffers}
    with pytest.raises(TrapError) as caught:
        interp.run_whole(found.program, inputs, bind_arguments(found.program, {}))
    result = run(text, isa, inputs)
    assert result.trap is not None
    assert result.outcome is None
    assert result.status == "trapped"
    assert (result.trap.error.code, str(result.trap.error)) == (
        caught.value.code,
        str(caught.value),
    )
    assert result.trap.error.numbers == caught.value.numbers
    assert (result.trap.place.line, result.trap.place.column) == (caught.value.line, column)
    assert result.metrics.checksum_out is None


def test_metrics(isa: Isa) -> None:
    result = run(MOVES, isa, {"data": TEXT[:64], "other": bytes(64)})
    metrics = result.metrics
    assert metrics.bytes_total == 128
    # lit twice, copyadd from data, adddiff of two, fill, copy, fnv
    assert metrics.bytes_touched == 4 + 4 + 2 * 64 + 3 * 64 + 2 + 2 * 8 + 72
    assert metrics.desc_count == 1 + 1 + 2 + 3 + 1 + 2 + 1
    assert result.outcome is not None
    outputs = bytes(result.outcome.buffers["data"]) + bytes(result.outcome.buffers["out"])
    assert metrics.checksum_out == google_crc32c.value(outputs)
    assert metrics.ns == sum(total.ns for total in result.totals)


def test_a_step_says_what_it_did(isa: Isa) -> None:
    text = (
        "xor data[10:30], 7\nn = data.len * 2\nh = hist data[0:1]\nnot data[0:0]\nc = crc32c data"
    )
    result = run(text, isa, {"data": TEXT})
    xor, let, hist, nothing, crc = result.steps
    changed = bytes(b ^ 7 for b in TEXT[10:40])
    assert xor.where is not None
    assert (xor.where.buffer, xor.where.offset, xor.where.length) == ("data", 10, 30)
    assert xor.change == Change(10, TEXT[10:26], changed[:16])
    assert (xor.compared, xor.touched, xor.registers) == (30, 30, [])
    assert (let.where, let.touched, let.change) == (None, 0, None)
    (n,) = let.registers
    assert (n.name, n.before, n.after, n.index) == ("n", (0,), (2 * len(TEXT),), None)
    (h,) = hist.registers
    assert (h.name, h.index, h.before, h.after) == ("h", ord("T"), (0,) * 8, (1, *[0] * 7))
    assert nothing.change is None
    assert nothing.rate is None
    (c,) = crc.registers
    data = TEXT[:10] + changed + TEXT[40:]
    assert c.after == (google_crc32c.value(data),)
    assert all(step.done and step.ns >= 0 for step in result.steps)
    assert [step.index for step in result.steps] == [1, 2, 3, 4, 5]


def test_a_change_is_told_from_where_it_begins(isa: Isa) -> None:
    text = "each window w of 64 in data[36:]\n    fill w[5:3], 84\nend\n"
    data = bytearray(b"T" * 200)
    data[36 + 64 + 6] = 9
    steps = run(text, isa, {"data": bytes(data)}).steps
    fills = [step for step in steps if step.site.line == 2]
    assert [step.change for step in fills] == [None, Change(106, b"\x09T", b"TT"), None]
    assert [step.where.offset for step in fills if step.where] == [41, 105, 169]
    assert [step.turns for step in fills] == [(0,), (1,), (2,)]


def test_only_the_beginning_of_a_long_span_is_compared(isa: Isa) -> None:
    data = bytearray(2 * COMPARED)
    data[COMPARED] = 1
    step, other = run("fill data, 0\nfill data[1:], 1", isa, {"data": bytes(data)}).steps
    assert (step.compared, step.change) == (COMPARED, None)
    assert other.change == Change(1, bytes(16), b"\x01" * 16)


def test_first_difference() -> None:
    assert first_difference(b"", b"") is None
    for place in (0, 1, 500, 999):
        changed = bytearray(1000)
        changed[place] = 1
        assert first_difference(bytes(1000), bytes(changed)) == place


def test_turns_of_loops_in_loops(isa: Isa) -> None:
    text = "x = 0\nrepeat 2\n  repeat 3 as i\n    if i > 1\n      x = x + i\n    end\n  end\nend\nx = x + 1"
    steps = run(text, isa).steps
    assert [s.turns for s in steps if s.site.line == 5] == [(0, 2), (1, 2)]
    assert [s.turns for s in steps if s.site.line == 4] == [
        (a, b) for a in (0, 1) for b in (0, 1, 2)
    ]
    assert [s.turns for s in steps if s.site.line == 9] == [()]


def test_a_million_turns_take_no_memory(isa: Isa) -> None:
    text = "n = 0\nrepeat 1000000 as i\n    n = n + i\nend\nn = n + data.len"
    run(text, isa, {"data": b"x"}, limit=5)
    tracemalloc.start()
    try:
        result = run(text, isa, {"data": b"x"}, limit=5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    assert (len(result.steps), result.left_out) == (5, 1_000_003 - 5)
    assert [total.runs for total in result.totals] == [1, 1, 1_000_000, 1]
    assert result.outcome is not None
    assert result.outcome.results == {"n": 999_999 * 1_000_000 // 2 + 1}
    # A block that began among the steps that are kept is told of when it ends.
    assert result.steps[1].done
    assert result.steps[1].registers[0].after == (999_999 * 1_000_000 // 2,)


def test_no_steps_are_kept_where_none_are_wanted(isa: Isa) -> None:
    result = run("xor data, 1\nc = crc32c data", isa, limit=0)
    assert (result.steps, result.left_out) == ([], 2)
    assert [total.runs for total in result.totals] == [1, 1]


def test_times_are_those_of_the_code(isa: Isa) -> None:
    """A statement over 64 MiB takes longer than one that sets a register."""
    costs = precision()
    assert 0 < costs.clock < costs.probe
    result = run("f = fnv data\nx = 1", isa, {"data": bytes(1 << 26)})
    fold, let = result.totals
    assert fold.rate is not None
    assert let.ns < fold.ns


def test_blocks_that_a_trap_ends_have_the_time_of_what_is_in_them(isa: Isa) -> None:
    text = "c = 0\nrepeat 9\n  if 1\n    s = crc32c data\n    xor data[c:], 1\n    c = c + 300\n  end\nend"
    result = run(text, isa, {"data": TEXT})
    assert result.status == "trapped"
    first, loop, branch, *inner = (total.ns for total in result.totals)
    assert [total.runs for total in result.totals] == [1, 1, 8, 8, 7, 7]
    assert loop >= branch >= sum(inner) > 0
    assert result.metrics.ns == first + loop


def test_a_fuse_is_one_step(isa: Isa) -> None:
    text = "fuse\n  a = sum data\n  xor data, 1\n  b = sum data\nend"
    result = run(text, isa, {"data": TEXT})
    (step,) = result.steps
    assert [change.name for change in step.registers] == ["a", "b"]
    assert step.change is not None
    assert (step.touched, result.metrics.desc_count) == (3 * len(TEXT), 3)
    assert result.totals[0].bytes == len(TEXT)


def test_long_programs_and_large_statements(isa: Isa) -> None:
    text = "\n".join(f"r{n} = data.len + {n}" for n in range(200))
    steps = run(f"repeat 2\n{text}\nend", isa).steps
    assert len(steps) == 401
    assert len(steps[0].registers) == 16
    assert steps[1].turns == (0,)
    assert steps[-1].turns == (1,)


def test_pipelines_and_json_have_the_lines_of_their_canonical_text(isa: Isa) -> None:
    found = canonical_source(parse_pipeline("xor 0x5a | lines = counteq 10 | crc32c", isa), isa)
    lines = [found.line(site) for site in found.steps]
    assert lines == ["xor data, 90", "lines = counteq data, 10", "crc32c = crc32c data"]
    assert [site.line for site in found.steps] == [3, 4, 5]
    document = source(LOOPS, isa).program.to_json()
    again = canonical_source(parse_json(document, isa), isa, "x.json")
    assert again.program == source(LOOPS, isa).program
    for site in again.steps:
        assert again.line(site) == site.canonical


def test_spans_and_buffers_of_statements(isa: Isa) -> None:
    found = source(LOOPS, isa)
    kinds = {site.line: (site.buffer, site.spans, site.writes) for site in found.steps}
    assert kinds[7] == ("copy", 2, True)
    assert kinds[9] == ("data", 0, False)
    assert kinds[10] == ("data", 1, False)
    assert kinds[13] == ("data", 1, True)
    assert kinds[11] == (None, 0, False)
    assert kinds[24] == ("data", 2, False)
    operations = [s for s in walk(found.program.body) if isinstance(s, Instruction | Move)]
    assert sum(site.spans for site in found.steps) == len(operations) + 2  # two have sources

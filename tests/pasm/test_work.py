"""The bound of the work (S19-S21): what a run does is never more, and what has none is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings

from pcpu import ir
from pcpu.errors import TrapError
from pcpu.interp.whole import SPAN_BYTES, Spent, run_whole
from pcpu.ir import Program, Work
from tests.pasm.running import ISA, codes, parse
from tests.pasm.strategies import Case, cases

SPANS = b"".join(n.to_bytes(8, "little") for pair in ((0, 9), (2, 5), (1, 8)) for n in pair)


def lengths(program: Program, inputs: dict[str, bytes]) -> dict[str, int]:
    """What the names in a bound stand for."""
    found: dict[str, int] = {}
    for buffer in program.buffers:
        content = inputs.get(buffer.name, b"")
        found[f"{buffer.name}.len"] = len(content)
        found[f"{buffer.name}.count"] = len(content) // SPAN_BYTES
        found[f"{buffer.name}.total"] = sum(
            int.from_bytes(content[at : at + 8], "little")
            for at in range(8, len(content), SPAN_BYTES)
        )
    return found


def bound(program: Program) -> Work:
    faults, work = ir.check(program)
    assert not faults
    return work


def check_bound(case: Case) -> None:
    work = bound(case.program)
    spent = Spent()
    with suppress(TrapError):  # what was done until then counts too
        run_whole(case.program, case.inputs, case.arguments, spent)
    known = lengths(case.program, case.inputs)
    assert spent.bytes <= work.bytes.at(known)
    assert spent.steps <= work.steps.at(known)


@given(cases(ISA))
@settings(max_examples=200, deadline=None)
def test_S20_a_run_does_no_more_than_its_bound(case: Case) -> None:
    check_bound(case)


def test_S20_a_pipeline_has_a_bound() -> None:
    work = bound(parse("xor data, 1\ncrc32c data\n"))
    assert (str(work.bytes), str(work.steps)) == ("2 * data.len", "2")


@pytest.mark.parametrize(
    ("text", "touched", "steps"),
    [
        ("crc32c data\n", "data.len", "1"),
        ("crc32c data[2:]\nxor data[0:7], 1\n", "data.len + 7", "2"),
        ("mask data, 0x010203\n", "data.len + 3", "1"),
        ("h = hist data\n", "data.len + 2,048", "256"),
        (".out o, data.len * 2 + 3\nx = 1\n", "2 * data.len + 3", "1"),
        (".out o, data.len\ncopy o, data\n", "3 * data.len", "1"),
        ("lit data[0:3], 0x010203\n", "6", "1"),
        ("repeat 10\nx = 1\nend\n", "0", "21"),
        ("repeat 10\nend\n", "0", "11"),
        ("if data.len\ncrc32c data\nelse\nfnv data[0:9]\nx = 1\nend\n", "data.len + 9", "3"),
        ("each window w of 16 in data\nend\n", "0", "data.len / 16 + 2"),
        ("each window w of 16 in data\ncrc32c w\nend\n", "data.len", "data.len / 8 + 3"),
        ("each window w of 16 in data\ncrc32c w[0:8]\nend\n", "data.len / 2 + 8", "data.len / 8 + 3"),
        ("each window w of 16 in data\neach window v of 4 in w\ncrc32c v\nend\nend\n", "data.len", "3 * data.len / 4 + 5"),
        ("each window w of 4 in data into t(x)\nx = w.len\nend\n", "2 * data.len + 8", "data.len / 2 + 3"),
        ("each window w of 16 in data\nrepeat w.len\nx = 1\nend\nend\n", "0", "17 * data.len / 8 + 3"),
        (".spans list\neach span s of list in data\ncrc32c s\nend\n", "16 * list.count + list.total", "2 * list.count + 1"),
        (".spans list\n.table t = 0x0102\neach span s of list in t\ncrc32c s\nend\n", "18 * list.count", "2 * list.count + 1"),
        (".spans list\neach span s of list in data\neach window w of 8 in s\ncrc32c w\nend\nend\n", "16 * list.count + list.total", "4 * list.count + list.total / 4 + 1"),
        (".param n imm4\nrepeat n\ncrc32c data\nend\n", "15 * data.len", "31"),
        ("repeat data.len >> 3 as i\nx = crc32c data[i:8]\nend\n", "data.len", "data.len / 4 + 1"),
    ],
)  # fmt: skip
def test_S20_bounds(text: str, touched: str, steps: str) -> None:
    program = parse(text)
    work = bound(program)
    assert (str(work.bytes), str(work.steps)) == (touched, steps)
    arguments: dict[str, int | bytes] = {p.name: 15 for p in program.parameters}
    for data in (b"", b"abcdefghij", bytes(range(250))):
        check_bound(
            Case(program, {"data": data, "list": SPANS if len(data) > 9 else b""}, arguments)
        )


def test_S20_a_full_run_reaches_a_tight_bound() -> None:
    program = parse("each window w of 10 in data\ncrc32c w\nxor w[0:10], 1\nend\n")
    spent = Spent()
    run_whole(program, {"data": bytes(1000)}, {}, spent)
    work = bound(program)
    assert (spent.bytes, spent.steps) == (2000, 301)
    assert (work.bytes.at({"data.len": 1000}), work.steps.at({"data.len": 1000})) == (2000, 304)


@pytest.mark.parametrize(
    "text",
    [
        # Numbers that nothing bounds.
        "n = 0 - 1\nrepeat n\nend\n",
        "n = crc32c data\nrepeat n\nx = 1\nend\n",
        "repeat 0 - data.len\nend\n",
        "repeat data.len - 1\nend\n",
        "repeat ~data.len\nend\n",
        "repeat -1\nend\n".replace("-1", "data.len * -1"),
        "repeat 1 << data.len\nend\n",
        "h = hist data\nrepeat h[0]\nend\n",
        "n = data.len\nrepeat n > 5 ? n : 5\nend\n",  # the greater of the two
        "n = data.len\nrepeat n < 5 ? 5 : n\nend\n",
        "n = data.len\nrepeat n < 5 ? n : 5 + n\nend\n",
        ".out o, 0 - data.len\nx = 1\n",
        # A counter's bound does not outlive its loop.
        "repeat 3 as i\nend\ni = 0 - 1\nrepeat i\nend\n",
        "each window w of 3 in data\nend\nw = 0 - 1\nrepeat w\nend\n",
        # Products of lengths.
        "repeat data.len\ncrc32c data\nend\n",
        "repeat data.len\nrepeat data.len\nend\nend\n",
        "repeat data.len as i\nrepeat i\nend\nend\n",
        "each window w of 1 in data\ncrc32c data\nend\n",
        "each window w of 1 in data\nrepeat data.len\nend\nend\n",
        "each window w of 1 in data\nrepeat w.start\nend\nend\n",
        "each window w of 1 in data[0:65536]\nrepeat w.start\nend\nend\n",
        "each window w of 1 in data\nrepeat w.index\nend\nend\n",
        "each window w of 1 in data\neach window v of 1 in data\nend\nend\n",
        ".param n imm64\neach window w of n in data\nrepeat w.len\nx = crc32c w\nend\nend\n",
        ".spans list\neach span s of list in data\ncrc32c data\nend\n",
        ".spans list\neach span s of list in data\neach span t of list in s\nend\nend\n",
        ".spans list\nrepeat list.count\nrepeat list.count\nend\nend\n",
        ".out o, data.len * data.len\nx = 1\n",
        # Too often, or too much whatever the input.
        "repeat 65537\ncrc32c data\nend\n",
        "repeat 300\nrepeat 300\nfill data, 0\nend\nend\n",
        ".out o, data.len * 65537\nx = 1\n",
        "repeat 1 << 33\nend\n",
        "repeat 65536\nrepeat 65536\nrepeat 2\nend\nend\nend\n",
        "repeat 1 << 25\nh = hist data[0:0]\nend\n",
        ".out o, 1 << 33\nx = 1\n",
        ".param n imm64\nrepeat n\nend\n",
        "".join(f"repeat 60000\nc{n} = crc32c data\nend\n" for n in range(2)),
    ],
)  # fmt: skip
def test_S19_S20_S21_programs_without_a_bound_are_refused(text: str) -> None:
    found = set(codes(text))
    assert found & {"unbounded", "too-much-work", "name-taken"}
    assert found <= {"unbounded", "too-much-work", "name-taken"}


@pytest.mark.parametrize(
    ("scalar", "most"),
    [
        ("5", "5"),
        ("n", "255"),
        ("key.len", "4"),
        ("key[x]", "255"),
        ("t[x]", "255"),
        ("list.count", "list.count"),
        ("data.len + n * 3", "data.len + 765"),
        ("x & 7", "7"),
        ("data.len & x", "data.len"),
        ("x % 10", "9"),
        ("n % 1000", "255"),
        ("data.len >> 4", "data.len / 16"),
        ("data.len >> x", "data.len"),
        ("data.len << 4", "16 * data.len"),
        ("x >> 64", "0"),
        ("x < y", "1"),
        ("n | 256", "511"),
        ("n ^ data.len", "data.len + 255"),
        ("x < 100 ? x : 100", "100"),
        ("x <= data.len ? x : data.len", "data.len"),
        ("x > 100 ? 100 : x", "100"),
        ("100 > x ? x : 100", "100"),
        ("100 < x ? 100 : x", "100"),
        ("data.len < n ? data.len : n", "255"),
        ("x ? n : data.len", "data.len + 255"),
    ],
)
def test_S21_what_bounds_a_number(scalar: str, most: str) -> None:
    directives = ".param n imm8\n.param key bytes1-4\n.table t = 0x0102\n.in data\n.spans list\n"
    text = f"{directives}x = crc32c data\ny = x\nrepeat {scalar}\nend\n"
    (repeat,) = (s for s in parse(text).body if isinstance(s, ir.Repeat))
    program = parse(f"{directives}x = crc32c data\ny = x\n")
    verified = bound(parse(text)).steps
    base = bound(program).steps
    # One step for the repetition, and one for each turn.
    expected = parse(f"{directives}.out o, {'0' if most == '0' else scalar_of(most)}\nx = 1\n")
    assert repeat.body == ()
    assert str(bound(expected).bytes).replace("0 + ", "") == most
    turns = dict.fromkeys(("data.len", "list.count"), 1000)
    assert verified.at(turns) - base.at(turns) == 1 + bound(expected).bytes.at(turns)


def scalar_of(most: str) -> str:
    """A bound as pASM; there is no division."""
    return most.replace("data.len / 16", "data.len >> 4")

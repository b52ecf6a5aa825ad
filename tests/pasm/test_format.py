"""Canonical text, and ``pcpu fmt`` (S25)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu.errors import ProgramErrors
from pcpu.ir.text import pasm_text
from pcpu.source import parse_pasm
from pcpu.source.format import format_pasm
from pcpu.source.pasm_line import code_of
from tests.conftest import ROOT
from tests.pasm.running import ISA, parse
from tests.pasm.strategies import Case, cases

WRITTEN = """\

;   What this is for.

; the source
.in   src   ; it is read
.return  d,c
.const b=1<<4;four bits
.param key   bytes2-4="ab"
.const k =  b*3-1

c=crc32c   src
d = 0x10
  crc32 src[0 : -1 & 0x03]   ; not returned



if ~c&(0xff-1)
; in the branch
y=((c+1))*2
; before else
else  ; nothing
; in else
end;the end
repeat 2 as i
each window w of 0x10 in src[1:]

d =  d?0b11: i<<(1+2)

end
end

; last words
"""
FORMATTED = """\
;   What this is for.

.param key bytes2-4 = "ab"
.const b = 1 << 4  ;four bits
.const k = b * 3 - 1
; the source
.in src  ; it is read
.return d, c

c = crc32c src
d = 0x10
crc32 = crc32 src[0:-1 & 0x03]  ; not returned

if ~c & 0xff - 1
    ; in the branch
    y = (c + 1) * 2
    ; before else
    ; nothing
    ; in else
end  ;the end
repeat 2 as i
    each window w of 0x10 in src[1:]

        d = d ? 0b11 : i << 1 + 2

    end
end

; last words
"""


def formatted(text: str) -> str:
    return format_pasm(text, ISA)


def test_S25_a_file_is_written_so() -> None:
    assert formatted(WRITTEN) == FORMATTED
    assert formatted(FORMATTED) == FORMATTED


def test_S25_canonical_text() -> None:
    program = parse(
        '.return c, x\n.in src\n.table t="ab;"\n.const k=2*3\n.param p imm8\nx=0xff&~p\nmask data,0x0A\n'
        "c=crc32c src[0:t[1]]\nif x\nrepeat 2\nx=-x-(k-1)\nend\nelse\nx=(x?1:2)?x:3\nend\n"
    )
    assert pasm_text(program) == (
        ".param p imm8\n.const k = 6\n.table t = 0x61623b\n.inout data\n.in src\n.return c, x\n\n"
        "x = 255 & ~p\nmask data, 0x0a\nc = crc32c src[0:t[1]]\nif x\n    repeat 2\n        x = -x - (k - 1)\n    end\n"
        "else\n    x = (x ? 1 : 2) ? x : 3\nend\n"
    )


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("(a + b) + c", "a + b + c"),
        ("a + (b + c)", "a + (b + c)"),
        ("(a * b) + (c << d)", "a * b + (c << d)"),
        ("a - (b - c)", "a - (b - c)"),
        ("((a < b) & (c == d))", "a < b & c == d"),
        ("a | (b ^ (c & d))", "a | b ^ c & d"),
        ("~(a + b)", "~(a + b)"),
        ("~ ~a", "~~a"),
        ("-a - -b", "-a - -b"),
        ("(-a) * b", "-a * b"),
        ("-(a * b)", "-(a * b)"),
        ("0 - a", "-a"),
        ("a ? (b ? c : d) : (c ? d : a)", "a ? b ? c : d : c ? d : a"),
        ("(a ? b : c) ? d : a", "(a ? b : c) ? d : a"),
        ("t[(a + b)]", "t[a + b]"),
    ],
)  # fmt: skip
def test_S25_parentheses_that_are_needed(written: str, canonical: str) -> None:
    before = ".table t = 0x00\na = 1\nb = 2\nc = 3\nd = 4\n"
    program = parse(f"{before}x = {written}\n")
    assert pasm_text(program).split("\n")[-2] == f"x = {canonical}"
    assert parse(pasm_text(program)) == program


def test_S25_numbers_stay_as_they_are_spelled() -> None:
    text = (
        '.param key bytes3 = "a\\u0062c"\n.const c = 0x10\n.table t = "x=1;"\n.out o, 0b100\n\n'
        'lit o, "abcd"\nlit o[0:0x2], 0x4142\nmask o, key\nx = 007 + 0x7 + 7\n'
    )
    assert formatted(text) == text
    assert formatted("x=0-0x10\n") == "x = -0x10\n"  # as far as it still stands there


def test_S25_a_comment_is_never_lost() -> None:
    text = "; 1\n.return x ; 2\n; 3\nx = 1 ; 4\nif x ; 5\n; 6\nelse ; 7\n; 8\nend ; 9\n; 10"
    found = formatted(text)
    assert [int(line.split(";")[1]) for line in found.split("\n") if ";" in line] == list(
        range(1, 11)
    )
    assert formatted(found) == found


def test_S25_what_is_no_program_stays() -> None:
    with pytest.raises(ProgramErrors):
        formatted("x = 1 +\n")


def test_S25_the_examples_are_written_so() -> None:
    for path in sorted((ROOT / "examples").glob("*.pasm")):
        text = path.read_text("utf-8")
        assert formatted(text) == text, path.name


@st.composite
def dressed(draw: st.DrawFn) -> tuple[Case, str]:
    """A program, and its text with comments, blank lines and blanks in all places."""
    case = draw(cases(ISA))
    lines = []
    for canonical in pasm_text(case.program).split("\n"):
        for _ in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
            lines.append(draw(st.sampled_from(["", "; a remark", '   ;"quoted', "\t"])))
        line = canonical
        if draw(st.booleans()):
            line = line.replace(" = ", "=").replace(", ", " ,\t").strip()
        ends = ["", "", ";!", "  ; it ; says ", "\r"] if line else [""]
        lines.append(line + draw(st.sampled_from(ends)))
    return case, "\n".join(lines)


def comments(text: str) -> list[str]:
    found = (line[len(code_of(line)) :].rstrip() for line in text.split("\n"))
    return sorted(comment for comment in found if comment)


@given(dressed())
@settings(max_examples=200, deadline=None)
def test_S25_formatting_changes_no_meaning_and_is_done_once(drawn: tuple[Case, str]) -> None:
    case, text = drawn
    found = formatted(text)
    assert parse_pasm(found, ISA) == case.program
    assert formatted(found) == found
    assert comments(found) == comments(text)
    assert "\n\n\n" not in found
    bare = "\n".join(
        line for line in found.split("\n") if line and not line.strip().startswith(";")
    )
    bare = "\n".join(code_of(line).rstrip() for line in bare.split("\n"))
    assert bare == pasm_text(case.program).replace("\n\n", "\n").strip("\n")


def test_S25_negative_numbers_are_lossless() -> None:
    program = parse("x = -5\ny = ~0\n")
    assert pasm_text(program) == "x = -5\ny = ~0\n"
    assert parse(pasm_text(program)) == program

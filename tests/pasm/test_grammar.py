"""The parser accepts the lines that source/pasm.lark describes, and no others."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from random import Random

from hypothesis import HealthCheck, given, settings
from lark import Lark
from lark.exceptions import UnexpectedInput

from pcpu.errors import ProgramError, ProgramErrors
from pcpu.ir.text import pasm_text
from pcpu.library import load_isa
from pcpu.source.pasm import parse_pasm
from tests.pasm.strategies import Case, cases

ISA = load_isa()
# What stands in for a token, or between two.
PIECES = [
    "data", "w", "n", "0", "7", "0x5a", '"ab"', "[", "]", ":", "(", ")", ",", "=", "+", "-", "~", "?",
    "<<", ">=", "==", "%", ".len", "in", "of", "as", "into", "window", "span", "if", "else", "end",
    "each", "repeat", "fuse", ".in", ".out", ".param", ".return", "imm8", "bytes1-4", "$", "A", "\\",
]  # fmt: skip


@cache
def grammar() -> Lark:
    text = (files("pcpu.source") / "pasm.lark").read_text("utf-8")
    return Lark(text, parser="lalr", start="line")


def is_line(text: str) -> bool:
    try:
        grammar().parse(text)
    except UnexpectedInput:
        return False
    return True


def mistakes(text: str) -> list[ProgramError]:
    """What the parser finds wrong with a line."""
    try:
        parse_pasm(f"{text}\nxor data, 1\n", ISA)
    except ProgramErrors as found:
        return [e for e in found.errors if e.place is not None and e.place.line == 1]
    return []


def is_syntax(error: ProgramError) -> bool:
    # That a name may not be a word of the language is a rule of its own (S2).
    return error.code == "syntax" and "word of the language" not in error.message


@given(case=cases(ISA))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_S1_S5_lines_of_random_programs(case: Case) -> None:
    for line in pasm_text(case.program).split("\n"):
        assert is_line(line) == bool(line.strip())


def test_S1_S5_lines_with_a_mistake() -> None:
    random = Random(5)
    lines = (
        ".param key bytes1-64 = 0x00", ".const n = 3 * (4 + 1)", '.table t = "abc"', ".out o, data.len + 4",
        ".return a, b", "crc = crc32c data[n:]", "mask data[4:n - 1], key", "n = a < b ? a : ~b & 3",
        'lit data[0:2], "ab"', "copyxor data[0:4], w[1:4], 7", "repeat n & 7 as i",
        "each window w of 4096 in data[4:] into sums(crc, n)", "each span s of list in data", "if n == 3",
    )  # fmt: skip
    for line in lines:
        assert is_line(line)
    wrong = 0
    for _ in range(3000):
        words = random.choice(lines).replace("[", " [ ").replace(",", " , ").split(" ")
        for _ in range(random.randrange(1, 3)):
            place = random.randrange(len(words))
            words[place : place + random.randrange(2)] = random.choice(
                [[], [random.choice(PIECES)]]
            )
        text = " ".join(words)
        if text.strip():
            found = mistakes(text)
            if is_line(text):
                assert not any(map(is_syntax, found)), text
            else:
                assert found, text
                wrong += 1
    assert wrong > 1000

"""Programs: the conformance corpus, and the two written forms (spec/program.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu import interp, ir
from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Program, with_names
from pcpu.ir.text import pasm_text
from pcpu.isa import Immediate, Isa, read_isa
from pcpu.source import parse_json, parse_pasm, parse_pipeline, read_program

CORPUS = Path(__file__).parent / "conformance"
PROGRAMS = json.loads((CORPUS / "programs.json").read_text("utf-8"))
ERRORS = json.loads((CORPUS / "errors.json").read_text("utf-8"))
ISA = read_isa()


def joined(text: Any) -> str:
    """A text of the corpus; see its README."""
    if isinstance(text, str):
        return text
    return "".join(item if isinstance(item, str) else item[0] * item[1] for item in text)


def test_P1_P2_P5_P6_P8_programs_of_the_corpus(isa: Isa) -> None:
    for case in PROGRAMS:
        program = parse_pipeline(case["program"], isa)
        assert str(program) == case["canonical"]
        assert program.signature == case["signature"]
        data, results = interp.run(program, bytes.fromhex(case["data_hex"]))
        assert data.hex() == case["expect_data_hex"]
        shown = {r.name: r.show(v) for r, v in zip(program.results, results, strict=True)}
        assert shown == case["results"], case["program"]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case["code"])
def test_P4_P5_P7_P9_P11_errors_of_the_corpus(case: dict[str, Any], isa: Isa) -> None:
    with pytest.raises(ProgramError) as caught:
        if "program" in case:
            parse_pipeline(joined(case["program"]), isa)
        else:
            parse_json(json.loads(joined(case["json"])), isa)
    error = caught.value
    assert error.code == case["code"]
    if "line" in case:
        assert error.place is not None
        assert (error.place.line, error.place.column) == (case["line"], case["column"])
    else:
        assert error.pointer == case["pointer"]


def test_P9_an_error_shows_the_line_and_a_caret(isa: Isa) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_pipeline("xor 0x5a |\n  crc23c | fnv", isa)
    assert str(caught.value) == (
        "program:2:3: unknown operation 'crc23c'; did you mean 'crc32c'?\n    crc23c | fnv\n    ^"
    )


def operands(imm: Immediate) -> st.SearchStrategy[int | bytes]:
    if imm.sizes is None:
        return st.integers(0, (1 << imm.bits) - 1)
    least, most = imm.sizes
    return st.binary(min_size=least, max_size=most)


def stages() -> st.SearchStrategy[Program]:
    names = st.one_of(st.none(), st.from_regex(r"\A[a-z_][a-z0-9_]{0,8}\Z"))
    op = st.sampled_from(ISA.operations)

    def stage(op: Any) -> st.SearchStrategy[Any]:
        imms = st.tuples(*map(operands, op.immediates))
        return st.tuples(st.just(op), imms, names if op.has_result else st.none())

    return st.lists(op.flatmap(stage), min_size=1, max_size=12).map(with_names)


@given(stages())
@settings(max_examples=200)
def test_P10_P12_text_and_json_are_lossless(program: Program) -> None:
    try:
        ir.verify(program)
    except ProgramError as error:
        # Two given names, or one that a default takes; or a word.
        assert error.code == "duplicate-name" or "is a word of the language" in str(error)
        return
    assert parse_pipeline(str(program), ISA) == program
    assert parse_json(program.to_json(), ISA) == program
    assert parse_pasm(pasm_text(program), ISA) == program
    assert json.loads(json.dumps(program.to_json())) == program.to_json()


@given(st.text(max_size=80))
@settings(max_examples=300)
def test_any_text_is_a_program_or_an_error(text: str) -> None:
    try:
        program = parse_pipeline(text, ISA)
    except ProgramError as error:
        assert error.place is not None
        assert "^" in str(error)
        return
    assert parse_pipeline(str(program), ISA) == program


def test_programs_from_files(tmp_path: Path, isa: Isa) -> None:
    text, document = tmp_path / "p.pcpu", tmp_path / "p.json"
    text.write_text("xor 1 |\n crc32c\n")
    document.write_text('[{"op": "xor", "imm": 1}, {"op": "crc32c"}]')
    assert read_program(str(text), isa) == read_program(str(document), isa)
    with pytest.raises(UsageError, match="cannot be read"):
        read_program(str(tmp_path / "none.pcpu"), isa)
    document.write_text("[" * 100000)
    with pytest.raises(ProgramError, match=r"p\.json: not JSON"):
        read_program(str(document), isa)
    text.write_bytes(b"xor 1 | \xff")
    with pytest.raises(ProgramError, match=r"p\.pcpu: the file is not UTF-8 at byte 8"):
        read_program(str(text), isa)

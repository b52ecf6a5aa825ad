"""What each pass makes of a program: golden/PASS/*.pasm hold the text before and after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcpu.ir.text import pasm_text
from pcpu.optimize import PASSES
from pcpu.source.pasm import parse_pasm
from tests.optimize.programs import ISA

FILES = sorted((Path(__file__).parent / "golden").glob("*/*.pasm"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_golden(file: Path) -> None:
    one = next(p for p in PASSES if p.name == file.parent.name)
    before, after = file.read_text("utf-8").split(f"\n; after {one.name}\n")
    found = one.run(parse_pasm(before, ISA))
    assert pasm_text(found) == after
    assert pasm_text(one.run(found)) == after
    assert pasm_text(parse_pasm(after, ISA)) == after


def test_each_pass_has_its_files() -> None:
    assert {file.parent.name for file in FILES} == {p.name for p in PASSES}

"""Errors in pASM text as their readers see them (S16). PCPU_BLESS=1 writes what they are now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcpu.errors import ProgramErrors
from pcpu.source import parse_pasm
from tests.pasm.running import ISA, mistakes

FOLDER = Path(__file__).parent / "errors"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.pasm")), ids=lambda path: path.stem)
def test_S16_errors_as_they_are_shown(path: Path) -> None:
    with pytest.raises(ProgramErrors) as caught:
        parse_pasm(path.read_text("utf-8"), ISA, path.name)
    shown = f"{caught.value}\n"
    expected = path.with_suffix(".txt")
    if os.environ.get("PCPU_BLESS") == "1":
        expected.write_text(shown, "utf-8")
    assert shown == expected.read_text("utf-8")


def test_S16_at_most_20_in_the_order_of_lines() -> None:
    found = mistakes("x = y\n" + "z = $\n" * 50)
    assert len(found) == 20
    found = mistakes("".join(f"x = y{n}\n" for n in range(50)))
    assert [line for _, line, _ in found] == list(range(1, 21))
    assert [line for _, line, _ in mistakes("x = y\nx = $\nx = z\n")] == [1, 2, 3]


def test_S16_columns_count_characters() -> None:
    assert mistakes('.table t = "é\U0001f600" $\nx = 1\n') == [("syntax", 1, 17)]

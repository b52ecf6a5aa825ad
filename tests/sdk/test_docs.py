"""The examples of docs/python.md are run."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path

import pytest

from pcpu.ir import MOVES
from pcpu.library import load_isa
from pcpu.sdk.language import Span
from tests.conftest import ROOT

GUIDE = ROOT / "docs" / "python.md"


def test_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(GUIDE), module_relative=False)
    assert found.attempted > 40
    assert found.failed == 0


def test_what_the_guide_shows_of_a_client_is_python() -> None:
    text = GUIDE.read_text("utf-8").split("## A Worker")[1]
    block = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    methods = {
        n.func.attr
        for n in ast.walk(ast.parse(block))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    }
    from pcpu import Client

    assert methods - {"Client"} <= set(dir(Client))


def test_functions_have_every_operation() -> None:
    for name in (*(op.name for op in load_isa().operations), *MOVES):
        assert hasattr(Span, name) or hasattr(Span, f"{name}_")


def test_links_lead_somewhere() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", GUIDE.read_text("utf-8")):
        assert (GUIDE.parent / name).exists(), name

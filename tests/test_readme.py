"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pcpu.bench.delta.readme import figures
from pcpu.bench.readme import BEGIN, END, table
from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text("utf-8")


def test_commands(tmp_path: Path) -> None:
    shutil.copy(ROOT / "LICENSE", tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL):
        for part in block.split("$ ")[1:]:
            command, _, expected = part.partition("\n")
            done = subprocess.run(
                command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": path},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
            )  # fmt: skip
            if expected:
                assert done.stdout == expected
    assert (tmp_path / "masked.wasm").is_file()
    assert (tmp_path / "bundle" / "wrangler.jsonc").is_file()


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```pycon\n(.*?)```", TEXT, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(example, {}, "README", None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_table_is_that_of_a_record() -> None:
    records = [
        json.loads(path.read_text("utf-8"))
        for path in (ROOT / "bench" / "record").glob("*.json")
        if "-iprog-" not in path.name
    ]
    shown = TEXT.split(BEGIN)[1].split(END)[0]
    assert shown in [table(record) for record in records]


def test_the_figures_of_plans_are_those_of_a_record() -> None:
    page = (ROOT / "docs" / "iprog.md").read_text("utf-8")
    records = (ROOT / "bench" / "record").glob("*-iprog-*.json")
    assert any(figures(json.loads(path.read_text("utf-8"))) in page for path in records)


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    for name in re.findall(r'(?:\]\(|srcset="|src=")([^)":]+)', TEXT):
        assert name in anchors or (ROOT / name).exists(), name

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
from pcpu.bench.readme import BEGIN, END, results, summary
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


def test_the_tables_are_those_of_a_record() -> None:
    records = [
        json.loads(path.read_text("utf-8"))
        for path in (ROOT / "bench" / "record").glob("*.json")
        if "-iprog-" not in path.name
    ]
    pages = (TEXT, (ROOT / "bench" / "README.md").read_text("utf-8"))
    shown = tuple(page.split(BEGIN)[1].split(END)[0] for page in pages)
    assert shown in [(summary(record), results(record)) for record in records]


def test_what_was_missed_is_named() -> None:
    goal = {
        "definition": "xor",
        "runtime": "node",
        "rival": "JS",
        "at_least": 2.0,
        "at_most_ns": None,
        "met": False,
    }
    record = {
        "goals": [
            goal | {"size": 64, "value": 1.5}, goal | {"size": 1024, "value": 1.75}, goal | {"size": 8192, "value": 2, "met": True},
            goal | {"runtime": "native", "size": 64, "rival": None, "value": None},
            goal | {"size": 64, "rival": None, "value": 51.2, "at_least": None, "at_most_ns": 50},
        ],
        "results": [
            {"definition": "xor", "runtime": "node", "size": 1 << 20, "role": role, "title": title, "ns": {"min": ns, "median": ns}}
            for role, title, ns in (("ours", "pCPU", 2 << 20), ("peer", "JS", 1 << 20))
        ],
        "machine": {"processor": "P", "cores": 2}, "date": "2026-01-01T00:00:00", "compiled_with": "C",
    }  # fmt: skip
    said = summary(record)
    assert "| xor | **0.5** (0.5x) |  |  |\n" in said
    assert "Slower than an alternative: xor, WebAssembly in Node, 0.5x JS.\n" in said
    assert said.endswith(
        "P, 2 cores, 2026-01-01, C. This run met 1 of 5 goals; it missed\n\n"
        "- xor, WebAssembly in Node, 64 B, 1 KiB: 1.50 to 1.75x (JS), the goal is 2.00x\n"
        "- xor, native, 64 B: not measured\n"
        "- xor, WebAssembly in Node, 64 B: 51 ns a call, the goal is 50 ns\n"
    )


def test_the_figures_of_plans_are_those_of_a_record() -> None:
    page = (ROOT / "docs" / "iprog.md").read_text("utf-8")
    records = (ROOT / "bench" / "record").glob("*-iprog-*.json")
    assert any(figures(json.loads(path.read_text("utf-8"))) in page for path in records)


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {f"#{heading.lower().replace(' ', '-')}" for heading in headings}
    for name in re.findall(r'(?:\]\(|srcset="|src=")([^)":]+)', TEXT):
        path, _, anchor = name.partition("#")
        assert name in anchors or (ROOT / path).exists(), name
        if path and anchor:
            assert f"## {anchor}\n" in (ROOT / path).read_text("utf-8").lower(), name

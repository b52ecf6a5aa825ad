"""docs/simulator.md: what it shows is what happens, but for times.

``PCPU_BLESS=1`` writes the outputs into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.sim.terminal import Terminal

PAGE = ROOT / "docs" / "simulator.md"
_SAVED = re.compile(r"this as `([\w.]+)`:\n\n```\n(.*?)```\n", re.DOTALL)
_TYPED = re.compile(r"```\n\$ pcpu sim ([^\n]*)\n(.*?)```\n", re.DOTALL)
_SHOWN = re.compile(r"```console\n\$ ([^\n]*)\n(.*?)```\n", re.DOTALL)


def without_times(text: str) -> str:
    """``text`` as it is on any machine: each line up to its first time, its blanks as one."""
    text = re.sub(r"\s<?[\d.]+ (ns|µs|ms)\b[^\n]*", "", text)
    text = re.sub(r"\bns \d+", "ns", re.sub(r"about \d+ ns;", "about", text))
    text = re.sub(r"(\w+ +\w+)[^\n…]*…", r"\1…", text)  # how much is cut depends on the times
    return re.sub(r"[ ─]+", " ", text)


def test_the_page(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    for name, content in _SAVED.findall(text):
        (tmp_path / name).write_text(content)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "80", "NO_COLOR": "1"}
    for command, shown in _SHOWN.findall(text):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, text=True, check=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        text = text.replace(f"$ {command}\n{shown}", f"$ {command}\n{done.stdout}")
        if not os.environ.get("PCPU_BLESS"):
            assert without_times(done.stdout) == without_times(shown)
    if os.environ.get("PCPU_BLESS"):
        PAGE.write_text(text, "utf-8")


def test_the_session(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    for name, content in _SAVED.findall(text):
        (tmp_path / name).write_text(content)
    command, shown = _TYPED.findall(text)[0]
    terminal = Terminal(*command.split(), folder=tmp_path)
    said = "".join(terminal.answer(f"{line}\n") for line in re.findall(r"\(pcpu\) (.*)", shown))
    said += terminal.finish()[1]
    assert without_times(said.replace("\r\n", "\n")).startswith(without_times(shown))


def test_links_lead_somewhere() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text("utf-8")):
        assert (PAGE.parent / name).exists(), name

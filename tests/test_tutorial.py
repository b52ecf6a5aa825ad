"""The tutorial: files as it says to save them, commands as it says to run them, outputs as it shows them.

``PCPU_BLESS=1`` writes the outputs into the page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
PORT = "8787"
_BLOCK = re.compile(r"(?P<before>[^\n]*\n\n?)```(?P<kind>\w*)\n(?P<body>.*?)```\n", re.DOTALL)
_NAME = re.compile(r"[Ss]ave this as\s+`([\w.-]+)`")


@contextmanager
def served(command: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of the Worker that ``pcpu serve`` serves, on a port that is free."""
    process = subprocess.Popen(
        [*command.split(), "--port", "0"], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                yield found.group(1)
                return
        raise AssertionError("pcpu serve stopped")
    finally:
        process.terminate()
        process.wait()


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


def test_the_tutorial(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "80", "NO_COLOR": "1"}
    pages, port = [], PORT
    with ExitStack() as stack:
        for block in _BLOCK.finditer(text):
            if block["kind"] != "console":
                before = text[max(0, block.start("body") - 100) : block.start("body")]
                (tmp_path / _NAME.findall(before)[-1]).write_text(block["body"])
                continue
            found = ""
            for part in block["body"].split("$ ")[1:]:
                command = part.split("\n", 1)[0]
                found += f"$ {command}\n"
                if command.startswith("pcpu serve"):
                    port = stack.enter_context(served(command, tmp_path, environment))
                else:
                    here = command.replace(f":{PORT}/", f":{port}/")
                    found += run(here, tmp_path, environment)
            pages.append((block["body"], found))
    if os.environ.get("PCPU_BLESS"):
        for shown, found in pages:
            text = text.replace(shown, found, 1)
        PAGE.write_text(text, "utf-8")
    else:
        assert [found for _, found in pages] == [shown for shown, _ in pages]

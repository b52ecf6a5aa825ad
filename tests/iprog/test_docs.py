"""docs/iprog.md, bank.md, publishing.md and the README: their commands about plans, as they are printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pcpu.iprog.plan import make_plan
from tests.conftest import ROOT
from tests.iprog.pairs import edited
from tests.test_tutorial import PORT, served

OLD, NEW = edited(41, 100_000)
FILES = {
    "README.md": {"old.so": OLD, "new.so": NEW},
    "docs/iprog.md": {"old.so": OLD, "new.so": NEW},
    "docs/bank.md": {"old/1.bin": OLD, "old/a/2.bin": OLD[:-9], "new.bin": NEW, "new/3.bin": NEW},
    "docs/publishing.md": {"app-1.0.wasm": OLD, "app-1.1.wasm": NEW},
}
# What needs an account, a cluster, or what is not about plans.
_NOT_RUN = re.compile(r"npx |make |.*--bucket|.*--scheduler|pcpu (run|build|compile ')|.*LICENSE")
_COMMAND = re.compile(r"^(?:    |\$ )((?:pcpu|curl|npx|make) (?:[^\n]*\\\n)?[^\n]*)", re.MULTILINE)
_ABOUT = re.compile(r" {3,}.*| +# .*")  # what stands beside a command


def commands(page: str) -> list[str]:
    text = (ROOT / page).read_text("utf-8")
    found = [_ABOUT.sub("", re.sub(r"\\\n *", "", command)) for command in _COMMAND.findall(text)]
    return [command for command in found if not _NOT_RUN.match(command)]


@pytest.mark.parametrize("page", FILES)
def test_commands_work_as_they_are_printed(page: str, tmp_path: Path) -> None:
    for name, content in FILES[page].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    if page == "docs/publishing.md":
        (tmp_path / "x.iprog").write_bytes(make_plan(NEW, [OLD]).plan)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    found = commands(page)
    assert len(found) >= 5
    with ExitStack() as stack:
        port = PORT
        for command in found:
            if command.startswith("pcpu serve"):
                port = stack.enter_context(served(command, tmp_path, environment))
                continue
            here = command.replace("curl -sS", "curl -fsS").replace(f":{PORT}/", f":{port}/")
            done = subprocess.run(
                here, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            # Ranges are of the middle; all else that is rebuilt is the file.
            if re.search(r"^(pcpu apply|curl).* -o (new\.so|app-1\.1\.wasm|x)$", here):
                assert (tmp_path / here.rpartition(" ")[2]).read_bytes() == NEW
        for name in re.findall(r"as the object `?(\w+)", (ROOT / page).read_text("utf-8")):
            answer = httpx.get(f"http://127.0.0.1:{port}/v1/objects/{name}")
            assert answer.content == NEW


def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.so").write_bytes(OLD)
    (tmp_path / "new.so").write_bytes(NEW)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/iprog.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    subprocess.run([sys.executable, "-c", block], check=True, capture_output=True)
    assert (tmp_path / "new.iprog").stat().st_size > 0

"""What each command says with --help: its examples are run as they are printed."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from pcpu.cli.app import app
from tests.conftest import ROOT

# What runs until it is stopped, needs an account, or takes minutes.
NOT_RUN = ("pcpu serve", "curl ", "cd bundle && npx wrangler deploy", "pcpu bench")


def commands(group: click.Group, name: str = "pcpu") -> dict[str, click.Command]:
    """All commands, those of groups too, by what is typed."""
    found: dict[str, click.Command] = {name: group}
    for each in group.commands.values():
        typed = f"{name} {each.name}"
        found |= commands(each, typed) if isinstance(each, click.Group) else {typed: each}
    return found


COMMANDS = commands(typer.main.get_command(app))  # type: ignore[arg-type]


def examples(typed: str) -> list[str]:
    shown = COMMANDS[typed].get_help(click.Context(COMMANDS[typed], info_name=typed))
    return re.findall(r"^ *Example: (.*)$", shown, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What examples find: a picture, old and new versions of a file, a bank, a plan, programs."""
    path = tmp_path_factory.mktemp("help")
    shutil.copytree(ROOT / "examples", path / "examples")
    old = random.Random(1).randbytes(20_000)
    new = old[:9000] + b"new" + old[9000:]
    (path / "new").mkdir()
    for name, content in {
        "photo.jpg": old, "old.bin": old, "old-1.0.bin": old, "old-1.1.bin": old[:-9],
        "new.bin": new, "new-1.2.bin": new, "new/a.bin": new,
    }.items():  # fmt: skip
        (path / name).write_bytes(content)
    for command in (
        "pcpu bank add bank old-1.0.bin old-1.1.bin",
        "pcpu plan new.bin --blob old.bin -o new.iprog",
    ):
        done = run(command, path)
        assert done.returncode == 0, done.stderr
    return path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        command, shell=True, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("typed", COMMANDS)
def test_examples_work_as_they_are_printed(typed: str, folder: Path) -> None:
    found = examples(typed)
    assert any(example.startswith(typed) for example in found)
    for example in found:
        if not example.startswith(NOT_RUN):
            done = run(example, folder)
            assert done.returncode == 0, (example, done.stderr)


@pytest.mark.parametrize("typed", COMMANDS)
def test_examples_are_not_broken_over_lines(typed: str) -> None:
    assert all(len(f"  Example: {example}") <= 78 for example in examples(typed))


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("pcpu pl", ["plan"]),
        ("pcpu bank s", ["select"]),
        ("pcpu compile --target r", ["riscv64"]),
        ("pcpu compile --without f", ["fold-constants", "fuse"]),
        ("pcpu isa crc32", ["crc32", "crc32c"]),
        ("pcpu apply new", []),  # the shell completes names of files
    ],
)
def test_completion(typed: str, wanted: list[str]) -> None:
    """As bash asks for it."""
    about = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run(
        [Path(sys.executable).parent / "pcpu"], capture_output=True, text=True, check=False,
        env=os.environ | about | {"_PCPU_COMPLETE": "complete_bash"},
    )  # fmt: skip
    assert (sorted(done.stdout.split()), done.stderr) == (wanted, "")


def test_inspect_says_what_it_does_not_check() -> None:
    inspect = COMMANDS["pcpu inspect"]
    shown = " ".join(inspect.get_help(click.Context(inspect)).split())
    assert "what the windows come to is not checked; pcpu verify does that" in shown

"""``pcpu bank`` and ``pcpu plan --bank`` as their users run them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pcpu.cli.bars import planning
from tests.iprog.bank.test_bank import versions
from tests.test_cli import pcpu


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """old/ with four versions, new with the fifth, and bank with the old ones."""
    path = tmp_path_factory.mktemp("cli")
    (path / "old").mkdir()
    *old, new = versions(4, 5)
    for n, blob in enumerate(old):
        (path / f"old/{n}").write_bytes(blob)
    (path / "new").write_bytes(new)
    done = pcpu("bank", "add", path / "bank", path / "old")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.endswith(b"4 added, 0 known already\n")
    return path


def test_add_again(folder: Path) -> None:
    done = pcpu("bank", "add", folder / "bank", folder / "old/0", "--json")
    assert json.loads(done.stdout) == {"added": 0, "known": 1, "blobs": 4}


def test_list(folder: Path) -> None:
    done = pcpu("bank", "list", folder / "bank")
    sha256 = hashlib.sha256((folder / "old/1").read_bytes()).hexdigest()
    line = done.stdout.decode().splitlines()[1]
    assert line.split() == [str((folder / "old/1").stat().st_size), sha256[:12], "1"]
    about = json.loads(pcpu("bank", "list", folder / "bank", "--json").stdout)[1]
    assert (about["names"], about["sha256"], about["kind"]) == (["1"], sha256, "")
    assert about["sections"] == {"other": about["size"]}


def test_select(folder: Path) -> None:
    sha256 = hashlib.sha256((folder / "old/3").read_bytes()).hexdigest()
    done = pcpu("bank", "select", folder / "bank", folder / "new")
    assert done.stdout.decode().startswith(f"3  {folder}/bank/blobs/{sha256}  (")
    found = json.loads(
        pcpu(
            "bank",
            "select",
            folder / "bank",
            folder / "new",
            "--best",
            "3",
            "--by",
            "sketches",
            "--json",
        ).stdout
    )
    assert [row["name"] for row in found] == ["3", "2", "1"]
    assert found[0]["path"] == f"{folder}/bank/blobs/{sha256}"
    assert (found[0]["by"], found[0]["plan"]) == ("sketches", None)


def test_compiling_loops_is_told_once(folder: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first, second = (
        pcpu("bank", "add", tmp_path / name, folder / "old", PCPU_CACHE=cache) for name in "ab"
    )
    told = "compiling loops of the planner, to be kept: up to a minute\n"
    assert first.stderr.decode().removeprefix(told) == second.stderr.decode()
    assert first.stderr.decode().startswith(told)


def test_plan_from_a_bank(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.iprog"
    done = pcpu("plan", folder / "new", "--bank", folder / "bank", "-o", out)
    assert done.returncode == 0
    said = next(line for line in done.stderr.decode().splitlines() if "--blob" in line)
    assert said.startswith("from 3: --blob ")
    again = tmp_path / "again"
    blob = said.partition("--blob ")[2]
    assert pcpu("apply", out, "--blob", blob, "-o", again).returncode == 0
    assert again.read_bytes() == (folder / "new").read_bytes()


def test_plan_from_several_blobs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(versions(9, 1)[0])
    (tmp_path / "both").write_bytes(
        (folder / "new").read_bytes() + (tmp_path / "other").read_bytes()
    )
    assert (
        pcpu("bank", "add", tmp_path / "bank", folder / "old", tmp_path / "other").returncode == 0
    )
    done = pcpu(
        "plan",
        tmp_path / "both",
        "--bank",
        tmp_path / "bank",
        "--best",
        "3",
        "-o",
        tmp_path / "x",
        "--json",
    )
    said = [line for line in done.stderr.decode().splitlines() if "--blob" in line]
    assert sorted(line.split(":")[0] for line in said) == ["from 3", "from other"]
    blobs = [part for line in said for part in ("--blob", line.partition("--blob ")[2])]
    assert pcpu("apply", tmp_path / "x", *blobs, "-o", tmp_path / "again").returncode == 0
    assert (tmp_path / "again").read_bytes() == (tmp_path / "both").read_bytes()


def test_misuse(folder: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (
            ("bank", "list", tmp_path),
            f"{tmp_path} is no bank; make one with pcpu bank add {tmp_path} FILE",
        ),
        (("bank", "select", tmp_path, "x"), f"{tmp_path} is no bank"),
        (("bank", "select", folder / "bank", tmp_path / "x"), f"{tmp_path}/x cannot be read"),
        (("bank", "add", folder / "bank", tmp_path / "x"), f"{tmp_path}/x cannot be read"),
        (("bank", "add", folder / "old", folder / "new"), "is not empty, and no bank"),
        (
            (
                "plan",
                folder / "new",
                "--bank",
                folder / "bank",
                "--blob",
                folder / "new",
                "-o",
                tmp_path / "x",
            ),
            "give either --bank or --blob",
        ),
        (("plan", folder / "new", "--best", "2", "-o", tmp_path / "x"), "--best is about --bank"),
    ):
        done = pcpu(*arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().startswith("pcpu: error: ")
        assert said in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("is_terminal", [True, False])
def test_loops_are_counted_on_a_terminal(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def three(told: Callable[[int], None]) -> Iterator[None]:
        for count in (1, 2, 3):
            told(count)
        yield

    screen = _Screen() if is_terminal else io.StringIO()
    monkeypatch.setattr("pcpu.iprog.jit.compiling", three)
    monkeypatch.setattr("sys.stderr", screen)
    with planning() as progress:
        progress("aligning", 0.5)
    told = "compiling loops of the planner, to be kept: up to a minute\n"
    assert screen.getvalue().count(told) == 1
    assert ("aligning" in screen.getvalue()) == is_terminal
    assert is_terminal or screen.getvalue() == told

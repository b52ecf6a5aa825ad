"""``pcpu plan --corpus`` as its users run it, on processes of this machine and on a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.iprog.bank.test_bank import versions
from tests.test_cli import pcpu


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus")
    for name in ("old", "new"):
        (path / name).mkdir()
    for n in range(3):
        for name, content in zip(("old", "new"), versions(80 + n, 2, 5000), strict=True):
            (path / name / str(n)).write_bytes(content)
    assert pcpu("bank", "add", path / "bank", path / "old").returncode == 0
    return path


def test_a_corpus(folder: Path) -> None:
    arguments = (
        "plan",
        "--corpus",
        folder / "new",
        "--bank",
        folder / "bank",
        "-o",
        folder / "out",
        "--workers",
        "1",
    )
    done = pcpu(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    assert (told["files"], told["planned"], told["failed"]) == (3, 3, 0)
    assert Path(told["report.html"]).read_text().startswith("<!doctype html>")
    assert Path(told["results.parquet"]).read_bytes()[:4] == b"PAR1"
    (folder / "out/plans/1.iprog").unlink()
    (folder / "out/plans/1.iprog").mkdir()
    done = pcpu(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    said = done.stderr.decode().splitlines()
    assert said[0].startswith("0 planned, 2 from before, 1 failed: ")
    assert said[2].startswith("pcpu: error: 1 of 3 files could not be planned; the first is 1: ")
    (folder / "out/plans/1.iprog").rmdir()


def test_a_cluster_by_its_address(folder: Path, tmp_path: Path) -> None:
    program = (
        "import distributed, sys\n"
        "if __name__ == '__main__':\n"
        "    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as c:\n"
        "        print(c.scheduler_address, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    (tmp_path / "cluster.py").write_text(program)
    with subprocess.Popen(
        [sys.executable, tmp_path / "cluster.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().decode().strip()
        done = pcpu(
            "plan", "--corpus", folder / "new", "--bank", folder / "bank", "-o", tmp_path / "out",
            "--scheduler", address, "--json",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert json.loads(done.stdout)["planned"] == 3
        cluster.communicate(b"")


def test_misuse(folder: Path, tmp_path: Path) -> None:
    corpus, bank = ("--corpus", folder / "new"), ("--bank", folder / "bank")
    for arguments, said in (
        (corpus, "--corpus needs --bank BANK"),
        ((*corpus, *bank, folder / "new/0"), "--corpus stands in place of FILE"),
        (
            (*corpus, *bank, "--scheduler", "tcp://x:1", "--workers", "2"),
            "--workers is about this machine",
        ),
        (("--corpus", tmp_path / "x", *bank), "there is no such folder"),
        ((*corpus, "--bank", tmp_path), "is no bank"),
        ((*bank,), "give a FILE to plan, or --corpus DIR"),
        (
            (folder / "new/0", *bank, "--workers", "2"),
            "--scheduler and --workers are about --corpus",
        ),
        (
            (*corpus, *bank, "--scheduler", "nonsense://"),
            "--scheduler nonsense://: there is no cluster",
        ),
    ):
        done = pcpu("plan", *arguments, "-o", tmp_path / "out")
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().startswith("pcpu: error: ")
        assert said in done.stderr.decode()
        assert "Traceback" not in done.stderr.decode()

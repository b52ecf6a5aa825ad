"""Where reconstructors for Linux write to."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pcpu import targets
from pcpu.iprog.plan import make_plan
from pcpu.iprog.reconstructor import compile_plan

BLOB = bytes(range(256)) * 20
FILE = b"new" + BLOB


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """What writes FILE, but for where to."""
    folder = tmp_path_factory.mktemp("executable")
    program, blob = folder / "rebuild", folder / "blob"
    program.write_bytes(compile_plan(make_plan(FILE, [BLOB]).plan, targets.find("x86-64")))
    program.chmod(0o755)
    blob.write_bytes(BLOB)
    return program, blob, Path("-o")


def test_a_pipe_is_written_to_and_stays(command: Sequence[Path], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*command, pipe]) as running:
        assert pipe.read_bytes() == FILE
    assert running.returncode == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_is_followed(command: Sequence[Path], tmp_path: Path) -> None:
    link, folder = tmp_path / "link", tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_bytes(b"old")
    link.symlink_to("folder/old")
    subprocess.run([*command, link], check=True)
    assert link.is_symlink()
    assert (folder / "old").read_bytes() == FILE
    assert list(folder.iterdir()) == [folder / "old"]


def test_links_lead_to_what_may_be_new(command: Sequence[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "one").symlink_to("other/two")
    (other / "two").symlink_to(tmp_path / "other" / "three")
    subprocess.run([*command, tmp_path / "one"], check=True)
    assert (other / "three").read_bytes() == FILE
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one", "other", "three", "two"]


def test_links_in_a_ring_are_refused(command: Sequence[Path], tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    done = subprocess.run([*command, tmp_path / "one"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"rebuild: the file cannot be written\n")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_is_refused(command: Sequence[Path], tmp_path: Path) -> None:
    done = subprocess.run([*command, tmp_path], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"rebuild: the file cannot be written\n")
    assert list(tmp_path.parent.glob(f"{tmp_path.name}*")) == [tmp_path]


def test_a_limit_on_the_size_of_files_leaves_nothing(
    command: Sequence[Path], tmp_path: Path
) -> None:
    limit = f"import os, resource; resource.setrlimit({resource.RLIMIT_FSIZE}, (4096, 4096)); "
    run = f"os.execv({str(command[0])!r}, {[str(part) for part in (*command, tmp_path / 'out')]})"
    done = subprocess.run([sys.executable, "-c", limit + run], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"rebuild: the file cannot be written\n")
    assert list(tmp_path.iterdir()) == []

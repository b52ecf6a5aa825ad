"""Where compiled loops are kept, and when they are forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcpu import disk_cache
from pcpu.iprog import jit

DAY = 86400


def test_loops_of_versions_in_use_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many versions there are: each process would delete what another has compiled."""
    monkeypatch.setenv("PCPU_CACHE", str(tmp_path))
    for number in range(9):
        (tmp_path / f"numba-{number}").mkdir()
    used = jit._cache_folder()
    assert used.is_dir()
    assert len(list(tmp_path.glob("numba-*"))) == 10


def test_loops_of_forgotten_versions_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last ones stay, and this version's own, however long ago it was made."""
    monkeypatch.setenv("PCPU_CACHE", str(tmp_path))
    used = jit._cache_folder()
    for days, folder in enumerate([*(tmp_path / f"numba-{n}" for n in range(6)), used], 2):
        folder.mkdir(exist_ok=True)
        os.utime(folder, (time.time() - days * DAY,) * 2)
    assert jit._cache_folder() == used
    assert {path.name for path in tmp_path.iterdir()} == {
        used.name,
        "numba-0",
        "numba-1",
        "numba-2",
    }


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PCPU_CACHE", str(tmp_path / "file" / "below"))
    jit._cache_folder()


def test_the_cache_deletes_its_own_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCPU_CACHE", str(tmp_path))
    monkeypatch.setattr(disk_cache, "KEPT", 3)
    for number in range(9):
        (tmp_path / f"note{number}.txt").write_text("mine")
        disk_cache.fetch(f"{number:064x}.so", lambda: b"code")
    assert len(list(tmp_path.glob("note*"))) == 9
    assert {path.name for path in tmp_path.glob("*.so")} == {f"{n:064x}.so" for n in (6, 7, 8)}


def test_what_is_missing_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask for it at once."""
    monkeypatch.setenv("PCPU_CACHE", str(tmp_path / "cache"))
    script = (
        "import pathlib, sys, time\n"
        "from pcpu import disk_cache\n"
        "def make():\n"
        "    print('made')\n"
        "    time.sleep(1)\n"
        "    return b'code'\n"
        "assert disk_cache.read('x.so', make) == b'code'\n"
    )
    command = [sys.executable, "-c", script]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    found = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert sorted(found) == [b"", b"", b"", b"made\n"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x.so"]


LOOPS = """
import sys
import numpy as np
from pcpu.iprog.jit import compiled, jit

@jit
def inner(count):
    found = np.zeros(count, np.int64)
    for n in range(count):
        found[n] = n * n
    return found

@jit
def outer(count):
    return inner(count).sum()

with compiled() as loops:
    print({"inner": lambda: inner(4).tolist(), "outer": lambda: outer(4)}[sys.argv[1]](), len(loops))
    print(inner(3).tolist(), outer(3))
"""


LOOP_OF_ALL = """
import sys
from pcpu.iprog.jit import compiled, jit

@jit
def squares(count):
    found = 0
    for n in range(count):
        found += n * n
    return found

print("ready", flush=True)
sys.stdin.readline()
with compiled() as loops:
    print(squares(4), len(loops) > 0)
"""


def test_a_loop_is_compiled_by_one_process(tmp_path: Path) -> None:
    """However many call it at once."""
    script = tmp_path / "loop_of_all.py"
    script.write_text(LOOP_OF_ALL)
    environment = os.environ | {"PCPU_CACHE": str(tmp_path / "cache")}
    running = [
        subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [process.communicate()[0] for process in running]
    assert sorted(found) == ["14 False\n", "14 False\n", "14 True\n"]
    assert not list((tmp_path / "cache").rglob("*.lock"))


def test_kept_loops_are_loaded_and_others_compiled_with_them(tmp_path: Path) -> None:
    """What numba compiles with is not there when a loop is loaded, and is when one is compiled."""
    (tmp_path / "loops.py").write_text(LOOPS)

    def run(first: str) -> list[str]:
        environment = os.environ | {"PCPU_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, str(tmp_path / "loops.py"), first]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.splitlines()

    assert run("inner")[1] == "[0, 1, 4] 5"
    for kept in (tmp_path / "cache").rglob("loops.outer-*"):
        kept.unlink()
    assert run("inner") == ["[0, 1, 4, 9] 0", "[0, 1, 4] 5"]
    assert run("outer") == ["14 0", "[0, 1, 4] 5"]

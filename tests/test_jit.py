"""Where compiled loops are kept, and when they are forgotten."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

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

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.build import build, build_trapping
from tests.worker.server import Server


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with the built-in operations and one fused program."""
    directory = tmp_path_factory.mktemp("bundle")
    build(directory)
    return directory


@pytest.fixture(scope="session")
def trapping_bundle(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same Worker over the hand-written operations of fixture.wat."""
    directory = tmp_path_factory.mktemp("trapping") / "bundle"
    shutil.copytree(bundle, directory)
    build_trapping(directory)
    return directory


@pytest.fixture(scope="session")
def server(bundle: Path) -> Iterator[Server]:
    with Server(bundle) as server:
        yield server

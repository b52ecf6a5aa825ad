from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcpu.iprog.publish import decoder
from tests.sdk_ts.build import HERE, build_modules, install
from tests.worker.build import build, build_with_objects
from tests.worker.publishing import Shop, published, shop
from tests.worker.server import Server


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled modules: program by program, the operations, and some by hand."""
    directory = tmp_path_factory.mktemp("modules")
    build_modules(directory)
    return directory


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the SDK installed, as it is packed, with the JavaScript tests."""
    directory = tmp_path_factory.mktemp("project")
    install(directory)
    for script in HERE.glob("*.js"):
        shutil.copy(script, directory / f"{script.stem}.mjs")
    return directory


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The Worker, for the client."""
    bundle = tmp_path_factory.mktemp("bundle")
    build(bundle)
    with Server(bundle) as server:
        yield server


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A Worker with published files, and its decoder beside them."""
    folder = tmp_path_factory.mktemp("objects")
    build_with_objects(folder / "bundle")
    files = published(folder / "store")
    for name, part in decoder().items():
        part.write(folder / "store" / f"iprog-{name}.wasm")
    with shop(folder / "bundle", folder / "store", files) as found:
        yield found

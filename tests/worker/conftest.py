from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.build import build, build_trapping, build_with_objects
from tests.worker.publishing import MIB, Large, Shop, published, shop
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


@pytest.fixture(scope="session")
def objects_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("objects") / "bundle"
    build_with_objects(bundle)
    return bundle


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    store = tmp_path_factory.mktemp("filled") / "store"
    return store, published(store)


@pytest.fixture(scope="session")
def objects(objects_bundle: Path, filled: tuple[Path, dict[str, bytes]]) -> Iterator[Shop]:
    with shop(objects_bundle, *filled) as found:
        yield found


@pytest.fixture(scope="session")
def large() -> Large:
    return Large(40)


@pytest.fixture(scope="session")
def larger(
    objects_bundle: Path, large: Large, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    store = tmp_path_factory.mktemp("large") / "store"
    large.publish(store, "large")
    with shop(objects_bundle, store, {}, MAX_DECODER_BYTES=54 * MIB) as found:  # no room to hold it
        yield found


@pytest.fixture(params=[1024 * MIB, 16 * MIB], ids=["held", "by pieces"])
def own(request: pytest.FixtureRequest, objects_bundle: Path, tmp_path: Path) -> Iterator[Shop]:
    """A store to break things in, with plans that are held, and such for which there is no room."""
    store = tmp_path / "store"
    files = published(store)
    with shop(objects_bundle, store, files, MAX_DECODER_BYTES=request.param) as found:
        yield found

"""Fixtures that every test may use, and ``--slow``."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from pcpu.isa import Isa
from pcpu.library import load_isa

ROOT = Path(__file__).parents[1]
_LONG = {
    "test_decoder.py", "test_crc.py", "test_fed.py", "test_limits.py", "test_engines.py",
    "test_cli.py", "test_compiler.py", "test_conformance.py", "test_bench.py", "test_lanes.py",
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run what takes minutes")


def pytest_configure(config: pytest.Config) -> None:
    """A cache of its own for each run of the tests, so that nothing stale can pass one. It is there
    before modules are imported, and the processes of pytest-xdist share it: the planner's loops
    take a minute to compile.

    And a shell that starts the tests in the background has them ignore SIGINT, which what they
    start would inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        cache = tempfile.TemporaryDirectory(prefix="pcpu-cache-")
        config.add_cleanup(cache.cleanup)
        os.environ["PCPU_CACHE"] = cache.name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # What takes minutes comes first, so that no process is alone with it in the end.
    items.sort(key=lambda item: item.path.name not in _LONG)
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="takes minutes; run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def share(request: pytest.FixtureRequest) -> int:
    """Of what takes long, one part of so many is tried; all of it with ``--slow``."""
    return 1 if request.config.getoption("--slow") else 8


@pytest.fixture(scope="session")
def isa() -> Isa:
    return load_isa()


@pytest.fixture(scope="session")
def user_ops() -> Path:
    """Operations that a user declared: a map, a count, a chain, and a sum with repeating weights."""
    return ROOT / "examples" / "my-ops.json"


@pytest.fixture(scope="session")
def user_isa(user_ops: Path) -> Isa:
    return load_isa([user_ops])

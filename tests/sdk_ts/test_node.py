"""The SDK in Node: the JavaScript tests beside this file, each as a process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.sdk_ts.build import HERE, node
from tests.worker.publishing import Shop
from tests.worker.server import Server


@pytest.mark.parametrize("name", sorted(path.stem for path in HERE.glob("*.test.js")))
def test_javascript(name: str, project: Path, modules: Path, server: Server, objects: Shop) -> None:
    output = node(
        "--test",
        project / f"{name}.mjs",
        MODULES=str(modules),
        CORPUS=str(ROOT / "tests" / "conformance"),
        SERVER=server.url,
        OBJECTS=objects.server.url,
        STORE=str(objects.store),
    )
    passed = re.search(r"^. pass (\d+)$", output, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 0

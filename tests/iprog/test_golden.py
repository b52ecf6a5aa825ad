"""Plans that were written once are read by every later pCPU (tests/iprog/golden/make.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.undocument import from_json
from tests.iprog.module import rebuilt_alone

GOLDEN = sorted((Path(__file__).parent / "golden" / "v1").iterdir())


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_plans_of_version_1(folder: Path) -> None:
    file, plan = (folder / "file").read_bytes(), (folder / "plan.iprog").read_bytes()
    blobs = [path.read_bytes() for path in sorted(folder.glob("blob*"))]
    reader = Reader(plan, blobs)
    assert reader.rebuild() == file
    assert rebuilt_alone(plan, b"".join(blobs)) == file
    document = json.loads((folder / "plan.json").read_text("utf-8"))
    assert to_json(reader) == document
    assert Reader(from_json(document, blobs), blobs).rebuild() == file

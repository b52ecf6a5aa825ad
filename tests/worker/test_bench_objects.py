"""Files that the Worker rebuilds are measured as clients get them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcpu.bench import objects
from pcpu.bench.delta.pairs import Pair
from pcpu.errors import PcpuError
from tests.iprog.pairs import PAIRS


def test_files_are_published_got_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "ROUNDS", 2)
    old, new = (tmp_path / name for name in ("old", "new"))
    for path, content in zip((old, new), PAIRS["edited"], strict=True):
        path.write_bytes(content)
    pair = Pair("edited", "text", old, new, new.stat().st_size)
    served = objects.measure(pair, "small")
    assert served.first[0] > 0
    assert served.then[0] > 0
    assert str(served).startswith("| edited | small | ")
    monkeypatch.setattr(objects, "publish", lambda reader, store, name: None)
    with pytest.raises(PcpuError, match="edited: the Worker sends another file"):
        objects.measure(pair, "small")

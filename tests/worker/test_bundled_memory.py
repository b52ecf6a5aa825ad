"""Memory of modules of the bundle that are asked for by many at once: spec/http.md H25."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pcpu.bundle import build_bundle
from pcpu.iprog.bundled import read_reconstructors
from pcpu.iprog.publish import decoder
from pcpu.isa import Isa
from tests.worker.publishing import MIB, Large, Shop, shop

LARGE = [Large(20, seed) for seed in (1, 2, 3)]
READERS = 16


@pytest.fixture
def objects(isa: Isa, tmp_path: Path) -> Iterator[Shop]:
    store = tmp_path / "store"
    names = []
    for number, large in enumerate(LARGE):
        large.publish(store, f"large{number}")
        names.append(str(store / "objects" / f"large{number}.iprog"))
    modules = read_reconstructors(names)
    options = {"decoder": decoder(), "store": tmp_path / "none", "reconstructors": modules}
    build_bundle(isa, [], tmp_path / "bundle", **options)  # type: ignore[arg-type]
    with shop(tmp_path / "bundle", store, {}, MAX_DECODER_BYTES=48 * MIB) as found:
        yield found


def test_many_first_requests_load_a_module_once(objects: Shop) -> None:
    before = objects.server.rss()

    def ask(number: int) -> tuple[int, bytes]:
        url = f"{objects.server.url}/v1/objects/large{number}"
        answer = httpx.get(url, headers={"range": "bytes=70000-70999"}, timeout=60)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(ask, [0] * READERS))
    assert found == [(206, LARGE[0].read(70_000, 71_000))] * READERS
    assert objects.server.rss() - before < 100 * MIB
    # Where there is no room for all that are wanted at once, some are told to come again.
    with ThreadPoolExecutor(READERS) as pool:
        answers = list(pool.map(ask, [0, 1, 2] * 8))
    for number, (status, content) in zip([0, 1, 2] * 8, answers, strict=True):
        assert status in (206, 503)
        assert status == 503 or content == LARGE[number].read(70_000, 71_000)
    for number, large in enumerate(LARGE):
        assert ask(number) == (206, large.read(70_000, 71_000))
    assert objects.server.rss() - before < 200 * MIB

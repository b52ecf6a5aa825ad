"""Memory of modules of the bundle that are asked for by many at once: spec/http.md H25."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pcpu.bundle import build_bundle
from pcpu.iprog.bundled import read_reconstructors
from pcpu.iprog.publish import decoder
from pcpu.isa import Isa
from tests.worker.publishing import MIB, Large, Shop, put, shop
from tests.worker.test_reads import counted, reads, scattered

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
        answer = objects.get(f"large{number}", range="bytes=70000-70999")
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


def test_h24_modules_and_decoders_share_what_there_is(objects: Shop, tmp_path: Path) -> None:
    """A plan that is held goes where a module needs its memory, and the other way round."""
    plan, blob, file = scattered(24)
    put(objects.store, "scattered", plan, [blob])
    bundle = tmp_path / "bundle"
    part = {"range": "bytes=70000-70999"}
    wanted = LARGE[0].read(70_000, 71_000)
    for most, stays in ((64 * MIB, True), (44 * MIB, False)):
        store = tmp_path / f"counted-{most}" / "store"
        shutil.copytree(objects.store, store)
        with counted(bundle, store, {}, MAX_DECODER_BYTES=most) as found:
            assert found.get("scattered").content == file
            assert found.get("large0", **part).content == wanted
            reads(found)
            for _ in range(2):
                assert found.get("scattered").content == file
                assert (reads(found).total() <= 3) == stays
                assert found.get("large0", **part).content == wanted
                assert (reads(found).total() == 0) == stays

"""Published files in an R2 bucket, as wrangler emulates it: spec/http.md H18."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from pcpu.bundle import build_bundle
from pcpu.errors import ToolchainError
from pcpu.iprog.publish import Published, decoder, publish_module
from pcpu.iprog.upload import upload
from pcpu.isa import Isa
from tests.worker.publishing import NAMES, published, tag
from tests.worker.test_wrangler import wrangler


def test_files_that_wrangler_does_not_take(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate((300 << 20) + 1)
    with pytest.raises(ToolchainError, match="rclone copy"):
        upload(Published("large", ("large",), ()), tmp_path, "bucket", tmp_path)


@pytest.fixture(scope="module")
def bucket(
    isa: Isa, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of a Worker with a bucket, and what is published there."""
    folder = tmp_path_factory.mktemp("bucket")
    files = published(folder / "store")
    state = folder / "state"
    everything = [
        p.relative_to(folder / "store").as_posix()
        for p in (folder / "store").rglob("*")
        if p.is_file()
    ]
    upload(Published("all", tuple(sorted(everything)), ()), folder / "store", "releases", state)
    build_bundle(isa, [], folder / "bundle", decoder=decoder(), bucket="releases")
    process = wrangler(
        folder / "bundle", folder, "dev", "--ip=127.0.0.1", "--port=0", f"--persist-to={state}"
    )
    try:
        assert process.stdout
        found, deadline = None, time.monotonic() + 60
        while found is None and time.monotonic() < deadline and process.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found, process.stdout.read()
        yield found[0], files
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.slow
def test_h18_a_bucket_is_a_store(bucket: tuple[str, dict[str, bytes]]) -> None:
    url, files = bucket
    with httpx.Client(base_url=url, timeout=60) as client:
        listed = client.get("/v1/objects").json()["objects"]
        assert [each["name"] for each in listed] == NAMES
        for name, content in files.items():
            answer = client.get(f"/v1/objects/{name}")
            assert (answer.status_code, answer.content) == (200, content)
            assert answer.headers["etag"] == tag(content)
            head = client.head(f"/v1/objects/{name}")
            assert (head.status_code, head.headers["etag"]) == (200, tag(content))
            random = Random(4)
            for _ in range(5 if content else 0):
                first = random.randrange(len(content))
                last = min(first + 50_000, len(content) - 1)
                part = client.get(f"/v1/objects/{name}", headers={"range": f"bytes={first}-{last}"})
                assert (part.status_code, part.content) == (206, content[first : last + 1])
        assert client.get("/v1/objects/nothing").status_code == 404


def test_what_is_published_takes_the_place_of_the_other_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan would answer before the module, so that it goes, but not before that is there."""
    asked: list[list[str]] = []
    monkeypatch.setattr("pcpu.iprog.upload._wrangler", lambda words, folder: asked.append(words))
    module = publish_module(b"module", [], [], tmp_path, "a")
    upload(module, tmp_path, "bucket")
    assert [words[2:4] for words in asked] == [
        ["put", "bucket/objects/a.wasm"],
        ["delete", "bucket/objects/a.iprog"],
    ]
    assert all(words[-1] == "--remote" for words in asked)

"""Objects whose plans are modules of the bundle: spec/http.md H25."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcpu.bundle import build_bundle
from pcpu.errors import UsageError
from pcpu.iprog.bundled import read_reconstructors
from pcpu.iprog.publish import decoder
from pcpu.isa import Isa
from tests.worker.build import trapping_module
from tests.worker.publishing import Shop, shop, tag
from tests.worker.server import problem


@pytest.fixture(scope="module")
def bundled(
    isa: Isa, filled: tuple[Path, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, bytes]]:
    """A bundle that has three objects, its store, which has none but their blobs, and the objects."""
    store, files = filled
    folder = tmp_path_factory.mktemp("bundled")
    shutil.copytree(store / "blobs", folder / "store" / "blobs")
    plans = {"a.html": "edited", "moved": "of.two", "empty": "empty"}
    given = [f"{name}={store}/objects/{plan}.iprog" for name, plan in plans.items()]
    modules = read_reconstructors(given)
    options = {"decoder": decoder(), "store": folder / "none", "reconstructors": modules}
    build_bundle(isa, [], folder / "bundle", **options)  # type: ignore[arg-type]
    return folder / "bundle", folder / "store", {name: files[plan] for name, plan in plans.items()}


@pytest.fixture(scope="module")
def objects(bundled: tuple[Path, Path, dict[str, bytes]]) -> Iterator[Shop]:
    with shop(*bundled) as found:
        yield found


def test_h25_they_answer_as_others_do(objects: Shop) -> None:
    objects.check_answers()
    assert objects.get("a.html").headers["content-type"] == "text/html; charset=utf-8"


def test_h25_they_are_listed_first(objects: Shop) -> None:
    found = objects.server.client.get("/v1/objects").json()["objects"]
    assert [each["name"] for each in found] == ["a.html", "empty", "moved"]
    for each in found:
        content = objects.files[each["name"]]
        assert (each["size"], f'"{each["sha256"]}"') == (len(content), tag(content))
        assert "plan_size" not in each


def test_many_readers_share_one(objects: Shop) -> None:
    objects.check_many_readers(["a.html", "moved"])


def test_h25_blobs_come_from_the_store(
    bundled: tuple[Path, Path, dict[str, bytes]], tmp_path: Path
) -> None:
    bundle, store, files = bundled
    with shop(bundle, store, files, MAX_DECODER_BYTES=10_000) as found:
        answer = found.get("a.html")
        assert (answer.status_code, problem(answer)["code"]) == (422, "out-of-memory")
    (tmp_path / "store" / "blobs").mkdir(parents=True)
    with shop(bundle, tmp_path / "store", files) as found:
        answer = found.get("a.html")
        assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
        for path in (store / "blobs").iterdir():
            content = path.read_bytes()
            (tmp_path / "store" / "blobs" / path.name).write_bytes(bytes(len(content)))
        assert found.get("a.html").status_code == 500
        for path in (store / "blobs").iterdir():
            shutil.copy(path, tmp_path / "store" / "blobs")
    with shop(bundle, tmp_path / "store", files) as found:
        assert found.get("a.html").content == files["a.html"]


def test_what_can_be_bundled(filled: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    plan = shutil.copy(filled[0] / "objects" / "empty.iprog", tmp_path / "x.iprog")
    (compiled,) = read_reconstructors([str(plan)]).values()
    compiled.write(tmp_path / "y.wasm")
    found = read_reconstructors([str(tmp_path / "y.wasm"), f"z={plan}"])
    assert {name: module.code for name, module in found.items()} == {
        "y": compiled.code,
        "z": compiled.code,
    }
    assert found["y"].manifest == compiled.manifest
    (tmp_path / "no.wasm").write_bytes(b"\0asm\1\0\0\0\xff\xff\xff\xff\xff")
    (tmp_path / "ops.wasm").write_bytes(trapping_module())
    for other in ("no.wasm", "ops.wasm"):
        with pytest.raises(UsageError, match="neither a plan nor"):
            read_reconstructors([str(tmp_path / other)])
    with pytest.raises(UsageError, match="two are called x"):
        read_reconstructors([str(plan), f"x={tmp_path}/y.wasm"])
    with pytest.raises(UsageError, match="an object cannot be called"):
        read_reconstructors([f"a b={plan}"])

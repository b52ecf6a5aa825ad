"""Reconstructors that are published, run by the Dynamic Worker Loader: spec/http.md H26."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import wasmtime

from pcpu.artifact import with_manifest
from pcpu.errors import PcpuError
from pcpu.iprog.apply import Reader
from pcpu.iprog.bundled import told_by
from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.plan import make_plan
from pcpu.iprog.publish import publish, publish_module
from tests.worker.publishing import Shop, shop, tag
from tests.worker.server import problem

EMPTY = b"\0asm\1\0\0\0"
PCPU = Path(sys.executable).parent / "pcpu"


@pytest.fixture(scope="module")
def modules(
    filled: tuple[Path, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, bytes]]:
    """A store with modules in place of plans."""
    source, files = filled
    store = tmp_path_factory.mktemp("modules") / "store"
    shutil.copytree(source / "blobs", store / "blobs")
    (store / "objects").mkdir()
    plans = {"a.html": "edited", "moved": "of.two", "empty": "empty"}
    for name, plan in plans.items():
        code = reconstructor((source / "objects" / f"{plan}.iprog").read_bytes())
        (store / "objects" / f"{name}.wasm").write_bytes(code)
    shutil.copy(source / "objects" / "from-nothing.iprog", store / "objects" / "b.iprog")
    return store, {name: files[plan] for name, plan in plans.items()} | {"b": files["from-nothing"]}


@pytest.fixture(scope="module")
def objects(objects_bundle: Path, modules: tuple[Path, dict[str, bytes]]) -> Iterator[Shop]:
    with shop(objects_bundle, *modules) as found:
        yield found


def test_h26_they_answer_as_others_do(objects: Shop) -> None:
    objects.check_answers()


def test_h26_they_are_listed(objects: Shop) -> None:
    found = objects.server.client.get("/v1/objects").json()["objects"]
    assert [each["name"] for each in found] == ["a.html", "b", "empty", "moved"]
    for each in found:
        content = objects.files[each["name"]]
        assert (each["size"], f'"{each["sha256"]}"') == (len(content), tag(content))
        assert ("plan_size" in each) == (each["name"] == "b")


def test_many_readers_share_one(objects: Shop) -> None:
    objects.check_many_readers(["a.html", "moved"])


def test_h26_what_is_broken(
    objects_bundle: Path, modules: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    store, files = modules
    with shop(objects_bundle, store, files, MAX_DECODER_BYTES=10_000) as found:
        answer = found.get("a.html")
        assert (answer.status_code, problem(answer)["code"]) == (422, "out-of-memory")
    shutil.copytree(store, tmp_path / "store")
    for path in (tmp_path / "store" / "blobs").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    code = (store / "objects" / "moved.wasm").read_bytes()
    for name, damaged in {
        "x": code[:-1],
        "y": b"",
        "z": b"no module" * 99,
        "u": code[:999],
    }.items():
        (tmp_path / "store" / "objects" / f"{name}.wasm").write_bytes(damaged)
    said = told_by(code)
    assert said is not None
    trap = '(module (memory (export "memory") 1) (func (export "blob") (param i64) (result i32) unreachable))'
    told = {"abi": 1, "kind": "reconstructor"}
    for name, damaged in {
        "said-1": with_manifest(EMPTY, told),
        "said-2": with_manifest(EMPTY, said | {"file": 5}),
        "said-3": with_manifest(EMPTY, said | {"blobs": [{"size": 16}]}),
        "said-4": with_manifest(EMPTY, said | {"windows": -1}),
        "code-1": with_manifest(EMPTY, said),
        "code-2": with_manifest(EMPTY + b"\x0a\x02\xff\xff", said),
        "code-3": with_manifest(bytes(wasmtime.wat2wasm(trap)), said),
        "code-4": with_manifest(bytes(wasmtime.wat2wasm('(module (import "a" "b" (func)))')), said),
    }.items():
        (tmp_path / "store" / "objects" / f"{name}.wasm").write_bytes(damaged)
    names = [path.stem for path in (tmp_path / "store" / "objects").glob("*.wasm")]
    with shop(objects_bundle, tmp_path / "store", files) as found:
        for name in sorted({*names} - {"a.html", "empty"}):
            answer = found.get(name)
            wanted = "trap" if name == "code-3" else "broken-object"
            assert (answer.status_code, problem(answer)["code"]) == (500, wanted), name
        assert found.get("b").content == files["b"]


def test_h26_what_takes_a_modules_place_answers(objects_bundle: Path, tmp_path: Path) -> None:
    """Also within a second, after which a disk service's times differ, and of the same length."""
    files = [Random(seed).randbytes(3000) for seed in range(3)]
    modules = [reconstructor(make_plan(file, []).plan) for file in files]
    assert len({len(module) for module in modules}) == 1
    path = tmp_path / "objects" / "x.wasm"
    path.parent.mkdir()
    with shop(objects_bundle, tmp_path, {}) as found:
        for module, file in zip([*modules, modules[0]], [*files, files[0]], strict=True):
            path.write_bytes(module)
            os.utime(path, (10**9, 10**9))
            answer = found.get("x")
            assert (answer.content, answer.headers["etag"]) == (file, tag(file))


def test_h26_modules_are_published(filled: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    store, files = filled
    plan = (store / "objects" / "from-nothing.iprog").read_bytes()
    (tmp_path / "x.js.wasm").write_bytes(reconstructor(plan))
    (tmp_path / "blob").write_bytes(b"")

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PCPU, "publish", "--store", "store", *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = command("x.js.wasm", "--json")
    assert json.loads(done.stdout)["written"] == ["objects/x.js.wasm"]
    assert json.loads(command("x.js.wasm", "--json").stdout)["written"] == []
    done = command("x.js.wasm", "--blob", "blob")
    assert done.returncode == 1
    assert "the blobs are not those that the module was made for" in done.stderr
    assert files["from-nothing"]


def test_h18_what_was_published_last_is_the_object(objects_bundle: Path, tmp_path: Path) -> None:
    old, new = Random(1).randbytes(3000), Random(2).randbytes(3000)
    plan, module = make_plan(old, []).plan, reconstructor(make_plan(new, []).plan)
    store = tmp_path / "store"
    store.mkdir()
    with shop(objects_bundle, store, {}) as found:
        for _ in range(2):
            done = publish(Reader(plan, []), store, "x")
            assert done.files == ("objects/x.iprog",)
            assert found.get("x").content == old
            done = publish_module(module, [], [], store, "x")
            assert (done.written, done.removed) == (("objects/x.wasm",), ("objects/x.iprog",))
            assert found.get("x").content == new
            assert publish_module(module, [], [], store, "x").removed == ()
            assert [path.name for path in (store / "objects").iterdir()] == ["x.wasm"]
        done = publish(Reader(plan, []), store, "x")
        assert done.to_json()["removed"] == ["objects/x.wasm"]
        (store / "objects" / "x.wasm").mkdir()
        with pytest.raises(PcpuError, match=r"objects/x\.wasm cannot be removed: Is a directory"):
            publish(Reader(plan, []), store, "x")

"""``pcpu publish``: what lies in a store (spec/http.md H18)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pcpu.errors import UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.plan import make_plan
from pcpu.iprog.publish import check_name, publish
from tests.iprog.pairs import edited
from tests.iprog.test_explain import program

PCPU = Path(sys.executable).parent / "pcpu"
BLOB, FILE = edited(3, 9000)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PCPU, "publish", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def contents(store: Path) -> dict[str, bytes]:
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


def test_h18_what_a_store_holds(tmp_path: Path) -> None:
    old, new = program(0), program(256)
    plan = make_plan(new, [BLOB, old]).plan
    published = publish(Reader(plan, [BLOB, old]), tmp_path / "store", "new.bin")
    digests = [hashlib.sha256(blob).hexdigest() for blob in (BLOB, old)]
    found = contents(tmp_path / "store")
    assert set(found) == {
        *(f"blobs/{digest}" for digest in digests),
        f"blobs/{digests[1]}.1.sites",
        "objects/new.bin.iprog",
    }
    assert found[f"blobs/{digests[0]}"] == BLOB
    assert found[f"blobs/{digests[1]}"] == old
    assert found["objects/new.bin.iprog"] == plan
    assert set(published.files) == set(published.written) == set(found)
    assert published.files[-1] == "objects/new.bin.iprog"
    assert published.url_path == "/v1/objects/new.bin"
    again = publish(Reader(plan, [BLOB, old]), tmp_path / "store", "new.bin")
    assert (again.files, again.written) == (published.files, ())
    assert contents(tmp_path / "store") == found


def test_a_plan_takes_the_place_of_another(tmp_path: Path) -> None:
    for mode in ("small", "instant"):
        plan = make_plan(FILE, [BLOB], mode).plan
        published = publish(Reader(plan, [BLOB]), tmp_path, "a")
        assert (tmp_path / "objects" / "a.iprog").read_bytes() == plan
    assert published.written == ("objects/a.iprog",)


def test_publishing_again_mends_what_is_damaged_and_nothing_else(tmp_path: Path) -> None:
    old = program(0)
    reader = Reader(make_plan(program(256), [old]).plan, [old])
    plan, blob, sites = sorted(publish(reader, tmp_path, "a").files, key=len)
    whole = contents(tmp_path)
    for path in (plan, blob, sites):
        size = len(whole[path])
        for at in (*range(0, size, 1 + size // 9), size - 1):
            damaged = bytearray(whole[path])
            damaged[at] ^= 1
            (tmp_path / path).write_bytes(damaged)
            assert publish(reader, tmp_path, "a").written == (path,)
            assert contents(tmp_path) == whole
        (tmp_path / path).write_bytes(whole[path][:-1])
        assert publish(reader, tmp_path, "a").written == (path,)
        (tmp_path / path).unlink()
        assert publish(reader, tmp_path, "a").written == (path,)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", "a b", "é", "a" * 201, "a\n"])
def test_names_that_objects_cannot_have(name: str) -> None:
    with pytest.raises(UsageError, match="an object cannot be called"):
        check_name(name)


def test_the_command_plans_or_takes_a_plan(tmp_path: Path) -> None:
    (tmp_path / "old.bin").write_bytes(BLOB)
    (tmp_path / "new.bin").write_bytes(FILE)
    done = command(tmp_path, "new.bin", "--blob", "old.bin", "--store", "store")
    assert (done.returncode, done.stdout) == (0, "/v1/objects/new.bin\n")
    plan = tmp_path / "store" / "objects" / "new.bin.iprog"
    assert Reader(plan.read_bytes(), [BLOB]).rebuild() == FILE
    plan.rename(tmp_path / "other.bin.iprog")
    given = ("other.bin.iprog", "--blob", "old.bin", "--store", "store", "--json")
    done = command(tmp_path, *given)
    found = json.loads(done.stdout)
    assert found["name"] == "other.bin"
    assert found["written"] == ["objects/other.bin.iprog"]
    assert (tmp_path / "store" / found["written"][0]).read_bytes() == (
        tmp_path / "other.bin.iprog"
    ).read_bytes()


def test_what_is_wrong_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "old.bin").write_bytes(BLOB)
    (tmp_path / "new.bin").write_bytes(FILE)
    plan = bytearray(make_plan(FILE, [BLOB]).plan)
    (tmp_path / "other").write_bytes(plan)
    whole = make_plan(FILE, []).plan
    (tmp_path / "whole").write_bytes(whole)
    (tmp_path / "module").write_bytes(reconstructor(whole))
    plan[-1] ^= 1
    (tmp_path / "damaged").write_bytes(plan)
    cases = [
        (["damaged", "--blob", "old.bin"], 1, "damaged"),
        (["other", "--blob", "new.bin"], 1, "the blob has"),
        (["other"], 1, "the plan needs 1 blob, 0 given"),
        (["none"], 2, "none cannot be read"),
        (["new.bin", "--name", "a b"], 2, "an object cannot be called 'a b'"),
        (["new.bin", "--local", "."], 2, "--local is about a bucket; give --bucket too"),
        (["whole", "--mode", "small"], 2, "and whole is planned already"),
        (["module", "--mode", "instant"], 2, "and module is planned already"),
    ]
    for arguments, code, message in cases:
        done = command(tmp_path, *arguments, "--store", "store")
        assert done.returncode == code
        assert message in done.stderr or code == 1
        assert done.stderr.startswith("pcpu: error: ")
        assert not (tmp_path / "store").exists()
    done = subprocess.run(
        [PCPU, "serve", "--store", "store"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no such folder; pcpu publish makes it" in done.stderr

"""Published files: spec/http.md H18 to H21."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.iprog import forge
from tests.worker.publishing import NAMES, Shop, put, shop, tag
from tests.worker.server import OCTETS, Server, problem


def test_h18_without_a_store_there_are_no_objects(server: Server) -> None:
    for path in ("/v1/objects", "/v1/objects/a"):
        answer = server.client.get(path)
        assert (answer.status_code, problem(answer)["code"]) == (404, "not-found")
        assert "pcpu publish" in problem(answer)["detail"]
    answer = server.client.post("/v1/reconstruct", headers={"content-type": OCTETS})
    assert answer.status_code == 404


def test_h19_what_is_published_is_listed(objects: Shop) -> None:
    found = objects.server.client.get("/v1/objects").json()
    assert [each["name"] for each in found["objects"]] == NAMES
    for each in found["objects"]:
        content = objects.files[each["name"]]
        assert each["size"] == len(content)
        assert f'"{each["sha256"]}"' == tag(content)
        assert each["plan_size"] == len(objects.plan(each["name"]))
    assert [len(each["blobs"]) for each in found["objects"]] == [1, 1, 0, 1, 1, 1, 2, 1]
    assert "next" not in found


def test_h19_lists_go_on(objects_bundle: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    names = sorted([f"a{n}" for n in range(150)] + ["A", "a1.x", "b", "Z9"])
    for name in names:
        put(store, name, forge.plan(b"", [], []))
    put(store, "a17", b"no plan")
    (store / "objects" / "other").touch()
    with shop(objects_bundle, store, {}) as found:
        first = found.server.client.get("/v1/objects").json()
        assert len(first["objects"]) in (99, 100)
        second = found.server.client.get("/v1/objects", params={"after": first["next"]}).json()
        assert "next" not in second
        every = first["objects"] + second["objects"]
        in_order = sorted(f"{name}.iprog" for name in names)
        assert [f"{each['name']}.iprog" for each in every] == in_order
        (broken,) = [each for each in every if each["name"] == "a17"]
        assert broken == {
            "name": "a17",
            "plan_size": 7,
            "problem": "this is no plan (spec/iprog.md G6)",
        }


@pytest.mark.parametrize("name", NAMES)
def test_h20_files_are_rebuilt(objects: Shop, name: str) -> None:
    content = objects.files[name]
    for _ in range(2):
        answer = objects.get(name)
        assert answer.status_code == 200
        assert answer.content == content
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["etag"] == tag(content)
        assert answer.headers["accept-ranges"] == "bytes"
    head = objects.server.client.head(f"/v1/objects/{name}")
    names = ("content-length", "content-type", "etag", "accept-ranges")
    assert [head.headers[n] for n in names] == [answer.headers[n] for n in names]
    assert (head.status_code, head.content) == (200, b"")


def test_h20_the_type_follows_from_the_name(objects: Shop) -> None:
    assert objects.get("instant.html").headers["content-type"] == "text/html; charset=utf-8"
    assert objects.get("edited").headers["content-type"] == OCTETS


@pytest.mark.parametrize("name", NAMES)
def test_h21_ranges(objects: Shop, name: str) -> None:
    content, random = objects.files[name], Random(3)
    size = len(content)
    for _ in range(30 if size else 0):
        first = random.randrange(size)
        last = min(first + random.choice([0, 1, 4095, 4096, 70_000]), size + 5)
        answer = objects.get(name, range=f"bytes={first}-{last}")
        assert answer.status_code == 206
        assert answer.content == content[first : last + 1]
        end = min(last, size - 1)
        assert answer.headers["content-range"] == f"bytes {first}-{end}/{size}"
        assert answer.headers["content-length"] == str(end - first + 1)
        assert answer.headers["etag"] == tag(content)


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("bytes=10-", (10, None)),
        ("bytes=-10", (-10, None)),
        ("bytes=-999999999", (0, None)),
        ("BYTES=0-0", (0, 1)),
        ("bytes= 4095-4096", (4095, 4097)),
    ],
)
def test_h21_forms_of_ranges(objects: Shop, value: str, span: tuple[int, int | None]) -> None:
    answer = objects.get("edited", range=value)
    assert answer.status_code == 206
    assert answer.content == objects.files["edited"][span[0] : span[1]]


@pytest.mark.parametrize(
    "value",
    [
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "bytes 0-5",
        "lines=0-5",
        "bytes=0-1,4-5",
        "bytes=0x1-2",
        "",
    ],
)
def test_h21_what_is_no_single_range_gets_the_whole(objects: Shop, value: str) -> None:
    answer = objects.get("edited", range=value)
    assert (answer.status_code, answer.content) == (200, objects.files["edited"])


@pytest.mark.parametrize("value", ["bytes=999999999-", "bytes=-0", "bytes=999999999-9999999999"])
@pytest.mark.parametrize("name", ["edited", "empty"])
def test_h21_ranges_that_the_file_does_not_have(objects: Shop, name: str, value: str) -> None:
    answer = objects.get(name, range=value)
    size = len(objects.files[name])
    assert (answer.status_code, problem(answer)["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_h21_conditions(objects: Shop) -> None:
    content = objects.files["edited"]
    etag = tag(content)
    for value in (etag, f'"x", {etag}', "*", f"W/{etag}"):
        answer = objects.get("edited", if_none_match=value)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert objects.get("edited", if_none_match='"x"').content == content
    assert objects.get("edited", if_match=f'"x",{etag}').content == content
    for value in ('"x"', f"W/{etag}"):
        answer = objects.get("edited", if_match=value)
        assert (answer.status_code, problem(answer)["code"]) == (412, "precondition-failed")
    assert objects.get("edited", range="bytes=1-2", if_range=etag).content == content[1:3]
    for value in ('"x"', f"W/{etag}", "Wed, 25 Nov 2026 22:36:30 GMT"):
        answer = objects.get("edited", range="bytes=1-2", if_range=value)
        assert (answer.status_code, answer.content) == (200, content)


@pytest.mark.parametrize("name", ["nothing", "..%2Fblobs", "%2e", "-a", "a" * 201, "a%20b", "é"])
def test_h20_names_that_are_not_there(objects: Shop, name: str) -> None:
    answer = objects.get(name)
    assert (answer.status_code, problem(answer)["code"]) == (404, "not-found")


def test_h3_methods(objects: Shop) -> None:
    for path in ("/v1/objects", "/v1/objects/edited"):
        answer = objects.server.client.delete(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert objects.server.client.get("/v1/reconstruct").headers["allow"] == "POST"

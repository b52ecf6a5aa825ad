"""Published files: spec/http.md H18 to H24."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import httpx
import pytest

from pcpu.bundle import build_bundle
from pcpu.iprog.publish import decoder
from pcpu.isa import Isa
from tests.iprog import forge
from tests.worker.publishing import MIB, Large, Shop, published, put, shop
from tests.worker.server import OCTETS, Server, problem

NAMES = ["edited", "empty", "from-nothing", "instant.html", "moved", "of.two"]


@pytest.fixture(scope="module")
def objects_bundle(isa: Isa, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    build_bundle(isa, [], folder / "bundle", decoder=decoder(), store=folder / "none")
    return folder / "bundle"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    store = tmp_path_factory.mktemp("filled") / "store"
    return store, published(store)


@pytest.fixture(scope="module")
def objects(objects_bundle: Path, filled: tuple[Path, dict[str, bytes]]) -> Iterator[Shop]:
    with shop(objects_bundle, *filled) as found:
        yield found


@pytest.fixture(scope="module")
def large() -> Large:
    return Large(40)


@pytest.fixture(scope="module")
def larger(
    objects_bundle: Path, large: Large, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    store = tmp_path_factory.mktemp("large") / "store"
    large.publish(store, "large")
    with shop(objects_bundle, store, {}) as found:
        yield found


@pytest.fixture
def own(objects_bundle: Path, tmp_path: Path) -> Iterator[Shop]:
    """A store to break things in."""
    store = tmp_path / "store"
    files = published(store)
    with shop(objects_bundle, store, files) as found:
        yield found


def tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()}"'


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
    assert [len(each["blobs"]) for each in found["objects"]] == [1, 1, 0, 1, 1, 2]
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


# Broken stores


def test_h22_blobs_that_are_missing_or_others(own: Shop) -> None:
    digest = hashlib.sha256(Large(1).blob(0, 9)).hexdigest()
    for path in (own.store / "blobs").iterdir():
        if len(path.name) == 64 and len(path.read_bytes()) != 0:
            path.write_bytes(path.read_bytes()[:-1])
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert "is published with" in problem(answer)["detail"]
    assert problem(own.reconstruct(own.plan("edited")))["code"] == "wrong-blob"
    for path in (own.store / "blobs").iterdir():
        path.unlink()
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert "is not published" in problem(answer)["detail"]
    assert digest not in problem(answer)["detail"]
    assert own.get("from-nothing").content == own.files["from-nothing"]


def test_h22_sites_that_are_missing_or_others(own: Shop) -> None:
    first, *others = (own.store / "blobs").glob("*.sites")
    content = first.read_bytes()
    for damaged in (b"", content[:40], content[:-32], b"x" + content[1:], bytes(len(content))):
        first.write_bytes(damaged)
        answer = own.get("moved")
        assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
        assert problem(own.reconstruct(own.plan("moved")))["code"] == "broken-store"
    for path in (first, *others):
        path.unlink()
    assert "sites of the blob" in problem(own.get("moved"))["detail"]
    assert problem(own.reconstruct(own.plan("moved")))["code"] == "not-published"


def test_h22_blobs_with_other_bytes_give_no_wrong_ones(own: Shop) -> None:
    for path in (own.store / "blobs").iterdir():
        if len(path.name) == 64:
            path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    answer = own.get("edited")
    assert (answer.status_code, problem(answer)["code"]) == (500, "broken-object")
    assert own.get("edited", range="bytes=100000-100001").status_code == 500


def test_h20_a_wrong_window_breaks_the_answer_off(own: Shop, large: Large) -> None:
    large.publish(own.store, "large")
    (path,) = (p for p in (own.store / "blobs").iterdir() if p.stat().st_size == large.size)
    with path.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(bytes(1 << 16))
    with pytest.raises(httpx.RemoteProtocolError):
        own.get("large")
    assert own.get("large", range=f"bytes=0-{MIB}").content == large.read(0, MIB + 1)
    assert own.get("edited").content == own.files["edited"]


def test_h20_a_wrong_hash_breaks_the_answer_off(own: Shop) -> None:
    """All windows are right, and the file that the plan names is another."""
    content = Random(5).randbytes(3 * MIB)
    windows = [content[at : at + (1 << 16)] for at in range(0, len(content), 1 << 16)]
    frames = forge.Frames(forge.streams(windows, [[]] * len(windows), windows))
    plan = forge.plan(content, [], [(len(windows), frames)], bits=16)
    digest = hashlib.sha256(content).digest()
    header = plan[12 : 12 + int.from_bytes(plan[8:12], "little")]
    other = forge.sealed(header.replace(digest, bytes(32)))
    put(own.store, "right", plan)
    put(own.store, "wrong", other + plan[len(other) :])
    assert own.get("right").content == content
    with pytest.raises(httpx.RemoteProtocolError):
        own.get("wrong")
    assert own.get("wrong", range="bytes=5-99").content == content[5:100]


def test_a_plan_may_be_replaced_h18(own: Shop) -> None:
    assert own.get("edited").content == own.files["edited"]
    put(own.store, "edited", own.plan("moved"))
    assert own.get("edited").content == own.files["moved"]


# Plans in bodies


@pytest.mark.parametrize("name", NAMES)
def test_h23_plans_in_bodies(objects: Shop, name: str) -> None:
    answer = objects.reconstruct(objects.plan(name))
    content = objects.files[name]
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["etag"] == tag(content)
    assert answer.headers["content-length"] == str(len(content))


def test_h23_the_type_follows_from_the_name_in_the_plan(objects: Shop) -> None:
    answer = objects.reconstruct(forge.plan(b"", [], [], name="a.css"))
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


def test_h23_requests_of_another_form(objects: Shop) -> None:
    answer = objects.reconstruct(b"", **{"content-type": "application/json"})
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported-media-type")
    answer = objects.server.client.post(
        "/v1/reconstruct?blob=x", content=b"", headers={"content-type": OCTETS}
    )
    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid-request")


def test_h23_plans_that_cannot_be_read(objects: Shop) -> None:
    plan = objects.plan("edited")
    for other in (
        b"",
        b"x" * 99,
        plan[:11],
        plan[:50],
        plan[:-1],
        plan + b"x",
        plan[:90] + plan[91:],
    ):
        answer = objects.reconstruct(other)
        assert (answer.status_code, problem(answer)["code"]) == (400, "damaged-plan")
    answer = objects.reconstruct(forge.plan(b"", [], [], version=2))
    assert (answer.status_code, problem(answer)["code"]) == (422, "unsupported-plan")
    answer = objects.reconstruct(forge.plan(b"", [b"other"], []))
    assert (answer.status_code, problem(answer)["code"]) == (422, "not-published")
    assert hashlib.sha256(b"other").hexdigest() in problem(answer)["detail"]


def test_h23_every_flipped_bit_is_refused(objects: Shop) -> None:
    plan, content = objects.plan("moved"), objects.files["moved"]
    random = Random(8)
    for _ in range(300):
        other = bytearray(plan)
        other[random.randrange(len(plan))] ^= 1 << random.randrange(8)
        try:
            answer = objects.reconstruct(bytes(other))
        except httpx.RemoteProtocolError:
            continue
        assert answer.status_code in (400, 422)
        assert problem(answer)["code"] in ("damaged-plan", "unsupported-plan", "not-published")
    assert objects.reconstruct(plan).content == content


def test_h9_large_plans_are_refused(
    objects_bundle: Path, filled: tuple[Path, dict[str, bytes]]
) -> None:
    with shop(objects_bundle, *filled, MAX_PLAN_BYTES=1000) as found:
        answer = found.reconstruct(bytes(1001))
        assert (answer.status_code, problem(answer)["code"]) == (413, "body-too-large")


def test_h24_memory_is_bounded(objects_bundle: Path, filled: tuple[Path, dict[str, bytes]]) -> None:
    with shop(objects_bundle, *filled, MAX_DECODER_BYTES=100_000) as found:
        answer = found.get("edited")
        assert (answer.status_code, problem(answer)["code"]) == (422, "out-of-memory")
    size = 8 * MIB  # of streams, which zeros compress to nothing
    window = bytes(1 << 22)
    frames = forge.Frames(forge.streams([window] * 2, [[]] * 2, [window] * 2), codecs={0: 1})
    bomb = forge.plan(bytes(size), [], [(2, frames)], bits=22)
    assert len(bomb) < 10_000
    with shop(objects_bundle, *filled, MAX_DECODER_BYTES=size) as found:
        answer = found.reconstruct(bomb)
        assert (answer.status_code, problem(answer)["code"]) == (422, "out-of-memory")
        assert found.get("edited").content == found.files["edited"]
    with shop(objects_bundle, *filled, MAX_DECODER_BYTES=4 * size) as found:
        assert found.reconstruct(bomb).content == bytes(size)


# Large files


def stalled(server: Server, name: str) -> socket.socket:
    """A request whose answer is not read."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(f"GET /v1/objects/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def cpu(server: Server) -> int:
    """Ticks of time that the Worker has computed."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_large_files_and_ranges(larger: Shop, large: Large) -> None:
    digest = hashlib.sha256(larger.get("large").content).hexdigest()
    assert f'"{digest}"' == larger.get("large", range="bytes=0-0").headers["etag"]
    random = Random(7)
    for _ in range(60):
        first = random.randrange(large.size)
        stop = min(first + random.randrange(1, 500_000), large.size)
        answer = larger.get("large", range=f"bytes={first}-{stop - 1}")
        assert answer.content == large.read(first, stop)


def test_many_at_once(larger: Shop, large: Large) -> None:
    def one(seed: int) -> None:
        random = Random(seed)
        for _ in range(5):
            first = random.randrange(large.size)
            stop = min(first + random.randrange(1, 3 * MIB), large.size)
            url = f"{larger.server.url}/v1/objects/large"
            answer = httpx.get(url, headers={"range": f"bytes={first}-{stop - 1}"}, timeout=60)
            assert answer.content == large.read(first, stop)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(24)))
    assert larger.server.output() == ""


def test_h24_who_comes_when_memory_is_taken_is_told(larger: Shop, objects_bundle: Path) -> None:
    with shop(objects_bundle, larger.store, {}, MAX_DECODER_BYTES=8 * MIB) as found:
        waiting = [stalled(found.server, "large")]
        while (answer := found.get("large", range="bytes=0-9")).status_code == 206:
            waiting.append(stalled(found.server, "large"))
            assert len(waiting) < 9
        assert (answer.status_code, problem(answer)["code"]) == (503, "busy")
        for connection in waiting:
            connection.close()
        for _ in range(100):
            time.sleep(0.05)
            if found.get("large", range="bytes=0-9").status_code == 206:
                break
        assert found.get("large", range="bytes=0-9").status_code == 206


def test_who_does_not_read_and_who_leaves_cost_nothing(larger: Shop) -> None:
    larger.get("large")
    before = larger.server.rss()
    waiting = [stalled(larger.server, "large") for _ in range(5)]
    time.sleep(0.5)
    ticks = cpu(larger.server)
    time.sleep(0.5)
    assert cpu(larger.server) - ticks < 5
    for connection in waiting:
        connection.close()
    time.sleep(0.3)
    ticks = cpu(larger.server)
    time.sleep(0.5)
    assert cpu(larger.server) - ticks < 5
    assert larger.server.rss() - before < 64 * MIB
    assert larger.server.output() == ""


@pytest.mark.slow
def test_h20_a_gibibyte_in_bounded_memory(objects_bundle: Path, tmp_path: Path) -> None:
    huge = Large(1024)
    huge.publish(tmp_path / "store", "huge")
    with shop(objects_bundle, tmp_path / "store", {}) as found:
        found.server.client.get("/health")
        before, most, hashed = found.server.rss(), 0, hashlib.sha256()
        with found.server.client.stream("GET", "/v1/objects/huge") as answer:
            for piece in answer.iter_raw(MIB):
                hashed.update(piece)
                most = max(most, found.server.rss())
        assert answer.headers["etag"] == f'"{hashed.hexdigest()}"'
        assert most - before < 64 * MIB
        random = Random(7)
        for _ in range(100):
            first = random.randrange(huge.size)
            stop = min(first + random.randrange(1, 500_000), huge.size)
            got = found.get("huge", range=f"bytes={first}-{stop - 1}")
            assert got.content == huge.read(first, stop)

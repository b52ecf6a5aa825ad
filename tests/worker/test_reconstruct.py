"""Plans in bodies, and what rebuilding may take: spec/http.md H23 and H24."""

from __future__ import annotations

import hashlib
import socket
from contextlib import ExitStack
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.iprog import forge
from tests.worker.publishing import MIB, NAMES, Shop, shop, tag
from tests.worker.server import OCTETS, problem

WRONG = {
    (400, "damaged-plan"), (422, "unsupported-plan"), (422, "wrong-blob"), (422, "not-published"),
    (422, "out-of-memory"),
}  # fmt: skip


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


def test_h23_every_flipped_bit_is_refused_or_changes_nothing(objects: Shop) -> None:
    """There are bits that decide nothing, as at the end of a frame of adaptive bits."""
    plan, content = objects.plan("moved"), objects.files["moved"]
    random = Random(8)
    for _ in range(300):
        other = bytearray(plan)
        other[random.randrange(len(plan))] ^= 1 << random.randrange(8)
        try:
            answer = objects.reconstruct(bytes(other))
        except httpx.RemoteProtocolError:
            continue
        if answer.status_code == 200:
            assert answer.content == content
            continue
        assert answer.status_code in (400, 422)
        assert problem(answer)["code"] in ("damaged-plan", "unsupported-plan", "not-published")
    assert objects.reconstruct(plan).content == content


@pytest.mark.parametrize("name", ["moved", "of.two", "from-nothing"])
def test_h23_headers_that_are_wrong_but_sealed(objects: Shop, name: str) -> None:
    """Checks hold, so that all that is behind them sees what is wrong."""
    plan, content = objects.plan(name), objects.files[name]
    place = forge.header_of(plan)
    for at in range(place.stop - place.start):
        for bits in (1, 128, 255):
            header = bytearray(plan[place])
            header[at] ^= bits
            answer = objects.reconstruct(forge.sealed(bytes(header)) + plan[place.stop + 4 :])
            if answer.status_code == 200:
                assert answer.content == content
                continue
            found = problem(answer)
            assert (found["status"], found["code"]) in WRONG
    assert objects.reconstruct(plan).content == content


def test_h9_large_plans_are_refused(
    objects_bundle: Path, filled: tuple[Path, dict[str, bytes]]
) -> None:
    with shop(objects_bundle, *filled, MAX_PLAN_BYTES=1000) as found:
        answer = found.reconstruct(bytes(1001))
        assert (answer.status_code, problem(answer)["code"]) == (413, "body-too-large")


def test_h24_who_only_says_that_much_will_come_takes_no_memory(objects: Shop) -> None:
    head = (
        "POST /v1/reconstruct HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {16 * MIB}\r\n\r\n"
    )
    before = objects.server.rss()
    with ExitStack() as stack:
        for _ in range(30):
            address = ("127.0.0.1", objects.server.port)
            connection = stack.enter_context(socket.create_connection(address, timeout=10))
            connection.sendall(head.encode() + objects.plan("moved")[:50])
        assert objects.reconstruct(objects.plan("edited")).content == objects.files["edited"]
        assert objects.server.rss() - before < 100 * MIB


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

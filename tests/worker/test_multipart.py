"""multipart/form-data: the bytes of each part come through, and nothing else does (H13)."""

from __future__ import annotations

import random

import httpx
import pytest

from tests.worker.server import Server, problem, split

TYPE = "multipart/form-data; boundary=AaB03x"
LIST = b"Content-Disposition: form-data; name=list\r\n\r\n"
SOURCE = b'Content-Disposition: form-data; name="source"\r\n\r\n'


def post(server: Server, body: bytes, type_: str = TYPE) -> httpx.Response:
    url = "/v1/programs/frames?key=0"
    return server.client.post(url, content=body, headers={"content-type": type_})


def form(*parts: bytes, boundary: bytes = b"AaB03x") -> bytes:
    return (
        b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
        + b"--"
        + boundary
        + b"--\r\n"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\r",
        b"\n\r\n\r",
        b"\r\n--AaB03",
        b"\r\n-\r\n--\r\n--A\r\n",
        b"\xff\xfe\x00\x80",
        b"\r\n\r\n" + SOURCE,
        bytes(range(256)) * 5000,
        random.Random(1).randbytes(1 << 20),
    ],
    ids=lambda data: ascii(data[:20]),
)
def test_h13_any_bytes_are_a_part(server: Server, data: bytes) -> None:
    assert split(post(server, form(SOURCE + data, LIST)))[0] == data
    assert split(post(server, form(LIST, SOURCE + data)))[0] == data


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"a preamble\r\n" + form(SOURCE + b"x", LIST), TYPE),
        (form(SOURCE + b"x", LIST) + b"an epilogue\r\n--AaB03x", TYPE),
        (form(SOURCE + b"x", LIST)[:-2], TYPE),
        (form(SOURCE + b"x", LIST).replace(b"03x\r\n", b"03x \t\r\n"), TYPE),
        (form(SOURCE + b"x", LIST), 'multipart/form-data; charset=utf-8; Boundary="AaB03x"'),
        (form(SOURCE + b"x", LIST), "Multipart/Form-Data;boundary=AaB03x ; x=y"),
        (form(b"X-Other: y\r\ncontent-disposition: FORM-DATA; filename=\"a; name=z\"; NAME=source\r\n\r\nx", LIST), TYPE),
        (form(b"Content-Transfer-Encoding: binary\r\n" + SOURCE + b"x", LIST), TYPE),
        (form(b"content-transfer-encoding:\t8BIT \t\r\n" + SOURCE + b"x", LIST), TYPE),
        (form(b"Content-Type: text/plain; charset=utf-16\r\n" + SOURCE + b"x", LIST), TYPE),
        (form(SOURCE + b"x", LIST, boundary=b"a' b+_,-./:=?"), 'multipart/form-data; boundary="a\' b+_,-./:=?"'),
    ],
    ids=lambda value: ascii(value[:30]),
)  # fmt: skip
def test_h13_what_is_well_formed(server: Server, body: bytes, type_: str) -> None:
    assert split(post(server, body, type_))[0] == b"x"


@pytest.mark.parametrize(
    ("body", "type_", "reason"),
    [
        (form(SOURCE, LIST), "multipart/form-data", "the content type states no boundary"),
        (form(SOURCE, LIST), "multipart/form-data; boundary=", "the content type states no boundary"),
        (form(SOURCE, LIST), f"multipart/form-data; boundary={'x' * 71}", "the content type states no boundary"),
        (form(SOURCE, LIST), "multipart/form-data; boundary=other", "it ends before its last boundary"),
        (b"", TYPE, "it ends before its last boundary"),
        (b"--AaB03x", TYPE, "a boundary is not alone on its line"),
        (b"--AaB03x\r\n", TYPE, "it ends before its last boundary"),
        (b"--AaB03xx\r\n" + SOURCE, TYPE, "a boundary is not alone on its line"),
        (b"--AaB03x\n" + SOURCE, TYPE, "a boundary is not alone on its line"),
        (form(SOURCE, LIST)[:-5], TYPE, "it ends before its last boundary"),
        (form(SOURCE, LIST)[:-3], TYPE, "a boundary is not alone on its line"),
        (form(b"\r\nx"), TYPE, "a part has no name"),
        (form(b"Content-Disposition: form-data\r\n\r\nx"), TYPE, "a part has no name"),
        (form(b"Content-Disposition: attachment; name=source\r\n\r\nx"), TYPE, "a part has no name"),
        (form(b'Content-Disposition: form-data; filename="name=source"\r\n\r\nx'), TYPE, "a part has no name"),
        (form(SOURCE, SOURCE, LIST), TYPE, "there are two parts of the name 'source'"),
        (form(b"Content-Transfer-Encoding: base64\r\n" + SOURCE, LIST), TYPE, "a part has a content-transfer-encoding; send it as it is"),
    ],
    ids=lambda value: ascii(value[:30]),
)  # fmt: skip
def test_h13_what_is_not(server: Server, body: bytes, type_: str, reason: str) -> None:
    answer = post(server, body, type_)
    found = problem(answer)
    assert (answer.status_code, found["code"]) == (400, "invalid-request")
    assert found["detail"] == f"the body is no multipart/form-data: {reason}"


def test_random_bodies_are_answered(server: Server) -> None:
    """Pieces of forms in any order: always an answer of ours, and soon."""
    chance = random.Random(7)
    pieces = [
        b"\r\n",
        b"--",
        SOURCE,
        LIST,
        b"\r\n\r\n",
        b"x",
        b"-",
        b"\r",
        b'name="',
        b"\0",
    ]
    for _ in range(300):
        body = b"".join(chance.choices(pieces, k=chance.randrange(12)))
        answer = post(server, body)
        assert answer.status_code in (200, 400)
        if answer.status_code == 400:
            problem(answer)
    assert server.output() == ""


def test_no_body_takes_long(server: Server) -> None:
    """Line breaks everywhere, and almost boundaries, are no more work than other bytes."""
    for filler in (
        b"\r" * (1 << 22),
        b"\r\n--AaB03" * (1 << 19),
        b"; name=" * (1 << 19),
        b'; a="' * (1 << 19),
        b" " * (1 << 20),
    ):
        for body in (
            form(SOURCE + filler, LIST),
            form(b"Content-Disposition: form-data" + filler + b"\r\n\r\n", LIST),
            form(b"Content-Transfer-Encoding: x" + filler + b"y\r\n" + SOURCE, LIST),
        ):
            answer = post(server, body)
            assert answer.status_code in (200, 400)
            assert answer.elapsed.total_seconds() < 5

"""Programs by name: spec/http.md H12 to H17."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import google_crc32c
import httpx
import pytest

from pcpu.errors import UsageError
from pcpu.source import bind_arguments
from tests.worker.build import named_programs
from tests.worker.server import JSON, OCTETS, Server, problem, split

DATA = bytes(i * i >> 3 & 0xFF for i in range(300_001))
KEY = bytes.fromhex("37fa213d")
BOTH = "application/vnd.pcpu.data-then-results"
PROGRAMS = named_programs()


def call(
    server: Server, name: str, data: bytes | None = None, query: str = "", **parts: bytes
) -> httpx.Response:
    """``data`` as the one input, or ``parts`` as a form."""
    url = f"/v1/programs/{name}?{query}"
    if parts:
        files = {key: (key, value) for key, value in parts.items()}
        return server.client.post(url, files=files)
    headers = {} if data is None else {"content-type": OCTETS}
    return server.client.post(url, content=data, headers=headers)


def spans(*pairs: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<QQ", *pair) for pair in pairs)


def masked(data: bytes, key: bytes = KEY) -> bytes:
    return bytes(byte ^ key[i % len(key)] for i, byte in enumerate(data))


def crc(data: bytes) -> str:
    return f"{google_crc32c.value(data):#010x}"


def test_h12_the_programs(server: Server) -> None:
    answer = server.client.get("/v1/programs")
    assert answer.headers["content-type"] == JSON
    found = {program.pop("name"): program for program in answer.json()["programs"]}
    assert list(found) == ["checks", "frames", "inverted", "maker", "reader", "twins", "unmask"]
    assert found["frames"]["program"] == str(PROGRAMS["frames"])
    number = {"op": None, "bits": 64, "returns": "count", "count": 1}
    crc32c = {"name": "crc", "op": "crc32c", "bits": 32, "returns": "u32", "count": 1}
    assert found["frames"] == {
        "program": str(PROGRAMS["frames"]),
        "form": "whole",
        "parameters": [{"name": "key", "bits": 8}],
        "buffers": [
            {"name": "source", "role": "in", "written": False},
            {"name": "list", "role": "spans", "written": False},
            {"name": "out", "role": "out", "written": True},
        ],
        "tables": [
            {"name": "frames", "columns": [number | {"name": "total", "op": "sum"}, crc32c]}
        ],
        "results": [number | {"name": "count"}],
    }
    assert found["unmask"] == {
        "program": str(PROGRAMS["unmask"]),
        "form": "stream",
        "parameters": [
            {"name": "key", "sizes": [1, 16], "default": "0x37fa213d"},
            {"name": "mark", "bits": 8, "default": 10},
        ],
        "buffers": [{"name": "data", "role": "inout", "written": True}],
        "tables": [],
        "results": [crc32c, number | {"name": "marks", "op": "counteq"}],
    }


@pytest.mark.parametrize("path", ["nothing", "__proto__", "Frames", "x" * 50])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_h13_a_name_that_is_not_there(server: Server, path: str, method: str) -> None:
    answer = server.client.request(method, f"/v1/programs/{path}")
    assert (answer.status_code, problem(answer)["code"]) == (404, "not-found")
    assert "GET /v1/programs lists them" in answer.json()["detail"]


def test_h3_other_methods(server: Server) -> None:
    for method, path, allow in (
        ("GET", "/v1/programs/unmask", "POST"),
        ("PUT", "/v1/programs/unmask", "POST"),
        ("POST", "/v1/programs", "GET, HEAD"),
    ):
        answer = server.client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)


# Over streams


@pytest.mark.parametrize("form", ["content-length", "chunked"])
def test_h13_h16_a_stream(server: Server, form: str) -> None:
    content: Any = (
        DATA
        if form == "content-length"
        else (DATA[i : i + 9999] for i in range(0, len(DATA), 9999))
    )
    url = "/v1/programs/unmask?key=0x0102&mark=0x0a"
    answer = server.client.post(url, content=content, headers={"content-type": OCTETS})
    expected = masked(DATA, b"\1\2")
    out, report = split(answer)
    assert out == expected
    length = str(len(DATA)) if form == "content-length" else None
    assert answer.headers.get("pcpu-data-length") == length
    assert report == {
        "program": "unmask",
        "results": {"crc": crc(expected), "marks": expected.count(b"\n")},
        "tables": {},
        "buffers": {"data": len(DATA)},
        "bytes_in": len(DATA),
        "bytes_out": len(DATA),
        "compiled_with": report["compiled_with"],
        "vectorized": True,
    }


def test_h13_parameters_have_defaults(server: Server) -> None:
    assert call(server, "unmask", DATA, "want=data").content == masked(DATA)
    assert call(server, "unmask", DATA, 'key="GET "&want=data').content == masked(DATA, b"GET ")
    found = call(server, "unmask", b"aab", "key=0x00&mark=97&want=results").json()
    assert found["results"]["marks"] == 2


def test_h14_a_named_pipeline(server: Server) -> None:
    out, report = split(call(server, "checks", DATA))
    expected = bytes(byte ^ 1 for byte in DATA)
    assert out == expected
    assert report["results"] == {"a": crc(DATA), "crc32c": crc(expected)}
    fused = server.octets("crc32c | xor 1 | crc32c", DATA, want="results").json()
    assert fused["results"] == {"crc32c": crc(DATA), "crc32c_2": crc(expected)}


# Over whole buffers

LIST = spans((0, 10), (100, 70_000), (5, 0), (300_000, 1))


def test_h13_h15_inputs_tables_and_results(server: Server) -> None:
    answer = call(server, "frames", query="key=255", source=DATA, list=LIST)
    expected = bytes(255 - byte for byte in DATA)
    out, report = split(answer)
    assert (answer.headers["content-type"], out) == (BOTH, expected)
    assert answer.headers["pcpu-data-length"] == str(len(DATA))
    pieces = [DATA[:10], DATA[100:70_100], b"", DATA[300_000:]]
    assert report == {
        "program": "frames",
        "results": {"count": 4},
        "tables": {"frames": [[sum(piece), crc(piece)] for piece in pieces]},
        "buffers": {"source": len(DATA), "list": 64, "out": len(DATA)},
        "bytes_in": len(DATA) + 64,
        "bytes_out": len(DATA),
        "compiled_with": report["compiled_with"],
        "vectorized": True,
    }


def test_h14_what_comes_back(server: Server) -> None:
    def form(name: str, data: bytes | None, query: str = "") -> tuple[str, bytes]:
        answer = call(server, name, data, query)
        assert answer.status_code == 200, answer.text
        return answer.headers["content-type"], answer.content

    inverted = bytes(255 - byte for byte in b"abc")
    assert form("inverted", b"abc") == (OCTETS, inverted)
    assert form("inverted", b"ab") == (OCTETS, b"ab")
    assert form("inverted", b"abc", "buffer=data") == (OCTETS, inverted)
    kind, content = form("inverted", b"abc", "want=both")
    assert (kind, content.split(b"\n")[0]) == (BOTH, inverted)
    kind, content = form("inverted", b"abc", "want=results")
    found = json.loads(content)
    assert (kind, found["results"], found["bytes_out"]) == (JSON, {}, 3)

    assert form("maker", b"") == (OCTETS, b"\7" * 3)
    assert form("maker", None, "n=5") == (OCTETS, b"\7" * 5)
    assert form("maker", b"", "n=0") == (OCTETS, b"")

    kind, content = form("reader", b"abcdef\0")
    found = json.loads(content)
    assert kind == JSON
    assert found["results"] == {"longest": 6}
    assert found["tables"] == {"rows": [[sum(b"abcd")], [sum(b"ef")]]}
    assert (found["buffers"], found["bytes_in"], found["bytes_out"]) == ({"source": 7}, 7, 0)

    assert form("twins", b"abcdef", "buffer=first") == (OCTETS, b"abcd")
    assert form("twins", b"abcdef", "buffer=second") == (OCTETS, b"bcdefg")
    kind, content = form("twins", b"abcdef", "buffer=second&want=both")
    assert content.startswith(b"bcdefg\n{")
    kind, content = form("twins", b"abcdef", "want=results")
    assert json.loads(content)["buffers"] == {"source": 6, "first": 4, "second": 6}
    assert json.loads(content)["bytes_out"] == 0


@pytest.mark.parametrize(
    ("name", "query", "detail"),
    [
        ("unmask", "want=all", "want is one of data, results, both"),
        ("unmask", "want=data&want=data", "a query parameter is given twice"),
        ("unmask", "key=0x00&key=0x00", "a query parameter is given twice"),
        ("unmask", "buffer=out", "buffer is one of data"),
        ("reader", "buffer=source", "the program writes no buffer"),
        ("reader", "want=data", "the program writes no buffer; want results"),
        ("reader", "want=both", "the program writes no buffer; want results"),
        ("twins", "", "the program writes several buffers; choose one with buffer=: first, second"),
        ("twins", "want=both", "the program writes several buffers; choose one with buffer=: first, second"),
        ("twins", "buffer=source", "buffer is one of first, second"),
        ("maker", "buffer=", "buffer is one of out"),
    ],
)  # fmt: skip
def test_h14_wrong_queries(server: Server, name: str, query: str, detail: str) -> None:
    answer = call(server, name, b"", query)
    found = problem(answer)
    assert (answer.status_code, found["code"]) == (400, "invalid-request")
    assert found["detail"] == detail


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("unmask", {"kye": "1"}),
        ("unmask", {"zzz": "1"}),
        ("unmask", {"__proto__": "1"}),
        ("inverted", {"key": "1"}),
        ("frames", {}),
        ("frames", {"key": ""}),
        ("frames", {"key": "256"}),
        ("frames", {"key": "-1"}),
        ("frames", {"key": "1.5"}),
        ("frames", {"key": " 1"}),
        ("frames", {"key": "9" * 5000}),
        ("unmask", {"key": "12"}),
        ("unmask", {"key": ""}),
        ("unmask", {"key": "0x1"}),
        ("unmask", {"key": '"\\ud800"'}),
        ("unmask", {"key": '"\\x"'}),
        ("unmask", {"key": '"a" '}),
        ("unmask", {"key": '""'}),
        ("unmask", {"key": "0x" + "00" * 17}),
        ("unmask", {"key": "it's"}),
    ],
    ids=ascii,
)
def test_h13_parameters_get_the_words_of_the_command_line(
    server: Server, name: str, query: dict[str, str]
) -> None:
    with pytest.raises(UsageError) as caught:
        bind_arguments(PROGRAMS[name], query)
    answer = server.client.post(
        f"/v1/programs/{name}", params=query, content=b"", headers={"content-type": OCTETS}
    )
    found = problem(answer)
    assert (answer.status_code, found["code"]) == (400, "invalid-request")
    assert found["detail"] == str(caught.value)


@pytest.mark.parametrize(
    ("name", "type_", "wanted"),
    [
        ("unmask", "multipart/form-data; boundary=x", OCTETS),
        ("unmask", JSON, OCTETS),
        ("unmask", None, OCTETS),
        ("inverted", JSON, f"{OCTETS} or multipart/form-data"),
        ("inverted", None, f"{OCTETS} or multipart/form-data"),
        ("maker", "text/plain", f"{OCTETS} or multipart/form-data"),
    ],
)
def test_h13_content_types(server: Server, name: str, type_: str | None, wanted: str) -> None:
    headers = {} if type_ is None else {"content-type": type_}
    answer = server.client.post(f"/v1/programs/{name}", content=b"x", headers=headers)
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported-media-type")
    shown = "a body without content-type" if type_ is None else type_.split(";")[0]
    assert answer.json()["detail"] == f"send {wanted}, not {shown}"


def test_h13_bodies_that_do_not_fit_the_inputs(server: Server) -> None:
    def detail(name: str, data: bytes | None, query: str = "", **parts: bytes) -> str:
        found = problem(call(server, name, data, query, **parts))
        assert found["code"] == "invalid-request"
        return str(found["detail"])

    several = "send multipart/form-data with a part for each input: source, list"
    assert detail("frames", b"abc", "key=1") == several
    assert detail("maker", b"abc") == "the program has no input; send no body"
    assert detail("frames", None, "key=1", source=b"") == "parts are missing: list"
    known = "there is no input 'out'; known: source, list"
    assert detail("frames", None, "key=1", source=b"", list=b"", out=b"") == known
    assert detail("maker", None, "", source=b"").startswith(
        "there is no input 'source'; known: none"
    )


@pytest.mark.parametrize(
    ("name", "query", "parts", "code", "line", "numbers", "detail"),
    [
        (
            "frames", "key=1", {"source": b"abc", "list": spans((0, 1), (2, 2))},
            "trap-span-range", 7, [2, 2, 3], "a span of list, 2 + 2, leaves its 3 bytes",
        ),
        (
            "frames", "key=1", {"source": b"abc", "list": spans((2**64 - 1, 2))},
            "trap-span-range", 7, [2**64 - 1, 2, 3], "a span of list, 18446744073709551615 + 2, leaves its 3 bytes",
        ),
        (
            "frames", "key=1", {"source": b"abc", "list": b"x" * 17},
            "trap-spans-size", 7, [17, 0, 0], "list has 17 bytes, which is no whole number of spans of 16",
        ),
        (
            "reader", "size=0", {"source": b"abc"},
            "trap-window-size", 5, [0, 0, 0], "the size of w is 0, and a window has at least one byte",
        ),
        (
            "twins", "buffer=first", {"source": b"abc"},
            "trap-span-range", 5, [0, 4, 3], "the span of source, 0 + 4, leaves its 3 bytes",
        ),
    ],
)  # fmt: skip
def test_h17_checks_that_fail(
    server: Server,
    name: str,
    query: str,
    parts: dict[str, bytes],
    code: str,
    line: int,
    numbers: list[int],
    detail: str,
) -> None:
    answer = call(server, name, None, query, **parts)
    found = problem(answer)
    assert (answer.status_code, found["code"], found["line"]) == (422, code, line)
    assert found["detail"] == detail
    assert found["numbers"] == numbers
    assert call(server, "inverted", b"abc").content == bytes(255 - byte for byte in b"abc")


@pytest.mark.parametrize("form", ["content-length", "chunked"])
def test_h16_limits(bundle: Path, form: str) -> None:
    def post(server: Server, name: str, size: int) -> httpx.Response:
        content: Any = b"x" * size
        if form == "chunked":
            content = iter([content[:100], content[100:]])
        headers = {"content-type": OCTETS}
        return server.client.post(f"/v1/programs/{name}", content=content, headers=headers)

    with Server(bundle, MAX_BODY_BYTES=500_000) as server:
        assert post(server, "inverted", 500_000).status_code == 200
        answer = post(server, "inverted", 500_001)
        assert (answer.status_code, problem(answer)["code"]) == (413, "body-too-large")
        answer = post(server, "reader", 300_000)
        assert (answer.status_code, problem(answer)["code"]) == (422, "out-of-memory")
        over = "rows would have 600000 bytes, 400000 more than buffers and tables may have together"
        assert answer.json()["detail"] == over
        assert post(server, "unmask", 1_000_000).status_code == 200  # a stream has no such limit
        assert post(server, "inverted", 500_000).status_code == 200
        assert server.output() == ""


def test_h16_memory_that_is_not_there(server: Server) -> None:
    answer = call(server, "maker", None, f"n={2**31 - 1}")
    assert (answer.status_code, problem(answer)["code"]) == (422, "out-of-memory")
    assert call(server, "maker", None, "n=2").content == b"\7\7"
    assert server.output() == ""


def test_h16_unset_limits(bundle: Path) -> None:
    with Server(bundle, unset=["MAX_BODY_BYTES"]) as server:
        assert (
            call(server, "maker", None, f"n={32 << 20}&want=results").json()["bytes_out"]
            == 32 << 20
        )
        assert call(server, "maker", None, f"n={(32 << 20) + 1}").status_code == 422


def test_large_tables_come_in_blocks(server: Server) -> None:
    found = call(server, "reader", DATA, "size=1").json()
    assert found["tables"]["rows"] == [[byte] for byte in DATA]


def test_memory_is_given_back(server: Server) -> None:
    data = bytes(8 << 20)
    call(server, "inverted", data)
    before = server.rss()
    for _ in range(20):
        assert call(server, "inverted", data).content == b"\xff" * len(data)
    assert server.rss() - before < 200 << 20

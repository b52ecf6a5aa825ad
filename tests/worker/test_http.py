"""The rules of spec/http.md, one after the other."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import google_crc32c
import pytest

from pcpu.artifact import ABI_VERSION
from pcpu.isa import read_isa
from tests.worker.server import JSON, OCTETS, Server, problem

CHECK = b"123456789"


def test_h1_health(server: Server) -> None:
    answer = server.client.get("/health")
    assert answer.headers["content-type"] == JSON
    members = answer.json()
    assert list(members) == ["status", "abi", "isa_digest", "compiled_with"]
    assert members["status"] == "ok"
    assert members["abi"] == ABI_VERSION
    assert members["isa_digest"] == read_isa().digest
    assert "LLVM" in members["compiled_with"]


def test_h2_isa_is_what_the_compiler_says(server: Server) -> None:
    isa = server.client.get("/v1/isa").json()
    assert isa["operations"] == read_isa().to_json()["operations"]
    assert isa["isa_digest"] == read_isa().digest


@pytest.mark.parametrize("path", ["/", "/health", "/v1/isa"])
def test_h3_head(server: Server, path: str) -> None:
    answer = server.client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/v1/isa", "GET, HEAD"),
        ("GET", "/v1/pipeline", "POST"),
        ("HEAD", "/v1/pipeline", "POST"),
        ("PUT", "/v1/pipeline", "POST"),
        ("OPTIONS", "/v1/pipeline", "POST"),
    ],
)
def test_h3_method_not_allowed(server: Server, method: str, path: str, allow: str) -> None:
    answer = server.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert problem(answer)["code"] == "method-not-allowed"


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/pipeline/", "/v1/Pipeline", "/health/x", "//health", "/__proto__"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_h3_not_found(server: Server, method: str, path: str) -> None:
    answer = server.client.request(method, server.url + path)
    assert (answer.status_code, problem(answer)["code"]) == (404, "not-found")


def test_h4_h5_the_whole_answer(server: Server, bundle: Path) -> None:
    body = {"data": "hi!", "program": "xor 1 | n = counteq 0x68 | crc32c"}
    answer = server.json(body)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    crc = f"{google_crc32c.value(b'ih '):#010x}"
    manifest = json.loads((bundle / "manifest.json").read_text())["pcpu_ops.wasm"]
    kernels = ["pcpu_xor", "pcpu_counteq_update", "pcpu_crc32c_update"]
    xor, counteq, crc32c = (manifest["simd"][kernel] > 0 for kernel in kernels)
    assert xor
    assert answer.json() == {
        "data": "ih ",
        "encoding": "utf8",
        "results": {"n": 1, "crc32c": crc},
        "ops": [
            {"op": "xor", "imm": 1, "vectorized": xor},
            {"op": "counteq", "imm": 104, "name": "n", "result": 1, "vectorized": counteq},
            {"op": "crc32c", "name": "crc32c", "result": crc, "vectorized": crc32c},
        ],
        "bytes_in": 3,
        "bytes_out": 3,
        "compiled_with": manifest["compiled_with"],
        "vectorized": xor and counteq and crc32c,
    }


@pytest.mark.parametrize(
    "form",
    [
        {"ops": [{"op": "xor", "imm": 90}]},
        {"ops": [{"op": "xor", "imm": [90]}]},
        {"ops": [{"op": "xor", "imm": "0x5a"}]},
        {"ops": [{"op": "xor", "imm": 90.0}]},
        {"program": "xor:90"},
        {"imm": 90},
        {"imm": "0b1011010"},
        {"imm": [90]},
        {"operation": "xor", "imm": 90},
    ],
    ids=str,
)
def test_h4_forms(server: Server, form: dict[str, Any]) -> None:
    answer = server.json({"data": "abc"} | form).json()
    assert answer["data"] == ";89"
    assert answer["ops"] == [{"op": "xor", "imm": 90, "vectorized": True}]


def test_h4_operation_without_immediate(server: Server) -> None:
    answer = server.json({"data": "123456789", "operation": "crc32c"}).json()
    assert answer["results"] == {"crc32c": "0xe3069283"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ([], ""),
        (None, ""),
        ('"xor 1"', ""),
        (1, ""),
        ({"program": "crc32c"}, ""),
        ({"data": 1, "program": "crc32c"}, "/data"),
        ({"data": None, "program": "crc32c"}, "/data"),
        ({"data": ["a"], "program": "crc32c"}, "/data"),
        ({"data": "", "program": 1}, "/program"),
        ({"data": "", "program": ["crc32c"]}, "/program"),
        ({"data": "", "operation": 1}, "/operation"),
        ({"data": "", "program": "crc32c", "encoding": "ascii"}, "/encoding"),
        ({"data": "", "program": "crc32c", "encoding": "toString"}, "/encoding"),
        ({"data": "", "program": "crc32c", "encoding": None}, "/encoding"),
        ({"data": "", "program": "crc32c", "extra": 1}, "/extra"),
        ({"data": "", "program": "crc32c", "a/b": 1}, "/a~1b"),
        ({"data": "", "program": "crc32c", "__proto__": {}}, "/__proto__"),
        ({"data": "", "program": "crc32c", "constructor": 1}, "/constructor"),
        ({"data": ""}, None),
        ({"data": "", "ops": [], "program": "crc32c"}, None),
        ({"data": "", "program": "crc32c", "imm": 1}, None),
        ({"data": "", "ops": [{"op": "xor"}], "imm": 1}, None),
        ({"data": "", "operation": "xor", "program": "xor 1"}, None),
    ],
    ids=str,
)
def test_h4_requests_of_another_form(server: Server, body: object, pointer: str | None) -> None:
    answer = server.json(body)
    found = problem(answer)
    assert (answer.status_code, found["code"], found.get("pointer")) == (
        400,
        "invalid-request",
        pointer,
    )


@pytest.mark.parametrize(
    ("form", "code", "pointer"),
    [
        ({"imm": 256}, "immediate-range", "/imm"),
        ({"imm": -1}, "immediate-range", "/imm"),
        ({"imm": 90.5}, "syntax", "/imm"),
        ({"imm": [1, 256]}, "immediate-count", "/imm"),
        ({"imm": None}, "syntax", "/imm"),
        ({"operation": "bogus"}, "unknown-op", "/operation"),
        ({"operation": "xor"}, "immediate-count", "/operation"),
        ({"operation": "xor", "imm": 256}, "immediate-range", "/imm"),
        ({"operation": "crc32c", "imm": 0}, "immediate-count", "/operation"),
    ],
    ids=str,
)
def test_h4_errors_in_the_short_forms(
    server: Server, form: dict[str, Any], code: str, pointer: str
) -> None:
    found = problem(server.json({"data": ""} | form))
    assert (found["code"], found["pointer"]) == (code, pointer)


def test_h4_an_error_in_the_program_comes_before_one_in_the_data(server: Server) -> None:
    found = problem(server.json({"data": "?", "encoding": "hex", "program": "bogus"}))
    assert found["code"] == "unknown-op"


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("base64", "AAEC"),
        ("base64", "AAE="),
        ("base64", "AA=="),
        ("base64", "+/+/"),
        ("hex", "00ff"),
        ("utf8", ""),
        ("base64", ""),
        ("hex", ""),
        ("utf8", "a\u0000b\u007f"),
        ("utf8", "\ufeffa"),
        ("utf8", "\U0001f600é"),
        ("utf8", '\\"\u2028'),
    ],
)
def test_h5_data_comes_back_in_its_encoding(server: Server, encoding: str, data: str) -> None:
    answer = server.json({"data": data, "encoding": encoding, "program": "xor 0"}).json()
    assert (answer["data"], answer["encoding"]) == (data, encoding)


def test_h5_hex_is_read_in_either_case_and_written_in_lower(server: Server) -> None:
    assert server.json({"data": "aBFf", "encoding": "hex", "imm": 0}).json()["data"] == "abff"


@pytest.mark.parametrize(
    "out", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"]
)
def test_h5_bytes_that_are_not_utf8_come_as_base64(server: Server, out: bytes) -> None:
    data = bytes(byte ^ 0x80 for byte in out).decode("ascii")
    answer = server.json({"data": data, "imm": 0x80}).json()
    assert (answer["data"], answer["encoding"]) == (base64.b64encode(out).decode(), "base64")


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("base64", "A"),
        ("base64", "AA"),
        ("base64", "AAE"),
        ("base64", "AA="),
        ("base64", "AA==="),
        ("base64", "AAF="),
        ("base64", "AB=="),
        ("base64", "===="),
        ("base64", "AAEC AAEC"),
        ("base64", "AAEC\n"),
        ("base64", " AAEC"),
        ("base64", "AA =="),
        ("base64", "-_-_"),
        ("base64", "AAE=AAEC"),
        ("base64", "ÄÖÜA"),
        ("base64", "AA\u0000A"),
        ("hex", "0"),
        ("hex", "0g"),
        ("hex", "0x00"),
        ("hex", "00 00"),
        ("hex", "00\n"),
        ("hex", "\uff10\uff10"),
        ("utf8", "\ud800"),
        ("utf8", "a\udc00b"),
        ("utf8", "\udc00\ud800"),
    ],
    ids=ascii,
)
def test_h4_invalid_data(server: Server, encoding: str, data: str) -> None:
    answer = server.json({"data": data, "encoding": encoding, "program": "crc32c"})
    found = problem(answer)
    assert (answer.status_code, found["code"], found["pointer"]) == (400, "invalid-data", "/data")


def test_h6_results_have_their_full_width(server: Server) -> None:
    answer = server.json({"data": "", "program": "crc32c | fnv | counteq 0"}).json()
    assert answer["results"] == {
        "crc32c": "0x00000000",
        "fnv": "0xcbf29ce484222325",
        "counteq": 0,
    }


def test_names_that_objects_have_by_birth_are_results_like_others(server: Server) -> None:
    body = {"data": "", "program": "__proto__ = crc32c | constructor = counteq 0"}
    answer = server.json(body)
    assert '"results":{"__proto__":"0x00000000","constructor":0}' in answer.text


def test_json_takes_no_query(server: Server) -> None:
    answer = server.client.post(
        "/v1/pipeline?program=crc32c", content="{}", headers={"content-type": JSON}
    )
    assert problem(answer)["code"] == "invalid-request"


@pytest.mark.parametrize(
    ("type_", "status"),
    [
        (JSON, 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON ;x=y", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/jsonp", 415),
        ("application/json, text/plain", 415),
        ("__proto__", 415),
        ("constructor", 415),
        ("", 415),
        (None, 415),
    ],
)
def test_content_types(server: Server, type_: str | None, status: int) -> None:
    headers = {} if type_ is None else {"content-type": type_}
    body = json.dumps({"data": "", "program": "crc32c"}).encode()
    answer = server.client.post("/v1/pipeline", content=body, headers=headers)
    assert answer.status_code == status
    if status == 415:
        found = problem(answer)
        assert found["code"] == "unsupported-media-type"
        assert "send application/json" in found["detail"]


@pytest.mark.parametrize(
    ("coding", "status"),
    [("identity", 200), ("IDENTITY", 200), ("gzip", 415), ("br, gzip", 415), ("x", 415)],
)
@pytest.mark.parametrize(
    ("path", "type_"),
    [("pipeline?program=crc32c", OCTETS), ("pipeline", JSON), ("programs/checks", OCTETS)],
)
def test_h3_bodies_that_are_encoded(
    server: Server, path: str, type_: str, coding: str, status: int
) -> None:
    headers = {"content-type": type_, "content-encoding": coding}
    body = json.dumps({"data": "", "program": "crc32c"}).encode()
    answer = server.client.post(f"/v1/{path}", content=body, headers=headers)
    assert answer.status_code == status
    if status == 415:
        assert problem(answer)["code"] == "unsupported-media-type"


@pytest.mark.parametrize("host", ["a, b", "a b", "%", "["])
def test_the_host_may_be_any(server: Server, host: str) -> None:
    for path in ("/v1/pipeline?program=xor%3A1", "/v1/programs/checks?want=results"):
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        body = f"Content-Type: {OCTETS}\r\nContent-Length: 2\r\n\r\nab"
        assert server.raw((head + body).encode()).startswith(b"HTTP/1.1 200 OK")
    page = f"GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    assert f"http://{host}/v1/pipeline".encode() in server.raw(page.encode())


def test_h9_an_error_in_a_program_shows_its_place(server: Server) -> None:
    answer = server.octets("xor 1 |\n\tadd 256 | crc32c")
    assert problem(answer) == {
        "type": "urn:pcpu:problem:immediate-range",
        "title": "An immediate is outside its width",
        "status": 400,
        "detail": "256 is outside 0..255, the range of imm8 of add",
        "code": "immediate-range",
        "line": 2,
        "column": 6,
        "excerpt": "\tadd 256 | crc32c\n\t    ^",
    }


def test_h9_long_lines_are_cut(server: Server) -> None:
    found = problem(server.octets("xor 1 | " * 200 + "bogus" + " | xor 1" * 50))
    source, caret = found["excerpt"].split("\n")
    assert source[caret.index("^") :].startswith("bogus | xor 1")
    assert len(source) <= 150


@pytest.mark.parametrize("form", ["content-length", "chunked"])
def test_h9_limits(bundle: Path, form: str) -> None:
    def body(size: int, fill: bytes) -> Any:
        content = fill * size
        return content if form == "content-length" else iter([content[:100], content[100:]])

    with Server(bundle, MAX_JSON_BYTES=1000, MAX_STREAM_BYTES=500_000) as server:
        for size, status in [(1000, 400), (1001, 413)]:
            answer = server.client.post(
                "/v1/pipeline", content=body(size, b" "), headers={"content-type": JSON}
            )
            assert answer.status_code == status
            assert problem(answer)["code"] == (
                "invalid-json" if status == 400 else "body-too-large"
            )
        for size, status in [(500_000, 200), (500_001, 413)]:
            answer = server.client.post(
                "/v1/pipeline?program=crc32c",
                content=body(size, b"x"),
                headers={"content-type": OCTETS},
            )
            assert answer.status_code == status
        assert server.client.get("/health").status_code == 200
        assert server.output() == ""

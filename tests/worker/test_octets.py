"""The octet-stream route: spec/http.md H7 and H8."""

from __future__ import annotations

import google_crc32c
import pytest

from tests.worker.build import FUSED
from tests.worker.server import JSON, OCTETS, Server, problem, split

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("program", "want", "kind"),
    [
        ("xor 1", None, OCTETS),
        ("xor 1 | add 1", None, OCTETS),
        ("crc32c", None, JSON),
        ("xor 1 | crc32c", None, "application/vnd.pcpu.data-then-results"),
        ("crc32c", "data", OCTETS),
        ("xor 1", "results", JSON),
        ("crc32c", "both", "application/vnd.pcpu.data-then-results"),
    ],
)
def test_h7_want(server: Server, program: str, want: str | None, kind: str) -> None:
    answer = server.octets(program, CHECK, **({"want": want} if want else {}))
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    expected = server.json({"data": "123456789", "program": program}).json()
    if kind == OCTETS:
        assert answer.text == expected["data"]
    elif kind == JSON:
        del expected["data"], expected["encoding"]
        assert answer.json() == expected
    else:
        assert split(answer)[0].decode() == expected["data"]
        assert split(answer)[1]["results"] == expected["results"]


def test_h7_data_of_known_length_has_an_answer_of_known_length(server: Server) -> None:
    assert server.octets("xor 1", b"x" * 300_000).headers["content-length"] == "300000"
    assert server.octets("xor 1").headers["content-length"] == "0"
    both = server.octets("xor 1 | crc32c", b"x" * 300_000)
    assert both.headers["pcpu-data-length"] == "300000"
    assert "pcpu-data-length" not in server.octets("xor 1", b"x").headers


@pytest.mark.parametrize("want", ["data", "results", "both"])
def test_h7_empty_body(server: Server, want: str) -> None:
    answer = server.octets("xor 1 | crc32c", want=want)
    if want == "data":
        assert answer.content == b""
    else:
        results = answer.json() if want == "results" else split(answer)[1]
        assert results["results"] == {"crc32c": "0x00000000"}
        assert (results["bytes_in"], results["bytes_out"]) == (0, 0)


def test_h8_any_bytes_can_precede_the_results(server: Server) -> None:
    data = b'\n{"results": {}}\n\n' + bytes(range(256)) + b"\n"
    out, results = split(server.octets("xor 0 | crc32c", data))
    assert out == data
    assert results["results"]["crc32c"] == f"{google_crc32c.value(data):#010x}"


def test_h7_the_fused_program_gives_what_the_operations_give(server: Server) -> None:
    data = bytes(i * i & 0xFF for i in range(700_001))
    fused, fused_results = split(server.octets(FUSED, data))
    apart, results = split(server.octets(FUSED + " | xor 0", data))
    assert fused == apart
    assert fused_results["results"] == results["results"]
    assert fused_results["results"]["crc32c"] == f"{google_crc32c.value(fused):#010x}"
    named = FUSED.replace("crc32c", "sum = crc32c")
    assert split(server.octets(named, data))[1]["results"]["sum"] == results["results"]["crc32c"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?program",
        "?want=data",
        "?program=crc32c&want=",
        "?program=crc32c&want=all",
        "?program=crc32c&want=toString",
        "?program=crc32c&x=1",
        "?program=crc32c&__proto__=1",
        "?program=crc32c&program=crc32c",
        "?program=crc32c&want=data&want=data",
        "?Program=crc32c",
    ],
)
def test_h7_query(server: Server, query: str) -> None:
    answer = server.client.post(
        f"/v1/pipeline{query}", content=b"x", headers={"content-type": OCTETS}
    )
    expected = "syntax" if query == "?program" else "invalid-request"
    assert (answer.status_code, problem(answer)["code"]) == (400, expected)


def test_h7_a_wrong_program_is_refused_before_the_body_is_read(server: Server) -> None:
    head = (
        "POST /v1/pipeline?program=bogus HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: {OCTETS}\r\nContent-Length: 1000000000\r\n\r\n"
    )
    assert b"400 Bad Request" in server.raw(head.encode())

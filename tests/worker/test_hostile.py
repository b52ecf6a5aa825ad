"""Bodies that nobody sends by mistake: each must be a clean error, or simply work."""

from __future__ import annotations

import base64
import json
import random
import time
from pathlib import Path

import google_crc32c
import pytest

from tests.worker.server import JSON, Server, problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"nul",
        b"{'data': ''}",
        b'{"data": "", "program": "crc32c",}',
        b'{"data": "", "program": "crc32c"} {}',
        b'{"data": "\n", "program": "crc32c"}',
        b'{"data": "\\x41", "program": "crc32c"}',
        b'{"data": "", "imm": 01}',
        b'{"data": "", "imm": 0x5a}',
        b'{"data": "", "imm": +1}',
        b'{"data": "", "imm": NaN}',
        b'{"data": "", "imm": .5}',
        b'\xef\xbb\xbf{"data": "", "program": "crc32c"}',
        b'{"data": "\xff", "program": "crc32c"}',
        b'{"data": "\xed\xa0\x80", "program": "crc32c"}',
        b'{"data": "\xc3',
        '{"data": "", "program": "crc32c"}'.encode("utf-16"),
        b"\0",
        b"[" * 1_000_000,
    ],
    ids=lambda body: ascii(body[:40]),
)
def test_not_json(server: Server, body: bytes) -> None:
    answer = server.json(body)
    assert (answer.status_code, problem(answer)["code"]) == (400, "invalid-json")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("1e999", "syntax"),
        ("-1e999", "syntax"),
        ("90.5", "syntax"),
        ("1e-1", "syntax"),
        ("9007199254740993", "syntax"),
        ("9" * 100_000, "syntax"),
        ("-0.0000001", "syntax"),
        ("-1", "immediate-range"),
        ("1e3", "immediate-range"),
        ('"' + "9" * 100_000 + '"', "immediate-range"),
        ("true", "syntax"),
        ("{}", "syntax"),
        ('[["90"]]', "syntax"),
    ],
    ids=lambda text: text[:20],
)
def test_numbers(server: Server, number: str, code: str) -> None:
    found = problem(server.json(f'{{"data": "", "imm": {number}}}'))
    assert found["code"] == code


@pytest.mark.parametrize("number", ["-0", "90.0", "9e1", "0.9E+2", '"0x5a"', '"000090"'])
def test_numbers_count_by_value(server: Server, number: str) -> None:
    answer = server.json(f'{{"data": "Z", "imm": {number}}}').json()
    assert answer["data"] == ("Z" if number == "-0" else "\0")


def test_the_last_of_members_written_twice_counts(server: Server) -> None:
    answer = server.json('{"data": "a", "imm": 1, "data": "b", "imm": 0}')
    assert answer.json()["data"] == "b"


@pytest.mark.parametrize(
    "body",
    [
        '{"data": "", "ops": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"data": "", "ops": [' + '{"op":"crc32c"},' * 1_000_000 + '{"op":"crc32c"}]}',
        '{"data": "", "imm": [' + "1," * 1_000_000 + "1]}",
        '{"data": "", "ops": [{"op": "' + "x" * 1_000_000 + '"}]}',
        '{"data": "", "program": "' + "crc32c|" * 100_000 + '"}',
        '{"data": "", "program": "' + "x" * 1_000_000 + '"}',
        '{"data": "", "' + "k" * 1_000_000 + '": 1}',
        '{"data": "", ' + ",".join(f'"{i}": 1' for i in range(100_000)) + "}",
        '{"data": "", "encoding": "' + "x" * 1_000_000 + '"}',
    ],
    ids=lambda body: body[12:40],
)
def test_large_nonsense_is_refused_at_once_and_in_few_words(server: Server, body: str) -> None:
    start = time.monotonic()
    answer = server.json(body)
    assert answer.status_code == 400
    assert time.monotonic() - start < 2
    assert len(problem(answer)["detail"]) < 500


def test_256_operations_and_no_more(server: Server) -> None:
    ops = [{"op": "add", "imm": 1}] * 256
    assert server.json({"data": "abc", "ops": ops}).json()["data"] == "abc"
    assert problem(server.json({"data": "", "ops": [*ops, ops[0]]}))["code"] == "too-long"


def test_a_thousand_random_bodies(server: Server) -> None:
    """Mutations of a good body: an answer or a problem, and nothing in the log."""
    rng = random.Random(20)
    good = json.dumps({"data": "AAECAw==", "encoding": "base64", "ops": [{"op": "xor", "imm": 90}]})
    for _ in range(1000):
        body = bytearray(good.encode())
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(body))
            match rng.randrange(3):
                case 0:
                    body[at] = rng.randrange(256)
                case 1:
                    del body[at : at + rng.randint(1, 8)]
                case _:
                    body[at:at] = rng.choice([b'"', b"{", b"]", b",", b"\\u0000", b"1e9", b"null"])
        answer = server.json(bytes(body))
        if answer.status_code != 200:
            assert answer.status_code == 400
            problem(answer)
    assert server.output() == ""


def test_programs_in_queries_written_badly(server: Server) -> None:
    for query in ("%", "%zz", "%ff", "%00", "%ed%a0%80", "+", "xor%2B1", "a" * 8000):
        answer = server.raw(
            f"POST /v1/pipeline?program={query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert b" 400 Bad Request" in answer.split(b"\r\n", 1)[0]
        assert b"application/problem+json" in answer


def test_64_mib_in_json(server: Server) -> None:
    data = random.Random(1).randbytes(64 << 20)
    body = json.dumps(
        {"data": base64.b64encode(data).decode(), "encoding": "base64", "program": "xor 90|crc32c"}
    )
    answer = server.json(body).json()
    out = data.translate(bytes(byte ^ 90 for byte in range(256)))
    assert answer["results"] == {"crc32c": f"{google_crc32c.value(out):#010x}"}
    assert base64.b64decode(answer["data"], validate=True) == out


def test_json_limit_when_the_bundle_states_none(bundle: Path) -> None:
    """8 MiB: config without the binding."""
    with Server(bundle, unset=["MAX_JSON_BYTES", "MAX_STREAM_BYTES"]) as server:
        data = "a" * (9 << 20)
        answer = server.json({"data": data, "program": "crc32c"})
        assert (answer.status_code, problem(answer)["code"]) == (413, "body-too-large")
        assert server.json({"data": data[: 7 << 20], "program": "crc32c"}).status_code == 200
        assert server.octets("crc32c", data.encode()).status_code == 200


def test_a_limit_that_is_no_number_is_the_operator_s_error(bundle: Path) -> None:
    with Server(bundle, MAX_JSON_BYTES="16 MiB") as server:
        answer = server.client.post("/v1/pipeline", content="{}", headers={"content-type": JSON})
        assert (answer.status_code, problem(answer)["code"]) == (500, "internal")
        assert "16 MiB" not in answer.text
        assert "16 MiB" in server.output()

"""What errors say: plain words, and where the command line states the same fact, its words."""

from __future__ import annotations

from typing import Any

import pytest

from pcpu.errors import ProgramError
from pcpu.library import load_isa
from pcpu.source import parse_json, parse_pipeline
from tests.worker.server import OCTETS, Server, problem

ISA = load_isa()
KNOWN = "data, encoding, imm, operation, ops, program"
CRC = {"data": "", "program": "crc32c"}


def said(error: ProgramError) -> str:
    return error.message.replace("'pcpu isa' lists them", "GET /v1/isa lists them")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], 'expected an object {"data": ...}'),
        ([CRC], 'expected an object {"data": ...}'),
        (None, 'expected an object {"data": ...}'),
        (5, 'expected an object {"data": ...}'),
        ({}, "the member 'data' is missing"),
        (CRC | {"x": 1}, f"unknown member 'x'; known: {KNOWN}"),
        (CRC | {"k" * 99: 1}, f"unknown member '{'k' * 32}...'; known: {KNOWN}"),
        (CRC | {"data": 1}, "expected a string"),
        (CRC | {"encoding": "ascii"}, "expected one of utf8, base64, hex"),
        (CRC | {"encoding": None}, "expected one of utf8, base64, hex"),
    ],
    ids=ascii,
)
def test_bodies(server: Server, body: object, detail: str) -> None:
    assert problem(server.json(body))["detail"] == detail


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "the query parameter 'program' is missing"),
        ("?program=crc32c&x=1", "unknown query parameter 'x'; known: program, want"),
        ("?program=crc32c&want=all", "want is one of data, results, both"),
    ],
)
def test_queries(server: Server, query: str, detail: str) -> None:
    answer = server.client.post(f"/v1/pipeline{query}", headers={"content-type": OCTETS})
    assert problem(answer)["detail"] == detail


@pytest.mark.parametrize(
    "text",
    [
        "",
        "xr 1",
        "bogus",
        "x" * 33,
        "xor",
        "xor 1 2",
        "crc32c 1",
        "xor 256",
        "xor 1" + "0" * 40,
        "xor 1" + "0" * 100,
        "xor q",
        "mask",
        "mask 12",
        "mask 0x123",
        "mask 0x" + "00" * 65,
        "lut 0x00",
        "hist 1",
        "xor 1 '",
        'xor 1 "',
        "xor 1 \\",
        "a=xor 1",
        "a=crc32c|a=fnv",
        "Sum=crc32c",
        "a=",
        "|".join(["crc32c"] * 257),
        "x" * 65537,
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_a_text_gets_the_words_of_the_command_line(server: Server, text: str) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_pipeline(text, ISA)
    found = problem(server.json({"data": "", "program": text}))
    assert found["detail"] == said(caught.value)


@pytest.mark.parametrize(
    "ops",
    [
        [],
        {},
        [[]],
        [5],
        [{}],
        [{"op": 5}],
        [{"op": "it's"}],
        [{"op": "\n"}],
        [{"op": "xor", "imm": 1.5}],
        [{"op": "xor", "imm": -1}],
        [{"op": "mask", "imm": 55}],
        [{"op": "lut", "imm": "0x00"}],
        [{"op": "crc32c", "name": "A"}],
        [{"op": "crc32c", "name": 5}],
    ],
    ids=str,
)
def test_json_gets_the_words_of_the_command_line(server: Server, ops: Any) -> None:
    with pytest.raises(ProgramError) as caught:
        parse_json({"ops": ops}, ISA)
    found = problem(server.json({"data": "", "ops": ops}))
    assert found["detail"] == said(caught.value)


@pytest.mark.parametrize("form", [{"program": "|"}, {"ops": [{}]}], ids=str)
def test_syntax_has_a_title_for_both_notations(server: Server, form: dict[str, Any]) -> None:
    found = problem(server.json({"data": ""} | form))
    assert (found["code"], found["title"]) == ("syntax", "The program is not well-formed")


@pytest.mark.parametrize("slip", ["xr", "XOR", "nxor", "crc33", "crc23c", "fnv6", "cnteq", "ad"])
def test_a_slip_gets_the_suggestion_of_the_command_line(server: Server, slip: str) -> None:
    close = ISA.suggest(slip)
    hint = f"did you mean {close!r}?" if close else "GET /v1/isa lists them"
    found = problem(server.json({"data": "", "operation": slip}))
    assert found["detail"] == f"unknown operation {slip!r}; {hint}"

"""The conformance corpus through HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.worker.server import ROOT, Server, problem, split

CORPUS = ROOT / "tests/conformance"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CORPUS / name).read_text())
    return found


def joined(text: str | list[Any]) -> str:
    if isinstance(text, str):
        return text
    return "".join(item if isinstance(item, str) else item[0] * item[1] for item in text)


def case_id(case: dict[str, Any]) -> str:
    text = case.get("program", case.get("json"))
    return ascii(text)[:40]


@pytest.mark.parametrize("case", cases("programs.json"), ids=case_id)
def test_programs(server: Server, case: dict[str, Any]) -> None:
    data, expected = bytes.fromhex(case["data_hex"]), case["expect_data_hex"]

    body = {"data": case["data_hex"], "encoding": "hex", "program": case["program"]}
    answer = server.json(body).json()
    assert (answer["data"], answer["results"]) == (expected, case["results"])
    assert list(answer["results"]) == list(case["results"])

    out, results = split(server.octets(case["program"], data, want="both"))
    assert (out.hex(), results["results"]) == (expected, case["results"])


@pytest.mark.parametrize("case", [c for c in cases("errors.json") if "program" in c], ids=case_id)
def test_errors_in_text(server: Server, case: dict[str, Any]) -> None:
    program = joined(case["program"])
    expected = (case["code"], case["line"], case["column"])

    found = problem(server.json({"data": "", "program": program}))
    assert (found["code"], found["line"], found["column"]) == expected
    assert found["pointer"] == "/program"

    if len(program) < 5000 and not any("\ud800" <= c <= "\udfff" for c in program):
        found = problem(server.octets(program))
        assert (found["code"], found["line"], found["column"]) == expected
        if len(program) < 70 and "\n" not in program:
            assert found["excerpt"] == f"{program.rstrip()}\n{' ' * (case['column'] - 1)}^"


def in_a_body(case: dict[str, Any]) -> tuple[str, str] | None:
    """The text of a request with the program, and the pointer; None where it cannot be put so."""
    text = joined(case["json"])
    if text.startswith("["):
        return f'{{"data": "", "ops": {text}}}', "/ops" + case["pointer"]
    if text.startswith('{"ops": ') and case["pointer"].startswith("/ops"):
        return '{"data": "", ' + text[1:], case["pointer"]
    return None


@pytest.mark.parametrize(
    "case", [c for c in cases("errors.json") if "json" in c and in_a_body(c)], ids=case_id
)
def test_errors_in_json(server: Server, case: dict[str, Any]) -> None:
    request = in_a_body(case)
    assert request
    body, pointer = request
    found = problem(server.json(body))
    assert (found["code"], found["pointer"]) == (case["code"], pointer)


def test_the_corpus_is_as_generated() -> None:
    import runpy

    generate = runpy.run_path(str(CORPUS / "generate.py"))
    assert Path(CORPUS / "programs.json").read_text() == generate["text"]()

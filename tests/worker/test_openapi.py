"""The OpenAPI document of the interface: what it says of requests and answers is so."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from pcpu.bundle import LOCAL_JSON_BYTES
from pcpu.ir.traps import TrapCode
from pcpu.library import load_isa
from pcpu.openapi import document, problems
from pcpu.source import parse_pipeline
from tests.conftest import ROOT
from tests.sdk_ts.build import npm
from tests.worker.publishing import Shop
from tests.worker.server import JSON, Server, problem

ISA = load_isa()
DOCUMENT = document(ISA)
DATA = {"data": "abc"}


def fits(name: str, value: object) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return bool(Draft202012Validator(schema).is_valid(value))


def test_h11_the_worker_serves_what_the_command_prints(server: Server) -> None:
    answer = server.client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert answer.json() == DOCUMENT
    command = [str(Path(sys.executable).parent / "pcpu"), "openapi"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout) == DOCUMENT


def test_h11_a_bundle_has_the_operations_that_it_was_built_with(user_ops: Path) -> None:
    ops = document(load_isa([user_ops]))["components"]["schemas"]["Op"]["oneOf"]
    assert [op["title"] for op in ops] == [op.name for op in load_isa([user_ops]).operations]


def test_the_schemas_are_schemas() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_paths_and_methods_are_those_of_the_worker(server: Server) -> None:
    for path, methods in DOCUMENT["paths"].items():
        answer = server.client.request("TRACE", path.replace("{name}", "unmask"))
        allowed = {"HEAD" if method == "head" else method.upper() for method in methods}
        allow = set(answer.headers["allow"].split(", "))
        assert (answer.status_code, allow - {"HEAD"}) == (405, allowed)


@pytest.mark.parametrize(
    "program", ["xor 1 | crc32c", "hist | find 1", "lut 0x" + "00" * 256, "mask 0x0102 | fnv"]
)
def test_answers_are_as_described(server: Server, program: str) -> None:
    answer = server.json(DATA | {"program": program}).json()
    assert fits("PipelineAnswer", answer)
    assert not fits("PipelineAnswer", {k: v for k, v in answer.items() if k != "data"})
    assert fits("Report", server.octets(program, b"abc", want="results").json())
    members = DOCUMENT["components"]["schemas"]["Report"]["properties"]
    assert {*answer} == {*members, "data", "encoding"}


def test_h30_the_root_says_what_there_is(server: Server, objects: Shop) -> None:
    here, there = (each.client.get("/") for each in (server, objects.server))
    for answer in (here, there):
        assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
        assert fits("Root", answer.json())
    described = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    about = {(each["method"], each["path"]) for each in there.json()["endpoints"]}
    assert about == described
    published = {path for _, path in described if "objects" in path or "reconstruct" in path}
    paths = {each["path"] for each in here.json()["endpoints"]}
    assert paths == {path for _, path in described} - published
    assert not any("(H" in each["summary"] for each in here.json()["endpoints"])
    limits = {each["name"]: each["bytes"] for each in here.json()["limits"]}
    assert limits["MAX_JSON_BYTES"] == LOCAL_JSON_BYTES
    assert limits["MAX_STREAM_BYTES"] == 0


def test_h30_browsers_get_a_page(server: Server) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = server.client.get("/", headers=browser)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<a href="/health">' in page.text
    assert f"{server.url}/v1/pipeline?program=crc32c" in page.text
    for accept in ("*/*", "application/json", "text/html;q=0.5, application/json", "image/png"):
        assert server.client.get("/", headers={"accept": accept}).headers["content-type"] == JSON


def test_h30_conditions(server: Server) -> None:
    first = server.client.get("/")
    tag = first.headers["etag"]
    assert tag == f'"{hashlib.sha256(first.content).hexdigest()}"'
    assert first.headers["vary"] == "accept"
    again = server.client.get("/", headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = server.client.get("/", headers={"if-match": '"x"'})
    assert (other.status_code, problem(other)["code"]) == (412, "precondition-failed")
    page = server.client.get("/", headers={"accept": "text/html", "if-none-match": tag})
    assert (page.status_code, page.headers["etag"] != tag) == (200, True)


def test_health_and_operations_are_as_described(server: Server) -> None:
    assert fits("Health", server.client.get("/health").json())
    isa = server.client.get("/v1/isa").json()
    assert fits("Isa", isa)
    described = {*DOCUMENT["components"]["schemas"]["Operation"]["properties"]}
    assert {member for op in isa["operations"] for member in op} == described


def test_programs_are_as_described(server: Server) -> None:
    found = server.client.get("/v1/programs").json()
    assert fits("Programs", found)
    members = {member for program in found["programs"] for member in program}
    assert members == {*DOCUMENT["components"]["schemas"]["Program"]["properties"]}
    headers = {"content-type": "application/octet-stream"}
    for name in ("unmask", "reader"):
        url = f"/v1/programs/{name}?want=results"
        report = server.client.post(url, content=b"abcdef", headers=headers).json()
        assert fits("ProgramReport", report)
        assert {*report} == {*DOCUMENT["components"]["schemas"]["ProgramReport"]["properties"]}


REQUESTS = [
    {"program": "xor 1"},
    {"imm": 1},
    {"imm": "0x5a"},
    {"imm": [90]},
    {"operation": "crc32c"},
    {"operation": "xor", "imm": 1, "encoding": "hex", "data": "00"},
    {"ops": [{"op": "xor", "imm": 90}, {"op": "fnv64", "name": "check"}]},
    {"ops": [{"op": "mask", "imm": "0x0102"}, {"op": "mask", "imm": ["0x01"]}]},
    {"ops": [{"op": "xor", "imm": "0x5a"}, {"op": "hist"}]},
    {},
    {"x": 1, "program": "crc32c"},
    {"data": 1, "program": "crc32c"},
    {"encoding": "ascii", "program": "crc32c"},
    {"ops": []},
    {"ops": [{"op": "xr", "imm": 1}]},
    {"ops": [{"op": "xor"}]},
    {"ops": [{"op": "xor", "imm": 256}]},
    {"ops": [{"op": "xor", "imm": [1, 2]}]},
    {"ops": [{"op": "xor", "imm": 1, "name": "a"}]},
    {"ops": [{"op": "crc32c", "name": "A"}]},
    {"ops": [{"op": "crc32c", "extra": 1}]},
    {"ops": [{"op": "mask", "imm": 5}]},
    {"ops": [{"op": "mask", "imm": "0x0"}]},
    {"ops": [{"op": "mask", "imm": "0x" + "00" * 65}]},
    {"ops": [{"op": "crc32c"}], "program": "crc32c"},
    {"program": "crc32c", "imm": 1},
]


@pytest.mark.parametrize("form", REQUESTS, ids=lambda form: ascii(form)[:50])
def test_what_is_described_is_what_is_taken(server: Server, form: dict[str, Any]) -> None:
    request = DATA | form
    assert fits("PipelineRequest", request) == (server.json(request).status_code == 200)


def test_the_corpus_is_described() -> None:
    for case in json.loads((ROOT / "tests/conformance/programs.json").read_text()):
        assert fits("PipelineRequest", DATA | parse_pipeline(case["program"], ISA).to_json())


@pytest.mark.parametrize(
    "request_", [{"program": "xr"}, {"ops": [{}]}, {"program": "crc32c", "data": 5}], ids=str
)
def test_problems_are_as_described(server: Server, request_: dict[str, Any]) -> None:
    found = server.json(DATA | request_).json()
    assert fits("Problem", found)
    assert {*found} <= {*DOCUMENT["components"]["schemas"]["Problem"]["properties"]}


def test_h9_the_codes_are_those_of_the_specification() -> None:
    spec = (ROOT / "spec/http.md").read_text("utf-8")
    language = (ROOT / "spec/program.md").read_text("utf-8")
    table = spec.split("| status | codes |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| ([\d, ]+) \| (.*) \|$", table, re.MULTILINE)
    stated = {(code, int(status)) for statuses, codes in rows
              for code, status in _pairs(codes, statuses)}  # fmt: skip
    stated |= {(code, 400) for code in re.findall(r"^\| `([a-z-]+)` \|", language, re.MULTILINE)}
    assert stated == {(code, problem["status"]) for code, problem in problems().items()}


def test_h17_every_trap_has_a_code() -> None:
    traps = {f"trap-{code}" for code in get_args(TrapCode)}
    assert {code for code in problems() if code.startswith("trap-")} == traps


def _pairs(codes: str, statuses: str) -> list[tuple[str, int]]:
    """A row with several statuses has a code for each."""
    names = [name for name in re.findall(r"`([a-z-]+)`", codes) if name in problems()]
    numbers = [int(status) for status in statuses.split(", ")]
    if len(numbers) == 1:
        return [(name, numbers[0]) for name in names]
    return list(zip(names, numbers, strict=True))


def test_the_types_of_the_sdk_are_those_of_the_document(tmp_path: Path) -> None:
    out = tmp_path / "http-types.ts"
    npm("exec", "--", "openapi-typescript", "--output", str(out), stdin=json.dumps(DOCUMENT))
    kept = ROOT / "sdk/ts/src/http-types.ts"
    assert out.read_text() == kept.read_text(), "pcpu openapi | (cd sdk/ts && npm run types)"

"""``pcpu sim`` as its users run it."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from jsonschema import Draft202012Validator

from pcpu.isa import Isa
from pcpu.sim.simulate import LIMIT
from tests.conftest import ROOT
from tests.sim.programs import LOOPS, TEXT, pcpu_sim

SCHEMA = json.loads((files("pcpu.sim") / "simulation.schema.json").read_text("utf-8"))
WIDTH = 80


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def loops(tmp_path: Path) -> Path:
    path = tmp_path / "loops.pasm"
    path.write_text(LOOPS)
    return path


def document(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = pcpu_sim(*arguments, "--json")
    assert (done.returncode, done.stderr) == (code, b"")
    found: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_json_of_a_pipeline(data: Path) -> None:
    found = document("xor 0x5a | lines = counteq 0x50 | crc32c", data)
    masked = bytes(b ^ 0x5A for b in TEXT)
    crc = f"0x{google_crc32c.value(masked):08x}"
    assert found["program"] == {
        "file": "program",
        "lines": [
            ".inout data",
            "",
            "xor data, 90",
            "lines = counteq data, 80",
            "crc32c = crc32c data",
        ],
    }
    assert (found["status"], found["trap"]) == ("ended", None)
    assert found["results"] == {"lines": TEXT.count(b"\n"), "crc32c": crc}
    metrics = found["metrics"]
    assert (metrics["bytes_total"], metrics["bytes_touched"]) == (len(TEXT), 3 * len(TEXT))
    assert (metrics["desc_count"], metrics["checksum_out"]) == (3, crc)
    steps = found["steps"]
    assert [step["line"] for step in steps] == [3, 4, 5]
    assert steps[0]["change"] == {
        "offset": 0, "before": f"0x{TEXT[:16].hex()}", "after": f"0x{masked[:16].hex()}"
    }  # fmt: skip
    assert steps[0]["span"] == {"buffer": "data", "offset": 0, "length": len(TEXT)}
    assert steps[2]["registers"] == [
        {"name": "crc32c", "index": None, "before": ["0x00000000"], "after": [crc]}
    ]
    assert found["static"]["target"] == "host"
    assert found["steps_left_out"] == 0


def test_json_of_loops_and_tables(loops: Path, data: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.write_bytes(bytes(16))
    found = document(
        loops, data, "--in", f"parts={parts}", "--param", "key=0x01020304",
        "--target", "wasm", "--limit", "20",
    )  # fmt: skip
    assert found["tables"]["pages"]["columns"] == ["crc", "n"]
    assert found["tables"]["pages"]["rows"] == 8
    assert [row[1] for row in found["tables"]["pages"]["first"]] == [256] * 7 + [8]
    assert found["static"] == {**found["static"], "target": "wasm", "vector_bits": 128}
    assert len(found["steps"]) == 20
    runs = {s["line"]: s["runs"] for s in found["statements"]}
    assert (runs[10], runs[13], runs[15], runs[18]) == (8, 7, 1, 24)
    assert found["steps_left_out"] == sum(runs.values()) - 20
    inner = next(s for s in found["statements"] if s["line"] == 18)
    assert (inner["depth"], len(inner["loops"])) == (2, 2)


def test_json_of_a_trap(data: Path, tmp_path: Path) -> None:
    program = tmp_path / "trap.pasm"
    program.write_text("; one\n  c = crc32c data[4:data.len]\n")
    found = document(program, data, code=1)
    assert found["trap"] == {
        "code": "span-range",
        "message": f"the span of data, 4 + {len(TEXT)}, leaves its {len(TEXT)} bytes",
        "line": 2, "column": 14, "numbers": [4, len(TEXT), len(TEXT)],
    }  # fmt: skip
    assert (found["results"], found["metrics"]["checksum_out"]) == (None, None)
    done = pcpu_sim(program, data)
    assert done.returncode == 1
    assert (
        f"trap span-range at {program}:2:14\n    c = crc32c data[4:data.len]\n"
        in done.stdout.decode()
    )
    assert f"\n{'':15}^\n" in done.stdout.decode()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.pasm")), ids=lambda p: p.stem)
def test_examples(path: Path, tmp_path: Path) -> None:
    """On a file that is nothing special; lists of spans are empty."""
    text = path.read_text("utf-8")
    others = re.findall(r"^\.(?:spans|in|inout) (\w+)", text, re.MULTILINE)[1:]
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    wanted = re.findall(r"^\.param (\w+) (\w+)[^=\n]*$", text, re.MULTILINE)
    given = [f"--param={name}={'0x00000000' if 'bytes' in kind else 0}" for name, kind in wanted]
    found = document(path, ROOT / "LICENSE", *(f"--in={name}={empty}" for name in others), *given)
    assert found["status"] == "ended"
    assert all(step["done"] for step in found["steps"])


def test_a_program_in_json(tmp_path: Path, data: Path) -> None:
    program = tmp_path / "program.json"
    program.write_text(json.dumps({"ops": [{"op": "add", "imm": 1}]}))
    found = document(program, data)
    assert found["program"]["file"] == str(program)
    assert found["statements"][0]["text"] == "add data, 1"


def test_output_is_plain_and_80_columns_wide(loops: Path, data: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    done = pcpu_sim(loops, data, "--in", f"parts={empty}", "--trace", COLUMNS=str(WIDTH))
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "checksum_out 0x" in text
    assert "8  mask data, key" in text
    assert "turn 7" in text
    assert "and 4 more steps" not in text
    short = pcpu_sim(
        loops, data, "--in", f"parts={empty}", "--trace", "--limit", "10", COLUMNS="80"
    )
    assert "more steps, which are counted below" in short.stdout.decode()


def test_colours_only_where_they_are_wanted(data: Path) -> None:
    colourful = pcpu_sim("xor 1", data, FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="")
    assert b"\x1b[" in colourful.stdout
    plain = pcpu_sim("xor 1", data, FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1")
    assert b"\x1b[" not in plain.stdout


def test_an_encoding_without_lines(data: Path) -> None:
    done = pcpu_sim("xor 1", data, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"xor data, 1" in done.stdout


def test_data_from_stdin() -> None:
    done = pcpu_sim("crc32c", "-", stdin=b"123456789")
    assert b"crc32c 0xe3069283\n" in done.stdout
    assert b"crc32c 0xe3069283\n" in pcpu_sim("crc32c", stdin=b"123456789").stdout


def test_html_beside_the_rest(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert pcpu_sim("xor 1", data, "--html", out).returncode == 0
    assert out.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xr 1", "FILE"], "unknown operation 'xr'"),
        (
            ["xor 1", "FILE", "--step", "--json"],
            "--json prints one document, and --step and --break ask",
        ),
        (["xor 1", "--step"], "stdin is for answers; give the data as FILE"),
        (["xor 1", "FILE", "--break", "9"], "no statement stands on line 9 of program"),
        (
            ["xor 1", "FILE", "--break", "1"],
            "no statement stands on line 1 of program; the next one is on line 3",
        ),
        (["xor 1", "FILE", "--param", "n=1"], "there is no parameter 'n'"),
        (["xor 1", "FILE", "--in", "other=FILE"], "there is no such input; known: data"),
        (["xor 1", "/nowhere"], "/nowhere cannot be read"),
        (["nowhere.pasm", "FILE"], "nowhere.pasm cannot be read"),
        (["xor 1", "FILE", "--limit", "-1"], "--limit"),
        (["xor 1", "FILE", "--target", "moon"], "--target"),
    ],
)
def test_misuse(data: Path, arguments: list[str], message: str) -> None:
    done = pcpu_sim(*[str(data) if a == "FILE" else a for a in arguments])
    said = re.sub(r"[│╭╮╰╯─\s]+", " ", done.stderr.decode())
    assert done.returncode == 2
    assert message in said
    assert "Traceback" not in said


def test_a_page_that_cannot_be_written(data: Path, tmp_path: Path) -> None:
    done = pcpu_sim("xor 1", data, "--html", tmp_path / "no" / "page.html")
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr


def test_users_operations(user_ops: Path, data: Path, isa: Isa) -> None:
    del isa
    done = pcpu_sim("nibswap", data, "--isa", user_ops)
    assert done.returncode == 0
    assert b"nibswap data" in done.stdout


def test_the_default_limit() -> None:
    assert f"default: {LIMIT}" in re.sub(r"\s+", " ", pcpu_sim("--help").stdout.decode())

"""``pcpu fmt`` and ``pcpu check`` as their users run them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_cli import pcpu

UGLY = "; keep\nxor   data,0x5a\ncrc32c data;last\n"
NEAT = "; keep\n.inout data\n\nxor data, 0x5a\ncrc32c = crc32c data  ;last\n"
SUMMARY = """\
runs        over whole buffers
buffers     data             only read
            out              data.len + 2 bytes
            list             a list of spans
parameters  key              bytes1-4, 0x0102 by default
            n                imm8, has to be given
results     crc              32 bits, hexadecimal
            h                256 numbers, each a count
tables      rows(x)          a row for each turn
traps       span-range       line 6: copyxor out[2:], data, n
            length-mismatch  line 6: copyxor out[2:], data, n
            window-size      line 9: each window w of n in data into rows(x)
            spans-size       line 13: each span s of list in data
            span-range       line 13: each span s of list in data
work        bytes touched    at most 13 * data.len + 16 * list.count + 2,060
            steps            at most 2 * data.len + list.count + 261
            for each byte of data: 13 bytes touched, 2 steps
            for each span of list: 16 bytes touched, 1 step
            whatever the input: 2,060 bytes touched, 261 steps
"""


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.pasm"
    path.write_text(UGLY)
    return path


def test_fmt_writes_in_place(ugly: Path) -> None:
    ugly.chmod(0o750)
    done = pcpu("fmt", ugly)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert ugly.read_text() == NEAT
    assert stat.S_IMODE(ugly.stat().st_mode) == 0o750
    before = ugly.stat().st_mtime_ns
    assert pcpu("fmt", ugly).returncode == 0
    assert ugly.stat().st_mtime_ns == before
    assert [path.name for path in ugly.parent.iterdir()] == ["ugly.pasm"]


def test_fmt_follows_links(ugly: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.pasm"
    link.symlink_to(ugly)
    assert pcpu("fmt", link).returncode == 0
    assert link.is_symlink()
    assert ugly.read_text() != UGLY


def test_fmt_from_stdin() -> None:
    done = pcpu("fmt", "-", stdin=b"x=1")
    assert (done.returncode, done.stdout) == (0, b"x = 1\n")
    assert pcpu("fmt", "-", "--check", stdin=b"x=1").returncode == 1
    assert pcpu("fmt", "-", "--check", stdin=b"x = 1\n").returncode == 0


def test_fmt_check_and_diff(ugly: Path) -> None:
    done = pcpu("fmt", "--check", ugly)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"{ugly} would change\n"
    done = pcpu("fmt", "--diff", ugly)
    assert done.returncode == 0
    assert b"-xor   data,0x5a\n" in done.stdout
    assert b"+.inout data\n" in done.stdout
    assert pcpu("fmt", "--diff", "--check", ugly).returncode == 1
    assert ugly.read_text() == UGLY
    examples = sorted((ROOT / "examples").glob("*.pasm"))
    assert pcpu("fmt", "--check", *examples).returncode == 0


def test_fmt_goes_on_after_a_mistake(ugly: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pasm"
    wrong.write_text("x = 1 +\ny = z\n")
    done = pcpu("fmt", wrong, tmp_path / "none.pasm", tmp_path / "other.txt", ugly)
    assert done.returncode == 2
    text = done.stderr.decode()
    assert f"{wrong}:1:8: the line ends too soon" in text
    assert f"{wrong}:2:5: there is no 'z' here" in text
    assert "none.pasm cannot be read" in text
    assert "other.txt is no .pasm file" in text
    assert wrong.read_text() == "x = 1 +\ny = z\n"
    assert ugly.read_text() != UGLY


def test_check_says_what_a_program_does(tmp_path: Path) -> None:
    path = tmp_path / "p.pasm"
    path.write_text(
        ".param key bytes1-4 = 0x0102\n.param n imm8\n.in data\n.out out, data.len + 2\n.spans list\n"
        "copyxor out[2:], data, n\ncrc = crc32c out[data.len:]\nh = hist data\n"
        "each window w of n in data into rows(x)\nx = w.len\nend\nmask out[0:2], key\n"
        "each span s of list in data\nend\n"
    )
    done = pcpu("check", path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == SUMMARY


def test_check_as_json() -> None:
    found = json.loads(pcpu("check", "--json", ROOT / "examples" / "windows.pasm").stdout)
    assert found["form"] == "whole"
    assert found["parameters"] == [{"name": "size", "kind": "imm32", "default": 65536}]
    assert found["tables"] == [{"name": "manifest", "columns": ["at", "bytes", "crc"], "line": 9}]
    assert [(trap["line"], trap["code"]) for trap in found["traps"]] == [(9, "window-size")]
    assert found["work"]["steps"] == "4 * data.len + 2"


def test_check_of_a_pipeline() -> None:
    done = pcpu("check", "xor 1 | crc32c")
    assert done.returncode == 0
    assert done.stdout.decode() == (
        "runs     over a stream, in any pieces\n"
        "buffers  data           changed in place\n"
        "results  crc32c         32 bits, hexadecimal\n"
        "traps    none can occur\n"
        "work     bytes touched  at most 2 * data.len\n"
        "         steps          at most 2\n"
        "         for each byte of data: 2 bytes touched\n"
        "         whatever the input: 2 steps\n"
    )


def test_check_reports_several_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "p.pasm"
    path.write_text("x = 1 +\nxor data, 256\n")
    done = pcpu("check", path)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode() == (
        f"pcpu: error: {path}:1:8: the line ends too soon\n  x = 1 +\n         ^\n"
        f"{path}:2:11: 256 is outside 0..255, the range of imm8 of xor\n  xor data, 256\n            ^\n"
    )
    done = pcpu("check", "--json", path)
    assert (done.returncode, done.stderr) == (2, b"")
    assert json.loads(done.stdout)["errors"] == [
        {"code": "syntax", "message": "the line ends too soon", "file": str(path), "line": 1, "column": 8},
        {"code": "immediate-range", "message": "256 is outside 0..255, the range of imm8 of xor", "file": str(path), "line": 2, "column": 11},
    ]  # fmt: skip
    path = tmp_path / "p.json"
    path.write_text('{"body": [{"let": "x", "value": "y"}]}')
    found = json.loads(pcpu("check", "--json", path).stdout)["errors"]
    assert [error["pointer"] for error in found] == ["/body/0/value"]
    found = json.loads(pcpu("check", "--json", "xr 1").stdout)["errors"]
    assert [(error["line"], error["column"]) for error in found] == [(1, 1)]

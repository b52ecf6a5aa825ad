"""``pcpu compile``: what it shows of the passes, and what it leaves out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcpu.source import parse_json
from pcpu.source.pasm import parse_pasm
from tests.optimize.programs import ISA
from tests.test_cli import pcpu

TEXT = ".const key = 90\n.inout data\nxor data[0:8], key\nc = crc32c data[0:8]\n"
FUSED = ".inout data\n\nfuse\n    xor data[0:8], 90\n    c = crc32c data[0:8]\nend\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "masked.pasm"
    path.write_text(TEXT)
    return path


def test_passes_are_shown(file: Path, tmp_path: Path) -> None:
    done = pcpu("compile", file, "--emit", "passes")
    assert (done.returncode, done.stderr) == (0, b"")
    parts = done.stdout.decode().split("\n; after ")
    assert parts[0].startswith("; before the passes\n")
    assert [part.partition("\n")[0] for part in parts[1:]] == [
        "fold-constants",
        "drop-dead",
        "fuse",
    ]
    assert parts[-1] == f"fuse\n{FUSED}"
    assert parse_pasm(parts[0], ISA) == parse_pasm(TEXT, ISA)
    out = tmp_path / "passes.pasm"
    assert pcpu("compile", file, "--emit", "passes", "-o", out).returncode == 0
    assert out.read_bytes() == done.stdout


def test_passes_are_left_out(file: Path) -> None:
    options = ("--without", "fuse", "--without", "fold-constants")
    shown = pcpu("compile", file, "--emit", "passes", *options).stdout.decode()
    assert "; after" not in shown
    done = pcpu("compile", file, "--emit", "opt-ir", "--explain", *options)
    assert done.stderr == (
        b"loop 1 over data[0:8], lanes: xor key\nloop 2 over data[0:8], crc: crc32c\n"
    )
    wrong = pcpu("compile", file, "--without", "inline")
    assert wrong.returncode == 2
    assert b"there is no pass 'inline'; known: fold-constants, drop-dead" in wrong.stderr


def test_passes_as_json(file: Path) -> None:
    found = json.loads(pcpu("compile", file, "--emit", "passes", "--json").stdout)
    assert [step["pass"] for step in found] == [None, "fold-constants", "drop-dead", "fuse"]
    assert parse_json(found[-1]["program"], ISA) == parse_pasm(FUSED, ISA)


def test_passes_are_about_a_program() -> None:
    for option in (["--emit", "passes"], ["--without", "fuse"]):
        done = pcpu("compile", "--ops", *option)
        assert (done.returncode, done.stdout) == (2, b"")
        assert f"{' '.join(option[:1])}" in done.stderr.decode()


def test_a_check_keeps_its_line(tmp_path: Path) -> None:
    """Checks are numbered by the statements that are left, and told by those of the source."""
    path = tmp_path / "program.pasm"
    path.write_text(
        "n = 4\nif n == 5\n    xor data, 1\nend\nxor data[0:4], 1\nc = fnv data[0:n]\nadd data[n:400], 2\n"
    )
    data = tmp_path / "data.bin"
    data.write_bytes(bytes(100))
    for engine in ("jit", "wasmtime", "interp"):
        done = pcpu("run", path, data, "--engine", engine)
        assert done.returncode == 1
        assert b"program.pasm:7: the span of data, 4 + 400, leaves its 100 bytes" in done.stderr

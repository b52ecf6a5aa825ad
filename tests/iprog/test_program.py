"""Plans as programs: what every engine makes of them is the file, and pcpu sim shows how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcpu import run as engines
from pcpu.errors import UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.program import to_program
from pcpu.library import load_isa
from pcpu.source.pasm import parse_pasm
from tests.iprog.golden.make import cases
from tests.iprog.pairs import edited
from tests.test_cli import pcpu

CASES = cases()
ISA = load_isa()


@pytest.mark.parametrize("engine", engines.NAMES)
@pytest.mark.parametrize(
    "name", ["edited", "several", "empty", "x86-64", "aarch64", "wasm", "renamed"]
)
def test_engines_rebuild_the_file(name: str, engine: str) -> None:
    file, blobs, how = CASES[name]
    plan = make_plan(file, blobs, **how).plan  # type: ignore[arg-type]
    program = to_program(Reader(plan, blobs))
    left = engines.find(engine).run_whole(program, ISA, {"blob": b"".join(blobs)}, {})
    assert bytes(left.buffers["out"]) == file
    assert parse_pasm(str(program), ISA) == program


def test_the_command_and_the_simulator(tmp_path: Path) -> None:
    blob, file = edited(9, 30_000)
    for name, content in (("old", blob), ("new", file)):
        (tmp_path / name).write_bytes(content)
    plan, program, old = tmp_path / "x.iprog", tmp_path / "x.pasm", tmp_path / "old"
    window = ["--window", "8192"]
    assert pcpu("plan", tmp_path / "new", "--blob", old, "-o", plan, *window).returncode == 0
    program.write_bytes(pcpu("inspect", plan, "--blob", old, "--program").stdout)
    out = tmp_path / "out"
    done = pcpu("run", program, "--in", f"blob={old}", "--out", f"out={out}")
    assert (done.returncode, out.read_bytes()) == (0, file), done.stderr
    traced = json.loads(pcpu("sim", program, "--in", f"blob={old}", "--json").stdout)
    assert traced["steps"]
    part = pcpu("inspect", plan, "--blob", old, "--program", "--windows", "1-2")
    made = parse_pasm(part.stdout.decode(), ISA)
    left = engines.find("interp").run_whole(made, ISA, {"blob": blob}, {})
    assert bytes(left.buffers["out"]) == file[8192 : 3 * 8192]
    for wrong in (["--windows", "1-2"], ["--program", "--json"], ["--program", "--windows", "9-1"]):
        assert pcpu("inspect", plan, "--blob", old, *wrong).returncode == 2


def test_a_file_that_is_too_large_for_one_program() -> None:
    blob = bytes(range(256)) * 512
    file = b"".join(bytes([b ^ 1]) + blob[:40] for b in range(256)) * 150
    plan = make_plan(file, [blob], "instant").plan
    with pytest.raises(UsageError, match="as one program these windows need"):
        to_program(Reader(plan, [blob]))

"""Files, names and outputs that are not the usual ones."""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcpu.iprog.explain import Part
from pcpu.iprog.explain.text import with_others
from pcpu.iprog.files import mapped
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.sections import Kind, Section
from tests.iprog.pairs import edited
from tests.test_cli import PCPU, pcpu

BLOB, FILE = edited(6, 900)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old").write_bytes(BLOB)
    (tmp_path / "new").write_bytes(FILE)
    (tmp_path / "new.iprog").write_bytes(make_plan(FILE, [BLOB]).plan)
    return tmp_path


def test_files_of_no_size_are_read() -> None:
    """Linux says so of those in /proc."""
    if not Path("/proc/version").exists():
        pytest.skip("there is no /proc")
    assert bytes(mapped("/proc/version")) == Path("/proc/version").read_bytes() != b""


def test_names_may_be_as_long_as_the_system_lets_them(folder: Path) -> None:
    out = folder / f"{'漢' * 80}.iprog"
    done = pcpu("plan", folder / "new", "--blob", folder / "old", "-o", out)
    assert done.returncode == 0
    assert NativeReader(out.read_bytes(), [BLOB]).rebuild() == FILE


@pytest.mark.parametrize(
    "outputs", [("-o", "x.html", "--html", "x.html"), ("-o", "old"), ("-o", "new")]
)
def test_outputs_do_not_take_the_place_of_others(folder: Path, outputs: tuple[str, ...]) -> None:
    given = [folder / text if not text.startswith("-") else text for text in outputs]
    done = pcpu("plan", folder / "new", "--blob", folder / "old", *given)
    assert done.returncode == 2
    assert (folder / "old").read_bytes() == BLOB
    assert (folder / "new").read_bytes() == FILE


def test_a_closed_stdout_is_told_in_one_line(folder: Path) -> None:
    command = [PCPU, "apply", folder / "new.iprog", "--blob", folder / "old", "-o", "-"]
    text = f"{shlex.join(map(str, command))} >&-"
    done = subprocess.run(text, shell=True, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == b"pcpu: error: Bad file descriptor\n"


def test_the_decoder_goes_where_stdout_leads(folder: Path) -> None:
    with (folder / "core.wasm").open("wb") as stdout:
        subprocess.run(
            [PCPU, "compile", "--decoder", "-o", "/dev/stdout"], stdout=stdout, check=True
        )
    assert (folder / "core.wasm").stat().st_size
    assert (folder / "core-finders.wasm").exists()


def test_plans_come_through_pipes(folder: Path) -> None:
    plan, out = (folder / "new.iprog").read_bytes(), folder / "out.wasm"
    assert pcpu("compile", "/dev/stdin", "-o", out, stdin=plan).returncode == 0
    assert plan in out.read_bytes()
    wrong = pcpu("compile", "/dev/stdin", "-o", out, stdin=b"crc32c data\n")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(b"pcpu: error: /dev/stdin: this is no plan")


def test_many_sections_are_told_in_no_time() -> None:
    section = Section("s", Kind.OTHER, 0, 1)
    parts = tuple(Part(section, (1, 0, 0, 0), 0.1) for _ in range(100_000))
    planned = SimpleNamespace(header=SimpleNamespace(file=SimpleNamespace(size=1 << 20)))
    started = time.process_time()
    explained = SimpleNamespace(parts=parts, planned=planned)
    ((name, part),) = with_others(explained, 200)  # type: ignore[arg-type]
    assert (name, part.counts) == ("100000 smaller ones", (100_000, 0, 0, 0))
    assert time.process_time() - started < 5

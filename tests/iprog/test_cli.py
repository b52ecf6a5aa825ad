"""``pcpu plan``, ``apply``, ``inspect`` and ``verify`` as people run them."""

from __future__ import annotations

import json
import mmap
import random
from pathlib import Path
from typing import Any

import pytest

from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from tests.iprog.pairs import edited
from tests.test_cli import pcpu

BLOB, FILE = edited(31, 60_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``old`` and ``new``, the plan ``new.iprog``, and ``other``, which is of no use."""
    (tmp_path / "old").write_bytes(BLOB)
    (tmp_path / "new").write_bytes(FILE)
    (tmp_path / "other").write_bytes(BLOB[::-1])
    old, plan = tmp_path / "old", tmp_path / "new.iprog"
    done = pcpu("plan", tmp_path / "new", "--blob", old, "-o", plan)
    assert done.returncode == 0, done.stderr
    return tmp_path


def said(done: Any) -> str:
    """The one line of an error."""
    text: str = done.stderr.decode()
    assert text.startswith("pcpu: error: ")
    assert text.count("\n") == 1
    return text


@pytest.mark.parametrize("suffix", ["iprog", "json"])
@pytest.mark.parametrize(("blob", "file"), [(BLOB, FILE), (b"", b""), (b"x", b""), (b"", b"x")])
def test_there_and_back(tmp_path: Path, blob: bytes, file: bytes, suffix: str) -> None:
    old, new, plan, out = (tmp_path / name for name in ("old", "new", f"x.{suffix}", "out"))
    old.write_bytes(blob)
    new.write_bytes(file)
    assert pcpu("plan", new, "--blob", old, "-o", plan).returncode == 0
    assert pcpu("apply", plan, "--blob", old, "-o", out).returncode == 0
    assert out.read_bytes() == file
    assert pcpu("verify", plan, "--blob", old).returncode == 0
    assert pcpu("inspect", plan, "--blob", old).returncode == 0


def test_ranges(folder: Path) -> None:
    plan, old, out = folder / "new.iprog", folder / "old", folder / "out"
    last, beyond = len(FILE) - 1, 10**14
    for text, wanted in (
        ("10-99", FILE[10:100]), ("500-", FILE[500:]), ("0-0", FILE[:1]), ("-5", FILE[-5:]),
        (f"7-{beyond}", FILE[7:]), (f"{last}-{last + 1}", FILE[last:]), (f"-{beyond}", FILE),
    ):  # fmt: skip
        done = pcpu("apply", plan, "--blob", old, "--range", text, "-o", out)
        assert (done.returncode, done.stderr) == (0, b"")
        assert out.read_bytes() == wanted
    for text in ("5-4", f"{len(FILE)}-", f"{len(FILE)}-{beyond}", "-0", "-", "x", "\u0661-\u0663"):
        done = pcpu("apply", plan, "--blob", old, f"--range={text}", "-o", folder / "none")
        assert done.returncode == 2
        assert f"--range {text}" in said(done)
    assert not (folder / "none").exists()


@pytest.mark.parametrize("file", [b"", b"x", FILE])
def test_a_plan_without_blobs_has_a_json_form(tmp_path: Path, file: bytes) -> None:
    (tmp_path / "new").write_bytes(file)
    plan, document, out = tmp_path / "x.iprog", tmp_path / "x.json", tmp_path / "out"
    assert pcpu("plan", tmp_path / "new", "-o", plan).returncode == 0
    document.write_bytes(pcpu("inspect", plan, "--json").stdout)
    assert pcpu("apply", document, "-o", out).returncode == 0
    assert out.read_bytes() == file


def test_what_is_wrong_leaves_nothing_behind(folder: Path) -> None:
    plan, old, out = folder / "new.iprog", folder / "old", folder / "out"
    content = plan.read_bytes()
    (folder / "cut.iprog").write_bytes(content[:-9])
    (folder / "bit.iprog").write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    (folder / "empty").touch()
    for given, blob, code, words in (
        ("cut.iprog", old, 1, "cut off"),
        ("bit.iprog", old, 1, "damaged"),
        ("empty", old, 1, "no plan"),
        ("old", old, 1, "no plan"),
        ("none", old, 2, "cannot be read"),
        ("new.iprog", folder / "other", 1, "SHA-256"),
        ("new.iprog", folder / "empty", 1, "0 bytes"),
        ("new.iprog", folder / "none", 2, "cannot be read"),
        ("new.iprog", folder, 2, "cannot be read"),
    ):
        done = pcpu("apply", folder / given, "--blob", blob, "-o", out)
        assert done.returncode == code, given
        assert words in said(done)
        assert str(blob if code == 2 and given == "new.iprog" else folder / given) in said(done)
        assert pcpu("verify", folder / given, "--blob", blob).returncode == code
    assert pcpu("apply", plan, "-o", out).returncode == 1
    assert not out.exists()


def test_json_on_stdout(folder: Path) -> None:
    old = folder / "old"
    told = json.loads(pcpu("inspect", folder / "new.iprog", "--json").stdout)
    assert told["file"]["size"] == len(FILE)
    whole = json.loads(pcpu("inspect", folder / "new.iprog", "--blob", old, "--json").stdout)
    assert whole["type"] == "iprog"
    assert told["not_checked"] == ["blobs", "frames", "windows", "file"]
    assert whole["not_checked"] == ["windows", "file"]
    again = folder / "again.iprog"
    done = pcpu("plan", folder / "new", "--blob", old, "-o", again, "--json")
    assert json.loads(done.stdout)["file_size"] == len(FILE)


def test_windows_are_made_where_addresses_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under ulimit -v: the plain decoder makes them."""
    plan = make_plan(FILE, [BLOB]).plan

    def none(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(mmap, "mmap", none)
    reader = NativeReader(plan, [BLOB])
    monkeypatch.undo()
    assert reader.rebuild() == FILE


def test_manifests_and_code_do_not_share_stdout(folder: Path) -> None:
    for what in (folder / "new.iprog", "--decoder"):
        done = pcpu("compile", what, "--json")
        assert done.returncode == 2
        assert "--json takes stdout; give -o OUT for the code" in said(done)
        assert not done.stdout


def test_errors_about_a_plan_name_its_file(folder: Path) -> None:
    """For every command that reads one, and where it is the windows that are wrong."""
    plan, old = folder / "new.iprog", folder / "old"
    content = plan.read_bytes()
    (folder / "bit.iprog").write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    (folder / "cut.iprog").write_bytes(content[:-9])
    commands: list[list[str | Path]] = [
        ["inspect", old],
        ["inspect", old, "--blob", old, "--json"],
        ["inspect", folder / "cut.iprog", "--blob", old, "--json"],
        ["inspect", folder / "cut.iprog", "--blob", old, "--program"],
        ["verify", folder / "bit.iprog", "--blob", old],
        ["apply", folder / "bit.iprog", "--blob", old, "--range", "0-9", "-o", folder / "out"],
        ["compile", folder / "cut.iprog", "-o", folder / "out"],
        ["publish", folder / "cut.iprog", "--blob", old, "--store", folder / "store"],
        ["publish", folder / "bit.iprog", "--blob", old, "--store", folder / "store"],
        ["verify", plan],
    ]
    for command in commands:
        done = pcpu(*command)
        assert (done.returncode, done.stdout) == (1, b""), command
        assert said(done).startswith(f"pcpu: error: {command[1]}: "), command
    assert "needs 1 blob ('old'), 0 given" in said(pcpu("verify", plan))


def test_a_decoder_without_a_file_says_that_it_is_the_core_alone(folder: Path) -> None:
    file = folder / "decoder.wasm"
    done = pcpu("compile", "--decoder")
    assert done.stderr.startswith(b"only the core was written")
    assert pcpu("compile", "--decoder", "-o", file).stderr == b""
    assert file.read_bytes() == done.stdout
    beside = ["finders", "foreseen", "matched", "names", "relocation"]
    assert sorted(path.stem for path in folder.glob("decoder-*.wasm")) == [
        f"decoder-{part}" for part in beside
    ]


def test_compilers_keep_no_copy_of_a_plan(folder: Path) -> None:
    cache, file = folder / "zig", folder / "random"
    file.write_bytes(random.Random(1).randbytes(1 << 20))
    plan, out = folder / "random.iprog", folder / "out"
    assert pcpu("plan", file, "--mode", "instant", "-o", plan).returncode == 0
    done = pcpu("compile", plan, "-o", out, ZIG_GLOBAL_CACHE_DIR=str(cache))
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 1 << 20
    assert all(p.stat().st_size < 1 << 20 for p in cache.rglob("*") if p.is_file())


def test_what_cannot_be_is_said_before_there_is_a_plan(folder: Path) -> None:
    old, new, out = folder / "old", folder / "new", folder / "out"
    before = sorted(folder.iterdir())
    many: list[str | Path] = ["--blob", old] * 256
    cases: list[tuple[list[str | Path], str]] = [
        (["--blob", old, "-o", "-", "--json"], "with --json stdout holds what is told"),
        (["--blob", old, "-o", out, "--html", folder / "x.pdf"], "call it .html or .svg"),
        ([*many, "-o", out], "at most 255 blobs, and 256 are given"),
    ]
    for given, words in cases:
        done = pcpu("plan", new, *given)
        assert (done.returncode, done.stdout) == (2, b"")
        assert words in said(done)
    for place in (folder / "nowhere", old):  # there is no such folder, and this is none
        both: list[list[str | Path]] = [["-o", place / "x"], ["-o", out, "--html", place / "x.svg"]]
        for outs in both:
            assert "cannot be written: No" in said(pcpu("plan", new, "--blob", old, *outs))
    done = pcpu("publish", new, "--store", folder / "store", "--name", "")
    assert (done.returncode, "cannot be called ''" in said(done)) == (2, True)
    assert sorted(folder.iterdir()) == before

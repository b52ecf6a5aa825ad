"""``pcpu serve`` and ``pcpu build``, as a newcomer uses them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c
import pytest

from pcpu import bundle, worker
from pcpu.bundle import build_bundle
from pcpu.errors import UsageError
from pcpu.isa import Isa
from pcpu.source import parse_pipeline
from tests.conftest import ROOT

PCPU = Path(sys.executable).parent / "pcpu"


@contextmanager
def served(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running ``pcpu serve`` and what it printed up to its last curl line."""
    process = subprocess.Popen(
        [PCPU, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        text = ""
        while "program=crc32c" not in text:
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            text += line
        yield text, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def test_serve_prints_curl_lines_that_work() -> None:
    with served("--port", "0", "--program", "xor 0x5a | crc32c") as (text, process):
        first, second = re.findall(r"^  (curl .*)$", text, re.MULTILINE)
        answer = json.loads(subprocess.check_output(first, shell=True, cwd=ROOT))
        data = bytes(b ^ 0x5A for b in b"hello")
        assert answer["results"] == {"crc32c": f"0x{google_crc32c.value(data):08x}"}
        answer = json.loads(subprocess.check_output(second, shell=True, cwd=ROOT))
        readme = (ROOT / "README.md").read_bytes()
        assert answer["results"] == {"crc32c": f"0x{google_crc32c.value(readme):08x}"}
        assert answer["bytes_in"] == len(readme)
        (workerd,) = children(process.pid)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(workerd, 0)


def test_serve_says_where_programs_are_listed() -> None:
    program = ROOT / "tests" / "worker" / "programs" / "unmask.pasm"
    with served("--port", "0", "--program", str(program)) as (text, _):
        first, *_ = re.findall(r"^  (curl .*)$", text, re.MULTILINE)
        (found,) = json.loads(subprocess.check_output(first, shell=True))["programs"]
        assert found["name"] == "unmask"


def test_serve_stops_workerd_on_sigterm() -> None:
    with served("--port", "0") as (_, process):
        (workerd,) = children(process.pid)
        process.terminate()
        process.wait(timeout=10)
        with pytest.raises(ProcessLookupError):
            os.kill(workerd, 0)


def test_a_port_in_use_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [PCPU, "serve", "--port", str(port)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"pcpu: error: port {port} on 127.0.0.1 cannot be used (Address already in use); "
        "give another --port, or 0 for any free one\n"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--loader"], "--loader needs --bucket, where the modules are published"),
        (
            ["--reconstructor", "x.iprog"],
            "--reconstructor needs --bucket, where its blobs are published",
        ),
    ],
)
def test_a_bundle_without_a_bucket_rebuilds_nothing(
    option: list[str], message: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [PCPU, "build", "-o", tmp_path / "out", *option],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, f"pcpu: error: {message}\n")
    assert not (tmp_path / "out").exists()


def _is_fnv(name: str) -> bool:
    """Sorts the module of the program ``fnv`` first."""
    return name != f"program-{hashlib.sha256(b'fnv').hexdigest()[:16]}.wasm"


def test_a_second_bundle_has_the_modules_of_the_first(
    tmp_path: Path, isa: Isa, user_isa: Isa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept, with what they say of themselves; those of other operations are others."""

    def files(known: Isa, text: str, folder: str) -> dict[str, bytes]:
        program = parse_pipeline(text, known)
        build_bundle(known, [program], tmp_path / folder, named={"one": program})
        return {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}

    first = files(isa, "xor 1 | a = crc32c", "first")

    def never(*_: object, **__: object) -> None:
        pytest.fail("compiled again")

    with monkeypatch.context() as patched:
        patched.setattr(bundle, "compile_operations", never)
        patched.setattr(bundle, "compile_program", never)
        assert files(isa, "xor 1 | a = crc32c", "second") == first
    others = files(user_isa, "xor 1 | a = crc32c", "third")
    assert others["pcpu_ops.wasm"] != first["pcpu_ops.wasm"]
    renamed = files(isa, "xor 1 | b = crc32c", "fourth")
    assert renamed["named-one.wasm"] != first["named-one.wasm"]


def test_build_writes_a_bundle(tmp_path: Path, isa: Isa) -> None:
    out = tmp_path / "bundle"
    programs = [
        parse_pipeline(text, isa) for text in ("xor 1 | a = crc32c", "xor 1 | b = crc32c", "fnv")
    ]
    build_bundle(isa, programs, out)
    names = {path.name for path in out.iterdir()}
    fused = {name for name in names if name.startswith("program-")}
    assert len(fused) == 2  # two programs have one signature
    assert names - fused == {
        "index.js", "module.txt", "openapi.json", "programs.js", "pcpu_ops.wasm", "config.capnp", "wrangler.jsonc", "manifest.json",
    }  # fmt: skip
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    build_bundle(isa, programs, out)  # again, over the old one
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    (out / "wrangler.jsonc").write_text("// my routes")
    (out / "notes.txt").touch()
    build_bundle(isa, programs[:1], out)
    assert {path.name for path in out.iterdir()} == names - {min(fused, key=_is_fnv)} | {
        "notes.txt"
    }
    assert (out / "wrangler.jsonc").read_text() == "// my routes"
    said = r"""wrangler\.jsonc is kept and does not have "r2_buckets": \[{"binding": "BUCKET", "bucket_name": "b"}\]; write"""
    with pytest.raises(UsageError, match=said):
        build_bundle(isa, programs[:1], out, bucket="b")
    (out / "wrangler.jsonc").write_text('{"r2_buckets":[{"binding":"BUCKET","bucket_name":"b"}]}')
    build_bundle(isa, programs[:1], out, bucket="b")
    with pytest.raises(
        UsageError, match=r"""does not have "worker_loaders": \[{"binding": "LOADER"}\]; write"""
    ):
        build_bundle(isa, programs[:1], out, bucket="b", loader=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").touch()
    (other / "pcpu_ops.wasm").touch()
    with pytest.raises(UsageError, match="holds something else"):
        build_bundle(isa, programs, other)
    assert {path.name for path in other.iterdir()} == {"precious", "pcpu_ops.wasm"}
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "other"}


def test_wrangler_takes_the_bundle(tmp_path: Path, isa: Isa) -> None:
    out = tmp_path / "bundle"
    build_bundle(isa, [parse_pipeline("xor 1 | crc32c", isa)], out)
    environment = os.environ | {
        "CLOUDFLARE_CF_FETCH_ENABLED": "false", "WRANGLER_SEND_METRICS": "false", "WRANGLER_HIDE_BANNER": "true",
        "HOME": str(tmp_path),
    }  # fmt: skip
    wrangler = worker.folder() / "node_modules" / "wrangler" / "bin" / "wrangler.js"
    done = subprocess.run(
        [worker.node(), wrangler, "deploy", "--dry-run", "--outdir", tmp_path / "dry"],
        cwd=out, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pcpu_ops.wasm" in done.stdout


def test_programs_of_files_have_names(tmp_path: Path) -> None:
    (tmp_path / "checks.pcpu").write_text("crc32c | fnv")
    (tmp_path / "Masked data.pasm").write_text(".param key imm8\nxor data, key\n")
    done = build(tmp_path, "checks.pcpu", "masked=Masked data.pasm", "xor 1", "fnv=crc32c")
    assert done.returncode == 0
    names = {path.name for path in (tmp_path / "out").glob("*.wasm")}
    assert {"named-checks.wasm", "named-masked.wasm", "pcpu_ops.wasm"} <= names
    assert len(names) == 5
    script = (tmp_path / "out" / "programs.js").read_text()
    numbers = dict(re.findall(r'import p(\d) from "./(.*)\.wasm";', script))
    by_name = {name: number for number, name in numbers.items()}
    checks, masked = by_name["named-checks"], by_name["named-masked"]
    assert f'export const named = [["checks", p{checks}], ["masked", p{masked}]];' in script
    fused = ", ".join(f"p{number}" for number in sorted(numbers) if number != masked)
    assert f"export default [{fused}];" in script
    assert build(tmp_path, "xor 1").returncode == 0  # the old programs go
    assert len([*(tmp_path / "out").glob("*.wasm")]) == 2


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        (["A b.pasm"], "--program A b.pasm: give the program a name, --program NAME=A b.pasm"),
        (["a.pasm", "a=b.pasm"], "--program a=b.pasm: two programs are called a"),
        (["c.pasm"], "c.pasm cannot be read: No such file or directory"),
        (
            ["b.pasm"],
            "the parameter 'want' of b cannot be given over HTTP, where the word means something "
            "else; rename it",
        ),
    ],
)
def test_programs_that_cannot_have_a_name(
    tmp_path: Path, programs: list[str], message: str
) -> None:
    (tmp_path / "a.pasm").write_text("crc32c data")
    (tmp_path / "b.pasm").write_text(".param want imm8\nxor data, want\n")
    done = build(tmp_path, *programs)
    assert (done.returncode, done.stderr) == (2, f"pcpu: error: {message}\n")


def build(folder: Path, *programs: str) -> subprocess.CompletedProcess[str]:
    options = [f"--program={program}" for program in programs]
    return subprocess.run(
        [PCPU, "build", "-o", "out", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

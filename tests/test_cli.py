"""The command as its users run it: a process, its streams and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import google_crc32c
import pytest

PCPU = Path(sys.executable).parent / "pcpu"


def pcpu(
    *arguments: str | Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PCPU, *arguments], input=stdin, capture_output=True, check=False, timeout=300,
        env=os.environ | environment,
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"one\ntwo\n" * 200_000)
    return path


@pytest.mark.parametrize("engine", ["jit", "wasmtime", "workerd", "interp"])
def test_run(engine: str, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.bin"
    done = pcpu(
        "run",
        "lines = counteq 0x0a | xor 0x5a | crc32c",
        file,
        "-o",
        out,
        "--engine",
        engine,
        "--json",
    )
    assert (done.returncode, done.stderr) == (0, b"")
    masked = bytes(b ^ 0x5A for b in file.read_bytes())
    assert out.read_bytes() == masked
    assert json.loads(done.stdout) == {
        "results": {"lines": 400_000, "crc32c": f"0x{google_crc32c.value(masked):08x}"},
        "bytes_in": len(masked),
        "bytes_out": len(masked),
    }


def test_run_pipes_data_to_stdout_and_results_to_stderr() -> None:
    done = pcpu("run", "add 1 | crc32c", "-", stdin=b"HAL")
    assert done.stdout == b"IBM"
    assert done.stderr.decode() == f"crc32c 0x{google_crc32c.value(b'IBM'):08x}\n"
    done = pcpu("run", "crc32c", stdin=b"123456789")
    assert (done.stdout, done.stderr) == (b"", b"crc32c 0xe3069283\n")
    done = pcpu("run", "crc32c", "-o", "-", stdin=b"123456789")
    assert done.stdout == b"123456789"


def test_run_in_place(file: Path) -> None:
    before = file.read_bytes()
    assert pcpu("run", "xor 255", file, "-o", file).returncode == 0
    assert file.read_bytes() == bytes(b ^ 255 for b in before)


def test_run_keeps_the_output_when_it_fails(tmp_path: Path) -> None:
    out = tmp_path / "out.bin"
    out.write_bytes(b"kept")
    done = pcpu("run", "xor 1", tmp_path, "-o", out)
    assert done.returncode == 2
    assert out.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [out]


def test_a_users_operations(user_ops: Path, file: Path) -> None:
    done = pcpu("run", "within 97 122 | weighted 0x01", file, "--isa", user_ops, "--json")
    data = file.read_bytes()
    assert json.loads(done.stdout)["results"] == {
        "within": sum(97 <= byte <= 122 for byte in data),
        "weighted": f"0x{sum(data) % 2**32:08x}",
    }


def test_results_that_are_several_numbers(file: Path) -> None:
    data = file.read_bytes()
    done = pcpu("run", "hist | find 0x74", file, "--json")
    assert json.loads(done.stdout)["results"] == {
        "hist": [data.count(byte) for byte in range(256)],
        "find": data.index(b"t"),
    }
    done = pcpu("run", "hist", stdin=b"banana\n")
    assert done.stderr == b"hist 0x0a:1 0x61:3 0x62:1 0x6e:2\n"
    assert pcpu("run", "hist").stderr == b"hist all 0\n"
    done = pcpu("run", "hist | mask 0x37fa213d | sum", file, "-o", "-", "--threads", "2")
    assert done.stdout[:4] == bytes(a ^ b for a, b in zip(data, b"\x37\xfa\x21\x3d", strict=False))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "xr 1"], 2, "program:1:1: unknown operation 'xr'; did you mean 'xor'?\n    xr 1\n    ^"),
        (["run", "./my.psm"], 2, "./my.psm: this is no program, and the name of a file with one ends in .pasm, .json or .pcpu\n"),
        (["run", "xor 256"], 2, "program:1:5: 256 is outside 0..255"),
        (["run", "crc32c", "/nowhere"], 2, "/nowhere cannot be read: No such file or directory"),
        (["run", "crc32c", "/"], 2, "/ cannot be read: Is a directory"),
        (["run", "xor 1", "-o", "/nowhere/x"], 1, "/nowhere/x cannot be written: No such file"),
        (["run", "xor 1", "--json", "-o", "-"], 2, "with --json stdout holds the results"),
        (["run", "crc32c", "--engine", "x"], 2, "is not one of"),
        (["run", "crc32c", "--threads", "257"], 2, "257 is not in the range 1<=x<=256"),
        (["run", "crc32c", "--isa", "/nowhere"], 2, "/nowhere: the file cannot be read"),
        (["run", "mask 12"], 2, "program:1:6: key of mask is bytes: '0x' and two hexadecimal digits for each byte"),
        (["run", "mask 0x" + "ab" * 70], 2, "key of mask is 1 to 64 bytes, 70 given"),
        (["isa", "msk"], 2, "unknown operation 'msk'; did you mean 'mask'?"),
        (["run"], 2, "Missing argument"),
        (["compile"], 2, "give one of: a program"),
        (["compile", "xor 1", "--target", "host", "--emit", "wasm"], 2, "target host does not emit 'wasm', but 'so'"),
        (["compile", "xor 1", "--json"], 2, "give -o OUT"),
        (["frobnicate"], 2, "No such command"),
    ],
)  # fmt: skip
def test_errors(arguments: list[str], code: int, words: str) -> None:
    done = pcpu(*arguments)
    text = done.stderr.decode()
    assert done.returncode == code, text
    assert words.replace("\n    ", "\n  ") in text or words in text
    assert "Traceback" not in text


def test_the_data_in_place_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "xor"):
        Path(name).write_bytes(b"a")
    assert b"DATA: this is no program, and the name of a file" in pcpu("run", "DATA", "xor").stderr
    assert pcpu("run", "xor 1", "DATA").stdout == b"`"
    assert b"xor takes 1 immediate" in pcpu("run", "xor", "DATA").stderr


def test_compile(tmp_path: Path) -> None:
    out = tmp_path / "p.wasm"
    done = pcpu("compile", "xor 1 | crc32c", "-o", out, "--json")
    assert done.returncode == 0
    assert out.read_bytes().startswith(b"\0asm")
    assert json.loads(done.stdout)["signature"] == "xor 1 | crc32c"
    assert b"define void @pcpu_update" in pcpu("compile", "xor 1", "--emit", "ir").stdout
    assert b"v128.xor" in pcpu("compile", "xor 1", "--emit", "asm").stdout
    assert pcpu("compile", "--ops").stdout.startswith(b"\0asm")


def test_compile_explains_and_writes_where_it_is_told(tmp_path: Path) -> None:
    done = pcpu("compile", "xor 1 | counteq 2 | crc32c", "--explain", "-o", "-")
    assert done.stdout.startswith(b"\0asm")
    assert done.stderr == b"loop 1, lanes: xor 1 | counteq 2\nloop 2, crc: crc32c\n"
    link, real, fifo = (tmp_path / name for name in ("link", "real", "fifo"))
    real.touch()
    link.symlink_to(real)
    assert pcpu("compile", "xor 1", "-o", link).returncode == 0
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"\0asm")
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE) as reader:
        assert pcpu("compile", "xor 1", "-o", fifo).returncode == 0
        assert reader.communicate()[0].startswith(b"\0asm")
    assert fifo.is_fifo()
    link.unlink()
    link.symlink_to(link)
    done = pcpu("run", "xor 1", "-o", link, stdin=b"x")
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("engine", ["jit", "workerd"])
def test_a_signal_leaves_nothing_behind(how: signal.Signals, engine: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        # Under nohup, tests and what they start would take no notice of SIGHUP.
        ["env", "--default-signal", PCPU, "run", "xor 1", "-o", tmp_path / "out", "--engine", engine],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(b"x" * 70000)
    process.stdin.flush()
    while not list(tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(how)
    process.communicate(timeout=20)
    assert process.returncode == (130 if how is signal.SIGINT else 128 + how)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_plan_at_once(how: signal.Signals, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(100 << 20))  # whose suffixes take ten seconds to sort
    process = subprocess.Popen([PCPU, "plan", large, "--blob", large, "-o", tmp_path / "out"])
    time.sleep(3)
    sent = time.monotonic()
    process.send_signal(how)
    process.wait(timeout=60)
    assert time.monotonic() - sent < 2
    assert process.returncode == 128 + how
    assert list(tmp_path.iterdir()) == [large]


def test_an_interrupt_while_it_is_loaded_has_no_words(tmp_path: Path) -> None:
    module = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "typer.py").write_text(module)  # in place of one that all commands load
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = pcpu("--version", PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_closed_streams(file: Path) -> None:
    def shell(command: str) -> subprocess.CompletedProcess[bytes]:
        script = f"'{PCPU}' {command}"
        return subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=60)

    assert shell(f"run crc32c '{file}' 2>&-").returncode == 0
    assert shell("run crc32c - <&-").stderr == b"crc32c 0x00000000\n"
    for command in (f"run 'xor 1' '{file}' >&-", f"run crc32c '{file}' --json >&-"):
        done = shell(command)
        assert done.returncode == 1
        assert b"Bad file descriptor" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_cache_in_a_relative_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [PCPU, "run", "crc32c"], input=b"123456789", capture_output=True, check=True, cwd=tmp_path,
        env=os.environ | {"PCPU_CACHE": "."},
    )  # fmt: skip
    assert done.stderr == b"crc32c 0xe3069283\n"


def test_expressions_that_are_too_much(tmp_path: Path) -> None:
    path = tmp_path / "heavy.json"
    heavy = " ^ ".join(["(byte * 5 % 11)"] * 60)
    path.write_text(json.dumps({"op": "heavy", "args": ["data"], "returns": "data", "map": heavy}))
    done = pcpu("run", "|".join(["heavy"] * 64), "--isa", path, stdin=b"x")
    assert done.returncode == 2
    assert b"heavy alone has" in done.stderr


def test_isa_shows_descriptions_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "op.json"
    op = {
        "op": "keep",
        "args": ["data"],
        "returns": "data",
        "map": "byte",
        "doc": "Keep [hi:lo] [/b] \x1b[31m",
    }
    path.write_text(json.dumps(op))
    done = pcpu("isa", "--isa", path, COLUMNS="120", NO_COLOR="1")
    assert "Keep [hi:lo] [/b]  [31m" in done.stdout.decode()


def test_version() -> None:
    assert pcpu("--version").stdout == b"pcpu 0.1.0\n"


def test_isa() -> None:
    document = json.loads(pcpu("isa", "--json").stdout)
    first = {op["op"]: (op["args"], op["returns"]) for op in document["operations"]}
    assert first["xor"] == (["data", "imm8"], "data")
    assert first["counteq"] == (["data", "imm8"], "count")
    table = pcpu("isa", NO_COLOR="1", COLUMNS="120").stdout.decode()
    assert "crc32c" in table
    assert "\x1b" not in table


def test_isa_explains_an_operation(user_ops: Path) -> None:
    page = pcpu("isa", "mask").stdout.decode()
    for words in ("mask KEY", "1 to 64 bytes", "byte ^ key[index]", "lanes", "RFC 6455", "'Hello'"):
        assert words in page
    assert "0 to 255" in pcpu("isa", "counteq").stdout.decode()
    assert "256 numbers" in pcpu("isa", "hist").stdout.decode()
    page = pcpu("isa", "crc32").stdout.decode()
    assert "0x04c11db7" in page
    assert "  in wasm   crc: " in page
    assert "multiples of the polynomial with " in page
    assert json.loads(pcpu("isa", "fnv64", "--json").stdout)["op"] == "fnv"
    assert "ISBN" in pcpu("isa", "weighted", "--isa", user_ops).stdout.decode()


def test_doctor() -> None:
    done = pcpu("doctor")
    assert done.returncode == 0, done.stdout
    assert b"MISSING" not in done.stdout
    assert json.loads(pcpu("doctor", "--json").stdout)["engine workerd"]["found"]


@pytest.mark.parametrize("engine", ["jit", "workerd"])
def test_a_reader_that_leaves_is_no_error(engine: str, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(8 << 20))
    script = f"set -o pipefail; '{PCPU}' run 'xor 1' '{big}' --engine {engine} | head -c 10 | wc -c"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == (b"10", b"", 141)


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    environment = {"PCPU_CACHE": str(tmp_path / "cache")}
    assert pcpu("run", "crc32c", stdin=b"123456789", **environment).stderr == b"crc32c 0xe3069283\n"
    (cached,) = (tmp_path / "cache").iterdir()
    for damaged in (b"", cached.read_bytes()[:-100], b"\0" * 5000):
        cached.write_bytes(damaged)
        assert (
            pcpu("run", "crc32c", stdin=b"123456789", **environment).stderr
            == b"crc32c 0xe3069283\n"
        )
    environment = {"PCPU_CACHE": "/dev/null/cache"}
    assert pcpu("run", "crc32c", stdin=b"123456789", **environment).stderr == b"crc32c 0xe3069283\n"


def test_a_warm_run_loads_no_llvm(tmp_path: Path) -> None:
    environment = {"PCPU_CACHE": str(tmp_path / "cache")}
    pcpu("run", "fnv", stdin=b"", **environment)
    done = pcpu("run", "fnv", stdin=b"", PYTHONVERBOSE="1", **environment)
    for heavy in (b"llvmlite", b"import 'rich.", b"jsonschema", b"wasmtime"):
        assert heavy not in done.stderr


def peak_memory(length: str, program: str) -> int:
    """The peak resident size in KiB of ``pcpu run`` over a pipe of ``length``."""
    script = (
        "import resource,subprocess;"
        f"subprocess.run(['{PCPU}','run','{program}'],check=True,"
        "stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = f'head -c {length} /dev/zero | {sys.executable} -c "{script}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("length", ["600M", pytest.param("10G", marks=pytest.mark.slow)])
@pytest.mark.parametrize("program", ["crc32c | counteq 0", "xor 1 | fnv"])
def test_memory_stays_flat(length: str, program: str) -> None:
    peak_memory("1", program)  # compiles, which loads LLVM
    assert peak_memory(length, program) < peak_memory("1M", program) + 8 * 1024


def test_caches_that_cannot_be_written(tmp_path: Path) -> None:
    out, nowhere = tmp_path / "out.wasm", "/dev/null/cache"
    done = pcpu("compile", "xor 1", "-o", out, PCPU_CACHE=nowhere, ZIG_GLOBAL_CACHE_DIR=nowhere)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\0asm")


@pytest.mark.parametrize(
    "command", [["run"], ["plan", "--mode", "instant", "-o", "plan"], ["inspect"]]
)
def test_what_has_no_end_is_not_read_into_memory(command: list[str], tmp_path: Path) -> None:
    script = tmp_path / "whole.pasm"
    script.write_text(".in data\nn = counteq data[0:1], 0\n")
    given = ["run", str(script)] if command[0] == "run" else command
    done = subprocess.run(
        [PCPU, *given, "/dev/zero"], capture_output=True, check=False, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr == b"pcpu: error: /dev/zero gives more than 1024 MiB; put it in a file\n"


def test_memory_that_there_is_not() -> None:
    script = (
        "from pcpu.cli import app\ndef fail(): raise MemoryError\napp.app = fail\napp.run_command()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        b"pcpu: error: there is not enough memory for this\n",
    )

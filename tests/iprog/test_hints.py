"""What plans from Python tell about a file: expectations from code assembled elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import wasmtime

import pcpu
from pcpu.errors import UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import read_image
from pcpu.iprog.hinted import plan_with_hints
from pcpu.iprog.mnemonics import SAMPLE, count_mnemonics
from pcpu.iprog.sections import Kind
from tests.iprog.images import CODE, Part, elf, module
from tests.iprog.pairs import PAIRS

# By the manuals of the instruction sets: nop, call, ret; nop, bl, ret; addi zero,zero,0, ret.
CODES = {
    "x86-64": (62, b"\x90" * 3 + b"\xe8\0\0\0\0" + b"\xc3", {"nop": 3, "call": 1, "ret": 1}),
    "aarch64": (183, bytes.fromhex("1f2003d5 00000094 c0035fd6"), {"nop": 1, "bl": 1, "ret": 1}),
    "riscv64": (243, bytes.fromhex("13000000 67800000"), {"nop": 1, "ret": 1}),
}


@pytest.mark.parametrize("name", CODES)
def test_instructions_are_counted(name: str) -> None:
    machine, code, wanted = CODES[name]
    image, _ = elf([Part(".text", CODE, 0x1000, code)], machine=machine)
    assert count_mnemonics(read_image(image), image) == wanted


def test_instructions_of_modules_are_counted() -> None:
    # One function: i32.const 1, drop, end.
    code, _ = module([(10, b"\x01\x05\x00\x41\x01\x1a\x0b")])
    assert count_mnemonics(read_image(code), code) == {"drop": 1, "end": 1, "i32.const": 1}


def test_of_much_code_a_sample_is_counted() -> None:
    image, _ = elf([Part(".text", CODE, 0x1000, b"\x90" * (40 * SAMPLE))])
    found = count_mnemonics(read_image(image), image)
    assert SAMPLE / 2 <= found["nop"] <= 2 * SAMPLE


def test_hints_of_a_program(tmp_path: Path) -> None:
    _, code, _ = CODES["x86-64"]
    old, _ = elf([Part(".text", CODE, 0x1000, code * 99)])
    new, _ = elf([
        Part(".text", CODE, 0x1000, b"\x90" + code * 99),
        Part(".comment", 0, 0, b"GCC: (Debian 12.2.0-14) 12.2.0\0another\0"),
    ])  # fmt: skip
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    plan = plan_with_hints(tmp_path / "new", tmp_path / "old")
    assert Reader(plan, [old]).rebuild() == new
    hints = plan.hints
    assert (hints.format, hints.architecture) == ("elf-x86-64", "x86-64")
    assert hints.compiler == "GCC: (Debian 12.2.0-14) 12.2.0"
    kinds = {section.name: section.kind for section in hints.sections}
    assert kinds[".text"] == Kind.CODE
    assert sum(section.size for section in hints.sections) == len(new)
    assert list(hints.mnemonics) == ["nop", "call", "ret"]
    assert json.loads(json.dumps(hints.to_json()))["mnemonics"]["call"] == 99


@pytest.mark.parametrize("name", ["empty", "unlike", "edited", "from nothing"])
def test_what_is_no_program_has_plain_hints(name: str, tmp_path: Path) -> None:
    blob, file = PAIRS[name]
    (tmp_path / "file").write_bytes(file)
    plan = plan_with_hints(str(tmp_path / "file"), blob)
    assert Reader(plan, [blob]).rebuild() == file
    assert (plan.hints.architecture, plan.hints.mnemonics, plan.hints.finders) == (None, {}, ())


def test_several_blobs_of_either_sort(tmp_path: Path) -> None:
    blob, file = PAIRS["edited"]
    (tmp_path / "file").write_bytes(file)
    (tmp_path / "half").write_bytes(blob[:9000])
    plan = plan_with_hints(tmp_path / "file", [tmp_path / "half", blob[9000:]])
    assert Reader(plan, [blob[:9000], blob[9000:]]).rebuild() == file


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere cannot be read"):
        plan_with_hints(tmp_path / "nowhere", b"")


def test_damaged_programs_are_planned(tmp_path: Path) -> None:
    random = Random(7)
    source = shutil.which("true") or sys.executable
    whole = Path(source).read_bytes()[:60_000]
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(40):
            damaged[random.choice([random.randrange(64), random.randrange(len(damaged))])] = 255
        (tmp_path / "new").write_bytes(damaged)
        plan = plan_with_hints(tmp_path / "new", whole)
        assert Reader(plan, [whole]).rebuild() == damaged


def test_the_disassembler_is_not_loaded_by_the_command() -> None:
    code = "import sys, pcpu.iprog.plan; sys.exit('capstone' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_plan_and_its_reconstructor(tmp_path: Path) -> None:
    blob, file = PAIRS["edited"]
    (tmp_path / "file").write_bytes(file)
    plan, module = pcpu.plan_with_llvm_hints(tmp_path / "file", blob)
    assert Reader(plan, [blob]).rebuild() == file
    assert plan.hints.format == "other"
    assert rebuilt_in_wasmtime(module, blob) == file
    _, command = pcpu.plan_with_llvm_hints(tmp_path / "file", blob, target="aarch64")
    assert command.startswith(b"\x7fELF")
    with pytest.raises(UsageError, match="z80"):
        pcpu.plan_with_llvm_hints(tmp_path / "file", blob, target="z80")


def rebuilt_in_wasmtime(module: bytes, blob: bytes) -> bytes:
    """What a reconstructor makes, called as spec/iprog-abi.md says (D10, D11)."""
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, module), [])
    exports: Any = instance.exports(store)

    def call(name: str, *arguments: int) -> Any:
        return exports[name](store, *arguments)

    exports["memory"].write(store, blob, call("blob", len(blob)))
    assert call("prepare") == 0
    found = b""
    for number in range(call("windows")):
        assert call("window", number) == 0
        at = call("out")
        found += exports["memory"].read(store, at, at + call("out_length"))
    return found

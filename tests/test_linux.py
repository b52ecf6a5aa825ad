"""The Linux targets: programs and the Zstandard decoder in static executables, run natively or
under QEMU."""

from __future__ import annotations

import platform
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from backports import zstd

from pcpu import llvm, targets
from pcpu.compiler import compile_program
from pcpu.errors import ToolchainError
from pcpu.iprog.zstd import zstd_object
from pcpu.isa import Isa
from pcpu.layout import layout
from pcpu.source import parse_pipeline
from pcpu.targets import elf
from tests.engines import run_pieces

ROOM, OUT = 1 << 20, 1 << 13  # bytes for data, and for results
# Reads a file, decodes it if that is a number of 64 bits and a frame of so many bytes, runs the
# program over it, and writes the data and the results.
MAIN = f"""
@source = internal global [{ROOM} x i8] zeroinitializer
@data = internal global [{ROOM} x i8] zeroinitializer
@out = internal global [{OUT} x i8] zeroinitializer, align 8
declare i32 @open(ptr, i32, ...)
declare i64 @read(i32, ptr, i64)
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i64 @write(i32, ptr, i64)
declare i64 @pcpu_zstd_workspace()
declare i64 @pcpu_zstd(ptr, i64, ptr, i64, ptr, i64, ptr, i64)
declare void @pcpu_run(ptr, i64, ptr)
define i32 @main(i32 %count, ptr %arguments) {{
  %first = getelementptr ptr, ptr %arguments, i64 1
  %name = load ptr, ptr %first
  %file = call i32 (ptr, i32, ...) @open(ptr %name, i32 0)
  %got8 = call i64 @read(i32 %file, ptr @out, i64 8)
  %size = load i64, ptr @out
  %length = call i64 @read(i32 %file, ptr @source, i64 {ROOM})
  %room = call i64 @pcpu_zstd_workspace()
  %workspace = call ptr @mmap(ptr null, i64 %room, i32 3, i32 34, i32 -1, i64 0)
  %got = call i64 @pcpu_zstd(ptr @data, i64 %size, ptr @source, i64 %length, ptr null, i64 0, ptr %workspace, i64 %room)
  %bad = icmp ne i64 %got, %size
  br i1 %bad, label %refused, label %decoded
refused:
  ret i32 7
decoded:
  call void @pcpu_run(ptr @data, i64 %size, ptr @out)
  %w0 = call i64 @write(i32 1, ptr @data, i64 %size)
  %w1 = call i64 @write(i32 1, ptr @out, i64 {OUT})
  ret i32 0
}}
"""
PROGRAMS = (
    "xor 0x5a | crc32c",
    "add 3 | rotl 5 | adler32",
    "mask 0x01020304050607 | counteq 0x0a | fnv",
    "crc32 | crc64nvme | crc16 | fnv32",
    "hist",
    "sum | min | max | find 0x7a",
)
SIZES = (0, 1, 15, 16, 17, 127, 128, 129, 1000, 4097, 70_001)


@dataclass(frozen=True)
class Machine:
    """An architecture, and the command before a program's name that runs it here."""

    name: str
    qemu: tuple[str, ...]

    def run(self, program: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.qemu, program, *arguments], capture_output=True, check=False, timeout=60
        )


@pytest.fixture(scope="module", params=["x86-64", "aarch64", "riscv64"])
def machine(request: pytest.FixtureRequest) -> Machine:
    name = request.param.replace("-", "_")
    if platform.machine() == name:
        return Machine(request.param, ())
    qemu = shutil.which(f"qemu-{name}") or shutil.which(f"qemu-{name}-static")
    if qemu is None:
        pytest.skip(f"qemu-{name} is not installed (Debian: qemu-user)")
    return Machine(request.param, (qemu,))


@pytest.mark.parametrize("text", PROGRAMS)
def test_an_executable_of_several_objects(
    machine: Machine, text: str, isa: Isa, tmp_path: Path
) -> None:
    target = targets.find(machine.name)
    program = parse_pipeline(text, isa)
    main = llvm.emit(llvm.parse(MAIN, target), target, "obj")
    code = compile_program(program, isa, target, "obj").code
    path = tmp_path / "program"
    path.write_bytes(elf.executable([main, code, zstd_object(target)], target))
    path.chmod(0o755)
    frame = tmp_path / "frame"
    for size in SIZES:
        data = (Path(__file__).read_bytes() * 20)[:size]
        changed, results = run_pieces("interp", program, isa, data)
        frame.write_bytes(size.to_bytes(8, "little") + zstd.compress(data, 19))
        done = machine.run(path, str(frame))
        assert done.returncode == 0
        assert done.stdout[:size] == changed
        count = layout(program).outputs
        numbers = struct.unpack_from(f"<{count}Q", done.stdout, size)
        assert layout(program).values(numbers) == results
    frame.write_bytes((4).to_bytes(8, "little") + zstd.compress(b"text")[:-1])
    assert machine.run(path, str(frame)).returncode == 7


def test_an_executable_needs_no_library(isa: Isa) -> None:
    target = targets.find(platform.machine().replace("_", "-"))
    main = llvm.parse("define i32 @main() { ret i32 0 }", target)
    objects = [llvm.emit(main, target, "obj")]
    program = elf.executable(objects, target)
    assert program == elf.executable(objects, target)
    assert program.startswith(b"\x7fELF")
    assert len(program) < 16384
    assert b"ld-musl" not in program
    assert b"/tmp" not in program


def test_what_is_missing_is_named() -> None:
    target = targets.find("x86-64")
    main = llvm.parse(
        "declare i32 @absent() define i32 @main() { %r = call i32 @absent() ret i32 %r }", target
    )
    with pytest.raises(ToolchainError, match="undefined symbol: absent"):
        elf.executable([llvm.emit(main, target, "obj")], target)

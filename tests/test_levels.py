"""Shared objects that take the code of the processor's level when they run."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from pcpu import interp, levels, llvm, targets
from pcpu.compiler import compile_operations
from pcpu.ir import with_names
from pcpu.isa import Isa, Op
from pcpu.lower import lower_operations
from pcpu.target import Target
from pcpu.targets import elf
from tests.kernels.emulated import Emulated

NAMES = ("crc32c", "crc64nvme", "fnv", "sum", "adler32")
# Flags of /proc/cpuinfo without which there is no such level.
FLAGS = (
    {"avx2", "bmi1", "bmi2", "fma", "movbe", "f16c", "abm", "pclmulqdq"},
    {"avx512bw", "avx512dq", "avx512vl", "avx512cd", "avx512vbmi", "avx512_vnni", "vpclmulqdq"},
)
# QEMU's names, and what they have. Of RISC-V's extensions this QEMU's kernel does not tell.
PROCESSORS = (
    ("x86-64", "Nehalem", 0), ("x86-64", "Haswell", 1), ("aarch64", "max", 1),
    ("aarch64", "cortex-a53", 1), ("riscv64", "rv64", 0),
)  # fmt: skip


def operations(isa: Isa) -> tuple[Op, ...]:
    return tuple(op for op in isa.operations if op.name in NAMES)


def fixed(target: Target, level: int) -> bytes:
    """A detector that finds ``level``."""
    text = f'define hidden i32 @"pcpu.detect"() {{ ret i32 {level} }}'
    return llvm.emit(llvm.parse(text, target), target, "obj")


def reporter(target: Target) -> bytes:
    """An object with ``pcpu_level()``, which asks the real detector."""
    text = (
        "declare hidden i32 @pcpu.detect()\n"
        "define i32 @pcpu_level() { %n = call i32 @pcpu.detect() ret i32 %n }"
    )
    module = llvm.parse(text, target)
    return elf.join([llvm.emit(module, target, "obj"), levels.detector(target)])


def here() -> int:
    """The level of this processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.split())
            second, third = (needed <= flags for needed in FLAGS)
            return 2 if second and third else int(second)
    return 0


def expected(op: Op, data: bytes) -> int:
    (found,) = interp.run(with_names([(op, (), None)]), data)[1]
    assert isinstance(found, int)
    return found


@pytest.mark.skipif(platform.machine() != "x86_64", reason="loads code for x86-64")
def test_the_level_of_this_processor_is_found(tmp_path: Path) -> None:
    path = tmp_path / "level.so"
    path.write_bytes(elf.link(reporter(targets.find("x86-64")), ["pcpu_level"]))
    assert ctypes.CDLL(str(path)).pcpu_level() == here()


@pytest.mark.parametrize(("name", "processor", "level"), PROCESSORS)
def test_the_level_of_others_is_found(name: str, processor: str, level: int) -> None:
    target = targets.find(name)
    machine = Emulated(reporter(target), ["pcpu_level"], target, processor)
    assert machine.call("pcpu_level", 32, []) == level
    machine.close()


@pytest.mark.parametrize("level", range(3))
@pytest.mark.skipif(platform.machine() != "x86_64", reason="loads code for x86-64")
def test_every_level_gives_the_same(
    level: int, isa: Isa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if level > here():
        pytest.skip("this processor does not have it")
    monkeypatch.setattr(levels, "detector", partial(fixed, level=level))
    path = tmp_path / "ops.so"
    path.write_bytes(compile_operations(Isa(operations(isa)), targets.find("x86-64")).code)
    library = ctypes.CDLL(str(path))
    for op in operations(isa):
        function = library[f"pcpu_{op.name}"]
        function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_size_t], ctypes.c_uint64
        for data in samples():
            found = function(data, len(data)) & ((1 << op.result_bits) - 1)
            assert found == expected(op, data), (op.name, len(data))


@pytest.mark.parametrize("name", ["aarch64", "riscv64"])
@pytest.mark.parametrize("level", range(2))
def test_every_level_of_others_gives_the_same(
    name: str, level: int, isa: Isa, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, ops = targets.find(name), operations(isa)
    monkeypatch.setattr(levels, "detector", partial(fixed, level=level))
    code = levels.objects(partial(lower_operations, Isa(ops)), target)
    machine = Emulated(code, [f"pcpu_{op.name}" for op in ops], target)
    for op in ops:
        for data in samples():
            machine.write(3, data)
            found = machine.call(
                f"pcpu_{op.name}", op.result_bits, [(machine.base + 3, 64), (len(data), 64)]
            )
            assert found == expected(op, data), (op.name, len(data))
    machine.close()


def samples() -> Sequence[bytes]:
    text = Path(__file__).read_bytes() * 10
    return [text[:size] for size in (0, 1, 100, 3000, 20_000)]


def test_a_shared_object_exports_what_it_did(isa: Isa, tmp_path: Path) -> None:
    code = compile_operations(Isa(operations(isa)), targets.find("x86-64")).code
    assert b"pcpu_crc32c_update" in code
    assert b"pcpu_crc32c.1" not in code
    assert b"pcpu.detect" not in code

"""Reconstructors as executables for Linux (decoder/command.py)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llvmlite import ir

from pcpu.iprog.decoder import command
from pcpu.iprog.decoder.objects import (
    I64,
    POINTER,
    call,
    known_of,
    objects_for,
    plan_object,
    say_where,
)
from pcpu.iprog.format import read_header
from pcpu.kernel.module import Translation
from pcpu.levels import detector
from pcpu.target import Target
from pcpu.targets import elf, lld

I32 = ir.IntType(32)
# Addresses that are set aside, half of those of RISC-V's Sv39; memory is used where it is touched.
_ROOM = 1 << 37
_PROTECTION, _FLAGS = 3, 0x4022  # read and write; private, anonymous, without swap set aside
# What processors that have instructions for SHA-256 have (targets/sha256.zig), by target.
_FAST: Mapping[str, str] = MappingProxyType({"x86-64": "+sha+avx2", "aarch64": "+sha2"})


def executable(plan: bytes, target: Target) -> bytes:
    """A static program that rebuilds the file of ``plan``. Raises DamagedPlanError,
    UnsupportedPlanError and ToolchainError."""
    known = known_of(read_header(plan))
    objects = objects_for([command.main], _surround, target, known)
    part = lld.zig_object("pcpu.iprog", "part.zig", target, ["-OReleaseSmall"])
    objects += [part, *_hash_objects(target), plan_object(plan, target)]
    return elf.executable(objects, target)


def _hash_objects(target: Target) -> list[bytes]:
    """The object files of sha256.zig: for all processors and, where some have instructions for it,
    for these, and of what tells them."""

    def compiled(cpu: str) -> bytes:
        return lld.zig_object("pcpu.targets", "sha256.zig", target, ["-OReleaseFast"], cpu)

    usual, fast = lld.zig_cpu(target), _FAST.get(target.name)
    found = [compiled(usual)]
    return found if fast is None else [*found, compiled(usual + fast), detector(target)]


def _surround(translation: Translation, own: Any) -> None:
    module = translation.module
    function = ir.Function(module, ir.FunctionType(I32, [I32, POINTER]), "main")
    b = ir.IRBuilder(function.append_basic_block())
    count, arguments = function.args
    given = [count, b.ptrtoint(arguments, I64)]
    b.ret(b.trunc(call(translation, b, own, command.main, given), I32))
    _memory(translation)
    say_where(translation)


def _memory(translation: Translation) -> None:
    """All the memory that there may be, from where ``pcpu_heap`` says, the same each time."""
    module = translation.module
    base = ir.GlobalVariable(module, I64, "heap")
    base.linkage, base.initializer = "internal", I64(0)
    types = [I64, I64, I32, I32, I32, I64]
    mmap = ir.Function(module, ir.FunctionType(I64, types), "mmap")
    b = ir.IRBuilder(module.globals["pcpu_heap"].append_basic_block())
    with b.if_then(b.icmp_unsigned("==", b.load(base, typ=I64), I64(0))):
        numbers = [I64(0), I64(_ROOM), I32(_PROTECTION), I32(_FLAGS), I32(-1), I64(0)]
        b.store(b.call(mmap, numbers), base)
    b.ret(b.load(base, typ=I64))
    b = ir.IRBuilder(module.globals["pcpu_more"].append_basic_block())
    start = b.load(base, typ=I64)
    got = b.icmp_signed(">", start, I64(0))
    b.ret(b.select(got, b.add(start, I64(_ROOM)), I64(0)))

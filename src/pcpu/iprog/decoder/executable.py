"""Reconstructors as executables for Linux (decoder/command.py)."""

from __future__ import annotations

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
from pcpu.target import Target
from pcpu.targets import elf

I32 = ir.IntType(32)
# Addresses that are set aside, half of those of RISC-V's Sv39; memory is used where it is touched.
_ROOM = 1 << 37
_PROTECTION, _FLAGS = 3, 0x4022  # read and write; private, anonymous, without swap set aside


def executable(plan: bytes, target: Target) -> bytes:
    """A static program that rebuilds the file of ``plan``. Raises DamagedPlanError,
    UnsupportedPlanError and ToolchainError."""
    known = known_of(read_header(plan))
    objects = objects_for([command.main], _surround, target, known)
    return elf.executable([*objects, plan_object(plan, target)], target)


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

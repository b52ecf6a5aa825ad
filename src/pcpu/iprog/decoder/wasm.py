"""Decoders of plans as WebAssembly (spec/iprog-abi.md)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llvmlite import ir

from pcpu import targets
from pcpu.artifact import with_manifest
from pcpu.iprog.decoder import exports, one
from pcpu.iprog.decoder.objects import (
    I8,
    I64,
    STACK,
    call,
    is_instant,
    known_of,
    objects_for,
    plan_object,
    say_where,
)
from pcpu.iprog.document import content_json
from pcpu.iprog.finders.numbered import are_short
from pcpu.iprog.finders.sort import SHORT
from pcpu.iprog.format import Header, read_header
from pcpu.kernel.module import Kernel, Translation
from pcpu.targets import lld

I32 = ir.IntType(32)
ABI = 1
_PAGE_BITS = 16  # of memory of WebAssembly
_GROWTH = 4  # memory grows by this part of itself at least
# The largest address, more would be negative; and there are no tags in addresses.
KNOWN: Mapping[str, int] = MappingProxyType({"state.MOST": 0x7FFF0000, "find.TAGS": 0})
# A fast check wants 16 KiB of it besides, for what it divides by lies there; and takes 12 KB of
# code, which is little of instant plans from so many bytes on.
_FAST_STACK, _LARGE = 4 * STACK, 1 << 17


@dataclass(frozen=True)
class Export:
    """A function of the module; numbers of 64 bits are those of files."""

    kernel: Callable[..., Any]
    name: str = ""
    wide: tuple[str, ...] = ()  # parameters of 64 bits
    wide_result: bool = False

    @property
    def symbol(self) -> str:
        return self.name or self.kernel.__name__


ONE_PLAN: Sequence[Export] = (
    Export(one.blob, wide=("length",)),
    Export(one.prepare),
    Export(one.size, wide_result=True),
    Export(one.reference_size, wide_result=True),
    Export(one.window_size),
    Export(one.windows, wide_result=True),
    Export(one.window, wide=("number",)),
    Export(exports.out),
    Export(exports.out_length),
    Export(exports.rule),
)


def reconstructor(plan: bytes) -> bytes:
    """A module that rebuilds the file of ``plan`` (spec/iprog-abi.md D10-D12). What the plan does
    not need is left out of it. Raises DamagedPlanError and UnsupportedPlanError."""
    header = read_header(plan)
    target = targets.find("wasm")

    def surround(translation: Translation, own: Any) -> None:
        add_exports(translation, ONE_PLAN, own)
        add_memory(translation, None)
        say_where(translation)

    kernels = [export.kernel for export in ONE_PLAN]
    known = {**KNOWN, **known_of(header)}
    fast = len(plan) >= _LARGE and is_instant(header)
    if header.relocation is not None and are_short(header.relocation.finders):
        known["sort.NUMBERS"] = SHORT
    window_bits = None if fast else header.window_bits
    objects = objects_for(kernels, surround, target, known, window_bits=window_bits)
    objects.append(plan_object(plan, target))
    layout = stack_first(_FAST_STACK if fast else STACK)
    return with_manifest(link(objects, ONE_PLAN, *layout), told(header))


def stack_first(size: int) -> Sequence[str]:
    """Options of the linker for a stack that ends the module where it is too small."""
    return "--stack-first", "-z", f"stack-size={size}"


def told(header: Header) -> dict[str, Any]:
    """What the custom section says (D12)."""
    return {
        "abi": ABI,
        "kind": "reconstructor",
        "file": content_json(header.file),
        "blobs": [content_json(blob) for blob in header.blobs],
        "window_size": header.window_size,
        "windows": header.windows,
    }


def add_exports(translation: Translation, wanted: Sequence[Export], own: Any) -> None:
    """Functions that call kernels, with numbers of the width that callers see."""
    for export in wanted:
        _export(translation, export, own)


def _export(translation: Translation, export: Export, own: Any) -> None:
    names = [name for name, _ in Kernel.of(export.kernel).parameters[2:]]
    types = [I64 if name in export.wide else I32 for name in names]
    type_ = ir.FunctionType(I64 if export.wide_result else I32, types)
    function = ir.Function(translation.module, type_, export.symbol)
    for attribute in ("nounwind", "minsize", "optsize"):
        function.attributes.add(attribute)
    b = ir.IRBuilder(function.append_basic_block())
    value = call(translation, b, own, export.kernel, function.args)
    b.ret(value if export.wide_result else b.trunc(value, I32))


def add_memory(translation: Translation, heap: int | None) -> None:
    """The functions that kernels ask for memory, which is free from an address on, or from where
    the linker put nothing else."""
    module = translation.module
    if "pcpu_heap" in module.globals:
        b = ir.IRBuilder(module.globals["pcpu_heap"].append_basic_block())
        if heap is None:
            base = ir.GlobalVariable(module, I8, "__heap_base")
            base.linkage = "external"
            b.ret(base.ptrtoint(I32))
        else:
            b.ret(I32(heap))
    more = module.globals["pcpu_more"]
    _grow(module, more, ir.IRBuilder(more.append_basic_block()))


def _grow(module: Any, function: Any, b: Any) -> None:
    """Memory of at least so many bytes; how many there are then."""
    pages_of = ir.Function(module, ir.FunctionType(I32, [I32]), "llvm.wasm.memory.size.i32")
    grow = ir.Function(module, ir.FunctionType(I32, [I32, I32]), "llvm.wasm.memory.grow.i32")
    (size,) = function.args
    have = b.call(pages_of, [I32(0)])
    need = b.add(b.lshr(b.sub(size, I32(1)), I32(_PAGE_BITS)), I32(1))
    more = b.sub(need, have)
    with b.if_then(b.icmp_signed(">", more, I32(0))):
        usual = b.udiv(have, I32(_GROWTH))
        larger = b.select(b.icmp_unsigned(">", usual, more), usual, more)
        got = b.call(grow, [I32(0), larger])
        with b.if_then(b.icmp_signed("==", got, I32(-1))):
            b.call(grow, [I32(0), more])
    now = b.call(pages_of, [I32(0)])
    most = b.icmp_unsigned(">", now, I32(0x7FFF))
    b.ret(b.select(most, I32(0x7FFFFFFF), b.shl(now, I32(_PAGE_BITS))))


def link(objects: Sequence[bytes], wanted: Sequence[Export], *options: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        paths = []
        for number, content in enumerate(objects):
            paths.append(here / f"{number}.o")
            paths[-1].write_bytes(content)
        lld.run([
            *lld.command("wasm-ld"), "--no-entry", "--strip-all", "--gc-sections",
            "--compress-relocations", *options,
            *(f"--export={export.symbol}" for export in wanted),
            *map(str, paths), "-o", str(here / "out.wasm"),
        ])  # fmt: skip
        return (here / "out.wasm").read_bytes()

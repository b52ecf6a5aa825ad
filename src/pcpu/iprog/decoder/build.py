"""Decoders of plans as WebAssembly: kernels, what is linked to them, and the functions around."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import ir

from pcpu import llvm, targets
from pcpu.compiler import compile_operations
from pcpu.iprog.decoder import exports, state
from pcpu.iprog.zstd import zstd_object
from pcpu.isa import Isa
from pcpu.kernel import translate
from pcpu.kernel.module import Translation
from pcpu.library import load_isa
from pcpu.target import Target
from pcpu.targets import lld

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
STACK = 65536
_PAGE_BITS = 16  # of memory of WebAssembly
_GROWTH = 4  # memory grows by this part of itself at least
_MEMORY = 1 << 32
_MOST = 0x7FFF0000  # bytes of memory; more would be negative
_CHECK = "crc32c"  # the operation that checks are (G4)


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


ANY_PLAN: Sequence[Export] = (
    Export(exports.header),
    Export(exports.open),
    Export(exports.hold),
    Export(exports.size, wide_result=True),
    Export(exports.plan_size, wide_result=True),
    Export(exports.reference_size, wide_result=True),
    Export(exports.window_size),
    Export(exports.windows, wide_result=True),
    Export(exports.sites_wanted),
    Export(exports.want_window, "want", ("window",)),
    Export(exports.wants),
    Export(exports.make_window, "make", ("window",)),
    Export(exports.out),
    Export(exports.out_length),
    Export(exports.sites),
    Export(exports.hold_sites),
    Export(exports.rule),
)


@cache
def any_plan() -> bytes:
    """``iprog.wasm``, which takes plans at run time (spec/iprog-abi.md D3-D9)."""
    return _linked(ANY_PLAN, {}, b"")


def _linked(wanted: Sequence[Export], known: Mapping[str, int], plan: bytes) -> bytes:
    target = targets.find("wasm")
    translation = translate(
        [e.kernel for e in wanted], "decoder", target.pointer_bits, {"MOST": _MOST, **known}
    )
    numbers = ir.ArrayType(I64, state.STATE_LENGTH)
    known_state = ir.GlobalVariable(translation.module, numbers, "state")
    known_state.linkage, known_state.initializer = "internal", ir.Constant(numbers, None)
    for export in wanted:
        _export(translation, export, known_state)
    _memory(translation)
    module = llvm.parse(translation.text(), target)
    llvm.optimise(module, target)
    objects = [llvm.emit(module, target, "obj"), _check_object(target), zstd_object(target)]
    return _link(objects, [export.symbol for export in wanted])


def _export(translation: Translation, export: Export, known: Any) -> None:
    kernel, inner = translation.kernel(export.kernel)
    names = [name for name, _ in kernel.parameters[2:]]
    types = [I64 if name in export.wide else I32 for name in names]
    result = I64 if export.wide_result else I32
    type_ = ir.FunctionType(result, types)
    function = ir.Function(translation.module, type_, export.symbol)
    function.attributes.add("nounwind")
    b = ir.IRBuilder(function.append_basic_block())
    given = [a if a.type == I64 else b.zext(a, I64) for a in function.args]
    nothing = ir.Constant(POINTER, None)
    heap = [nothing, I64(_MEMORY)]
    value = b.call(inner, [known, I64(state.STATE_LENGTH), *heap, *given])
    b.ret(value if export.wide_result else b.trunc(value, I32))


def _memory(translation: Translation) -> None:
    """The functions that kernels ask for memory."""
    module = translation.module
    base = ir.GlobalVariable(module, I8, "__heap_base")
    base.linkage = "external"
    for name, body in (("pcpu_heap", lambda b: base.ptrtoint(I32)), ("pcpu_more", None)):
        if name not in module.globals:
            continue
        function = module.globals[name]
        b = ir.IRBuilder(function.append_basic_block())
        if body is not None:
            b.ret(body(b))
        else:
            _grow(module, function, b)


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


def _check_object(target: Target) -> bytes:
    isa = load_isa()
    only = Isa(tuple(op for op in isa.operations if op.name == _CHECK))
    return compile_operations(only, target, "obj").code


def _link(objects: Sequence[bytes], names: Sequence[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        paths = []
        for number, content in enumerate(objects):
            paths.append(here / f"{number}.o")
            paths[-1].write_bytes(content)
        lld.run([
            *lld.command("wasm-ld"), "--no-entry", "--strip-all", "--gc-sections",
            "--stack-first", "-z", f"stack-size={STACK}",
            *(f"--export={name}" for name in names),
            *map(str, paths), "-o", str(here / "out.wasm"),
        ])  # fmt: skip
        return (here / "out.wasm").read_bytes()

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
from pcpu.artifact import with_manifest
from pcpu.compiler import compile_operations
from pcpu.iprog.decoder import exports, one, state
from pcpu.iprog.document import content_json
from pcpu.iprog.format import Codec, Header, read_header
from pcpu.iprog.zstd import zstd_object
from pcpu.isa import Isa
from pcpu.kernel import translate
from pcpu.kernel.module import Translation
from pcpu.library import load_isa
from pcpu.target import Target
from pcpu.targets import lld

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
ABI = 1
STACK = 65536
_PAGE_BITS = 16  # of memory of WebAssembly
_GROWTH = 4  # memory grows by this part of itself at least
_MEMORY = 1 << 32
_MOST = 0x7FFF0000  # bytes of memory; more would be negative
PLAN = "pcpu_plan_data"  # the symbol of a plan that is held
# Where decoding spends its time. All else is made small.
HOT = frozenset({
    "copy", "next_cover", "_place", "_fix", "move_cover", "value_of", "put_site", "first_site",
    "shift", "resolve", "restore_x86_64", "restore_aarch64", "instruction_end", "find_in_code",
})  # fmt: skip
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
    groups = header.groups
    compressed = any(frame.codec is not Codec.RAW for group in groups for frame in group.frames)
    known = {"COMPRESSED": int(compressed), "RELOCATES": int(header.relocation is not None)}
    return with_manifest(_linked(ONE_PLAN, known, plan), _told(header))


def _told(header: Header) -> dict[str, Any]:
    """What the custom section says (D12)."""
    return {
        "abi": ABI,
        "kind": "reconstructor",
        "file": content_json(header.file),
        "blobs": [content_json(blob) for blob in header.blobs],
        "window_size": header.window_size,
        "windows": header.windows,
    }


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
    if plan:
        _hold(translation, translation.size)
    module = llvm.parse(translation.text(), target)
    llvm.optimise(module, target)
    objects = [llvm.emit(module, target, "obj"), _check_object(target), zstd_object(target)]
    if plan:
        objects.append(plan_object(plan, target))
    return _link(objects, [export.symbol for export in wanted])


def _export(translation: Translation, export: Export, known: Any) -> None:
    kernel, inner = translation.kernel(export.kernel)
    names = [name for name, _ in kernel.parameters[2:]]
    types = [I64 if name in export.wide else I32 for name in names]
    result = I64 if export.wide_result else I32
    type_ = ir.FunctionType(result, types)
    function = ir.Function(translation.module, type_, export.symbol)
    for attribute in ("nounwind", "minsize", "optsize"):
        function.attributes.add(attribute)
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
    start = module.globals["pcpu_heap"]
    ir.IRBuilder(start.append_basic_block()).ret(base.ptrtoint(I32))
    more = module.globals["pcpu_more"]
    _grow(module, more, ir.IRBuilder(more.append_basic_block()))


def _hold(translation: Translation, size: Any) -> None:
    """The functions that say where the plan is, and how long."""
    module = translation.module
    plan = ir.GlobalVariable(module, I8, PLAN)
    length = ir.GlobalVariable(module, I64, f"{PLAN}_length")
    for held in (plan, length):
        held.linkage, held.global_constant = "external", True
    b = ir.IRBuilder(module.globals["pcpu_plan_at"].append_basic_block())
    b.ret(plan.ptrtoint(size))
    b = ir.IRBuilder(module.globals["pcpu_plan_length"].append_basic_block())
    loaded = b.load(length, typ=I64)
    b.ret(loaded if size == I64 else b.trunc(loaded, size))


def plan_object(plan: bytes, target: Target) -> bytes:
    """An object file that holds a plan as data."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        (here / "plan").write_bytes(plan)
        (here / "plan.s").write_text(
            f'.section .rodata.{PLAN},"",@\n.globl {PLAN}\n.p2align 4\n{PLAN}:\n'
            f'.incbin "{here / "plan"}"\n.size {PLAN}, {len(plan)}\n'
            f'.section .rodata.{PLAN}_length,"",@\n.globl {PLAN}_length\n.p2align 3\n'
            f'{PLAN}_length:\n.int64 {len(plan)}\n.size {PLAN}_length, 8\n'
        )
        lld.run([
            *lld.zig(), "cc", "-c", "-target", lld.zig_triple(target), str(here / "plan.s"), "-o",
            str(here / "plan.o"),
        ])  # fmt: skip
        return (here / "plan.o").read_bytes()


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

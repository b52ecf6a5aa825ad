"""What decoders of plans are linked from: kernels, the check, Zstandard, a plan."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import ir

from pcpu import disk_cache, llvm
from pcpu.compiler import compile_operations
from pcpu.iprog.decoder import state
from pcpu.iprog.finders.numbered import chosen_for
from pcpu.iprog.format import Codec, Header
from pcpu.iprog.regions import RegionKind
from pcpu.iprog.zstd import zstd_object
from pcpu.isa import Isa
from pcpu.kernel.module import Held, Translation, translate
from pcpu.library import load_isa
from pcpu.target import Target
from pcpu.targets import lld

I8, I64 = ir.IntType(8), ir.IntType(64)
POINTER = ir.PointerType()
# Bytes of the stack, of which some hundred are needed; what does not fit would end the module. The
# numbers of the state that are not variables lie behind it where several modules have them: numbers
# of addresses below 16 KiB take two bytes in code.
STACK = 8192
_IN_MEMORY = state.STATE_LENGTH - state.FIRST_ARRAY
STATE_AT, STATE_END = STACK, STACK + (8 * _IN_MEMORY + 15) // 16 * 16
PLAN = "pcpu_plan_data"  # the symbol of a plan that is held
# Where decoding spends its time. All else is made small.
HOT = frozenset({
    "copy", "read_covers", "number_at", "move_cover", "_move_sites", "_move_other",
    "value_of", "_records_from", "_first_record", "region_of", "place_of", "resolve", "shift",
    "_kind", "_bytes_of", "_leb", "make_records", "keep_records", "numbers_of",
    "record_of", "write_record", "form_of",
    "_put_other", "other_value", "other_word",
    "restore_x86", "restore_aarch64", "instruction_end",
    "restore_riscv", "_restore_uses", "restore_arm32", "restore_thumb", "_find_in_stretch",
    "_find_uses", "_use_from", "is_arm", "_arm_branches", "_thumb_branches", "_arm_pools",
    "_thumb_pools", "find_in_code", "_find_in_piece", "_fields", "_find_words", "_of_interest",
    "_make_page", "_use_page", "settle", "add", "_add_record", "key_of", "mark", "_run_end",
    "_without_overlaps", "width",
    "_follow", "_records", "_list", "_based", "_methods", "_is_method", "_instruction", "_operand",
    "number", "_name", "number_in", "_words",
    "displace", "_cells", "_cell", "_instructions", "_types", "_relocations", "_symbols",
    "_functions", "decode_adaptive", "_chance", "between", "_learn", "_byte",
    "_make_some", "_make_match", "_bit_of_two", "_make_literal", "_bits_of_tree", "_split",
    "_in_function", "behind_number", "_fixed_in_piece", "_may_be_fixed", "_is_operand",
    "fixed_sites", "_inlined_in_piece", "_calls", "_is_call",
    "_fix_names", "_add_fixes", "_next_fix",
})  # fmt: skip
# What stays a function. Some are called for a piece of the work at a time: an engine of WebAssembly
# that has made faster code of a function uses it from the next call on. Others would be part of a
# large function, where such an engine keeps variables in memory.
APART = frozenset({
    "_find_in_stretch", "restore_riscv",
    "_find_in_piece", "_find_words", "find_in_code", "_run_end", "_without_overlaps", "_words",
    "_methods", "resolve", "make_records", "keep_records", "read_covers", "_place", "_fix",
    "move_cover",
    "_move_sites", "_move_new", "restore_x86", "shift_among", "_first_record", "_may_end",
    "_put_rest", "_put_other", "decode_adaptive", "_make_some", "_make_literal", "_bits_of_tree",
    "_make_match", "_following", "_in_function", "_fixed_in_piece",
    "_cells", "_body", "_inlined_in_piece", "_types", "_relocations", "_symbols", "_functions",
    "_fix_names", "_add_fixes",
    # What is called at many places.
    "refuse_if", "accept", "read_limited", "read_number", "read_from", "told", "put_row", "take",
    "check", "relocate_if", "_forget", "_note_group",
    "put_thumb", "put_low", "put_jump", "_byte", "_take_byte",
})  # fmt: skip
# What does not: calls would cost a tenth of a window.
WITHIN = frozenset({"copy", "number_at", "_chance", "between", "_learn", "_split"})
_USUAL_BITS = 16  # of the size of a window
_CHECK = "crc32c"  # the operation that checks are (G4)

_BUILD = 8  # digits of a digest that tell one build from another
_SOURCES = ("iprog", "kernel")  # folders that say what a build is

Known = Mapping[str, int]
Kernels = Sequence[Callable[..., Any]]


def is_instant(header: Header) -> bool:
    """Whether nothing of the plan is compressed."""
    return _codecs(header) <= {Codec.RAW}


def _codecs(header: Header) -> set[Codec]:
    return {frame.codec for group in header.groups for frame in group.frames}


def known_of(header: Header) -> Known:
    """What a decoder for one plan need not do (decoder/state.py)."""
    codecs = _codecs(header)
    known = {
        "state.COMPRESSED": int(not codecs.isdisjoint((Codec.ZSTD, Codec.ZSTD_PREFIX))),
        "state.LEARNS": int(Codec.ADAPTIVE in codecs),
        "state.FORESEES": int(Codec.FORESEEN in codecs),
        "state.HAS_MATCHES": int(Codec.MATCHED in codecs),
        "state.LEARNS_MUCH": int(bool(codecs & {Codec.FORESEEN, Codec.MATCHED})),
        "state.FORESEES_NAMES": int(header.renames),
        "state.RELOCATES": int(header.relocation is not None),
    }
    if header.relocation is not None:
        kinds = {region.kind for region in header.relocation.regions}
        known["state.TELLS_CALLS"] = int(RegionKind.CALLS in kinds)
        known["numbered.CHOSEN"] = chosen_for(header.relocation.finders)
    return known


def objects_for(
    kernels: Kernels, surround: Callable[[Translation, Any], None], target: Target, known: Known,
    *, instead: Mapping[Any, Any] | None = None, window_bits: int | None = _USUAL_BITS,
) -> list[bytes]:  # fmt: skip
    """What a decoder is linked from: its kernels, the check, Zstandard. The check is small where
    it is told how large windows are."""
    found = [kernels_object(kernels, surround, target, known, instead=instead)]
    found.append(_check_object(target, window_bits))
    if known.get("state.COMPRESSED", 1):
        found.append(zstd_object(target))
    return found


def kernels_object(
    kernels: Kernels, surround: Callable[[Translation, Any], None], target: Target, known: Known,
    *, is_part: bool = False, instead: Mapping[Any, Any] | None = None,
) -> bytes:  # fmt: skip
    """Kernels as an object file. ``surround`` adds the functions that call them, which take the
    state, given as a variable where it is one, and all of memory, and those that kernels call.
    ``is_part`` says that another module has the state; ``instead`` is that of ``translate``."""

    def make() -> bytes:
        held = None
        if target.linked == "wasm":
            at = STATE_AT if is_part or instead else None
            held = Held(state.FIRST_ARRAY, _IN_MEMORY, is_part, _build(), at)
        translation = translate(
            kernels, "decoder", target.pointer_bits, known, HOT, APART, held, instead
        )
        for function in translation.module.functions:
            if function.name.rpartition(".")[2] in WITHIN:
                function.attributes.add("alwaysinline")
        surround(translation, _own_state(translation) if held is None else None)
        module = llvm.parse(translation.text(), target)
        llvm.optimise(module, target)
        return llvm.emit(module, target, "obj")

    names = [kernel.__qualname__ for kernel in (*kernels, *(instead or {}))]
    key = disk_cache.key(target.name, *names, repr(sorted(known.items())), str(is_part))
    return disk_cache.read(f"{key}.decoder.o", make)


@cache
def _build() -> str:
    package = Path(__file__).parents[2]
    paths = sorted(path for name in _SOURCES for path in (package / name).rglob("*.py"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in paths))
    return digest.hexdigest()[:_BUILD]


def _own_state(translation: Translation) -> Any:
    numbers = ir.ArrayType(I64, state.STATE_LENGTH)
    own = ir.GlobalVariable(translation.module, numbers, "state")
    own.linkage, own.initializer = "internal", ir.Constant(numbers, None)
    return own


def call(translation: Translation, b: Any, own: Any, kernel: Callable[..., Any], given: Any) -> Any:
    """Call a kernel with the state, all of memory and numbers; its result."""
    _, inner = translation.kernel(kernel)
    numbers = [b.zext(value, I64) if value.type != I64 else value for value in given]
    passed = [] if own is None else [own, I64(state.STATE_LENGTH)]
    return b.call(inner, [*passed, *numbers])


def say_where(translation: Translation) -> None:
    """The functions that say where the plan is that is held, and how long."""
    module, size = translation.module, translation.size
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
        (here / "plan.c").write_text(
            f"__attribute__((aligned(16))) const unsigned char {PLAN}[] = {{\n"
            '#embed "plan"\n};\n'
            f"const unsigned long long {PLAN}_length = sizeof {PLAN};\n"
        )
        command = [*lld.zig(), "cc", "-c", "-std=c23", "-target", lld.zig_triple(target)]
        lld.run([*command, str(here / "plan.c"), "-o", str(here / "plan.o")], scratch=here)
        return (here / "plan.o").read_bytes()


def _check_object(target: Target, window_bits: int | None) -> bytes:
    """The check, which is to be small if it is told how large windows are."""
    isa = load_isa()
    only = Isa(tuple(op for op in isa.operations if op.name == _CHECK))
    usual = 0
    if target.plain_engine:  # what it compiles again is sent before
        usual = 0 if window_bits is None else 1 << window_bits
        target = replace(target, crc_usual=usual, crc_tables=8 if usual else 4)
    key = disk_cache.key("check", target.name, str(usual))
    return disk_cache.read(f"{key}.check.o", lambda: compile_operations(only, target, "obj").code)

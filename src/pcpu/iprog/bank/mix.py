"""What a program is made of, as sketches hold it (spec/bank.md K8-K10)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pcpu.iprog.finders import Image
from pcpu.iprog.finders.image import AMD, ARM, WASM
from pcpu.iprog.images import Part, parts_of
from pcpu.iprog.mnemonics import architecture_of, count_in
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sections import Kind, contents_of

KINDS = tuple(Kind)  # in the order of K8
COMPILER_BYTES = 48
SLOTS = 32  # of a histogram; the last one counts all others

_LOOK = 4096  # bytes of a section that are searched for a compiler
_TOLD_BY = (b".comment", b".go.buildinfo", b".note.go.buildid")
_CUSTOM, _FUNCTIONS = 0, 10  # sections of a module
# Of a program of several compilers the rarer one is named, as libraries of C are in most.
_COMPILERS = (
    re.compile(rb"rustc version [0-9.]+"),
    re.compile(rb"\bgo1\.[0-9.]+"),
    re.compile(rb"(?:clang|LLVM) version [0-9.]+"),
    re.compile(rb"GCC: \([^)]{0,20}\) [0-9.]+"),
    re.compile(rb"\b(?:rustc|clang|walrus).[0-9.]+", re.DOTALL),  # a length between them
)

_PIECES, _PIECE = 64, 256  # of the code, and bytes of each
_ALIGNED = 4
_AMD = (
    "mov lea call jmp cmp test je jne add sub xor and or push pop ret nop int3 movzx movups movaps "
    "movabs shl shr ja jae jb jbe movdqa movdqu movsd"
)
_ARM = (
    "mov ldr str add sub cmp bl b ldp stp adrp adr cbz cbnz tbz tbnz b.eq b.ne b.ls b.hi b.lo ldrb "
    "strb ldrh ret nop and orr eor lsl lsr"
)
_WASM = (
    "get_local set_local tee_local get_global i32.const i64.const i32.load i32.store i32.load8_u "
    "i32.store8 i64.load i64.store i32.add i32.sub i32.and i32.or i32.xor i32.shl i32.eq i32.ne "
    "i32.eqz call call_indirect block loop if end br br_if select drop"
)
COUNTED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    AMD: tuple(_AMD.split()), ARM: tuple(_ARM.split()), WASM: tuple(_WASM.split())
})  # fmt: skip


def sections_of(image: Image | None, data: Bytes) -> tuple[int, ...]:
    """Bytes of each of ``KINDS``."""
    found: Counter[Kind] = Counter()
    for section in contents_of(image, data).sections:
        found[section.kind] += section.size
    return tuple(found[kind] for kind in KINDS)


def compiler_of(image: Image | None, data: Bytes) -> str:
    """Who compiled a program, as far as it says so; else nothing."""
    told = b"\0".join(_telling(image, data))
    for pattern in _COMPILERS:
        found = pattern.search(told)
        if found is not None:
            return re.sub(rb"[^ -~]", b" ", found[0][:COMPILER_BYTES]).decode("ascii")
    return ""


def _telling(image: Image | None, data: Bytes) -> Iterator[bytes]:
    if image is None:
        return
    for part in parts_of(image, data):
        first = bytes(memoryview(data)[part.start : min(part.stop, part.start + _LOOK)])
        is_custom = image.kind == WASM and part.type == _CUSTOM
        if part.name in _TOLD_BY or (is_custom and first[1:10] == b"producers"):
            yield first


def histogram_of(image: Image | None, data: Bytes) -> tuple[int, ...]:
    """How often each counted instruction stands in the sample; all 0 where there is no code."""
    architecture = architecture_of(image, data)
    counted = COUNTED.get("" if image is None else image.kind)
    if image is None or architecture is None or counted is None:
        return (0,) * SLOTS
    code = max((p for p in parts_of(image, data) if _is_code(image, p)), key=_size, default=None)
    if code is None:
        return (0,) * SLOTS
    counts = Counter(count_in(architecture, _sample(code, memoryview(data))))
    found = [counts.pop(name, 0) for name in counted]
    return (*found, counts.total())


def _is_code(image: Image, part: Part) -> bool:
    return part.type == _FUNCTIONS if image.kind == WASM else part.is_code


def _size(part: Part) -> int:
    return part.size


def _sample(code: Part, data: memoryview) -> Iterator[bytes]:
    for n in range(_PIECES):
        at = (code.start + code.size * n // _PIECES) // _ALIGNED * _ALIGNED
        yield bytes(data[at : min(at + _PIECE, code.stop)])

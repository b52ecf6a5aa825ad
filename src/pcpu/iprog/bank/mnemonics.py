"""How often a program uses which instructions (spec/bank.md K10), from a sample of its code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import capstone

from pcpu.iprog.hints import Image
from pcpu.iprog.hints.elf import AMD, ARM, Elf
from pcpu.iprog.hints.wasm import KIND as WASM
from pcpu.iprog.hints.wasm import Module

SLOTS = 32  # of a histogram; the last one counts all others
_PIECES, _PIECE = 64, 256  # of the code, and bytes of each
_ALIGNED = 4
_CODE = 10  # the section of a module


@dataclass(frozen=True)
class Language:
    """An instruction set: how capstone calls it, and the instructions that are counted."""

    family: int
    mode: int
    text: str

    @property
    def counted(self) -> list[str]:
        return self.text.split()


_X86 = (
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
LANGUAGES: Mapping[str, Language] = MappingProxyType({
    AMD: Language(capstone.CS_ARCH_X86, capstone.CS_MODE_64, _X86),
    ARM: Language(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM, _ARM),
    WASM: Language(capstone.CS_ARCH_WASM, 0, _WASM),
})  # fmt: skip


def histogram_of(image: Image | None) -> tuple[int, ...]:
    """How often each counted instruction stands in the sample; all 0 where there is no code."""
    language = None if image is None else LANGUAGES.get(image.kind)
    if language is None:
        return (0,) * SLOTS
    decoder = capstone.Cs(language.family, language.mode)
    decoder.skipdata = True
    counts: Counter[str] = Counter()
    for piece in _sample(image):
        counts.update(name for _, _, name, _ in decoder.disasm_lite(piece, 0))
    found = [counts.pop(name, 0) for name in language.counted]
    return (*found, counts.total())


def _sample(image: Image | None) -> list[bytes]:
    data, (start, stop) = getattr(image, "data", b""), _code(image)
    places = (start + (stop - start) * n // _PIECES for n in range(_PIECES))
    view = memoryview(data)
    return [
        bytes(view[(at := place // _ALIGNED * _ALIGNED) : min(at + _PIECE, stop)])
        for place in places
    ]


def _code(image: Image | None) -> tuple[int, int]:
    """Where the largest section of code lies in the blob."""
    found: list[tuple[int, int]] = [(0, 0)]
    if isinstance(image, Elf):
        found += [(section.start, section.stop) for section in image.code]
    elif isinstance(image, Module):
        found += [(start, stop) for number, start, stop in image.sections if number == _CODE]
    return max(found, key=lambda span: span[1] - span[0])

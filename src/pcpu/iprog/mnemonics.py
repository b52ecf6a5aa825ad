"""Which instructions a program is made of: a histogram of their names, from a sample of its code.

It says of which instruction set and compiler code is, and how alike two programs are. The time it
takes is bounded: pieces of code from all over the file, some 256 KiB together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import capstone

from pcpu.iprog.finders.elf import AARCH64, ARM32, I386, RISCV, X86_64
from pcpu.iprog.finders.image import WASM, Image
from pcpu.iprog.format import Transform
from pcpu.iprog.images import function_bodies, machine_of, parts_of
from pcpu.iprog.numbers import Bytes

SAMPLE = 1 << 18  # bytes that are disassembled of a file, about
_PIECE = 1 << 12
_NOTHING = ".byte"  # stands for bytes that are no instruction


@dataclass(frozen=True)
class Architecture:
    """An instruction set, and what capstone calls it."""

    name: str
    number: int
    mode: int


_RISCV64 = Architecture(
    "riscv64", capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC
)
_THUMB = Architecture("thumb", capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB)
_MODULE = Architecture("wasm", capstone.CS_ARCH_WASM, 0)
_MACHINES: Mapping[int, Architecture] = MappingProxyType({
    X86_64: Architecture("x86-64", capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    I386: Architecture("x86", capstone.CS_ARCH_X86, capstone.CS_MODE_32),
    ARM32: Architecture("arm", capstone.CS_ARCH_ARM, capstone.CS_MODE_ARM),
    AARCH64: Architecture("aarch64", capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM),
    RISCV: _RISCV64,
})  # fmt: skip


def architecture_of(image: Image | None, data: Bytes) -> Architecture | None:
    """The instruction set of a program; None where it is none that is known."""
    if image is None:
        return None
    if image.transform is Transform.THUMB:
        return _THUMB
    return _MODULE if image.kind == WASM else _MACHINES.get(machine_of(image, data))


def count_mnemonics(image: Image | None, data: Bytes) -> dict[str, int]:
    """How often each instruction is found in a sample of the code of ``data``, the most frequent
    first; nothing where the instruction set is not known."""
    architecture = architecture_of(image, data)
    if image is None or architecture is None:
        return {}
    return count_in(architecture, _pieces(image, memoryview(data)))


def count_in(architecture: Architecture, pieces: Iterator[bytes]) -> dict[str, int]:
    """The same for pieces of code."""
    reader = capstone.Cs(architecture.number, architecture.mode)
    reader.skipdata = True  # a piece may begin within an instruction
    found: Counter[str] = Counter()
    for piece in pieces:
        found.update(name for _, _, name, _ in reader.disasm_lite(piece, 0))
    del found[_NOTHING]
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _pieces(image: Image, data: memoryview) -> Iterator[bytes]:
    """Pieces of code, evenly spaced."""
    if image.kind == WASM:
        bodies = function_bodies(data)
        total = sum(stop - start for start, stop in bodies)
        for start, stop in bodies[:: max(1, total // SAMPLE)]:
            yield bytes(data[start : min(stop, start + SAMPLE)])
    else:
        spans = [(part.start, part.stop) for part in parts_of(image, data) if part.is_code]
        total = sum(stop - start for start, stop in spans)
        for start, stop in spans:
            for at in range(start, stop, _PIECE * max(1, total // SAMPLE)):
                yield bytes(data[at : min(at + _PIECE, stop)])

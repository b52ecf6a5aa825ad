"""The program in a blob or a file, as the planner wants to know it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcpu.iprog.finders import elf as elf_format
from pcpu.iprog.finders.elf import AARCH64, ELF, ENTRY, EXEC, NOBITS, X86_64
from pcpu.iprog.finders.wasm import is_module
from pcpu.iprog.format import Region, Transform
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Octets

AMD, ARM, WASM = "elf-x86-64", "elf-aarch64", "wasm"
_KINDS = {X86_64: AMD, AARCH64: ARM}
_TRANSFORMS = {X86_64: Transform.X86_64, AARCH64: Transform.AARCH64}


@dataclass(frozen=True)
class Image:
    """``kind`` says which finders are for it; ``span`` is the first of its addresses and the one
    behind the last; ``regions`` say where its places lie among its addresses (G9); ``transform``
    makes its literals more alike."""

    kind: str
    span: tuple[int, int]
    regions: tuple[Region, ...]
    transform: Transform


def octets(data: Bytes) -> Octets:
    """The bytes as kernels take them, which are compiled for arrays that nobody writes to."""
    found = np.frombuffer(data, np.uint8)
    found.flags.writeable = False
    return found


def read_image(data: Bytes) -> Image | None:
    """The program in ``data``; None where there is none that finders know."""
    b, elf = octets(data), np.zeros(ELF, np.int64)
    if elf_format.read_elf(b, elf):
        machine = elf_format.machine_of(b)
        low, high = elf[elf_format.LOW], elf[elf_format.HIGH]
        return Image(
            _KINDS.get(machine, "elf"), (int(low), int(high)), _regions(b, elf),
            _TRANSFORMS.get(machine, Transform.NONE),
        )  # fmt: skip
    return Image(WASM, (0, 0), (), Transform.NONE) if is_module(b) else None


def _regions(b: Octets, elf: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[Region, ...]:
    """Where the places of the file lie in memory."""
    found: list[Region] = []
    first, last = int(elf[elf_format.FIRST]), int(elf[elf_format.LAST])
    loaded = [s for s in range(first, last, ENTRY) if elf_format.is_loaded(b, s)]
    content = [s for s in loaded if elf_format.type_of(b, s) != NOBITS]
    for s in sorted(content, key=lambda s: elf_format.start_of(b, s)):
        start = elf_format.start_of(b, s)
        bias = elf_format.address_of(b, s) - start
        code = bool(elf_format.flags_of(b, s) & EXEC)
        _add(found, Region(start, bias, code))
        if code:
            _add(found, Region(start + elf_format.size_of(b, s), bias, False))
    return tuple(found)


def _add(regions: list[Region], region: Region) -> None:
    """Add a region unless the last one goes on; one that begins where it does takes its place."""
    while regions and regions[-1].start >= region.start:
        regions.pop()
    last = regions[-1] if regions else Region(0, 0, False)
    if (last.bias, last.code) != (region.bias, region.code):
        regions.append(region)

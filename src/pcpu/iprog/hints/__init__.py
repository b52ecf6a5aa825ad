"""Finders of sites, each with a number that plans name it by (spec/iprog-finders.md).

FINDERS: number -> Finder; find_sites(blob, numbers) -> Sites
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog.hints import eh_frame, elf_data, go, x86_64
from pcpu.iprog.hints.elf import AARCH64, X86_64, Elf, read_elf
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Sites, in_order


@dataclass(frozen=True)
class Finder:
    """``machines`` are those of ELF images that it is for."""

    number: int
    name: str
    doc: str
    machines: tuple[int, ...]
    find: Callable[[Elf], Sites]


_ALL = (X86_64, AARCH64)

FINDERS: Mapping[int, Finder] = MappingProxyType({
    finder.number: finder
    for finder in (
        Finder(1, "x86-64-code", "calls, jumps and operands", (X86_64,), x86_64.code_sites),
        Finder(2, "elf-relocations", "relocations with addends", _ALL, elf_data.relocations),
        Finder(3, "elf-symbols", "values of symbols", _ALL, elf_data.symbols),
        Finder(4, "elf-pointers", "words of data that are addresses", _ALL, elf_data.pointers),
        Finder(5, "eh-frame", "unwinding: functions and records", _ALL, eh_frame.frames),
        Finder(6, "eh-frame-hdr", "unwinding: the search table", _ALL, eh_frame.search_table),
        Finder(7, "x86-64-tables", "jump tables", (X86_64,), x86_64.jump_tables),
        Finder(8, "go-functions", "Go: the table of functions", _ALL, go.function_table),
        Finder(9, "go-types", "Go: methods and links of types", _ALL, go.types),
    )
})  # fmt: skip


def find_sites(blob: Bytes, numbers: Sequence[int]) -> Sites:
    """What the finders with these numbers find in ``blob`` (G24). Raises UnsupportedPlanError."""
    unknown = [number for number in numbers if number not in FINDERS]
    if unknown:
        raise UnsupportedPlanError(f"the plan needs a finder of sites number {unknown[0]}")
    image = read_elf(blob)
    if image is None:
        return in_order([])
    chosen = [FINDERS[number] for number in numbers]
    return in_order([f.find(image) for f in chosen if image.machine in f.machines])

"""Finders of sites, each with a number that plans name it by (spec/iprog-finders.md).

read_image(blob) -> Image; FINDERS: number -> Finder; find_sites(blob, numbers) -> Sites
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog.format import Region, Transform
from pcpu.iprog.hints import aarch64, eh_frame, elf_data, go, wasm, x86_64
from pcpu.iprog.hints.elf import AMD, ARM, read_elf
from pcpu.iprog.hints.wasm import KIND as WASM
from pcpu.iprog.hints.wasm import read_module
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Sites, in_order


class Image(Protocol):
    """A program in a blob or a file: what finders look at."""

    @property
    def kind(self) -> str:
        """Which finders are for it."""

    @property
    def span(self) -> tuple[int, int]:
        """The first of its addresses, and the one behind the last."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """Where its places lie among its addresses."""

    @property
    def transform(self) -> Transform:
        """What makes its literals more alike."""


@dataclass(frozen=True)
class Finder:
    """``find`` takes an image of one of ``kinds``."""

    number: int
    name: str
    doc: str
    kinds: tuple[str, ...]
    find: Callable[[Any], Sites]


_ELF = (AMD, ARM)

FINDERS: Mapping[int, Finder] = MappingProxyType({
    finder.number: finder
    for finder in (
        Finder(1, "x86-64-code", "calls, jumps and operands", (AMD,), x86_64.code_sites),
        Finder(2, "elf-relocations", "relocations with addends", _ELF, elf_data.relocations),
        Finder(3, "elf-symbols", "values of symbols", _ELF, elf_data.symbols),
        Finder(4, "elf-pointers", "words of data that are addresses", _ELF, elf_data.pointers),
        Finder(5, "eh-frame", "unwinding: functions and records", _ELF, eh_frame.frames),
        Finder(6, "eh-frame-hdr", "unwinding: the search table", _ELF, eh_frame.search_table),
        Finder(7, "x86-64-tables", "jump tables", (AMD,), x86_64.jump_tables),
        Finder(8, "go-functions", "Go: the table of functions", _ELF, go.function_table),
        Finder(9, "go-types", "Go: methods and links of types", _ELF, go.types),
        Finder(10, "wasm-code", "what instructions name", (WASM,), wasm.code),
        Finder(11, "wasm-tables", "functions and types that tables name", (WASM,), wasm.tables),
        Finder(13, "aarch64-code", "branches and pages", (ARM,), aarch64.code_sites),
        Finder(12, "wasm-words", "words of data that are addresses", (WASM,), wasm.words),
    )
})  # fmt: skip


def read_image(data: Bytes) -> Image | None:
    """The program in ``data``; None where there is none that finders know."""
    image = read_elf(data)
    if image is not None and image.loaded:
        return image
    return read_module(data)


def find_sites(blob: Bytes, numbers: Sequence[int]) -> Sites:
    """What the finders with these numbers find in ``blob`` (G24). Raises UnsupportedPlanError."""
    unknown = [number for number in numbers if number not in FINDERS]
    if unknown:
        raise UnsupportedPlanError(f"the plan needs a finder of sites number {unknown[0]}")
    image = read_image(blob)
    if image is None:
        return in_order([])
    chosen = [FINDERS[number] for number in numbers]
    found = [f.find(image).of_finder(f.number) for f in chosen if image.kind in f.kinds]
    return in_order(found)

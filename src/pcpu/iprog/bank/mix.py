"""What a program is made of (spec/bank.md K8, K9): bytes of each kind of section; its compiler."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType

from pcpu.iprog.hints import Image
from pcpu.iprog.hints.elf import DYNSYM, NOBITS, RELA, SYMTAB, Elf, Section
from pcpu.iprog.hints.wasm import Module
from pcpu.iprog.numbers import Bytes

COMPILER_BYTES = 48
_LOOK = 4096  # bytes of a section that are searched for a compiler
_STRTAB = 3


class Kind(IntEnum):
    """Kinds of sections, in the order of K8."""

    CODE = 0
    CONSTANTS = 1
    DATA = 2
    LINKS = 3  # relocations
    SYMBOLS = 4
    UNWINDING = 5
    DEBUG = 6
    OTHER = 7


_BY_TYPE: Mapping[int, Kind] = MappingProxyType({
    RELA: Kind.LINKS, SYMTAB: Kind.SYMBOLS, DYNSYM: Kind.SYMBOLS, _STRTAB: Kind.SYMBOLS,
})  # fmt: skip
_BY_NAME = (
    (re.compile(rb"\.eh_frame|\.gcc_except_table|\.gopclntab"), Kind.UNWINDING),
    (re.compile(rb"\.z?debug_"), Kind.DEBUG),
)
_WASM_KINDS: Mapping[int, Kind] = MappingProxyType({
    2: Kind.LINKS, 7: Kind.SYMBOLS, 9: Kind.CONSTANTS, 10: Kind.CODE, 11: Kind.DATA,
})  # fmt: skip
# What compilers leave, in the order of preference: of a program of several the rarer one is named,
# as libraries of C are in most.
_COMPILERS = (
    re.compile(rb"rustc version [0-9.]+"),
    re.compile(rb"\bgo1\.[0-9.]+"),
    re.compile(rb"(?:clang|LLVM) version [0-9.]+"),
    re.compile(rb"GCC: \([^)]{0,20}\) [0-9.]+"),
    re.compile(rb"\b(?:rustc|clang|walrus).[0-9.]+", re.DOTALL),  # a length between them
)
_TOLD_BY = (b".comment", b".go.buildinfo", b".note.go.buildid")
_CUSTOM = 0


def sections_of(image: Image | None, size: int) -> tuple[int, ...]:
    """Bytes of each kind; what belongs to no section is ``OTHER``."""
    found = [0] * len(Kind)
    for kind, count in _parts(image):
        found[kind] += count
    found[Kind.OTHER] += max(0, size - sum(found))
    return tuple(found)


def _parts(image: Image | None) -> Iterator[tuple[Kind, int]]:
    if isinstance(image, Elf):
        yield from ((_elf_kind(s), s.size) for s in image.sections if s.type != NOBITS)
    elif isinstance(image, Module):
        for number, start, stop in image.sections:
            yield _WASM_KINDS.get(number, Kind.OTHER), stop - start


def _elf_kind(section: Section) -> Kind:
    if section.type in _BY_TYPE:
        return _BY_TYPE[section.type]
    for pattern, kind in _BY_NAME:
        if pattern.match(section.name):
            return kind
    if section.is_code:
        return Kind.CODE
    if not section.is_content:
        return Kind.OTHER
    return Kind.DATA if section.writable else Kind.CONSTANTS


def compiler_of(image: Image | None) -> str:
    """Who compiled a program, as far as it says so; else nothing."""
    told = b"\0".join(_telling(image))
    for pattern in _COMPILERS:
        found = pattern.search(told)
        if found is not None:
            return re.sub(rb"[^ -~]", b" ", found[0][:COMPILER_BYTES]).decode("ascii")
    return ""


def _telling(image: Image | None) -> Iterator[bytes]:
    if isinstance(image, Elf):
        for section in image.sections:
            if section.name in _TOLD_BY and section.type != NOBITS:
                yield _start(image.data, section.start, section.stop)
    elif isinstance(image, Module):
        for number, start, stop in image.sections:
            if number == _CUSTOM and b"producers" in bytes(image.data[start : start + 16]):
                yield _start(image.data, start, stop)


def _start(data: Bytes, start: int, stop: int) -> bytes:
    return bytes(memoryview(data)[start : min(stop, start + _LOOK)])

"""Numbers of names and symbols in ELF images (iprog-finders.md G76)."""

from __future__ import annotations

import struct

from tests.iprog.images import CODE, CONSTANTS, Part, elf, sites

KIND = 1 << 40


def test_names_and_symbols_g76() -> None:
    symbols = struct.pack("<IIQQ", 0, 0, 0, 0) + struct.pack("<IIQQ", 7, 1, 0x2000, 4) + bytes(23)
    relocations = struct.pack("<QIIq", 0x2000, 8, 0, 5) + struct.pack("<QIIq", 0x2008, 6, 1, 0)
    hashes = struct.pack("<IIIIQQIIII", 3, 1, 2, 6, 9, 9, 0, 4, 5, 99)
    blob, at = elf([
        Part(".text", CODE, 0x2000, bytes(64)), Part(".symtab", 0, 0, symbols, 2),
        Part(".dynsym", CONSTANTS, 0x3000, symbols, 11), Part(".rela", CONSTANTS, 0x4000, relocations, 4),
        Part(".gnu.hash", CONSTANTS, 0x5000, hashes, 0x6FFFFFF6),
    ])  # fmt: skip
    assert sites(blob, 28) == [
        (at[".symtab"] + 24, 7, 2 * KIND + 7, 0), (at[".dynsym"] + 24, 7, 3 * KIND + 7, 0),
        (at[".rela"] + 36, 7, 4 * KIND + 1, 0), (at[".gnu.hash"] + 36, 7, 4 * KIND + 4, 0),
        (at[".gnu.hash"] + 40, 7, 4 * KIND + 5, 0),
    ]  # fmt: skip


def test_hashes_that_leave_their_section_g76() -> None:
    for head, found in (
        ((9, 1, 0, 0), 2),
        ((9, 1, 1, 0), 0),
        ((9, 1, 1 << 31, 0), 0),
        ((0, 1, 0, 0), 0),
    ):
        hashes = struct.pack("<IIIIII", *head, 4, 5)
        blob, _ = elf([
            Part(".text", CODE, 0x2000, bytes(64)), Part(".gnu.hash", CONSTANTS, 0x5000, hashes, 0x6FFFFFF6)
        ])  # fmt: skip
        assert len(sites(blob, 28)) == found
    blob, _ = elf([
        Part(".text", CODE, 0x2000, bytes(64)), Part(".gnu.hash", CONSTANTS, 0x5000, hashes[:15], 0x6FFFFFF6)
    ])  # fmt: skip
    assert sites(blob, 28) == []

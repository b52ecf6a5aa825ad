"""Addresses in instructions of programs at a fixed place (iprog-finders.md G75)."""

from __future__ import annotations

import struct

import pytest

from tests.iprog.images import CODE, DATA, Part, elf, sites

BASE = 0x401000


def program(code: bytes, kind: int = 2) -> tuple[bytes, int]:
    blob, places = elf([Part(".text", CODE, BASE, code.ljust(0x200, b"\x90"))], kind=kind)
    return blob, places[".text"]


@pytest.mark.parametrize(("before", "found"), [
    ("90909090b8", True), ("90909041bf", True), ("9090909068", True), ("909090483d", True),
    ("9090909051", False), ("90904881fa", True), ("90488187", False), ("90904881ff", True), ("9090488138", False),
    ("909048c7c2", True), ("909048c707", True), ("909048c705", False), ("909048c704", False),
    ("909048c7c8", False), ("90908b04c5", True), ("909090ff24c5", True), ("90908b04c4", False),
    ("9090c7450c", True), ("9090c7440c", False), ("9090c70424", True), ("9090c70423", False),
    ("90c7442410", True), ("90c7442510", False), ("90c6442410", False),
])  # fmt: skip
def test_operands_g75(before: str, found: bool) -> None:
    prefix = b"\x90" * 8 + bytes.fromhex(before)
    blob, text = program(prefix + struct.pack("<I", BASE + 0x123))
    wanted = [(text + len(prefix), 7, BASE + 0x123, 0)] if found else []
    assert sites(blob, 27) == wanted


def test_what_is_no_address_g75() -> None:
    move = b"\x90" * 4 + b"\xb8"
    for value, found in ((BASE, 1), (BASE - 1, 0), (BASE + 0x1FF, 1), (BASE + 0x200, 0), (5, 0)):
        assert len(sites(program(move + struct.pack("<I", value))[0], 27)) == found
    fixed = move + struct.pack("<I", BASE)
    assert sites(program(fixed, kind=3)[0], 27) == []
    # The bytes before have to lie in the section, and all of the number.
    assert sites(program(fixed[2:])[0], 27) == []
    assert sites(program(b"\x90" * 0x1FC + b"\xb8" + struct.pack("<I", BASE)[:3])[0], 27) == []
    blob, text = program(b"\x90" * 0x1FB + b"\xb8" + struct.pack("<I", BASE))
    assert sites(blob, 27) == [(text + 0x1FC, 7, BASE, 0)]


def test_operands_do_not_overlap_g75() -> None:
    # The operand's first byte is an operation, too, whose operand would be an address.
    code = b"\x90" * 4 + bytes.fromhex("b8b8bf4000") + b"\x10" + b"\x90" * 20
    blob, places = elf([
        Part(".text", CODE, BASE, code), Part(".bss", DATA, 0x500000, b"", 8, 1 << 29),
    ], kind=2)  # fmt: skip
    assert sites(blob, 27) == [(places[".text"] + 5, 7, 0x40BFB8, 0)]
    other = blob.replace(code, code.replace(b"\x90\xb8\xb8", b"\x90\x51\xb8"))
    assert sites(other, 27) == [(places[".text"] + 6, 7, 0x100040BF, 0)]

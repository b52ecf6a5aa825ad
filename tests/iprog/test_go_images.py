"""Finders of Go's tables in Mach-O and PE images (iprog-finders.md G92), built by hand."""

from __future__ import annotations

import struct
from random import Random

import pytest

from tests.iprog import macho_images, pe_images
from tests.iprog.images import CODE, CONSTANTS, Part, Site, elf, sites, u64

TEXT = macho_images.TEXT


def table(text: int) -> bytes:
    """One function with a list of one counter and one distance; behind it one that was inlined."""
    header = struct.pack("<IHBB8Q", 0xFFFFFFF1, 0, 1, 8, 1, 1, text, 72, 0, 0, 80, 88)
    listed = struct.pack("<3I", 0, 12, 0x20)
    record = struct.pack("<IiIIIIIIIiBBBB", 0, 3, 0, 0, 4, 0, 6, 1, 77, 7, 0, 0, 0, 1)
    record += struct.pack("<2I", 5, 0x30)
    names = b"\0\0\0b\0\0\0\0" + bytes(8)
    assert len(header) == 72
    inlined = struct.pack("<4I", 2, 3, 70, 12)
    return header + names + listed + record + inlined + bytes(16)


def wanted(at: int, address: int, text: int) -> list[Site]:
    record = at + 88 + 12
    names, counters, listed = address + 72, address + 80, address + 88
    rows = [
        (at + 88, text, text), (at + 92, listed + 12, listed), (at + 96, text + 0x20, text),
        (record, text, text), (record + 4, names + 3, names), (record + 16, counters + 4, counters),
        (record + 24, counters + 6, counters), (record + 44, counters + 5, counters),
        (record + 48, (1 << 40) + 0x30, 1 << 40),
    ]  # fmt: skip
    return [(place, 3, target, base) for place, target, base in rows]


def behind(at: int, address: int) -> tuple[list[Site], list[Site]]:
    """What finders 50 and 51 find."""
    units, names = 5 << 40, address + 72
    return [(at + 132, 3, units + 77, units)], [(at + 156, 3, names + 3, names)]


def type_of_a_struct() -> bytes:
    """A type without methods, whose flags are those of newer programs; 96 bytes."""
    return struct.pack("<QQIBBBBQQII", 8, 8, 1, 0x24, 8, 8, 25, 0, 0, 7, 64).ljust(96, b"\0")


def test_tables_in_mach_o_g92() -> None:
    constants = type_of_a_struct()
    data, place = macho_images.DATA, macho_images.AFTER
    for text, found in ((0, TEXT), (TEXT + 16, TEXT + 16)):
        blob = macho_images.macho([
            macho_images.text(), macho_images.Part("__gopclntab", macho_images.READ, data, table(text)),
            macho_images.Part("__rodata", macho_images.READ, data + 0x1000, constants),
        ])  # fmt: skip
        assert sites(blob, 49) == wanted(place, data, found)
        assert (sites(blob, 50), sites(blob, 51)) == behind(place, data)
        at, base = place + len(table(0)), data + 0x1000
        assert sites(blob, 52) == [(at + 40, 3, base + 7, base), (at + 44, 3, base + 64, base)]
    assert [sites(blob.replace(b"__gopclntab", b"__gopclnta_"), n) for n in range(49, 53)] == [
        []
    ] * 4
    assert [sites(blob, n) for n in (8, 9, 25, 26)] == [[]] * 4


def test_tables_in_pe_g92() -> None:
    constants = type_of_a_struct()
    base = pe_images.BASE
    parts = [
        pe_images.text(b""),
        pe_images.Part(".rdata", pe_images.CONSTANTS, 0x3000, constants + table(0)),
    ]
    blob = pe_images.pe(parts)
    start, address = pe_images.HEADERS + 64, base + 0x3000
    at = start + len(constants)
    assert sites(blob, 49) == wanted(at, address + 96, base + 0x1000)
    assert (sites(blob, 50), sites(blob, 51)) == behind(at, address + 96)
    assert sites(blob, 52) == [
        (start + 40, 3, address + 7, address), (start + 44, 3, address + 64, address),
    ]  # fmt: skip
    # It lies where 32 divides its place in the section, and is whole.
    for changed in (constants + bytes(16) + table(0), constants + table(0)[:96]):
        parts[1] = pe_images.Part(".rdata", pe_images.CONSTANTS, 0x3000, changed)
        assert [sites(pe_images.pe(parts), n) for n in range(49, 53)] == [[]] * 4


def test_units_and_inlined_functions_in_elf_g92() -> None:
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(128)), Part(".gopclntab", CONSTANTS, 0x7000, table(0x2000)),
    ])  # fmt: skip
    assert (sites(blob, 50), sites(blob, 51)) == behind(places[".gopclntab"], 0x7000)
    assert sites(blob, 49) == sites(blob, 52) == []


def test_tables_that_are_damaged_g92() -> None:
    for place, content in (
        (0, b"\0"),
        (7, b"\4"),
        (8, u64(1 << 40)),
        (24, b"\xff" * 8),
        (64, u64(200)),
    ):
        damaged = bytearray(table(0))
        damaged[place : place + len(content)] = content
        blob = pe_images.pe([
            pe_images.text(b""), pe_images.Part(".rdata", pe_images.CONSTANTS, 0x3000, bytes(damaged)),
        ])  # fmt: skip
        assert [sites(blob, n) for n in range(49, 53)] == [[]] * 4, place


@pytest.mark.parametrize("seed", range(40))
def test_inlined_calls_at_all_places_g73(seed: int) -> None:
    random = Random(seed)
    constants = bytearray()
    while len(constants) < random.choice((40, 300, 40_000)):
        numbers = [
            random.choice((255, 256)),
            3,
            random.choice(((1 << 26) - 1, 1 << 26)),
            (1 << 20) - 1,
        ]
        if random.random() < 0.1:
            numbers[random.randrange(1, 4)] = random.choice((0, 1 << 20))
        constants += struct.pack("<4I", *numbers) + bytes(4 * random.randrange(4))
    constants += random.randbytes(random.randrange(40))
    content = bytes(constants)
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(128)), Part(".rodata", CONSTANTS, 0x9000, content),
        Part(".gopclntab", CONSTANTS, 0x7000, table(0x2000)),
    ])  # fmt: skip
    expected: list[Site] = []
    for q in range(0, len(content) - 15, 4):
        kind, name, code, lines = struct.unpack_from("<4I", content, q)
        if kind < 256 and name == 3 and code < 1 << 26 and lines < 1 << 20:
            expected.append((places[".rodata"] + q + 4, 3, 0x7000 + 72 + 3, 0x7000 + 72))
    assert sites(blob, 25) == expected

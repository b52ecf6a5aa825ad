"""Finders for ELF images of 32 bits, and for x86 (iprog-finders.md G80-G83)."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.finders import read_image
from pcpu.iprog.format import Transform
from pcpu.iprog.images import parts_of
from pcpu.iprog.mnemonics import count_mnemonics
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.sections import Kind, read_contents
from tests.iprog.damage import damaged
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, elf, i32, sites
from tests.iprog.module import rebuilt_alone

KIND = 1 << 40
GOT = 0x9000
NAMES, SYMTAB, REL, DYNSYM, HASH = 3, 2, 9, 11, 0x6FFFFFF6  # types of sections


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def narrow(parts: list[Part], *, machine: int = 3, kind: int = 3) -> tuple[bytes, dict[str, int]]:
    return elf(parts, machine=machine, kind=kind, narrow=True)


def text(code: bytes = b"") -> Part:
    return Part(".text", CODE, 0x2000, code.ljust(64, b"\x90"))


ROOM = Part(".data", DATA, 0x9100, bytes(256))


def test_narrow_images_g80() -> None:
    blob, at = narrow([text(b"\xc3"), Part(".rel.dyn", CONSTANTS, 0x4000, bytes(8), REL), ROOM])
    image = read_image(blob)
    assert image is not None
    assert (image.kind, image.span, image.transform) == ("elf-x86", (0x2000, 0x9200), Transform.X86)
    assert image.regions[0] == Region(at[".text"], 0x2000 - at[".text"], RegionKind.CODE)
    assert [part.name for part in parts_of(image, blob)] == [
        b".text", b".rel.dyn", b".data", b".names"
    ]  # fmt: skip
    kinds = {section.name: section.kind for section in read_contents(blob).sections}
    assert kinds[".rel.dyn"] is Kind.RELOCATIONS
    assert count_mnemonics(image, blob)["ret"] == 1
    for place, change in ((4, b"\3"), (5, b"\2"), (46, b"\x41"), (48, b"\xff"), (50, b"\x09")):
        other = blob[:place] + change + blob[place + 1 :]
        assert read_image(other) is None, place
    for machine in (62, 183):
        assert sites(narrow([text(b"\xe8" + i32(0))], machine=machine)[0]) == []


def test_relocations_and_symbols_g80() -> None:
    table = u32(0x9104, 8, 0x9108, 5 << 8 | 1, 0x100, 0, 9)
    symbols = bytes(16) + struct.pack("<IIIBBH", 7, 0x2004, 9, 2, 0, 1) + bytes(15)
    hashes = u32(2, 1, 1, 6, 99, 4, 0, 77)
    blob, at = narrow([
        text(), Part(".rel.dyn", CONSTANTS, 0x4000, table, REL), ROOM,
        Part(".symtab", 0, 0, symbols, SYMTAB), Part(".dynsym", CONSTANTS, 0x5000, symbols, DYNSYM),
        Part(".gnu.hash", CONSTANTS, 0x6000, hashes, HASH),
    ])  # fmt: skip
    rel = at[".rel.dyn"]
    assert sites(blob, 2) == [(rel, 7, 0x9104, 0), (rel + 8, 7, 0x9108, 0)]
    assert sites(blob, 3) == [(at[name] + 20, 7, 0x2004, 0) for name in (".symtab", ".dynsym")]
    assert sites(blob, 28) == sorted([
        (rel + 12, 23, 4 * KIND + 5, 0), (at[".symtab"] + 16, 7, 2 * KIND + 7, 0),
        (at[".dynsym"] + 16, 7, 3 * KIND + 7, 0), (at[".gnu.hash"] + 20, 7, 4 * KIND + 4, 0),
    ])  # fmt: skip


def test_words_that_relocations_name_g80() -> None:
    # The word at 0x9108 is named by none; that at 0x9110 is no address; one lies in code.
    words = u32(0x2000, 0x9100, 0x2010, 0x9104, 5).ljust(256, b"\0")
    places = [0x9110, 0x2004, 0x9100, 0x9104, 0x91FD, 0x7000, 0x910C]
    table = b"".join(u32(place, 8) for place in places)
    parts = [
        text(bytes(4) + u32(0x2020)), Part(".rel.dyn", CONSTANTS, 0x4000, table, REL),
        Part(".rel.other", 0, 0, u32(0x9108), REL), Part(".data", DATA, 0x9100, words),
    ]  # fmt: skip
    blob, at = narrow(parts)
    data = at[".data"]
    assert sites(blob, 4) == [
        (at[".text"] + 4, 7, 0x2020, 0), (data, 7, 0x2000, 0), (data + 4, 7, 0x9100, 0),
        (data + 12, 7, 0x9104, 0),
    ]  # fmt: skip
    # Where addresses are final, words of data that look like some.
    blob, at = narrow(parts, kind=2)
    data = at[".data"]
    assert sites(blob, 4) == [
        (data + 4 * n, 7, target, 0) for n, target in enumerate((0x2000, 0x9100, 0x2010, 0x9104))
    ]


def test_holders_of_words_g80() -> None:
    data = [Part(f".d{n}", DATA, 0x9000 + 16 * n, u32(0x2000) * 4) for n in range(99)]
    for number, found in ((92, 1), (93, 1), (94, 0)):  # entry 0 and .text come before
        table = Part(".rel", 0, 0, u32(0x9000 + 16 * number, 8), REL)
        assert len(sites(narrow([text(), *data, table])[0], 4)) == found
    # The holder of the entry before comes first, though another section has the address, too.
    over = [Part(".a", DATA, 0x9000, u32(0x2000) * 4), Part(".b", DATA, 0x9008, u32(0x2004) * 4)]
    table = Part(".rel", 0, 0, u32(0x9014, 8, 0x900C, 8), REL)
    blob, at = narrow([text(), *over, table])
    assert [place for place, *_ in sites(blob, 4)] == [at[".b"] + 4, at[".b"] + 12]


def test_unwinding_g80() -> None:
    # A common record whose personality is given as an address, of 4 bytes; then functions as 1B.
    common = bytes(4) + bytes.fromhex("01 7a505200 01 7c 08 06 00 11223344 1b 0000")
    record = i32(len(common) + 8) + i32(-0x3000) + i32(16) + bytes(4)
    content = i32(len(common)) + common + i32(len(record)) + record + bytes(4)
    blob, places = narrow([text(), Part(".eh_frame", CONSTANTS, 0x5000, content)])
    at = places[".eh_frame"] + 8 + len(common)
    function = 0x5000 + at + 4 - places[".eh_frame"] - 0x3000
    assert sites(blob, 5) == [(at, 4, 0x5000, 0), (at + 4, 1, function, 0)]


def test_addresses_in_fixed_code_g80() -> None:
    code = b"\xe8\0\0\0\xa1" + u32(0x2010) + b"\x11\x12" + u32(0x203F, 0x2040, 5)
    blob, at = narrow([text(code)], kind=2)
    assert sites(blob, 27) == [(at[".text"] + 5, 7, 0x2010, 0), (at[".text"] + 11, 7, 0x203F, 0)]
    assert sites(narrow([text(code)])[0], 27) == []


def test_go_functions_g80() -> None:
    header = struct.pack("<IHBB8I", 0xFFFFFFF1, 0, 1, 4, 1, 1, 0x2000, 40, 0, 0, 48, 64)
    listed = u32(0, 12, 0x20)
    record = struct.pack("<IiIIIIIIIiBBBB", 0, 3, 0, 0, 4, 0, 6, 1, 0, 7, 0, 0, 0, 0) + u32(5)
    method = u32(6, 64, 0x30, 0x30) + u32(6, 64, 0x28, 0x28)
    blob, places = narrow([
        text(), Part(".rodata", CONSTANTS, 0x5000, method + bytes(64)),
        Part(".gopclntab", CONSTANTS, 0x7000, header.ljust(64, b"\0") + listed + record),
    ])  # fmt: skip
    at, ro = places[".gopclntab"], places[".rodata"]
    assert sites(blob, 8) == [
        (at + 64, 3, 0x2000, 0x2000), (at + 68, 3, 0x704C, 0x7040), (at + 72, 3, 0x2020, 0x2000),
        (at + 76, 3, 0x2000, 0x2000), (at + 80, 3, 0x7028 + 3, 0x7028), (at + 92, 3, 0x7034, 0x7030),
        (at + 100, 3, 0x7036, 0x7030), (at + 120, 3, 0x7035, 0x7030),
    ]  # fmt: skip
    assert sites(blob, 9) == [
        (ro, 3, 0x5006, 0x5000), (ro + 4, 3, 0x5040, 0x5000), (ro + 8, 3, 0x2030, 0x2000),
        (ro + 12, 3, 0x2030, 0x2000),
    ]  # fmt: skip
    assert sites(blob.replace(header[:8], header[:7] + b"\x08"), 8) == []


def test_go_types_g80() -> None:
    constants = bytearray(320)
    # A struct with a method; an interface with one.
    constants[32:64] = struct.pack("<IIIBBBBIIII", 8, 8, 1, 1, 4, 4, 25, 0, 0, 7, 96)
    constants[80:96] = struct.pack("<IHHII", 9, 1, 1, 16, 0)
    constants[96:112] = u32(11, 64, 0x20, 0xFFFFFFFF)
    constants[192:224] = struct.pack("<IIIBBBBIIII", 16, 8, 1, 0, 4, 4, 20, 0, 0, 13, 0)
    constants[228:236] = u32(0x5000 + 260, 1)
    constants[260:268] = u32(15, 160)
    header = struct.pack("<IHBB8I", 0xFFFFFFF1, 0, 1, 4, 0, 1, 0x2000, 40, 0, 0, 48, 48)
    blob, places = narrow([
        text(), Part(".rodata", CONSTANTS, 0x5000, bytes(constants)),
        Part(".gopclntab", CONSTANTS, 0x7000, header + bytes(24)),
    ])  # fmt: skip
    at = places[".rodata"]
    own = [(56, 7), (60, 96), (80, 9), (96, 11), (100, 64), (216, 13), (260, 15), (264, 160)]
    wanted = [(at + p, 3, 0x5000 + t, 0x5000) for p, t in own] + [(at + 104, 3, 0x2020, 0x2000)]
    assert sites(blob, 26) == sorted(wanted)


def test_calls_and_jumps_g82() -> None:
    code = (
        b"\x90\xe8"
        + i32(0x10)
        + b"\x8b\x05"
        + i32(0x7000)
        + b"\x0f\x84"
        + i32(0)
        + b"\xe9"
        + i32(99)
    )
    blob, at = narrow([text(code), ROOM])
    place = at[".text"]
    assert sites(blob, 36) == [(place + 2, 0, 0x2016, 4), (place + 14, 0, 0x2012, 4)]
    assert sites(blob, 1) == []
    # A call of what follows is none, but a jump is.
    assert sites(narrow([text(b"\xe8" + i32(0))])[0], 36) == []
    assert len(sites(narrow([text(b"\xe8" + i32(1))])[0], 36)) == 1
    assert len(sites(narrow([text(b"\xe9" + i32(0))])[0], 36)) == 1


def got_image(code: bytes, name: str = ".got.plt") -> tuple[bytes, dict[str, int]]:
    return narrow([
        text(code), Part(".rodata", CONSTANTS, 0x4000, TABLE), Part(name, DATA, GOT, bytes(16)), ROOM,
    ])  # fmt: skip


TABLE = i32(0x2000 - GOT) + i32(0x203F - GOT) + i32(0x2040 - GOT) + i32(0x2001 - GOT)


@pytest.mark.parametrize(("before", "found"), [
    ("9081c3", True), ("9081c7", True), ("9005", True), ("9081c8", False), ("9083c3", False), ("9004", False),
])  # fmt: skip
def test_the_address_of_the_table_g83(before: str, found: bool) -> None:
    # What is added is the distance of the table from an instruction that tells its own address.
    head = b"\x90" * 4 + bytes.fromhex(before)
    for back, holds in ((0, False), (1, found), (3, found), (64, found), (65, False)):
        blob, at = got_image(head + i32(GOT - (0x2000 + len(head) - back)))
        wanted = [(at[".text"] + len(head), 1, GOT, -back)] if holds else []
        assert sites(blob, 37) == wanted


@pytest.mark.parametrize(("before", "found"), [
    ("8d83", True), ("8bbf", True), ("8d80", True), ("8d84", False), ("8b8483", True),
    ("8b8484", False), ("8bbc85", True), ("8b4483", True), ("8b0483", True), ("8b43", False), ("8bc3", False),
])  # fmt: skip
def test_operands_that_count_from_the_table_g83(before: str, found: bool) -> None:
    head = b"\x90" * 4 + bytes.fromhex(before)
    blob, at = got_image(head + i32(0x100))
    wanted = [(at[".text"] + len(head), 3, GOT + 0x100, GOT)] if found else []
    assert sites(blob, 37) == wanted


def test_targets_lie_in_the_span_g83() -> None:
    for value, found in (
        (0x2000 - GOT, 1),
        (0x1FFF - GOT, 0),
        (0x1FF, 1),
        (0x200, 0),
        (1 << 30, 0),
    ):
        assert len(sites(got_image(b"\x03\x83" + i32(value))[0], 37)) == found
    for name, found in ((".got", 1), (".toc", 0)):
        assert len(sites(got_image(b"\x03\x83" + i32(8), name)[0], 37)) == found
    both = [text(b"\x03\x83" + i32(8)), Part(".got", DATA, GOT, bytes(16))]
    blob, _ = narrow([*both, Part(".got.plt", DATA, GOT + 0x20, bytes(16))])
    assert [site[2] for site in sites(blob, 37)] == [GOT + 0x28]
    # A field that reaches behind the section is none, nor one without two bytes before it.
    assert sites(got_image(b"\x90" * 59 + b"\x03\x83" + b"\0\0\0")[0], 37) == []
    assert len(sites(got_image(b"\x90" * 58 + b"\x03\x83" + i32(8))[0], 37)) == 1
    assert sites(got_image(b"\x83" + i32(8))[0], 37) == []


def test_operands_do_not_overlap_g83() -> None:
    # Behind a site two bytes belong to the next instruction.
    blob, at = got_image(b"\x8d\x83" + i32(8) + b"\x83" + i32(8) + b"\x90\x8d\x83" + i32(16))
    assert [site[0] - at[".text"] for site in sites(blob, 37)] == [2, 14]


def test_jump_tables_g83() -> None:
    blob, at = got_image(b"\x8b\x84\x83" + i32(0x4000 - GOT))
    table = at[".rodata"]
    assert sites(blob, 38) == [(table, 3, 0x2000, GOT), (table + 4, 3, 0x203F, GOT)]
    assert sites(blob, 37, 38)[1:] == sites(blob, 38)
    assert sites(got_image(b"\x8b\x84\x83" + i32(0x400C - GOT))[0], 38) == []  # a single one
    assert sites(got_image(b"\x90" * 4)[0], 38) == []


def program(gap: int) -> bytes:
    """Code with calls and operands. ``gap`` bytes more are in front of each 50 functions."""
    random = Random(3)
    starts = [32 * n + gap * (n // 50) for n in range(400)]
    code, table = bytearray(), bytearray()
    for start in starts:
        code += b"\x90" * (start - len(code)) + random.randbytes(6).replace(b"\xe8", b"\x90")
        code += b"\x81\xc3" + i32(0x8000 - 0x2000 - start - 6)
        code += b"\x8d\x83" + i32(random.choice(starts) + 0x2000 - 0x8000)
        code += b"\x90\xe8" + i32(random.choice(starts) - start - 24) + b"\xc3" * 8
        table += u32(0x9000 + len(table) // 2, 8)
    data = b"".join(u32(0x2000 + random.choice(starts)) for _ in starts)
    return narrow([
        Part(".text", CODE, 0x2000, bytes(code)), Part(".got", DATA, 0x8000, bytes(16)),
        Part(".rel.dyn", CONSTANTS, 0x7000, bytes(table), REL), Part(".data", DATA, 0x9000, data),
    ])[0]  # fmt: skip


def test_a_reconstructor_rebuilds_an_image() -> None:
    old, new = program(0), program(48)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert {4, 36, 37} <= set(planned.header.relocation.finders)
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_images_never_fail(seed: int) -> None:
    random = Random(seed)
    symbols = bytes(16) + struct.pack("<IIIBBH", 7, 0x2004, 9, 2, 0, 1)
    blob, _ = narrow([
        text(b"\xe8" + i32(0) + b"\x8b\x84\x83" + i32(0x4000 - GOT)), Part(".rodata", CONSTANTS, 0x4000, TABLE),
        Part(".got", DATA, GOT, u32(0x2000) * 4), Part(".rel", CONSTANTS, 0x5000, u32(GOT, 8, GOT + 4, 264), REL),
        Part(".dynsym", CONSTANTS, 0x6000, symbols, DYNSYM), Part(".hash", 0, 0, u32(1, 1, 1, 6, 9, 4), HASH),
    ])  # fmt: skip
    for cut in damaged(blob, random, 300, cut=True):
        assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
        read_contents(cut)

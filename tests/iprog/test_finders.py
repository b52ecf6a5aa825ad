"""Finders against programs built by hand: each site is computed from the rules (iprog-finders.md)."""

from __future__ import annotations

import re
import struct
from random import Random
from typing import Any

import pytest

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog.finders import FINDERS, find_sites, read_image
from pcpu.iprog.finders.x86_64 import instruction_end
from tests.conftest import ROOT
from tests.iprog.damage import damaged
from tests.iprog.forge import number
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, Site, elf, i32, module, sites, u64

# x86-64


@pytest.mark.parametrize(("before", "distance"), [
    ("e8", 4), ("e9", 4), ("0f84", 4), ("0f8f", 4), ("0f90", 0), ("488b05", 4), ("8b0d", 4),
    ("488d3d", 4), ("ff15", 4), ("ff25", 4), ("833d", 5), ("c605", 5), ("c705", 8), ("48c705", 8),
    ("813d", 8), ("f605", 5), ("f715", 4), ("f705", 8), ("0fb605", 4), ("0fba25", 5), ("660f3800 05", 4),
    ("660f3a0f05", 5), ("c5f85805", 4), ("c5f8c605", 5), ("c4e2799005", 4), ("c4e3799005", 5),
    ("62f17c481005", 4), ("62f37d482505", 5), ("8b04", 0), ("8b45", 0), ("9005", 0), ("6b05", 5), ("6905", 8),
])  # fmt: skip
def test_instruction_forms_g43(before: str, distance: int) -> None:
    code = bytes.fromhex(before)
    whole = b"\x90" * 8 + code + bytes(8)
    at = 8 + len(code)
    assert instruction_end(memoryview(whole), at, 0) == distance


def test_bytes_before_the_floor_are_not_looked_at_g43() -> None:
    whole = bytes.fromhex("9090 0f84 00000000")
    assert [instruction_end(whole, 4, floor) for floor in (2, 3)] == [4, 0]
    whole = bytes.fromhex("90c5f8c605 00000000")
    assert [instruction_end(whole, 5, floor) for floor in (0, 4)] == [5, 0]


def code_image(code: bytes, **more: Any) -> tuple[bytes, int]:
    blob, places = elf([
        Part(".text", CODE, 0x2000, code.ljust(64, b"\x90")),
        Part(".data", DATA, 0x9000, bytes(256)),
    ], **more)  # fmt: skip
    return blob, places[".text"]


def test_calls_and_operands_g44() -> None:
    code = b"\x90\xe8" + i32(0x10) + b"\x48\x8b\x05" + i32(0x7000 - 13) + b"\xe9" + i32(0x4000)
    blob, text = code_image(code)
    assert sites(blob, 1) == [(text + 2, 0, 0x2000 + 6 + 0x10, 4), (text + 9, 0, 0x9000, 4)]


def test_targets_lie_in_code_or_in_memory_g42_g44() -> None:
    for code, found in (
        (b"\xe8" + i32(58), 1), (b"\xe8" + i32(59), 0), (b"\xe8" + i32(-5), 1), (b"\xe8" + i32(-6), 0),
        (b"\x8b\x05" + i32(0x70FF - 6), 1), (b"\x8b\x05" + i32(0x7100 - 6), 0), (b"\x8b\x05" + i32(-7), 0),
    ):  # fmt: skip
        assert len(sites(code_image(code)[0], 1)) == found, code


def test_sites_do_not_overlap_g44() -> None:
    blob, text = code_image(b"\xe8\xe8\x00\x00\x00\x00\x00\x90\x90")
    # The second E8 would give a distance of 0; the first gives 0xE8, which leaves the code.
    assert [site[0] for site in sites(blob, 1)] == [text + 2]
    blob, text = code_image(b"\xe8\x05\x00\x00\x00\xe8\x00\x00\x00\x00")
    assert [site[0] for site in sites(blob, 1)] == [text + 1, text + 6]


def test_jump_tables_g50() -> None:
    code = b"\x48\x8d\x05" + i32(0x3000 - 7) + b"\x48\x8d\x05" + i32(0x3010 - 14) + b"\x90" * 50
    entries = i32(0x2000 - 0x5000) + i32(0x2010 - 0x5000) + i32(0x7FFFFFF) + i32(0x2020 - 0x5000)
    single = i32(0x2000 - 0x5010) + i32(1)
    blob, places = elf([
        Part(".text", CODE, 0x2000, code), Part(".rodata", CONSTANTS, 0x5000, entries + single),
    ])  # fmt: skip
    at = places[".rodata"]
    assert sites(blob, 7) == [(at, 1, 0x2000, 0), (at + 4, 1, 0x2010, -4)]


# ELF


def test_what_is_an_image_g41() -> None:
    blob, _ = code_image(b"\xe8\0\0\0\0")
    assert len(sites(blob, 1)) == 1
    for at, byte in ((0, 0), (4, 1), (5, 2), (58, 56), (60, 255), (62, 200), (40, 255)):
        other = blob[:at] + bytes([byte]) + blob[at + 1 :]
        assert read_image(other) is None, at
        assert sites(other) == []
    assert read_image(blob[:63]) is None
    assert read_image(blob[:-1]) is None  # the table of sections is cut off
    assert read_image(b"") is None


def test_sections_that_leave_the_blob_do_not_count_g41() -> None:
    code = b"\xe8\0\0\0\0"
    blob, places = elf([Part(".text", CODE, 0x2000, code, size=1 << 20)])
    assert sites(blob) == []
    blob, places = elf([Part(".text", CODE, (1 << 40) - 4, code)])
    assert sites(blob) == []
    assert places


def test_sections_that_cover_the_blob_again_and_again_g41() -> None:
    code = b"\xe8".ljust(16, b"\0")
    for count, found in ((1, 1), (20, 0)):
        again = [Part(f".{n}", 0, 0, b"", size=300) for n in range(count)]
        blob, _ = elf([Part(".text", CODE, 0x2000, code), *again])
        assert (300 * count + len(code) <= 2 * len(blob)) == bool(found)
        assert len(sites(blob)) == found


def test_the_specification_lists_all_finders_g40() -> None:
    text = (ROOT / "spec" / "iprog-finders.md").read_text("utf-8")
    table = text[text.index("| number | finds | rule |") :].split("\n\n")[0]
    listed: list[int] = []
    for row in re.findall(r"^\| (\d[^|]*) \|", table, re.MULTILINE):
        numbers = [int(n) for n in re.findall(r"\d+", row)]
        listed += range(numbers[0], numbers[-1] + 1)
    assert listed == sorted(FINDERS)


def test_finders_are_for_their_machines_g40() -> None:
    assert sites(code_image(b"\xe8\0\0\0\0", machine=183)[0]) == []
    assert sites(code_image(b"\xe8\0\0\0\0", machine=3)[0]) == []
    assert sites(code_image(b"\xe8\0\0\0\0", narrow=True)[0]) == []
    with pytest.raises(UnsupportedPlanError, match="finder of sites number 77"):
        find_sites(b"", [1, 77])


def test_relocations_g45() -> None:
    table = u64(0x9008, 8, 0x2004) + u64(0x9010, 8, 0) + u64(0x100, 8, 0x2000) + b"\1" * 7
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(16)), Part(".rela.dyn", CONSTANTS, 0x4000, table, 4),
        Part(".data", DATA, 0x9000, bytes(32)),
    ])  # fmt: skip
    at = places[".rela.dyn"]
    assert sites(blob, 2) == [
        (at, 2, 0x9008, 0), (at + 16, 2, 0x2004, 0), (at + 24, 2, 0x9010, 0), (at + 64, 2, 0x2000, 0),
    ]  # fmt: skip


def test_symbols_g46() -> None:
    table = (
        bytes(24)
        + struct.pack("<IBBHQQ", 1, 2, 0, 1, 0x2004, 9)
        + struct.pack("<IBBHQQ", 1, 2, 0, 1, 5, 9)
    )
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(16)), Part(".symtab", 0, 0, table, 2),
        Part(".dynsym", 0, 0, table, 11),
    ])  # fmt: skip
    assert sites(blob, 3) == [(places[name] + 32, 2, 0x2004, 0) for name in (".symtab", ".dynsym")]


def test_pointers_g47() -> None:
    words = u64(0x2000, 1, 0x200F, 0x2010, 0x9000)
    parts = [
        Part(".text", CODE, 0x2000, bytes(16)), Part(".rodata", CONSTANTS, 0x4000, words),
        Part(".eh_frame", CONSTANTS, 0x5000, words), Part(".data", DATA, 0x9000, words),
    ]  # fmt: skip
    blob, places = elf(parts)
    found = [(0, 0x2000), (16, 0x200F), (24, 0x2010), (32, 0x9000)]
    assert sites(blob, 4) == [(places[".data"] + at, 2, target, 0) for at, target in found]
    blob, places = elf(parts, kind=2)
    assert sites(blob, 4) == [
        (places[name] + at, 2, target, 0) for name in (".rodata", ".data") for at, target in found
    ]


def frames(common: str, after: bytes) -> tuple[bytes, int]:
    """An ``.eh_frame`` of a common record and one that refers to it."""
    cie = bytes(4) + bytes.fromhex(common)
    cie += bytes(-len(cie) % 4)
    fde = i32(len(cie) + 8) + after
    content = i32(len(cie)) + cie + i32(len(fde)) + fde + bytes(4)
    blob, places = elf(
        [Part(".text", CODE, 0x2000, bytes(64)), Part(".eh_frame", CONSTANTS, 0x5000, content)]
    )
    return blob, places[".eh_frame"] + 4 + len(cie)


def test_unwinding_g48() -> None:
    # Version 1, "zR", factors 1 and -8, register 16, 1 byte of data: 1B.
    blob, at = frames("01 7a5200 01 78 10 01 1b", i32(-0x3000) + i32(16) + bytes(4))
    record = at - (blob.index(b"zR\0") - 9)  # where it begins in the section
    assert sites(blob, 5) == [(at + 4, 4, 0x5000, 0), (at + 8, 1, 0x5000 + record + 8 - 0x3000, 0)]


def test_unwinding_with_data_g48() -> None:
    record = i32(-0x3000) + i32(16) + b"\x04" + i32(0x40) + bytes(3)
    blob, at = frames("01 7a504c5200 01 78 10 07 9b 00000000 1b 1b", record)
    assert [site[:2] for site in sites(blob, 5)] == [(at + 4, 4), (at + 8, 1), (at + 17, 1)]
    blob, at = frames("01 7a504c5200 01 78 10 07 9b 00000000 00 1b", record)
    assert [site[:2] for site in sites(blob, 5)] == [(at + 4, 4), (at + 8, 1)]
    blob, at = frames("01 5200 01 78 10", record)
    assert [site[:2] for site in sites(blob, 5)] == [(at + 4, 4)]


def test_the_search_table_g49() -> None:
    content = (
        bytes.fromhex("011b033b")
        + i32(0x100)
        + struct.pack("<I", 9)
        + i32(-0x3000)
        + i32(0x20)
        + i32(5)
    )
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(64)), Part(".eh_frame_hdr", CONSTANTS, 0x5000, content),
    ])  # fmt: skip
    at = places[".eh_frame_hdr"]
    assert sites(blob, 6) == [
        (at + 4, 1, 0x5104, 0), (at + 12, 3, 0x2000, 0x5000), (at + 16, 3, 0x5020, 0x5000),
    ]  # fmt: skip
    other = blob.replace(bytes.fromhex("011b033b"), bytes.fromhex("011b0333"))
    assert sites(other, 6) == []


# Go


def go_image() -> tuple[bytes, dict[str, int]]:
    header = struct.pack("<IHBB8Q", 0xFFFFFFF1, 0, 1, 8, 2, 1, 0x2000, 72, 0, 0, 80, 96)
    listed = struct.pack("<5I", 0, 20, 0x20, 20 + 56, 0x40)
    record = struct.pack("<IiIIIIIIIiBBBB", 0, 3, 0, 0, 4, 0, 6, 2, 0, 7, 0, 0, 0, 1)
    record += struct.pack("<3I", 5, 0, 0x30)
    other = struct.pack(
        "<IiIIIIIIIiBBBB", 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1
    ) + struct.pack("<I", 0xFFFFFFFF)
    table = (header + bytes(24) + listed + record + other).ljust(240, b"\0")
    method = struct.pack("<4I", 6, 64, 0x20, 0x20) + struct.pack("<4I", 0, 64, 0x20, 0x20)
    method += struct.pack("<4I", 6, 0, 0x40, 0x40) + struct.pack("<4I", 6, 64, 0x21, 0x21)
    return elf([
        Part(".text", CODE, 0x2000, bytes(128)), Part(".rodata", CONSTANTS, 0x5000, method + bytes(64)),
        Part(".typelink", CONSTANTS, 0x6000, struct.pack("<2I", 16, 32)),
        Part(".gopclntab", CONSTANTS, 0x7000, table),
    ])  # fmt: skip


def test_go_functions_g51() -> None:
    blob, places = go_image()
    at = places[".gopclntab"]
    first, second = at + 96 + 20, at + 96 + 76
    wanted = [(at + 96 + 8 * i, 0x2000 + 0x20 * i, 0x2000) for i in range(3)]
    wanted += [(at + 100, 0x7060 + 20, 0x7060), (at + 108, 0x7060 + 76, 0x7060)]
    wanted += [(first, 0x2000, 0x2000), (second, 0x2020, 0x2000)]
    wanted += [(first + 4, 0x7048 + 3, 0x7048), (second + 4, 0x7048, 0x7048)]
    wanted += [
        (first + 16, 0x7050 + 4, 0x7050),
        (first + 24, 0x7050 + 6, 0x7050),
        (first + 44, 0x7050 + 5, 0x7050),
    ]
    wanted += [(first + 52, (1 << 40) + 0x30, 1 << 40)]
    assert sites(blob, 8) == sorted((p, 3, t, e) for p, t, e in wanted)


def test_go_types_g52() -> None:
    blob, places = go_image()
    ro, links = places[".rodata"], places[".typelink"]
    wanted = [(links, 0x5010, 0x5000), (links + 4, 0x5020, 0x5000)]
    for q, kind in ((ro, 64), (ro + 32, 0)):
        code = 0x20 if q == ro else 0x40
        wanted += [
            (q, 0x5006, 0x5000),
            (q + 8, 0x2000 + code, 0x2000),
            (q + 12, 0x2000 + code, 0x2000),
        ]
        wanted += [(q + 4, 0x5000 + kind, 0x5000)] if kind else []
    assert sites(blob, 9) == sorted((p, 3, t, e) for p, t, e in wanted)


def go_constants(*changes: tuple[int, bytes]) -> tuple[bytes, int]:
    """An image with types and inlined functions, and where its constants are; ``changes`` are of
    these."""
    constants = bytearray(416)
    # A call of "b" that was inlined; a struct with a method; an interface with one.
    constants[8:24] = struct.pack("<4I", 2, 3, 70, 12)
    constants[32:80] = struct.pack("<QQIBBBBQQII", 8, 8, 1, 1, 8, 8, 25, 0, 0, 7, 96)
    constants[112:128] = struct.pack("<IHHII", 9, 2, 1, 32, 0)
    constants[144:176] = struct.pack("<8I", 11, 64, 0x20, 0x40, 12, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    constants[192:240] = struct.pack("<QQIBBBBQQII", 16, 8, 1, 0, 8, 8, 0x80 | 20, 0, 0, 13, 0)
    constants[248:264] = struct.pack("<QQ", 0x5000 + 280, 1)
    constants[280:288] = struct.pack("<II", 15, 160)
    for place, content in changes:
        constants[place : place + len(content)] = content
    header = struct.pack("<IHBB8Q", 0xFFFFFFF1, 0, 1, 8, 0, 1, 0x2000, 72, 0, 0, 80, 80)
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(128)), Part(".rodata", CONSTANTS, 0x5000, bytes(constants)),
        Part(".gopclntab", CONSTANTS, 0x7000, header + b"\0\0\0b\0\0\0\0" + bytes(16)),
    ])  # fmt: skip
    return blob, places[".rodata"]


def test_functions_that_go_inlined_g73() -> None:
    blob, at = go_constants()
    assert sites(blob, 25) == [(at + 12, 3, 0x7048 + 3, 0x7048)]
    for change in (
        (8, b"\0\1"),
        (12, b"\4"),
        (12, b"\0"),
        (19, b"\4"),
        (22, b"\x10"),
        (12, b"\xff"),
    ):
        assert sites(go_constants(change)[0], 25) == [], change


def test_names_of_go_types_g74() -> None:
    blob, at = go_constants()
    own = [(72, 7), (76, 96), (112, 9), (144, 11), (148, 64), (160, 12)]
    code = [(152, 0x20), (156, 0x40)]
    other = [(232, 13), (280, 15), (284, 160)]

    def found(blob: bytes) -> list[Site]:
        return [(place - at, form, target, base) for place, form, target, base in sites(blob, 26)]

    listed = [(p, 3, 0x5000 + t, 0x5000) for p, t in own]
    entries = [(p, 3, 0x2000 + t, 0x2000) for p, t in code]
    beside = [(p, 3, 0x5000 + t, 0x5000) for p, t in other]
    assert found(blob) == sorted([*listed, *entries, *beside])
    for change in (
        (52, b"\x40"),
        (53, b"\3"),
        (54, b"\0"),
        (55, b"\x1b"),
        (72, bytes(4)),
        (76, b"\x21"),
    ):
        assert found(go_constants(change)[0]) == beside, change
    without_methods = found(go_constants((52, b"\0"))[0])
    assert without_methods == sorted([*listed[:2], *beside])
    # Methods of a later type do not lie before those of an earlier one, nor behind the section.
    for place in (0x5000 + 168, 0x5000 + 416 - 7, 0x4FFF):
        moved = found(go_constants((248, u64(place)))[0])
        assert moved == sorted([*listed, *entries, beside[0]])


# AArch64


def arm(*words: int) -> tuple[bytes, int]:
    blob, places = elf([
        Part(".text", CODE, 0x12000, struct.pack(f"<{len(words)}I", *words).ljust(256, b"\0")),
        Part(".data", DATA, 0x30000, bytes(4096)),
    ], machine=183)  # fmt: skip
    return blob, places[".text"]


def test_branches_and_pages_g57() -> None:
    # bl +16; b -4; adrp x1, 0x30000; add x2, x1, #0x123; ldr x1, [x1, #8]; add x2, x1, #1
    blob, text = arm(0x94000004, 0x17FFFFFF, 0xD00000E1 | 0, 0x91048C22, 0xF9400421, 0x91000422)
    page = sites(blob, 13)
    assert page[:2] == [(text, 8, 0x12010, 0), (text + 4, 8, 0x12000, 0)]
    assert page[2:] == [
        (text + 8, 9, 0x30123, 0), (text + 12, 10, 0x30123, 0), (text + 16, 10, 0x30008, 3),
    ]  # fmt: skip


def test_pages_are_known_for_a_while_g57() -> None:
    nop = 0xD503201F
    near, text = arm(0xD00000E1, *[nop] * 31, 0x91048C22)
    far, _ = arm(0xD00000E1, *[nop] * 32, 0x91048C22)
    assert [site[0] - text for site in sites(near, 13)] == [0, 128]
    assert sites(far, 13) == []
    # ldr q2, [x1, #16], of 16 bytes
    wide, text = arm(0xD00000E1, 0x3DC00422)
    assert sites(wide, 13) == [(text, 9, 0x30010, 0), (text + 4, 10, 0x30010, 4)]


# All


def test_more_sites_than_a_blob_can_have_are_none_g40() -> None:
    for calls, others, found in ((100, 300, 100), (100, 0, 0)):
        body = b"\0" + b"\x10\x05" * calls + b"\x01" * others
        blob, _ = module([(10, b"\x01" + number(len(body)) + body)])
        assert (calls <= len(blob) // 4) == bool(found)
        assert len(sites(blob)) == found


def test_damaged_images_never_fail() -> None:
    random = Random(5)
    for blob in (go_image()[0], arm(0x94000004, 0xD00000E1, 0x91048C22)[0], code_image(b"\xe8\0\0\0\0")[0],
                 module([(10, b"\x01\x05\0\x10\x05\x41\x01"), (11, b"\x01\0\x41\0\x0b\x02ab")])[0]):  # fmt: skip
        for cut in damaged(blob, random, 300, cut=True):
            assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
    assert read_image(b"MZ") is None

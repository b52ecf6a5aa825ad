"""Finders of Mach-O images against images built by hand (iprog-finders.md)."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.finders import read_image
from pcpu.iprog.images import parts_of
from pcpu.iprog.mnemonics import count_mnemonics
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.sections import Kind, read_contents
from tests.iprog.damage import damaged
from tests.iprog.images import i32, sites, u64
from tests.iprog.macho_images import (
    AFTER,
    AMD,
    ARM,
    BASE,
    CODE,
    DATA,
    HEADERS,
    READ,
    ROOM,
    TEXT,
    WRITE,
    Part,
    command,
    frames,
    macho,
    symbol,
    text,
    unwinding,
)
from tests.iprog.module import rebuilt_alone


def test_calls_and_operands_g64_g65() -> None:
    # The call behind the operand leaves the code; the operand of the first image leaves the data.
    code = b"\x90\xe8" + i32(0x10) + b"\x48\x8b\x05" + i32(0x3803) + b"\xe8" + i32(0x1000)
    call, operand = (HEADERS + 2, 0, TEXT + 0x16, 4), (HEADERS + 9, 0, DATA + 15, 4)
    assert sites(macho([text(code), ROOM])) == [call]
    assert sites(macho([text(code.replace(i32(0x3803), i32(0x3802))), ROOM])) == [call, operand]
    bss = Part("__bss", WRITE, DATA + 16, b"", 1, 0x100)
    assert sites(macho([text(code), ROOM, bss])) == [call, (HEADERS + 9, 0, DATA + 16, 4)]
    assert sites(macho([text(code), ROOM], machine=ARM)) == []


def test_branches_and_pages_g66() -> None:
    # bl +16; adrp x0, the page 4 behind; add x0, x0, 8; ldr x1, [x0, 24], which leaves the data
    words = (0x94000004, 0x90000000 | 1 << 5, 0x91000000 | 8 << 10)
    code = struct.pack("<4I", *words, 0xF9400000 | 3 << 10 | 1)
    assert sites(macho([text(code), ROOM], machine=ARM)) == [
        (HEADERS, 8, TEXT + 16, 0), (HEADERS + 4, 9, DATA + 8, 0), (HEADERS + 8, 10, DATA + 8, 0),
    ]  # fmt: skip
    assert sites(macho([text(code), ROOM])) == []


def test_what_is_an_image_g63() -> None:
    blob = macho([text(b"\xe8\0\0\0\0"), ROOM])
    assert len(sites(blob)) == 1
    first = 32 + 72 + 72  # the command about the code
    for at, change in (
        (0, b"\0"), (4, b"\x08"), (7, b"\0"), (16, b"\5"), (19, b"\xff"), (20, b"\0\0"), (22, b"\1"), (36, b"\7\0"),
        (first + 4, b"\x50"), (first + 64, b"\2"), (first + 67, b"\xff"),
    ):  # fmt: skip
        other = blob[:at] + change + blob[at + len(change) :]
        assert read_image(other) is None, at
        assert sites(other) == []
    assert read_image(blob[:31]) is None
    assert read_image(blob[:HEADERS]) is None  # no content is left
    fat = struct.pack(">7I", 0xCAFEBABE, 1, AMD, 3, 28, len(blob), 0) + blob
    assert sites(fat, *range(17, 24)) == []


def test_content_may_be_shared_but_not_by_many_g63() -> None:
    def shared(number: int) -> bytes:
        parts = [text(b"\xe8\0\0\0\0"), *[Part("__c", READ, DATA, b"", 0, 1000)] * number]
        blob = bytearray(macho(parts))
        for n in range(number):
            at = 32 + 72 + 72 + 152 * (n + 1) + 72
            blob[at + 48 : at + 52] = struct.pack("<I", 100)
        return bytes(blob)

    assert read_image(shared(3)) is not None
    assert read_image(shared(5)) is None


def test_what_has_content_g64() -> None:
    words = u64(TEXT, TEXT, 0, 0)
    for flags, found in ((0, 2), (1, 0), (0xC, 0), (0x12, 0), (6, 2), (CODE, 0)):
        part = Part("__data", WRITE, DATA, words, flags)
        assert len(sites(macho([text(), part]))) == found, flags
    far = Part("__data", WRITE, (1 << 40) - 31, words)
    assert sites(macho([text(), far])) == []
    cut = Part("__data", WRITE, DATA, words, 0, 40)
    assert sites(macho([text(), cut])) == []


def test_pointers_g67() -> None:
    words = u64(TEXT, DATA, 5, TEXT - 1, DATA + 39)
    data = Part("__data", WRITE, DATA, words)
    assert sites(macho([text(), data])) == [
        (AFTER, 2, TEXT, 0), (AFTER + 8, 2, DATA, 0), (AFTER + 32, 2, DATA + 39, 0)
    ]  # fmt: skip
    assert sites(macho([text(), Part("__const", READ, DATA, words)])) == []
    # A base of 0, where small numbers would be addresses.
    low = [
        Part("__text", READ, 0x800, bytes(64), CODE),
        Part("__data", WRITE, 0x900, u64(4095, 4096, 0x2000)),
    ]
    low.append(Part("__bss", WRITE, 0x1000, b"", 1, 0x1000))
    assert sites(macho(low, base=0)) == [(AFTER + 8, 2, 4096, 0)]


def test_chains_of_pointers_g67() -> None:
    fixups = command(0x80000034, bytes(8))
    offset, chain = 0x4010, 2 << 51
    words = u64(
        DATA | chain, offset | chain, offset, offset | 1 << 63, offset | 1 << 36, offset | 1 << 50, 4095,
        HEADERS - 8 | chain,
    )  # fmt: skip
    data = Part("__data", WRITE, DATA, words)
    assert sites(macho([text(), data], fixups)) == [
        (AFTER, 3, DATA, 0), (AFTER + 8, 3, BASE + offset, BASE), (AFTER + 16, 3, BASE + offset, BASE),
    ]  # fmt: skip
    assert sites(macho([text(), data])) == []


def test_symbols_g68_g71() -> None:
    table = symbol(7, 1, TEXT) + symbol(0, 0, TEXT) + symbol(0, 2, 0) + symbol(9, 2, DATA + 15)
    parts = [text(), ROOM, Part("__link", READ, DATA + 0x1000, table)]
    at = AFTER + 16
    found = [
        (at, 7, (1 << 40) + 7, 0), (at + 8, 2, TEXT, 0), (at + 48, 7, (1 << 40) + 9, 0),
        (at + 56, 2, DATA + 15, 0),
    ]  # fmt: skip
    for number, count in ((4, 4), (3, 2), (1 << 31, 4)):
        listed = command(2, struct.pack("<IIII", at, number, 0, 0))
        assert sites(macho(parts, listed + listed)) == found[:count], number
    assert sites(macho(parts, listed), 20) == found[1::2]
    assert sites(macho(parts, listed), 23) == found[::2]
    assert sites(macho(parts, command(2, struct.pack("<II", at, 4)))) == []
    assert sites(macho(parts, command(2, struct.pack("<IIII", 1 << 30, 4, 0, 0)))) == []
    assert sites(macho(parts, listed)[:-1]) == found[:2]  # of the last one not all is there


def test_frames_g69() -> None:
    whole = frames()
    at = whole.index(struct.pack("<I", 29))
    bare, last = at + 33, at + 33 + 25
    address = DATA + 0x1000
    part = Part("__eh_frame", READ, address, whole)
    place = AFTER + 16
    assert sites(macho([text(), ROOM, part])) == [
        (place + at + 4, 4, address, 0), (place + at + 8, 1, address + at + 8 - 0x100, 0),
        (place + at + 25, 1, address + at + 25 + 0x20, 0),
        (place + bare + 4, 4, address, 0), (place + bare + 8, 1, address + bare + 8 - 0x80, 0),
        (place + last + 4, 4, address + last + 4 - 7, 0),
    ]  # fmt: skip
    assert sites(macho([text(), ROOM, Part("__eh_frame_", READ, address, whole)])) == []
    short = whole.replace(
        b"\x10\x10\x0c", b"\x1b\x10\x0c"
    )  # data in 4 bytes, which is not looked at
    assert len(sites(macho([text(), ROOM, Part("__eh_frame", READ, address, short)]))) == 5


def test_functions_g70() -> None:
    table, places = unwinding()

    def found(content: bytes) -> list[int]:
        part = Part("__unwind_info", READ, DATA + 0x1000, content)
        at = AFTER + 16
        rows = sites(macho([text(), ROOM, part]))
        for place, form, target, extra in rows:
            offset = struct.unpack_from("<I", content, place - at)[0]
            assert (form, target, extra) == (3, BASE + offset, BASE)
        return [place - at for place, _, _, _ in rows]

    assert found(table) == places
    assert found(b"\2" + table[1:]) == []
    assert found(table[:27]) == []
    assert found(table[:100]) == places[:10]
    assert found(table[:76] + bytes(4) + table[80:]) == [n for n in places if n != 76]
    # The second entry has the page of the first one, or one that begins within it.
    for page in (88, 92):
        twice = table[:52] + struct.pack("<I", page) + table[56:]
        assert found(twice) == places
    many = table[:24] + struct.pack("<I", 1 << 31) + table[28:]
    assert len(found(many)) < 40


def test_what_people_are_told_of_an_image() -> None:
    for machine, kind, code in (
        (AMD, "macho-x86-64", b"\x90\xc3"),
        (ARM, "macho-aarch64", i32(-0x29A0FC40)),
    ):
        blob = macho(
            [text(code), ROOM, Part("__eh_frame", READ, DATA + 16, bytes(16))], machine=machine
        )
        image = read_image(blob)
        assert image is not None
        assert image.kind == kind
        assert image.span == (TEXT, DATA + 32)
        assert image.regions == (
            Region(HEADERS, BASE, RegionKind.CODE), Region(AFTER, DATA - AFTER, RegionKind.OTHER),
        )  # fmt: skip
        assert [part.name for part in parts_of(image, blob)] == [
            b"__HEADER", b"__text", b"__data", b"__eh_frame",
        ]  # fmt: skip
        shown = read_contents(blob).sections
        assert [section.name for section in shown] == ["__HEADER", "__text", "__data", "__eh_frame"]
        kinds = [section.kind for section in shown]
        assert kinds == [Kind.OTHER, Kind.CODE, Kind.DATA, Kind.UNWINDING]
        assert count_mnemonics(image, blob)["ret"] == 1


def program(gap: int, chained: bool) -> bytes:
    """Code with calls, pointers to it, frames. ``gap`` bytes more are in front of each 50 functions."""
    random = Random(3)
    address, data = TEXT + 0x1000, DATA + 0x10000 + gap
    starts = [32 * n + gap * (n // 50) for n in range(400)]
    code = bytearray()
    for start in starts:
        code += b"\x90" * (start - len(code)) + random.randbytes(24).replace(b"\xe8", b"\x90")
        code += b"\x90\xe8" + i32(random.choice(starts) - start - 30) + b"\xc3\xc3"
    chain, base = (3 << 51, BASE) if chained else (0, 0)
    words = u64(*[address + random.choice(starts) - base | chain for n in range(300)])
    return macho(
        [
            Part("__text", READ, address, bytes(code), CODE), Part("__data", WRITE, data, words),
            Part("__eh_frame", READ, data + 0x3000, frames()),
        ],
        command(0x80000034, bytes(8)) if chained else b"",
    )  # fmt: skip


@pytest.mark.parametrize("chained", [False, True])
def test_a_reconstructor_rebuilds_an_image(chained: bool) -> None:
    old, new = program(0, chained), program(48, chained)
    planned = make_plan(new, [old])
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_images_never_fail(seed: int) -> None:
    random = Random(seed)
    table, _ = unwinding()
    blob = macho(
        [
            text(b"\xe8\0\0\0\0"), Part("__data", WRITE, DATA, u64(TEXT, DATA)),
            Part("__eh_frame", READ, DATA + 16, frames()), Part("__unwind_info", READ, DATA + 512, table),
        ],
        command(2, struct.pack("<IIII", AFTER, 1, 0, 0)),
        machine=(AMD, ARM)[seed % 2],
    )  # fmt: skip
    within = [range(min(HEADERS + 400, len(blob)))]
    for cut in damaged(blob, random, 200, within=within, cut=True):
        assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
        read_contents(cut)

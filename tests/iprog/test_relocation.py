"""Relocation in plans written by hand: what sites hold is computed from spec/iprog.md G24-G29."""

from __future__ import annotations

import ctypes
import struct

import numpy as np
import pytest

from pcpu.errors import DamagedPlanError
from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder import state as S
from pcpu.iprog.native import call
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.relocate import Addresses
from pcpu.iprog.shift_map import ShiftMap
from tests.iprog.forge import Frames, number, plan, signed, streams
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, elf, i32, module, u64
from tests.iprog.relocated import (
    CALL,
    code_blob,
    literal,
    rebuilt,
    refused,
    relocation,
)


def test_a_map_shifts_what_lies_behind_its_starts_g25() -> None:
    shifts = ShiftMap(np.array([10, 20]), np.array([5, -3]))
    assert shifts(np.array([0, 9, 10, 19, 20, 999])).tolist() == [0, 0, 5, 5, -3, -3]


def test_addresses_g26() -> None:
    addresses = Addresses([Region(16, 1000, RegionKind.CODE), Region(32, -4, RegionKind.OTHER)])
    assert [addresses.region(place).bias for place in (0, 15, 16, 31, 32, 99)] == [
        0,
        0,
        1000,
        1000,
        -4,
        -4,
    ]
    assert [part[:2] for part in addresses.parts(10, 40)] == [(10, 16), (16, 32), (32, 40)]


def test_calls_follow_their_targets_g20_g24() -> None:
    blob, text = code_blob()
    # The function at 0x2020 moved by 0x100; the call was copied to place 8, at address 0x3008.
    about = relocation([1], 1, [(0, 0x3000, 1)], [(0x2020, 0x100)])
    wanted = b"\x90\xe8" + i32(0x2126 - (0x3000 + 2 + 4)) + b"\x90" * 58
    assert rebuilt(wanted, blob, about, [(0, 64, text)]) == wanted


def test_only_whole_sites_are_moved_g24() -> None:
    blob, text = code_blob()
    about = relocation([1], 1, [(0, 0x3000, 1)], [(0, 0x100)])
    for first, last in ((0, 5), (3, 64), (2, 5)):
        wanted = CALL[first:last]
        assert rebuilt(wanted, blob, about, [(0, last - first, text + first)]) == wanted
    moved = i32(0x2126 - (0x3000 + 4))
    assert rebuilt(moved, blob, about, [(0, 4, text + 2)]) == moved


def test_sites_of_a_later_blob_g27() -> None:
    blob, text = code_blob()
    wanted = b"\x90\xe8" + i32(0x2126 - 6) + b"\x90"
    said, stored = relocation([1], 1, [], [(0, 0x100)], blob=1)
    parts = streams([wanted], [[(0, 7, text + 5)]], [b""])
    made = plan(wanted, [b"first", blob], [(1, Frames(parts))], relocation=said, map_stored=stored)
    assert Reader(made, [b"first", blob]).rebuild() == wanted


def test_fixes_come_after_sites_g21() -> None:
    blob, text = code_blob()
    about = relocation([1], 1, [(0, 0x3000, 1)], [(0, 0x100)])
    plain = b"\x90\xe8" + i32(0x2126 - 0x3006)
    wanted = plain[:2] + bytes([(plain[2] + 7) & 255]) + plain[3:]
    assert rebuilt(wanted, blob, about, [(0, 6, text)], fixes=[[(2, 7)]]) == wanted


def test_forms_of_data_g24() -> None:
    text = Part(".text", CODE, 0x2000, bytes(64))
    header = (
        bytes.fromhex("011b033b") + i32(-0x3000) + struct.pack("<I", 1) + i32(-0x3000) + i32(0x1000)
    )
    blob, places = elf([
        text, Part(".eh_frame_hdr", CONSTANTS, 0x5000, header), Part(".data", DATA, 0x6000, u64(0x2010, 0)),
    ])  # fmt: skip
    pieces = [(0x2000, 0x100), (0x5000, 0x40), (0x6000, 8)]
    about = relocation([4, 6], 4, [(0, 0x7000, 0)], pieces)
    at = places[".data"]
    wanted = u64(0x2110)  # absolute
    assert rebuilt(wanted, blob, about, [(0, 8, at)]) == wanted
    at = places[".eh_frame_hdr"]
    # Relative: 0x5004 - 0x3000 = 0x2004; based: 0x5000 - 0x3000 = 0x2000 and 0x6000, from 0x5000.
    wanted = (
        header[:4]
        + i32(0x2104 - 0x7004)
        + header[8:12]
        + i32(0x2100 - 0x5040)
        + i32(0x6008 - 0x5040)
    )
    assert rebuilt(wanted, blob, about, [(0, 20, at)]) == wanted


def test_distances_back_g24() -> None:
    cie = i32(12) + bytes(12)
    record = i32(12) + i32(len(cie) + 4) + bytes(8)
    blob, places = elf(
        [Part(".text", CODE, 0x2000, bytes(16)), Part(".eh_frame", CONSTANTS, 0x5000, cie + record)]
    )
    # The common record moved by 8; the other one is copied to address 0x6000.
    about = relocation([5], 1, [(0, 0x6000, 0)], [(0x5000, 8)])
    wanted = i32(12) + i32(0x6004 - 0x5008) + bytes(8)
    assert rebuilt(wanted, blob, about, [(0, 16, places[".eh_frame"] + len(cie))]) == wanted


@pytest.mark.parametrize(("shift", "written"), [(1, "2d81"), (100, "8c81"), (16000 - 300, None)])
def test_numbers_of_functions_g24(shift: int, written: str | None) -> None:
    body = b"\0\x10\xac\x02\x0b"
    blob, (at,) = module([(10, b"\x01" + number(len(body)) + body)])
    about = relocation([10], 1, [], [(1 << 40, shift)])
    start = at + 2
    new = 300 + shift
    wanted = b"\0\x10" + bytes([new & 127 | 128, new >> 7]) + b"\x0b"
    if new >= 1 << 14:
        wanted = body  # there is no room
    assert rebuilt(wanted, blob, about, [(0, 5, start)]) == wanted
    assert written is None or new < 1 << 14


def test_numbers_with_a_sign_have_less_room_g24() -> None:
    body = b"\0\x41\x88\x27\x0b"  # i32.const 5000
    blob, (at,) = module([(10, b"\x01" + number(len(body)) + body)])
    for shift, wanted in (
        (100, b"\0\x41\xec\x27\x0b"),
        (3191, b"\0\x41\xff\x3f\x0b"),
        (3192, body),
    ):
        about = relocation([10], 1, [], [(0, shift)])
        assert rebuilt(wanted, blob, about, [(0, 5, at + 2)]) == wanted


def test_words_of_modules_g24() -> None:
    content = b"\x01\0\x41\x80\x10\x0b\x04" + struct.pack("<I", 3000)
    blob, (at,) = module([(11, content)])
    about = relocation([12], 2, [], [(2500, 0x1000)])
    wanted = struct.pack("<I", 3000 + 0x1000)
    assert rebuilt(wanted, blob, about, [(0, 4, at + 7)]) == wanted


def test_instructions_of_aarch64_g24() -> None:
    words = struct.pack("<4I", 0x94000004, 0xD00000E1, 0x91048C22, 0xF9400421)
    blob, places = elf([
        Part(".text", CODE, 0x12000, words.ljust(64, b"\0")), Part(".data", DATA, 0x30000, bytes(4096)),
    ], machine=183)  # fmt: skip
    # bl to 0x12010; a page with 0x123 and 8 behind 0x30000. Code goes to 0x40000, data moved by 0x2468.
    about = relocation([13], 4, [(0, 0x40000, 1)], [(0x12000, 0x100), (0x30000, 0x2468)])
    pages = ((0x3258B >> 12) - (0x40004 >> 12)) & 0x1FFFFF
    adrp = 0x90000001 | (pages & 3) << 29 | pages >> 2 << 5
    wanted = struct.pack(
        "<4I", 0x94000000 | ((0x12110 - 0x40000) >> 2) & 0x3FFFFFF, adrp, 0x91000022 | 0x58B << 10,
        0xF9400021 | (0x470 >> 3) << 10,
    )  # fmt: skip
    assert rebuilt(wanted, blob, about, [(0, 16, places[".text"])]) == wanted


# The literal transforms


def test_calls_in_literals_g28() -> None:
    blob, _ = code_blob()
    about = relocation(
        [1], 1, [(4, 0x3000, 1), (64, 0, 0)], [], transform=1, base=0x1000, span=0x8000
    )
    # From place 4 on at address 0x3004 there is code: a call of 0x3100, twice, and one of 0x500.
    code = (
        b"data"
        + b"\xe8"
        + i32(0x3100 - 0x3009)
        + b"\x90\xe8"
        + i32(0x3100 - 0x300F)
        + b"\xe8"
        + i32(0x500 - 0x3014)
    )
    stored = (
        b"data" + b"\xe8" + i32(0x2100) + b"\x90\xe8" + i32(0x2100) + b"\xe8" + i32(0x500 - 0x3014)
    )
    assert literal(code, stored, about, blob) == code
    # What has no address in the span but looks like one is stored as what it would collide with.
    code = b"data\xe8" + i32(0x7000)
    stored = b"data\xe8" + i32(0x7000 - 0x8000)
    assert literal(code, stored, about, blob) == code
    # Operands count, and no form is seen within the number of another.
    code = b"data\x8b\x05" + i32(0x3100 - 0x300A) + b"\xe8\xe8\0\0\0" + i32(0x7FFFFFF)
    stored = (
        b"data\x8b\x05" + i32(0x2100) + b"\xe8" + struct.pack("<I", 0xE8 + 0x200F) + i32(0x7FFFFFF)
    )
    assert literal(code, stored, about, blob) == code


@pytest.mark.parametrize(("bias", "holds"), [
    (2**62 - 1, True), (2**62, False), (1 - 2**62, True), (-(2**62), False),
])  # fmt: skip
def test_biases_have_a_limit_g9(bias: int, holds: bool) -> None:
    said, stored = relocation([1], 0, [(0, bias // 2, 1), (1, bias, 1)], [])
    frames = Frames(streams([b"abc"], [[(0, 0, 0)]], [b""]))
    made = plan(
        b"abc", [b"abc"], [(1, frames)], bits=16, relocation=said, map_stored=stored
    )  # fmt: skip
    state = (ctypes.c_int64 * S.STATE_LENGTH)()
    room = np.zeros(1 << 20, np.uint8)
    state[S.TOP], state[S.LIMIT] = room.ctypes.data, room.ctypes.data + len(room)
    held = [np.frombuffer(data, np.uint8) for data in (made, b"abc")]
    status = call("pcpu_begin", state, *held)
    if holds:
        assert Reader(made, [b"abc"]).rebuild() == b"abc"
        assert status >= 0
    else:
        with pytest.raises(DamagedPlanError, match="bias"):
            Reader(made, [b"abc"])
        assert (status, state[S.RULE]) == (S.DAMAGED, 9)


def test_only_code_is_transformed_g28() -> None:
    blob, _ = code_blob()
    code = b"\xe8" + i32(0x100) + b"\xe8" + i32(0x100)
    for regions in ([], [(0, 0x3000, 0)], [(10, 0x3000, 1)]):
        about = relocation([1], 1, regions, [], transform=1, base=0x1000, span=0x8000)
        assert literal(code, code, about, blob) == code
    # A region begins within the second number: neither part holds all of it.
    about = relocation(
        [1], 1, [(0, 0x3000, 1), (7, 0x3000, 1)], [], transform=1, base=0x1000, span=0x8000
    )
    stored = b"\xe8" + i32(0x100 + 0x2005) + code[5:]
    assert literal(code, stored, about, blob) == code


def test_calls_of_aarch64_in_literals_g28() -> None:
    blob, _ = code_blob()
    about = relocation([1], 1, [(0, 0x40000, 1)], [], transform=2)
    code = struct.pack("<4I", 0x94000004, 0xB0000001, 0x14000004, 0x97FFFFFF)
    pages = (1 + (0x40004 >> 12)) & 0x1FFFFF
    stored = struct.pack(
        "<4I", 0x94000000 | 4 + (0x40000 >> 2), 0x90000001 | (pages & 3) << 29 | pages >> 2 << 5, 0x14000004,
        0x94000000 | (0x3FFFFFF + (0x4000C >> 2)) & 0x3FFFFFF,
    )  # fmt: skip
    assert literal(code, stored, about, blob) == code


def test_a_prefix_is_of_the_moved_reference_g29() -> None:
    code = b"\xe8" + i32(0x20) + b"\x90" * 32 + b"\xe8" + i32(-0x20) + b"\x90" * 20
    blob, text = code_blob(code)
    regions = [(0, 0x3000, 1)]
    about = relocation([1], 2, regions, [(0x2000, 0x10)], transform=1, base=0x1000, span=0x8000)
    moved = (
        b"\xe8"
        + i32(0x2035 - 0x1000)
        + b"\x90" * 32
        + b"\xe8"
        + i32(0x201A - 0x1000)
        + b"\x90" * 20
    )
    # The second span begins within a site, which therefore stays as it is.
    spans, prefix = [(text, 20), (text + 39, 23)], moved[:20] + code[39:62]
    stored = moved[:37] * 2 + b"tail"
    wanted = bytearray(stored)
    for at in (1, 38):
        wanted[at : at + 4] = i32(0x2035 - 0x1000 - (0x3000 + at + 4 - 0x1000))
    parts = streams([bytes(wanted)], [[]], [stored])
    frames = Frames(parts, [6, 1], {1: 2}, spans, prefix)
    assert rebuilt(bytes(wanted), blob, about, [], stored, frames) == bytes(wanted)


# What is wrong with relocation


def test_relocation_that_breaks_rules_g9_g24_g25() -> None:
    blob, _ = code_blob()
    assert "relocates 2 sites, and 1 are found" in refused(relocation([1], 2, [], []), [blob])
    assert "finder of sites number 99" in refused(relocation([99], 1, [], []), [blob])
    assert "named twice" in refused(relocation([1, 1], 1, [], []), [blob])
    assert "literal transform 60" in refused(relocation([1], 1, [], [], transform=60), [blob])
    two = relocation([1], 1, [], [], blob=2)
    assert "number of the blob is 0 to 1" in refused(two, [blob, blob])
    assert "has none" in refused(relocation([1], 1, [], []), [])
    assert "number of finders is 1 to 32" in refused(relocation(range(33), 1, [], []), [blob])
    assert "region's start is 1 to" in refused(
        relocation([1], 1, [(5, 0, 0), (5, 1, 0)], []), [blob]
    )
    assert "start of a piece is 1 to" in refused(relocation([1], 1, [], [(5, 0), (5, 1)]), [blob])
    assert "start of a piece is 0 to" in refused(
        relocation([1], 1, [], [((1 << 63) - 1, 0)]), [blob]
    )
    assert "base of addresses" in refused(
        relocation([1], 1, [], [], transform=1, base=1 << 62), [blob]
    )
    assert "span of addresses" in refused(
        relocation([1], 1, [], [], transform=1, span=1 << 31), [blob]
    )
    assert "a shift is too large" in refused(
        relocation([1], 1, [], [(0, (1 << 61)), (1, 1 << 62)]), [blob]
    )
    said, stored = relocation([1], 1, [], [])
    more, extra = Frames([b"", signed(1)]).build()
    empty, _ = Frames([b"", b""]).build()
    assert "more shifts than starts" in refused(
        (said[: -len(empty)] + more, stored + extra), [blob]
    )

"""Finders of PE images against images built by hand (iprog-finders.md)."""

from __future__ import annotations

import struct
from collections.abc import Callable
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
from tests.iprog.images import i32, sites, u64
from tests.iprog.module import rebuilt_alone
from tests.iprog.pe_images import (
    AMD64,
    ARM64,
    BASE,
    CONSTANTS,
    DATA,
    HEADERS,
    NARROW_BASE,
    Part,
    pe,
    text,
    words,
)

ROOM = Part(".data", DATA, 0x3000, bytes(16), 0x100)


def test_calls_and_operands_g59_g60() -> None:
    # The call behind the operand leaves the code; the operand of the first image leaves the data.
    code = b"\x90\xe8" + i32(0x10) + b"\x48\x8b\x05" + i32(0x20F3) + b"\xe8" + i32(0x1000)
    call, operand = (HEADERS + 2, 0, BASE + 0x1016, 4), (HEADERS + 9, 0, BASE + 0x30FF, 4)
    assert sites(pe([text(code), ROOM])) == [call]
    assert sites(pe([text(code.replace(i32(0x20F3), i32(0x20F2))), ROOM])) == [call, operand]


def test_what_is_an_image_g58() -> None:
    blob = pe([text(b"\xe8\0\0\0\0"), ROOM])
    assert len(sites(blob)) == 1
    for at, change in (
        (0, b"\0"), (63, b"\1"), (80, b"\0"), (84, b"\0"), (86, b"\x61"), (100, b"\x9f\0"), (104, b"\x0c"), (212, b"\5"),
    ):  # fmt: skip
        other = blob[:at] + change + blob[at + len(change) :]
        assert read_image(other) is None, at
        assert sites(other) == []
    high = blob[:128] + u64((1 << 40) - (1 << 33) + 1) + blob[136:]
    assert read_image(high) is None
    assert read_image(blob[:263]) is None
    assert read_image(blob[:-100]) is None  # no content is left
    again = [Part(f".{n}", DATA, 0x5000, b"") for n in range(9)]
    whole = bytearray(pe([text(b"\xe8\0\0\0\0"), *again]))
    for n in range(9):
        at = 80 + 24 + 240 + 40 * (n + 1)
        whole[at + 8 : at + 24] = struct.pack("<IIII", 900, 0x5000, 900, 64)
    assert read_image(bytes(whole)) is None


def test_functions_g61() -> None:
    table = struct.pack("<6I", 0x1000, 0x1010, 0x2030, 0x1010, 0, 0x2038) + b"\1\0\0\0"
    functions = Part(".pdata", CONSTANTS, 0x4000, table)
    blob = pe([text(b""), functions], {3: (0x4000, 1000)})
    at = HEADERS + 64
    assert sites(blob) == [
        (at + 4 * n, 3, BASE + value, BASE)
        for n, value in enumerate((0x1000, 0x1010, 0x2030, 0x1010, 0, 0x2038)) if value
    ]  # fmt: skip
    assert len(sites(pe([text(b""), functions], {3: (0x4004, 16)}))) == 3
    assert sites(pe([text(b""), functions], {3: (0x5000, 16)})) == []


def test_pointers_g62() -> None:
    words = u64(BASE + 0x1000, BASE + 0x3000, 5, BASE + 0x1020)
    data = Part(".data", DATA, 0x3000, words)
    block = struct.pack("<II4H", 0x3000, 16, 0xA000, 0xA010, 0xA018, 0x3008)
    last = struct.pack("<IIHH", 0x3000, 12, 0xA008, 0xA019) + struct.pack("<II", 0x3000, 7)
    relocations = Part(".reloc", CONSTANTS, 0x5000, block + last + block)
    blob = pe([text(b""), data, relocations], {5: (0x5000, 100)})
    at = HEADERS + 64
    assert sites(blob, 16) == [
        (at, 2, BASE + 0x1000, 0), (at + 8, 2, BASE + 0x3000, 0), (at + 24, 2, BASE + 0x1020, 0),
    ]  # fmt: skip
    assert len(sites(pe([text(b""), data, relocations], {5: (0x5000, 27)}), 16)) == 2


def test_places_that_relocations_name_g62() -> None:
    data = Part(".data", DATA, 0x3000, bytes(32))
    block = struct.pack("<II4H", 0x3000, 16, 0xA000, 0x3008, 0xA018, 0xA019)
    relocations = Part(".reloc", CONSTANTS, 0x5000, block)
    at = HEADERS + 64 + 32 + 8
    assert sites(pe([text(b""), data, relocations], {5: (0x5000, 16)}), 39) == [
        (at, 22, BASE + 0x3000, 10), (at + 4, 22, BASE + 0x3018, 10),
    ]  # fmt: skip


def test_narrow_images_g81() -> None:
    words = struct.pack("<3I", NARROW_BASE + 0x1000, 5, NARROW_BASE + 0x3000)
    block = struct.pack("<II4H", 0x3000, 16, 0x3000, 0x3004, 0x3008, 0xA000)
    parts = [
        text(b"\x90\xe8" + i32(0x10) + b"\x8b\x05" + i32(0x2000)), Part(".data", DATA, 0x3000, words),
        Part(".reloc", CONSTANTS, 0x5000, block),
    ]  # fmt: skip
    blob = pe(parts, {5: (0x5000, 16)}, narrow=True)
    image = read_image(blob)
    assert image is not None
    assert (image.kind, image.span) == ("pe-x86", (NARROW_BASE + 0x1000, NARROW_BASE + 0x5010))
    assert image.transform is Transform.X86
    assert count_mnemonics(image, blob)["call"] == 1
    at = HEADERS + 64
    assert sites(blob, 36) == [(HEADERS + 2, 0, NARROW_BASE + 0x1016, 4)]
    assert sites(blob, 14) == []
    assert sites(blob, 16) == [
        (at, 7, NARROW_BASE + 0x1000, 0), (at + 8, 7, NARROW_BASE + 0x3000, 0)
    ]  # fmt: skip
    listed = at + len(words) + 8
    assert sites(blob, 39) == [
        (listed + 2 * n, 22, NARROW_BASE + 0x3000 + 4 * n, 3) for n in range(3)
    ]  # fmt: skip
    for place, change in ((104, b"\x0b\2"), (84, b"\x64\x86"), (100, b"\x8f\0"), (196, b"\5")):
        assert read_image(blob[:place] + change + blob[place + len(change) :]) is None, place


def test_images_for_aarch64_g58_g60() -> None:
    # bl +16; adrp x1, 0x140003000; add x2, x1, #0x10; adrp x1 of what is behind the image; its add
    code = words(0x94000004, 0xD0000001, 0x91004022, 0xF0000001, 0x91004022)
    blob = pe([text(code), ROOM], machine=ARM64)
    image = read_image(blob)
    assert image is not None
    assert (image.kind, image.transform) == ("pe-aarch64", Transform.AARCH64)
    assert count_mnemonics(image, blob)["bl"] == 1
    assert sites(blob, 14) == [
        (HEADERS, 8, BASE + 0x1010, 0), (HEADERS + 4, 9, BASE + 0x3010, 0),
        (HEADERS + 8, 10, BASE + 0x3010, 0),
    ]  # fmt: skip
    assert sites(blob, 13) == sites(pe([text(code), ROOM]), 14) == []
    for at, change in ((104, b"\x0b\1"), (100, b"\x9f\0"), (212, b"\5")):
        assert read_image(blob[:at] + change + blob[at + 2 :]) is None, at


def test_functions_of_aarch64_g61() -> None:
    table = words(0x1000, 0x2030, 0x1010, 0x400001, 0, 0x2038) + b"\0\x10\0\0"
    functions = Part(".pdata", CONSTANTS, 0x4000, table)
    at = HEADERS + 64
    assert sites(pe([text(b""), functions], {3: (0x4000, 1000)}, machine=ARM64)) == [
        (at + 4 * n, 3, BASE + value, BASE)
        for n, value in ((0, 0x1000), (1, 0x2030), (2, 0x1010), (5, 0x2038))
    ]


def test_what_people_are_told_of_an_image() -> None:
    blob = pe([text(b"\x90\x90\xc3"), ROOM])
    image = read_image(blob)
    assert image is not None
    assert image.span == (BASE + 0x1000, BASE + 0x3100)
    assert image.regions == (
        Region(HEADERS, BASE + 0x1000 - HEADERS, RegionKind.CODE),
        Region(HEADERS + 64, BASE + 0x3000 - HEADERS - 64, RegionKind.OTHER),
    )
    assert [part.name for part in parts_of(image, blob)] == [b".text", b".data"]
    kinds = [section.kind for section in read_contents(blob).sections]
    assert kinds == [Kind.OTHER, Kind.CODE, Kind.DATA]
    assert count_mnemonics(image, blob)["ret"] == 1


def program(gap: int) -> bytes:
    """Code with calls. ``gap`` bytes more are in front of each 50 functions."""
    random = Random(3)
    starts = [32 * n + gap * (n // 50) for n in range(400)]
    code = bytearray()
    for start in starts:
        code += b"\x90" * (start - len(code)) + random.randbytes(24).replace(b"\xe8", b"\x90")
        code += b"\x90\xe8" + i32(random.choice(starts) - start - 30) + b"\xc3\xc3"
    return pe([text(bytes(code)), Part(".data", DATA, 0x8000, bytes(16))])


def arm_program(gap: int) -> bytes:
    """The same for AArch64, in instructions of four bytes."""
    random = Random(3)
    starts = [32 * n + gap * (n // 50) for n in range(400)]
    code = bytearray()
    for start in starts:
        code += words(*[0xD503201F] * ((start - len(code)) // 4))
        code += words(*[0xD2800000 | random.getrandbits(20) for _ in range(7)])
        code += words(0x94000000 | (random.choice(starts) - start - 28) // 4 & 0x3FFFFFF)
    return pe([text(bytes(code)), Part(".data", DATA, 0x8000, bytes(16))], machine=ARM64)


@pytest.mark.parametrize("program", [program, arm_program])
def test_a_reconstructor_rebuilds_an_image(program: Callable[[int], bytes]) -> None:
    old, new = program(0), program(48)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("machine", [AMD64, ARM64])
def test_damaged_images_never_fail(machine: int, seed: int) -> None:
    random = Random(seed)
    table = struct.pack("<3I", 0x1000, 0x1010, 0x2030)
    block = struct.pack("<II4H", 0x3000, 16, 0xA000, 0xA010, 0xA018, 0x3008)
    blob = pe([
        text(b"\xe8\0\0\0\0"), Part(".data", DATA, 0x3000, u64(BASE + 0x1000)),
        Part(".pdata", CONSTANTS, 0x4000, table), Part(".reloc", CONSTANTS, 0x5000, block),
    ], {3: (0x4000, 12), 5: (0x5000, 16)}, machine=machine)  # fmt: skip
    for cut in damaged(blob, random, 200, cut=True):
        assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
        read_contents(cut)

"""Finders of PE images against images built by hand (iprog-finders.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from random import Random

import pytest

from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.finders import read_image
from pcpu.iprog.images import parts_of
from pcpu.iprog.mnemonics import count_mnemonics
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.sections import Kind, read_contents
from tests.iprog.images import i32, u64
from tests.iprog.module import OnePlan
from tests.iprog.test_finders import sites

BASE = 0x140000000
HEADERS = 0x400
CODE, DATA, CONSTANTS = 0x60000020, 0xC0000040, 0x40000040


@dataclass
class Part:
    """A section. ``memory`` is its size there, if it is not that of the content."""

    name: str
    flags: int
    offset: int
    content: bytes
    memory: int | None = None


def pe(parts: list[Part], directories: dict[int, tuple[int, int]] | None = None) -> bytes:
    """An image: header at 80, optional header of 240 bytes, as Microsoft's specification has them."""
    listed = [(directories or {}).get(number, (0, 0)) for number in range(16)]
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, 0, 0, 0, 0x1000)
    optional += struct.pack(
        "<QIIHHHHHHIIIIHH", BASE, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0, 0, 0, 3, 0
    )
    optional += struct.pack("<QQQQII", 0, 0, 0, 0, 0, 16)
    optional += b"".join(struct.pack("<II", *directory) for directory in listed)
    assert len(optional) == 240
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 80)
    head = head.ljust(80, b"\0") + b"PE\0\0"
    head += struct.pack("<HHIIIHH", 0x8664, len(parts), 0, 0, 0, len(optional), 0x22) + optional
    body = b""
    for part in parts:
        size = len(part.content) if part.memory is None else part.memory
        head += struct.pack(
            "<8sIIIIIIHHI", part.name.encode(), size, part.offset, len(part.content), HEADERS + len(body),
            0, 0, 0, 0, part.flags,
        )  # fmt: skip
        body += part.content
    return head.ljust(HEADERS, b"\0") + body


def text(code: bytes) -> Part:
    return Part(".text", CODE, 0x1000, code.ljust(64, b"\x90"))


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


def test_a_reconstructor_rebuilds_an_image() -> None:
    old, new = program(0), program(48)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    module = OnePlan(reconstructor(planned.plan))
    module.hold(old)
    assert module.rebuild() == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_images_never_fail(seed: int) -> None:
    random = Random(seed)
    table = struct.pack("<3I", 0x1000, 0x1010, 0x2030)
    block = struct.pack("<II4H", 0x3000, 16, 0xA000, 0xA010, 0xA018, 0x3008)
    blob = pe([
        text(b"\xe8\0\0\0\0"), Part(".data", DATA, 0x3000, u64(BASE + 0x1000)),
        Part(".pdata", CONSTANTS, 0x4000, table), Part(".reloc", CONSTANTS, 0x5000, block),
    ], {3: (0x4000, 12), 5: (0x5000, 16)})  # fmt: skip
    for _ in range(200):
        other = bytearray(blob)
        for _ in range(random.randint(1, 6)):
            other[random.randrange(len(other))] = random.choice(
                (0, 1, 127, 255, random.randrange(256))
            )
        cut = bytes(other[: random.choice((len(other), random.randrange(len(other) + 1)))])
        assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
        read_contents(cut)

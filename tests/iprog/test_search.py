"""Finders that look at many places at a time, against the rules read one place after the other."""

from __future__ import annotations

import struct
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest

from pcpu.iprog.decoder import map as addresses
from pcpu.iprog.decoder import state as S
from pcpu.iprog.finders import find_sites, wasm_code
from pcpu.iprog.finders.x86_64 import instruction_end
from tests.iprog.forge import number
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, Site, elf, i32, module, sites
from tests.iprog.test_finders import go_image

SIZES = (64, 127, 200, 16384 + 70, 3 * 16384 + 5)


def octets(random: Random, size: int) -> bytes:
    """Bytes that are often opcodes, and distances that are often short."""
    some = bytes.fromhex("e8 e9 0f 84 8b 05 0d 15 48 c5 c4 62 3a 00 00 00 ff 01 f6 69")
    found = bytearray()
    while len(found) < size:
        found += bytes(random.choice(some) for _ in range(random.randrange(1, 9)))
        found += i32(random.randrange(-size, size)) if random.random() < 0.4 else b""
    return bytes(found[:size])


def amd(code: bytes, place: int, start: int, code_end: int, end: int) -> list[Site]:
    """G44, of the only code in a blob, where all that has addresses begins with it."""
    found, floor, p = [], 0, 1
    while p + 4 <= len(code):
        distance = instruction_end(code, p, floor)
        target = start + p + distance + int.from_bytes(code[p : p + 4], "little", signed=True)
        if distance and start <= target < (end if code[p - 1] & 0xC7 == 5 else code_end):
            found.append((place + p, 0, int(target), int(distance)))
            floor = p + 4
            p += 5
        else:
            p += 1
    return found


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("far", [0x20000, 0x3000000, 0x7FFF0000])
def test_long_code_of_x86_64_g44(size: int, far: int) -> None:
    random = Random(size + far)
    code = octets(random, size)
    start = 0x2000
    blob, places = elf([Part(".text", CODE, start, code), Part(".data", DATA, far, bytes(64))])
    wanted = amd(code, places[".text"], start, start + size, far + 64)
    assert sites(blob, 1) == wanted
    assert size < 200 or len(wanted) > size // 1000


def arm(words: list[int], place: int, start: int, code_end: int, end: int) -> list[Site]:
    """G57, of the only code in a blob, where all that has addresses begins with it."""
    found: list[Site] = []
    pages: dict[int, tuple[int, int, bool]] = {}
    for n, w in enumerate(words):
        p, address = place + 4 * n, start + 4 * n
        if w >> 26 & 31 == 5:
            target = address + 4 * ((w & 0x3FFFFFF ^ 0x2000000) - 0x2000000)
            found += [(p, 8, target, 0)] * (start <= target < code_end)
        elif w >> 31 and w >> 24 & 31 == 16:
            i = ((w >> 29 & 3 | w >> 3 & 0x1FFFFC) ^ 0x100000) - 0x100000
            pages[w & 31] = 4096 * (address // 4096 + i), p, False
        else:
            e = 0 if w >> 22 == 0b1001000100 else -1
            if w >> 27 & 7 == 7 and w >> 24 & 3 == 1:
                e = 4 if w >> 30 == 0 and w >> 26 & 1 and w >> 23 & 1 else w >> 30
            page, made, used = pages.get(w >> 5 & 31, (0, -1000, False))
            if e < 0 or p - made > 128:
                continue
            target = page + ((w >> 10 & 0xFFF) << e)
            if start <= target < end:
                found += [(p, 10, target, e)] + [(made, 9, target, 0)] * (not used)
                pages[w >> 5 & 31] = page, made, True
            if w & 31 == w >> 5 & 31:
                del pages[w >> 5 & 31]
    return sorted(found)


@pytest.mark.parametrize("count", [1, 15, 17, 300, 9000])
def test_long_code_of_aarch64_g57(count: int) -> None:
    random = Random(count)
    words = []
    for _ in range(count):
        register, other = random.randrange(3), random.randrange(3)
        words.append(random.choice([
            0x94000000 | random.randrange(-200, 200) & 0x3FFFFFF,
            0x90000000 | random.randrange(4) << 29 | register,
            0x91000000 | random.randrange(4096) << 10 | register << 5 | other,
            0xF9400000 | random.randrange(4096) << 10 | register << 5 | other,
            0x3DC00000 | random.randrange(99) << 10 | register << 5 | other,
            random.getrandbits(32), 0xD503201F, 0xD503201F, 0xD503201F,
        ]))  # fmt: skip
    code = struct.pack(f"<{count}I", *words)
    blob, places = elf(
        [Part(".text", CODE, 0x12000, code), Part(".data", DATA, 0x30000, bytes(64))], machine=183
    )
    end = 0x30000 + 64
    assert sites(blob, 13) == arm(words, places[".text"], 0x12000, 0x12000 + 4 * count, end)


def test_instructions_of_webassembly_at_once_g54() -> None:
    random, long = Random(54), 0
    common = bytes.fromhex("41 41 42 10 20 20 6a 28 36 23 24 02 40 0b 11 05 0e 80 90 a8 01 02 00")
    for _ in range(400):
        size = random.randrange(1, 120)
        body = b"\0" + bytes(random.choice(common) for _ in range(size))
        content = b"\x01" + number(len(body)) + body
        blob, (at,) = module([(10, content)])
        # One after the other, by what each letter of the rule says.
        rows, p, count = np.zeros(4 * 400, np.int64), at + len(content) - size, 0
        b, end = np.frombuffer(blob, np.uint8), at + len(content)
        while 0 < p < end:
            p, count = wasm_code.instruction(b, p, end, rows, 400, count)
        assert sites(blob, 10) == sorted(map(tuple, rows[: 4 * count].reshape(-1, 4).tolist()))
        long += count > 4
    assert long > 20


def test_records_of_go_that_overlap_g51() -> None:
    # The list names one record twice, and one that begins in it: then columns follow each other.
    blob, places = go_image()
    at = places[".gopclntab"] + 96
    for second in (20, 24, 64):
        data = bytearray(blob)
        data[at + 12 : at + 16] = i32(second)
        found = sites(bytes(data), 8)
        fields = [(20, 0x2000), (20 + 4, 0x7048), (second, 0x2000), (second + 4, 0x7048)]
        for place, base in fields[:1] + fields[2:3]:  # the first column wins
            assert [site[3] for site in found if site[0] == at + place] == [base], second


def test_methods_of_go_that_overlap_g52() -> None:
    _, places = go_image()
    word = struct.pack("<6I", 64, 64, 64, 64, 64, 64)  # methods at 0, 4 and 8
    header = struct.pack("<IHBB8Q", 0xFFFFFFF1, 0, 1, 8, 0, 1, 0x2000, 72, 0, 0, 80, 96)
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(128)), Part(".rodata", CONSTANTS, 0x5000, word + bytes(96)),
        Part(".gopclntab", CONSTANTS, 0x7000, header.ljust(160, b"\0")),
    ])  # fmt: skip
    ro = places[".rodata"]
    bases = [0x5000, 0x5000, 0x5000, 0x5000, 0x2000, 0x2000]
    assert sites(blob, 9) == [(ro + 4 * n, 3, base + 64, base) for n, base in enumerate(bases)]
    assert len(find_sites(blob, (9,))) == 6


MIDDLE = 1 << 20  # of memory


def test_what_an_address_moved_by_g25() -> None:
    random = Random(25)
    everywhere = (1 << 24, 1 << 31, 1 << 40, 1 << 42, 1 << 45)
    for pieces, tops in product((0, 1, 2, 300), (everywhere, (1 << 10, 1 << 24))):
        state: Any = np.zeros(S.STATE_LENGTH, np.int64)
        state[S.LIMIT] = MIDDLE
        heap: Any = np.zeros(2 * MIDDLE, np.uint8)
        starts = sorted({random.randrange(random.choice(tops)) for _ in range(pieces)})
        gaps = b"".join(number(b - a) for a, b in zip([0, *starts], starts, strict=False))
        # Zigzag; sums of some do not fit the index.
        told = [random.choice([n % 60, random.randrange(1 << 31)]) for n in range(len(starts))]
        shifts = b"".join(map(number, told))
        streams = np.frombuffer(gaps + shifts, np.uint8)
        state[S.CONTENT], state[S.CONTENT_LENGTH] = MIDDLE, len(streams)
        heap[MIDDLE : MIDDLE + len(streams)] = streams
        assert addresses.read_map(state, heap, len(gaps)) == 0
        amounts = np.cumsum([(n >> 1) ^ -(n & 1) for n in told])
        for _ in range(300):
            near = random.choice(starts) if starts else 5
            address = max(random.choice([near, near - 1, near + 1, random.randrange(1 << 46)]), 0)
            piece = int(np.searchsorted(starts, address, side="right")) - 1
            moved = int(amounts[piece]) if piece >= 0 else 0
            assert addresses.shift(state, heap, address) == moved
            if addresses.is_near(address):
                parts = addresses.near_parts(state, heap)
                assert addresses.near_shift(state, heap, address, *parts) == moved
        assert addresses.shift(state, heap, -1) == 0

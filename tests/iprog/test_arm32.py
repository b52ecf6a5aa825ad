"""32-bit ARM: its finders (iprog-finders.md G86-G88). Instructions are put together by the manual of the
architecture, and read by another disassembler."""

from __future__ import annotations

import struct
from random import Random

import capstone
import pytest

from pcpu.iprog.finders import read_image
from pcpu.iprog.mnemonics import architecture_of, count_mnemonics
from tests.iprog.damage import damaged
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, Site, elf, i32, sites

START, DATA_AT, END = 0x12000, 0x30000, 0x31000
NOP, THUMB_NOP = 0xE1A00000, b"\x00\xbf"
B, BL, BNE, BLNE, BLX = 0xEA000000, 0xEB000000, 0x1A000000, 0x1B000000, 0xFA000000
THUMB_B, THUMB_BL, THUMB_BLX = 0x9000F000, 0xD000F000, 0xC000F000


def elf32(parts: list[Part], *, machine: int = 40, kind: int = 3) -> tuple[bytes, dict[str, int]]:
    return elf(parts, machine=machine, kind=kind, narrow=True)


def words(*several: int) -> bytes:
    return struct.pack(f"<{len(several)}I", *several)


def branch(kind: int, distance: int) -> int:
    """A branch of ARM over a distance from its own address."""
    half = (distance & 2) << 23 if kind == BLX else 0
    return kind | half | distance - 8 >> 2 & 0xFFFFFF


def thumb(kind: int, distance: int) -> bytes:
    """One of Thumb over a distance from its own address, or for ``blx`` from the multiple of 4 that
    is not above."""
    d = distance - 4
    sign = d >> 24 & 1
    first, second = (1 ^ sign ^ (d >> bit & 1) for bit in (23, 22))
    word = kind | sign << 10 | d >> 12 & 0x3FF | (d >> 1 & 0x7FF) << 16
    return words(word | first << 29 | second << 27)


def load(register: int, offset: int) -> int:
    """``ldr`` from so far behind where the instruction takes itself to be."""
    return 0xE59F0000 | register << 12 | offset


def add(register: int) -> int:
    """``add r7, pc, register``"""
    return 0xE08F7000 | register


def program(code: bytes, *, kind: int = 3, fill: int = NOP) -> tuple[bytes, int]:
    code += words(fill) * ((0x200 - len(code)) // 4)
    blob, places = elf32([
        Part(".text", CODE, START, code), Part(".data", DATA, DATA_AT, bytes(4096)),
    ], kind=kind)  # fmt: skip
    return blob, places[".text"]


def thumb_program(code: bytes) -> tuple[bytes, int]:
    return program(code + THUMB_NOP * ((0x200 - len(code)) // 2))


# Calls and jumps


def test_branches_of_arm_g86() -> None:
    code = words(
        branch(B, 0x40), branch(BL, -4), branch(BNE, 0x40), branch(BLNE, 0x40), branch(BLX, 0x42),
        branch(BL, 0x1EC), branch(BL, -0x1C), branch(BLX, -0x1C), branch(BL, -0x24),
    )  # fmt: skip
    blob, text = program(code)
    assert sites(blob, 40) == [
        (text, 11, START + 0x40, 0), (text + 4, 11, START, 0), (text + 12, 11, START + 0x4C, 0),
        (text + 16, 11, START + 0x52, 0), (text + 28, 11, START, 0),
    ]  # fmt: skip


def test_branches_of_thumb_g86() -> None:
    code = thumb(THUMB_B, 0x40) + THUMB_NOP + thumb(THUMB_BL, -6) + thumb(THUMB_BLX, 0x44)
    code += thumb(THUMB_BL, 0x1F4) + thumb(0x8000F000, 0x40)  # beyond the code; with a condition
    blob, text = thumb_program(code)
    assert sites(blob, 40) == [
        (text, 12, START + 0x40, 0), (text + 6, 12, START, 0), (text + 10, 12, START + 0x4C, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("distance", [0x40, -0x40, 0x7FFC, -0x123454, 0xFFFFFC, -0xFFFFFC, 4])
@pytest.mark.parametrize("start", [0x2000000, 0x2000002])
def test_branches_are_read_as_by_another_disassembler_g86(distance: int, start: int) -> None:
    arm, other = (
        capstone.Cs(capstone.CS_ARCH_ARM, mode) for mode in (capstone.CS_MODE_ARM, capstone.CS_MODE_THUMB)
    )  # fmt: skip
    for reader in (arm, other):
        reader.detail = True
    expected = [("bl", words(branch(BL, distance)), arm), ("b.w", thumb(THUMB_B, distance), other)]
    expected += [("bl", thumb(THUMB_BL, distance), other)]
    for name, code, reader in expected:
        if reader is arm and start % 4:
            continue
        (instruction,) = reader.disasm(code, start)
        assert (instruction.mnemonic, instruction.operands[0].imm) == (name, start + distance)
    (instruction,) = other.disasm(thumb(THUMB_BLX, distance), start)
    assert instruction.mnemonic == "blx"
    assert instruction.operands[0].imm == (start & ~3) + distance


def test_blocks_of_one_set_and_the_other_g86() -> None:
    """Five words in sixteen that are done always make ARM instructions of a block."""
    call = words(branch(BL, 0x40))
    for count, found in ((20, 1), (19, 0)):
        code = call + words(NOP) * (count - 1)
        code = (code + THUMB_NOP * 128)[:256]
        blob, text = program(code)
        assert sites(blob, 40)[:1] == [(text, 11, START + 0x40, 0)] * found
    # The last block is smaller: five of its fifteen words are enough, four are not.
    for count, found in ((5, 1), (4, 0)):
        code = words(NOP) * 64 + call + words(NOP) * (count - 1) + THUMB_NOP * 2 * (15 - count)
        blob, places = elf32([Part(".text", CODE, START, code)])
        wanted = [(places[".text"] + 256, 11, START + 256 + 0x40, 0)] if found else []
        assert sites(blob, 40) == (wanted if len(code) - 256 > 0x40 else [])


def test_a_thumb_instruction_reaches_into_the_next_block_g86() -> None:
    code = THUMB_NOP * 127 + thumb(THUMB_BL, -0x40) + thumb(THUMB_BL, 0x20)
    blob, text = thumb_program(code)
    assert sites(blob, 40) == [
        (text + 254, 12, START + 254 - 0x40, 0), (text + 258, 12, START + 258 + 0x20, 0),
    ]  # fmt: skip


def arm_block(block: bytes) -> bool:
    highest = [byte >> 4 for byte in block[3::4]]
    return 16 * highest.count(14) >= 5 * len(highest)


def by_rule(code: bytes, place: int) -> list[Site]:
    """G86, of the only code in a blob."""
    found: list[Site] = []
    after = 0
    for p in range(0, len(code) & ~3, 256):
        block = code[p : min(p + 256, len(code) & ~3)]
        if arm_block(block):
            for q in range(p, p + len(block), 4):
                w = int.from_bytes(code[q : q + 4], "little")
                i = 4 * ((w & 0xFFFFFF ^ 0x800000) - 0x800000) + 2 * (w >> 24 == 0xFB)
                wanted = w >> 25 & 7 == 5 and (w >> 24 & 1 or w >> 28 in (14, 15))
                found += [(place + q, 11, START + q + 8 + i, 0)] * bool(wanted)
            continue
        after = max(after, p)
        while after < p + len(block) and after + 4 <= len(code):
            first, second = struct.unpack_from("<HH", code, after)
            if first < 0xE800:
                after += 2
                continue
            if first >> 11 == 0b11110 and (
                second & 0xD000 in (0x9000, 0xD000) or second & 0xD001 == 0xC000
            ):
                sign = first >> 10 & 1
                i = (first & 0x3FF) << 12 | (second & 0x7FF) << 1 | -sign << 24
                i |= (sign == second >> 13 & 1) << 23 | (sign == second >> 11 & 1) << 22
                base = START + after + 4
                base -= 0 if second & 0x1000 else base % 4
                found.append((place + after, 12, base + i, 0))
            after += 4
    return [site for site in found if START <= site[2] < START + len(code)]


@pytest.mark.parametrize("size", [6, 254, 1027, 40_000])
def test_long_code_g86(size: int) -> None:
    random = Random(size)
    code = b""
    while len(code) < size:
        if random.random() < 0.5:
            kinds = (B, BL, BNE, BLNE, BLX)
            some = [
                branch(random.choice(kinds), 2 * random.randrange(-size, size)) for _ in range(9)
            ]
            code += words(*some, *[NOP] * random.randrange(60)) + random.randbytes(4)
        else:
            others = (THUMB_B, THUMB_BL, THUMB_BLX, 0x8000F000)
            for _ in range(random.randrange(90)):
                code += thumb(random.choice(others), 2 * random.randrange(-size, size))
                code += random.randbytes(2) * random.randrange(2)
    code = code[:size]
    blob, places = elf32([Part(".text", CODE, START, code), Part(".data", DATA, DATA_AT, bytes(4))])
    found = by_rule(code, places[".text"])
    assert sites(blob, 40) == found
    assert size < 1000 or len(found) > size // 200


def test_finders_of_arm_are_for_images_of_32_bits_g40() -> None:
    for code in (words(branch(BL, 0x40)), words(load(1, 0), add(1), 0x10000)):
        for machine in (40, 62, 183):
            blob, _ = elf([Part(".text", CODE, START, code.ljust(256, b"\xe0"))], machine=machine)
            assert sites(blob, 40, 41, 42) == []
        blob, _ = elf32([Part(".text", CODE, START, code.ljust(256, b"\xe0"))], machine=3)
        assert sites(blob, 40, 41, 42) == []


# Words among instructions


def test_words_of_arm_g87() -> None:
    far = DATA_AT + 8 - (START + 8 + 8)
    # ldr r1, the word at 24; nop; add r7, pc, r1; ldr r0, [pc, r2] with nothing known; pools
    code = words(load(1, 16), NOP, add(1), 0xE79F0002, NOP, NOP, far & 0xFFFFFFFF)
    blob, text = program(code)
    assert sites(blob, 41) == [(text + 24, 14, DATA_AT + 8, 8)]
    # What was used is not known any more, a load takes the place of one before, and ldr uses too.
    code = words(
        load(1, 28),
        load(1, 28),
        add(1),
        add(1),
        load(2, 20),
        0xE79F3002,
        NOP,
        NOP,
        NOP,
        far & 0xFFFFFFFF,
        0x40,
    )
    blob, text = program(code)
    assert sites(blob, 41) == [(text + 40, 14, START + 16 + 0x40, 24)]


def test_words_are_known_for_a_while_g87() -> None:
    for nops, found in ((255, 1), (256, 0)):
        far = DATA_AT - (START + 4 * nops + 4 + 8)
        code = words(load(1, 4 * nops), *[NOP] * nops, add(1), far & 0xFFFFFFFF)
        blob, text = program(code)
        # The word is behind the instruction that adds it.
        assert len(sites(blob, 41)) == 0
        code = words(load(1, 4 * nops + 4), *[NOP] * nops, add(1), NOP, far & 0xFFFFFFFF)
        blob, text = program(code)
        wanted = [(text + 4 * nops + 12, 14, DATA_AT, 0)]
        assert sites(blob, 41) == wanted * found


def test_words_of_thumb_g87() -> None:
    """At an address that is a multiple of 4, and at one that is not; the long form, too."""
    for ahead in (0, 1):
        code = THUMB_NOP * ahead + bytes.fromhex("024a 00bf 7a44 00bf 00bf")
        code = code.ljust(12, b"\0")
        place = START + 2 * ahead + 4  # of the instruction that adds
        blob, text = thumb_program(code + i32(DATA_AT + 4 - place - 4))
        assert sites(blob, 41) == [(text + 12, 14, DATA_AT + 4, 12 - (2 * ahead + 8))]
    # ldr.w r9, [pc, #12]; add r9, pc; nop...
    code = bytes.fromhex("dff80c90 f944").ljust(16, b"\0")
    blob, text = thumb_program(code + i32(DATA_AT - START - 8))
    assert sites(blob, 41) == [(text + 16, 14, DATA_AT, 8)]


def test_loads_are_read_as_by_another_disassembler_g87() -> None:
    for code, mode, wanted in (
        (words(load(1, 16)), capstone.CS_MODE_ARM, "ldr r1, [pc, #0x10]"),
        (words(add(1)), capstone.CS_MODE_ARM, "add r7, pc, r1"),
        (words(0xE79F3002), capstone.CS_MODE_ARM, "ldr r3, [pc, r2]"),
        (bytes.fromhex("024a"), capstone.CS_MODE_THUMB, "ldr r2, [pc, #8]"),
        (bytes.fromhex("7a44"), capstone.CS_MODE_THUMB, "add r2, pc"),
        (bytes.fromhex("dff80c90"), capstone.CS_MODE_THUMB, "ldr.w sb, [pc, #0xc]"),
        (bytes.fromhex("f944"), capstone.CS_MODE_THUMB, "add sb, pc"),
    ):
        (found,) = capstone.Cs(capstone.CS_ARCH_ARM, mode).disasm_lite(code, START)
        assert f"{found[2]} {found[3]}" == wanted


def test_words_of_programs_at_a_fixed_place_g87() -> None:
    code = words(load(1, 4), load(2, 4), NOP, DATA_AT + 8, END)
    blob, text = program(code, kind=2)
    assert sites(blob, 41) == [(text + 12, 7, DATA_AT + 8, 0)]
    assert sites(program(code)[0], 41) == []


def test_words_lie_in_the_section_g87() -> None:
    for offset, found in ((4, 1), (8, 0)):
        code = words(load(1, offset), add(1), NOP, 0)
        blob, _ = elf32([Part(".text", CODE, START, code)])
        assert len(sites(blob, 41)) == found


# Unwinding


def prel(target: int, address: int) -> bytes:
    return words(target - address & 0x7FFFFFFF)


def unwinding(extab: bytes, index: bytes) -> tuple[bytes, dict[str, int]]:
    return elf32([
        Part(".text", CODE, START, words(NOP) * 64), Part(".ARM.extab", CONSTANTS, 0x20000, extab),
        Part(".ARM.exidx", CONSTANTS, 0x21000, index, 0x70000001),
    ])  # fmt: skip


def test_functions_that_unwinding_knows_g88() -> None:
    index = prel(START, 0x21000) + words(1)
    index += prel(START + 16, 0x21008) + words(0x80B0B0B0)
    index += prel(START + 32, 0x21010) + prel(0x20004, 0x21014)
    index += prel(0x100, 0x21018) + prel(0x20010, 0x2101C) + b"\0\0\0\0"
    extab = words(0x80A8B0B0) + prel(START + 64, 0x20004) + words(7, 8, 0x80000000)
    blob, places = unwinding(extab, index)
    table = places[".ARM.exidx"]
    assert sites(blob, 42) == [
        (places[".ARM.extab"] + 4, 13, START + 64, 0), (table, 13, START, 0), (table + 8, 13, START + 16, 0),
        (table + 16, 13, START + 32, 0), (table + 20, 13, 0x20004, 0), (table + 28, 13, 0x20010, 0),
    ]  # fmt: skip


def test_records_lie_in_their_section_g88() -> None:
    for inside, found in ((12, 1), (13, 0), (-1, 0)):
        blob, places = unwinding(
            prel(START, 0x20000) * 3 + prel(START, 0x2000C), prel(START, 0x21000) + prel(0x20000 + inside, 0x21004)
        )  # fmt: skip
        own = [site for site in sites(blob, 42) if site[0] < places[".ARM.exidx"]]
        assert len(own) == found


@pytest.mark.parametrize(("name", "code", "wanted"), [
    ("arm", words(NOP, NOP, branch(BL, 8)), {"mov": 2, "bl": 1}),
    ("thumb", THUMB_NOP * 4 + thumb(THUMB_BL, 8), {"nop": 4, "bl": 1}),
])  # fmt: skip
def test_instructions_are_counted(name: str, code: bytes, wanted: dict[str, int]) -> None:
    blob, _ = elf32([Part(".text", CODE, START, code)])
    image = read_image(blob)
    architecture = architecture_of(image, blob)
    assert architecture is not None
    assert architecture.name == name
    assert count_mnemonics(image, blob) == wanted


def test_damaged_programs_never_fail() -> None:
    random = Random(7)
    code = words(branch(BL, 0x40), load(1, 4), add(1), NOP, 0x20) * 6
    some = [program(code)[0], program(code, kind=2)[0], thumb_program(thumb(THUMB_BL, 0x40) * 9)[0]]
    some.append(unwinding(prel(START, 0x20000), prel(START, 0x21000) + prel(0x20000, 0x21004))[0])
    for other in (other for blob in some for other in damaged(blob, random, 50, most=40)):
        for place, _, target, _ in sites(other, 40, 41, 42):
            assert 0 <= place <= len(other) - 4
            assert target >= 0

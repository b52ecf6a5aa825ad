"""RISC-V: its finder (iprog-finders.md G84, G85), what its sites hold and its literal transform
(iprog.md G24, G28, G29). Instructions are put together by the manual of the instruction set."""

from __future__ import annotations

import struct
from random import Random

import capstone
import pytest

from tests.iprog.damage import damaged
from tests.iprog.forge import Frames, streams
from tests.iprog.images import CODE, DATA, Part, Site, elf, sites
from tests.iprog.relocated import rebuilt, relocation

START, DATA_AT, END = 0x12000, 0x30000, 0x31000
NOP, SHORT_NOP = 0x13, b"\x01\x00"
RA, A0, A1, A2 = 1, 10, 11, 12
LOAD, STORE, ADDI, JALR, BRANCH = 0x3003, 0x3023, 0x13, 0x67, 0x63


def jal(register: int, distance: int) -> int:
    word = 0x6F | register << 7 | (distance >> 20 & 1) << 31 | (distance >> 1 & 0x3FF) << 21
    return word | (distance >> 11 & 1) << 20 | (distance >> 12 & 0xFF) << 12


def auipc(register: int, distance: int) -> int:
    """The high part of a distance whose low part is a number with a sign."""
    return 0x17 | register << 7 | ((distance - ((distance & 0xFFF ^ 0x800) - 0x800)) & 0xFFFFF000)


def use(kind: int, to: int, register: int, distance: int) -> int:
    return kind | to << 7 | register << 15 | (distance & 0xFFF) << 20


def store(value: int, register: int, distance: int) -> int:
    low = distance & 0xFFF
    return STORE | (low & 31) << 7 | register << 15 | value << 20 | low >> 5 << 25


def words(*several: int) -> bytes:
    return struct.pack(f"<{len(several)}I", *several)


def program(code: bytes) -> tuple[bytes, int]:
    blob, places = elf([
        Part(".text", CODE, START, code.ljust(256, b"\0")), Part(".data", DATA, DATA_AT, bytes(4096)),
    ], machine=243)  # fmt: skip
    return blob, places[".text"]


def test_jumps_g84() -> None:
    # The last one leads behind the code; the first two are not where an instruction begins.
    code = words(0x6F << 16 | NOP, NOP, jal(RA, 16), jal(0, -8)) + SHORT_NOP
    code += words(jal(5, 256 - 22), jal(RA, 256 - 22))
    blob, text = program(SHORT_NOP + code)
    assert sites(blob, 43) == [
        (text + 10, 15, START + 26, 0), (text + 14, 15, START + 6, 0), (text + 20, 15, START + 254, 0),
    ]  # fmt: skip


def test_jumps_are_read_as_by_another_disassembler_g84() -> None:
    reader = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64)
    reader.detail = True
    for distance in (2, -2, 0x7FE, 0x800, -0x800, 0xFFFFE, -0x100000, 0x5A5A4, -0x5A5A4):
        (instruction,) = reader.disasm(words(jal(RA, distance)), 0)
        assert (instruction.mnemonic, instruction.operands[-1].imm) == ("jal", distance)


@pytest.mark.parametrize("target", [0x30000, 0x307FF, 0x30800, 0x30FFF])
def test_parts_of_distances_g84(target: int) -> None:
    far = target - START - 4
    code = words(NOP, auipc(A1, far)) + SHORT_NOP + words(use(ADDI, A1, A1, far))
    blob, text = program(code)
    assert sites(blob, 43) == [(text + 4, 16, target, 0), (text + 10, 17, target, 6)]


def test_several_uses_g84() -> None:
    # Two of one, the second of which loads another register, in turn with one of another.
    first, second = DATA_AT + 8 - START, DATA_AT + 0x900 - START - 4
    blob, text = program(words(
        auipc(A0, first), auipc(A1, second), store(A2, A0, first), use(LOAD, A1, A1, second),
        use(LOAD, A2, A0, first), use(LOAD, A2, A1, second), use(ADDI, A0, A0, 0x800 - (START & 0xFFF)),
    ))  # fmt: skip
    low = DATA_AT + 8 - (first & 0xFFF) + 0x800
    assert sites(blob, 43) == [
        (text, 16, DATA_AT + 8, 0), (text + 4, 16, DATA_AT + 0x900, 0), (text + 8, 18, DATA_AT + 8, 8),
        (text + 12, 17, DATA_AT + 0x900, 8), (text + 16, 17, DATA_AT + 8, 16),
        *([(text + 24, 17, low - 0x1000, 24)] if low - 0x1000 >= START else []),
    ]  # fmt: skip


def test_targets_lie_in_memory_g84() -> None:
    for target, found in ((START, 2), (START - 1, 0), (END - 1, 2), (END, 0)):
        blob, _ = program(words(auipc(A1, target - START), use(LOAD, A2, A1, target - START)))
        assert len(sites(blob, 43)) == found, target


@pytest.mark.parametrize(("between", "found"), [
    ("", True), ("01 00", True), ("0d 45", True), ("8d 45", False),  # c.nop; c.li a0; c.li a1
    ("85 05", False), ("8e 05", False), ("c6 65", False), ("b2 85", False),  # c.addi; c.slli; c.ldsp; c.mv
    ("82 95", False), ("2e e4", True),  # c.jalr a1; c.sdsp a1
    ("0c 61", False), ("0c e1", True), ("ac 00", False), ("8d 8d", False), ("99 c5", True),  # c.ld; c.sd; c.addi4spn; c.sub; c.beqz
    ("b7 05 00 00", False), ("37 06 00 00", True), ("63 85 c5 00", True),  # lui a1; lui a2; beq a1
    ("a3 35 c6 00", True), ("87 35 06 00", True), ("ef 05 00 00", False),  # sd at a2; fld fa1; jal a1
])  # fmt: skip
def test_what_is_lost_g85(between: str, found: bool) -> None:
    far = DATA_AT + 8 - START
    code = words(auipc(A1, far)) + bytes.fromhex(between) + words(use(LOAD, A2, A1, far))
    places = [site[0] for site in sites(program(code)[0], 43) if site[1] > 15]
    assert len(places) == (2 if found else 0)


@pytest.mark.parametrize("kind", [0x03, 0x2003, 0x3007, 0x13, 0x67])
def test_what_uses_a_register_g85(kind: int) -> None:
    far = DATA_AT + 8 - START
    others = (kind | 0x1000, kind) if kind in (0x13, 0x67) else (0x33, kind)
    code = words(auipc(A1, far), use(others[0], A2, A1, far), use(others[1], A2, A1, far))
    blob, text = program(code)
    assert sites(blob, 43) == [(text, 16, DATA_AT + 8, 0), (text + 8, 17, DATA_AT + 8, 8)]


def test_uses_are_near_g85() -> None:
    far = DATA_AT + 8 - START
    for nops, found in ((30, 2), (31, 0)):
        code = words(auipc(A1, far), *[NOP] * nops, use(LOAD, A2, A1, far))
        assert len(sites(program(code)[0], 43)) == found
    assert sites(program(words(auipc(0, far), use(LOAD, A2, 0, far)))[0], 43) == []


def low_of(w: int) -> int:
    low = w >> 25 << 5 | w >> 7 & 31 if w & 0x7F in (0x23, 0x27) else w >> 20
    return (low ^ 0x800) - 0x800


def is_lost(c: int, size: int, r: int) -> bool:
    if size == 4:
        return c >> 7 & 31 == r and c & 0x7F not in (0x07, 0x23, 0x27, 0x63)
    k, usual = c >> 13, c >> 7 & 31 == r
    return {
        2: usual and k in (0, 2, 3, 4),
        0: (c >> 2 & 7) + 8 == r and k in (0, 2, 3),
        1: (usual and k <= 3) or ((c >> 7 & 7) + 8 == r and k == 4),
    }[c & 3]


def uses(code: bytes, p: int) -> list[int]:
    """G85."""
    r, q, found = int.from_bytes(code[p : p + 4], "little") >> 7 & 31, p + 4, []
    while r and q < p + 128 and q + 4 <= len(code):
        c = int.from_bytes(code[q : q + 4], "little")
        size = 4 if c & 3 == 3 else 2
        c &= (1 << 8 * size) - 1
        simple = c & 0x7F in (0x03, 0x07, 0x23, 0x27) or (
            c & 0x7F in (0x13, 0x67) and c >> 12 & 7 == 0
        )
        if size == 4 and c >> 15 & 31 == r and simple:
            found.append(q)
        if is_lost(c, size, r):
            break
        q += size
    return found


def by_rule(code: bytes, place: int, code_end: int) -> list[Site]:
    """G84, of the only code in a blob, where all that has addresses begins with it."""
    found: list[Site] = []
    p = 0
    while p + 4 <= len(code):
        w, a = int.from_bytes(code[p : p + 4], "little"), START + p
        if w & 0x7F == 0x6F:
            i = w >> 20 & 0x7FE | w >> 9 & 0x800 | w & 0xFF000 | (w >> 31) << 20
            target = a + (i ^ 0x100000) - 0x100000
            found += [(place + p, 15, target, 0)] * (START <= target < code_end)
        elif w & 0x7F == 0x17:
            h, made = ((w & ~0xFFF) ^ 0x80000000) - 0x80000000, False
            for q in uses(code, p):
                use = int.from_bytes(code[q : q + 4], "little")
                target = a + h + low_of(use)
                if START <= target < END:
                    found += [(place + p, 16, target, 0)] * (not made)
                    found.append((place + q, 17 + (use & 0x7F in (0x23, 0x27)), target, q - p))
                    made = True
        p += 4 if w & 3 == 3 else 2
    return sorted(found)


@pytest.mark.parametrize("count", [1, 40, 400, 20_000])
def test_long_code_g84_g85(count: int) -> None:
    random = Random(count)
    code = b""
    for _ in range(count):
        register, other = random.choice((0, A0, A1, A2)), random.choice((A0, A1, A2))
        near = random.randrange(-2048, 2048)
        code += random.choice([
            words(jal(register, 2 * random.randrange(-300, 300))), words(auipc(register, random.randrange(0x20000))),
            words(use(random.choice((LOAD, ADDI, JALR, BRANCH, 0x1013)), other, register, near)),
            words(store(other, register, near)), random.randbytes(2), SHORT_NOP,
        ])  # fmt: skip
    code = code[:0x1D000]
    blob, places = elf(
        [Part(".text", CODE, START, code), Part(".data", DATA, DATA_AT, bytes(4096))], machine=243
    )
    assert sites(blob, 43) == by_rule(code, places[".text"], START + len(code))


# What sites hold

FAR = DATA_AT + 0x7F8 - START - 4
SEVERAL = words(
    jal(RA, 0x40), auipc(A0, FAR), use(LOAD, A0, A0, FAR), auipc(A1, FAR - 8), store(A2, A1, FAR - 8),
    jal(0, 0x40),
)  # fmt: skip


def test_instructions_of_riscv_g24() -> None:
    blob, places = program(SEVERAL)
    # Code moved by 0x100000 + 0x4000 - 0x100, data by 0x2468; this is copied to 0x40000.
    about = relocation([43], 6, [(0, 0x40000, 1)], [(START, 0x103F00), (DATA_AT, 0x2468)])
    target = DATA_AT + 0x7F8 + 0x2468
    far = target - 0x40004
    wanted = words(
        jal(RA, START + 0x40 + 0x103F00 - 0x40000), auipc(A0, far), use(LOAD, A0, A0, far),
        auipc(A1, far - 8), store(A2, A1, far - 8), jal(0, START + 0x54 + 0x103F00 - 0x40014),
    )  # fmt: skip
    assert rebuilt(wanted, blob, about, [(0, len(wanted), places)]) == wanted


def test_a_low_part_belongs_to_the_other_g24() -> None:
    blob, text = program(SEVERAL)
    about = relocation([43], 6, [(0, 0x40000, 1)], [(DATA_AT, 0x2468)])
    # The low part alone is copied: where its high part would be counts, 4 bytes before.
    wanted = words(use(LOAD, A0, A0, DATA_AT + 0x7F8 + 0x2468 - (0x40000 - 4)))
    assert rebuilt(wanted, blob, about, [(0, 4, text + 8)]) == wanted


def absolute(at: int) -> tuple[bytes, bytes]:
    """Code at an address, and the same with addresses in place of distances."""
    one, other = 0x7654321, 0x12345800
    code = words(
        jal(RA, 0x9000 - at), auipc(A0, one - at - 4), NOP, use(LOAD, A1, A0, one - at - 4),
        store(A1, A0, one - at - 4), jal(0, 64), auipc(A1, other - at - 24),
    ) + SHORT_NOP + words(use(JALR, RA, A1, other - at - 24), auipc(A2, 0x5000))  # fmt: skip
    stored = words(
        jal(RA, 0x9000), auipc(A0, one), NOP, use(LOAD, A1, A0, one), store(A1, A0, one), jal(0, 64),
        auipc(A1, other),
    ) + SHORT_NOP + words(use(JALR, RA, A1, other), auipc(A2, 0x5000))  # fmt: skip
    return code, stored


@pytest.mark.parametrize(("start", "bias"), [(0, 0x40000), (3, 0x40000), (2, 0x3FFFE)])
def test_riscv_in_literals_g28(start: int, bias: int) -> None:
    """Also where a part begins at an odd address, or within an instruction."""
    blob, _ = program(b"")
    about = relocation([43], 0, [(start, bias, 1)], [], transform=8)
    code, stored = absolute(bias + start + start % 2)
    ahead = bytes(start + start % 2)
    assert rebuilt(ahead + code, blob, about, [], ahead + stored) == ahead + code


def test_a_prefix_of_riscv_g29() -> None:
    blob, text = program(SEVERAL)
    about = relocation([43], 6, [(0, 0x40000, 0)], [(START, 0x100), (DATA_AT, 0x2468)], transform=8)
    target = DATA_AT + 0x7F8 + 0x2468
    prefix = words(
        jal(RA, START + 0x140), auipc(A0, target), use(LOAD, A0, A0, target), auipc(A1, target),
        store(A2, A1, target), jal(0, 0x40),
    )  # fmt: skip
    stored = prefix * 2 + b"tail"
    frames = Frames(streams([stored], [[]], [stored]), [6, 1], {1: 2}, [(text, 24)], prefix)
    assert rebuilt(stored, blob, about, [], stored, frames) == stored


def test_damaged_programs_never_fail() -> None:
    blob, _ = program(SEVERAL * 8)
    for other in damaged(blob, Random(7), 200, most=40):
        for place, _, target, _ in sites(other, 43):
            assert 0 <= place <= len(other) - 4
            assert target >= 0

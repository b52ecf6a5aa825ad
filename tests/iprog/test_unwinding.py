"""What unwinding goes by in PE images, built by hand (iprog-finders.md G98)."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.plan import make_plan
from tests.iprog.damage import damaged
from tests.iprog.images import i32, sites
from tests.iprog.module import rebuilt_alone
from tests.iprog.pe_images import ARM64, BASE, CODE, CONSTANTS, HEADERS, Part, pe, text

INFOS, TABLE = 0x8000, 0x20000  # offsets of sections


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


def image(infos: bytes, functions: list[int]) -> tuple[bytes, int]:
    """An image, and the place of what functions say, at these places in it."""
    table = b"".join(
        words(0x1000 + 16 * n, 0x1010 + 16 * n, INFOS + at) for n, at in enumerate(functions)
    )
    blob = pe(
        [
            text(b""),
            Part(".rdata", CONSTANTS, INFOS, infos),
            Part(".pdata", CONSTANTS, TABLE, table),
        ],
        {3: (TABLE, len(table))},
    )
    return blob, HEADERS + 64


def references(at: int, *pairs: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    return [(at + place, 3, BASE + offset, BASE) for place, offset in pairs]


def test_handlers_and_scopes_g98() -> None:
    # Three codes take eight bytes. Two scopes of three, of which one has no target; then one that is chained.
    infos = bytes([9, 0, 3, 0]) + bytes(8) + words(0x1800, 3)
    infos += words(0x1001, 0x1002, 1, 0x1903, 0x1004, 0x1010, 0x1906, 0)
    chained = len(infos)
    infos += bytes([0x21, 0, 0, 0]) + words(0x1000, 0x1010, INFOS)
    plain = len(infos)
    infos += bytes([1, 0, 0, 0]) + words(0x1111, 0x1111, 0x1111)
    blob, at = image(infos, [0, chained, plain, 0x9000])
    assert sites(blob, 57) == references(
        at, (12, 0x1800), (20, 0x1001), (24, 0x1002), (32, 0x1903), (36, 0x1004), (40, 0x1010), (44, 0x1906),
        (chained + 4, 0x1000), (chained + 8, 0x1010), (chained + 12, INFOS),
    )  # fmt: skip
    assert sites(blob[: -12 * 4], 57) == []  # the table does not lie in its section


def exceptions(magic: int = 0x19930522) -> tuple[bytes, list[tuple[int, int]]]:
    """A function with tables for exceptions, and the references in all of it."""
    about, unwinds, tries, handlers, states = 12, 48, 64, 84, 124
    infos = bytes([0x19, 0, 0, 0]) + words(0x1800, INFOS + about)
    infos += words(
        magic, 2, INFOS + unwinds, 1, INFOS + tries, 2, INFOS + states, -2, INFOS + 8
    ) + words(-1, 0x1100, 0, 0)
    infos += words(0, 1, 2, 2, INFOS + handlers)
    infos += words(8, 0x7000, 40, 0x1200, 56) + words(0, 0, 40, 0x1210, 56)
    infos += words(0x1000, -1, 0x1004, 0)
    return infos.ljust(200, b"\0"), [
        (4, 0x1800), (8, INFOS + about), (about + 8, INFOS + unwinds), (about + 16, INFOS + tries),
        (about + 24, INFOS + states), (about + 32, INFOS + 8), (unwinds + 4, 0x1100),
        (tries + 16, INFOS + handlers), (handlers + 4, 0x7000), (handlers + 12, 0x1200),
        (handlers + 32, 0x1210), (states, 0x1000), (states + 8, 0x1004),
    ]  # fmt: skip


def test_exceptions_g98() -> None:
    infos, held = exceptions()
    blob, at = image(infos, [0])
    assert sites(blob, 57) == references(at, *held)
    for magic, known in ((0x19930520, True), (0x1993051F, False), (0x19930523, False)):
        blob, at = image(exceptions(magic)[0], [0])
        assert sites(blob, 57) == references(at, *(held if known else held[:1]))


def arm_image(entries: bytes, infos: bytes) -> bytes:
    parts = [
        text(b""),
        Part(".rdata", CONSTANTS, INFOS, infos),
        Part(".pdata", CONSTANTS, TABLE, entries),
    ]
    return pe(parts, {3: (TABLE, len(entries))}, machine=ARM64)


def arm_info(about: int, more: int) -> bytes:
    """What is known of a function, and that it has a handler; ``more`` words lie before that."""
    return words(about | 1 << 20) + bytes(4 * more)


def test_handlers_of_aarch64_g98() -> None:
    """The words are those of Microsoft's description of exception handling on ARM64."""
    one = arm_info(4 | 1 << 21 | 7 << 22 | 2 << 27, 2)  # one end, told of in place of how many
    several = arm_info(4 | 3 << 22 | 1 << 27, 4)
    large = arm_info(4, 0) + words(2 | 1 << 16) + bytes(12)
    scopes = words(0x1800, 2, 0x1000, 0x1010, 1, 0x1004, 0x1000, 0x1011, 1, 0x1004)
    for info in (one, several, large):
        blob, at = arm_image(words(0x1000, INFOS), info + scopes), HEADERS + 64
        assert sites(blob, 57) == references(
            at + len(info), (0, 0x1800), (8, 0x1000), (12, 0x1010), (20, 0x1004)
        )
        bare = bytearray(blob)
        bare[at + 2] &= 0xEF  # no handler
        assert sites(bytes(bare), 57) == []
        assert sites(arm_image(words(0x1000, INFOS + 1), info + scopes), 57) == []  # packed


def test_exceptions_of_aarch64_g98() -> None:
    infos, held = exceptions()
    info = arm_info(4 | 1 << 21, 0) + words(0)  # neither ends nor codes, in two words
    blob = arm_image(words(0x1000, INFOS + 200), infos + info + infos[4:16])
    named = [(place + 204, offset) for place, offset in held[:2]]
    assert sites(blob, 57) == references(HEADERS + 64, *held[2:], *named)


def test_tables_that_are_cut_off_g98() -> None:
    infos, held = exceptions()
    for field, rows, lost in ((16, 20, (6,)), (32, 100, (11, 12)), (24, 0, (7, 8, 9, 10))):
        other = infos[:field] + words(rows) + infos[field + 4 :]
        blob, at = image(other, [0])
        wanted = [pair for n, pair in enumerate(held) if n not in lost]
        assert sites(blob, 57) == references(at, *wanted)


def test_many_functions_with_one_table_g98() -> None:
    infos, held = exceptions()
    blob, at = image(infos, [0] * 15)
    assert sites(blob, 57) == references(at, *held)


def library(gap: int) -> bytes:
    """Functions that call each other and have handlers; ``gap`` bytes more are in front of each 20."""
    random = Random(2)
    starts = [64 * n + gap * (n // 20) for n in range(300)]
    code, infos, table = bytearray(), b"", b""
    for start in starts:
        code += b"\x90" * (start - len(code)) + random.randbytes(40).replace(b"\xe8", b"\x90")
        code += b"\x90\xe8" + i32(random.choice(starts) - start - 46) + b"\xc3\xc3"
        own, at = INFOS + len(infos), 0x1000 + start
        table += words(at, at + 48, own)
        infos += bytes([0x19, random.randrange(256), 0, 0]) + words(0x1000, own + 12)
        infos += words(0x19930522, 1, own + 48, 0, 0, 2, own + 56, -2, 0, -1, at + 8)
        infos += words(at, -1, at + random.randrange(40), 0)
    return pe(
        [Part(".text", CODE, 0x1000, bytes(code).ljust(0x6000)), Part(".rdata", CONSTANTS, INFOS, infos),
         Part(".pdata", CONSTANTS, TABLE, table)], {3: (TABLE, len(table))},
    )  # fmt: skip


def test_decoders_rebuild_an_image_with_handlers() -> None:
    old, new = library(0), library(64)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert 57 in planned.header.relocation.finders
    assert len(planned.plan) < len(make_plan(new, [old], finders=(14, 15, 16)).plan) / 1.3
    assert Reader(planned.plan, [old]).rebuild() == new
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_images_never_fail(seed: int) -> None:
    random = Random(seed)
    blob = image(exceptions()[0], [0, 0, 12])[0]
    for other in damaged(blob, random, 300, within=[range(HEADERS, len(blob))]):
        assert all(place < len(other) for place, *_ in sites(other, 57))

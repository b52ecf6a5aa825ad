"""Reconstructors, in which rows of sites are records (iprog-abi.md D8): one for a site, or two."""

from __future__ import annotations

from random import Random

from pcpu.iprog.finders import find_sites, record
from pcpu.iprog.finders.numbered import are_short
from pcpu.iprog.plan import make_plan
from tests.iprog.images import CODE, CONSTANTS, Part, elf, i32
from tests.iprog.module import rebuilt_alone

ENTRIES = 6000  # so many that distances from the start of their table have no room in a record


def program(gap: int) -> bytes:
    """Code with a table of where its 400 functions are; ``gap`` bytes are before each 50."""
    random = Random(5)
    starts = [32 * n + gap * (n // 50) for n in range(400)]
    code = bytearray()
    for start in starts:
        code += b"\x90" * (start - len(code)) + random.randbytes(6).replace(b"\xe8", b"\x90")
        code += b"\x48\x8d\x05" + i32(0x10000 - 0x2000 - start - 13)
        code += b"\x90\xe8" + i32(random.choice(starts) - start - 19) + b"\xc3" * 8
    table = b"".join(i32(random.choice(starts) + 0x2000 - 0x10000) for _ in range(ENTRIES))
    return elf([
        Part(".text", CODE, 0x2000, bytes(code)), Part(".rodata", CONSTANTS, 0x10000, table),
    ])[0]  # fmt: skip


def test_sites_of_two_records_d8_d11() -> None:
    old, new = program(0), program(48)
    planned = make_plan(new, [old])
    relocation = planned.header.relocation
    assert relocation is not None
    assert {1, 7} <= set(relocation.finders)
    assert are_short(relocation.finders)
    sites = find_sites(old, relocation.finders)
    assert sum(abs(sites.extra) >= -record.APART) > 1000
    assert rebuilt_alone(planned.plan, old) == new
    assert rebuilt_alone(make_plan(new, [old], finders=()).plan, old) == new


def test_numbers_of_records_d8() -> None:
    most = -record.APART - 1
    for place, form, target, extra in (
        (5, 0, 1 << 50, 4), ((1 << 40) - 1, 1, 0, -most), (0, 3, 0x5000, 0x4000),
        (7, 3, (3 << 32) + 9, (3 << 32) - 9),
    ):  # fmt: skip
        about, told = record.numbers_of(place, form, target, extra)
        assert not record.is_apart(about)
        assert about & record.PLACE == place
        assert about >> record.FORM & record.FORMS == form
        more = about >> record.EXTRA
        assert (told >> 32 | more << 32 if form == 3 else more) == extra
        assert form == 3 or told == target
    for form, target, extra in (
        (1, 8, most + 1),
        (2, 8, record.APART),
        (3, 1 << 33, 0),
        (3, 0, -1),
    ):
        about, told = record.numbers_of(9, form, target, extra)
        assert record.is_apart(about)
        assert not record.is_own(about)
        assert told == target
        assert record.is_own(record.own_record(9))


def test_what_counts_or_changes_rows_has_rows() -> None:
    assert are_short((1, 2, 4, 7))
    assert not are_short((36, 38))  # tables of x86
    assert not are_short((29,))  # universal files

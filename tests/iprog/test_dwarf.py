"""What programs carry for debuggers, built by hand."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import find_sites
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from tests.iprog.damage import damaged
from tests.iprog.images import CODE, Part, elf, sites, u64

TEXT = 0x11000
ENTRIES, DECLARED = 14 << 40, 15 << 40
Attributes = tuple[tuple[int, int], ...]  # names and forms


def leb(value: int) -> bytes:
    groups = [value >> n & 127 for n in range(0, max(value.bit_length(), 1), 7)]
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])


def table(*declared: Attributes, more: bytes = b"\0") -> bytes:
    """Declarations with codes from 1 on."""
    found = b""
    for code, attributes in enumerate(declared, 1):
        found += leb(code) + b"\x2e\0"
        for name, form in attributes:
            found += leb(name) + leb(form) + (b"\x85\0" if form == 0x21 else b"")
        found += b"\0\0"
    return found + more


def unit(
    entries: bytes, *, version: int = 4, place: int = 0, kind: int = 1, size: int = 8
) -> bytes:
    if version == 5:
        more = {2: 12, 4: 8, 5: 8, 6: 12}.get(kind, 0)
        body = struct.pack("<HBBI", 5, kind, size, place) + bytes(more) + entries
    else:
        body = struct.pack("<HIB", version, place, size) + entries
    return struct.pack("<I", len(body)) + body


def program(
    entries: bytes, declared: bytes, lists: dict[str, bytes] | None = None, flags: int = 0,
    code: bytes = bytes(64),
) -> tuple[bytes, dict[str, int]]:  # fmt: skip
    parts = [Part(".text", CODE, TEXT, code), Part(".debug_info", flags, 0, entries)]
    parts.append(Part(".debug_abbrev", 0, 0, declared))
    return elf(parts + [Part(name, 0, 0, content) for name, content in (lists or {}).items()])


# What follows for each form, and the site at its start.
WORDS = {0x0E: 7 << 40, 0x1F: 8 << 40, 0x10: ENTRIES}
FORMS = [
    (0x19, 0), (0x21, 0), *((form, 1) for form in (0x0B, 0x0C, 0x11, 0x25, 0x29)),
    *((form, 2) for form in (0x05, 0x12, 0x26, 0x2A)), (0x27, 3), (0x2B, 3),
    *((form, 4) for form in (0x06, 0x0E, 0x10, 0x13, 0x1C, 0x1D, 0x1F, 0x28, 0x2C, 0x1F20, 0x1F21)),
    *((form, 8) for form in (0x01, 0x07, 0x14, 0x20, 0x24)), (0x1E, 16),
]  # fmt: skip
COUNTED = [
    *((form, b"\x83\x01") for form in (0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02)),
    (0x08, b"text\0"), (0x0A, b"\2ab"), (0x03, b"\2\0ab"), (0x04, b"\2\0\0\0ab"), (0x09, b"\2ab"),
    (0x18, b"\2\x30\x31"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "content"),
    [(form, bytes(range(1, size + 1))) for form, size in FORMS] + COUNTED,
)
def test_forms_g111(form: int, content: bytes) -> None:
    # The reference behind what has the form is found where it ends.
    declared = table(((0x47, form), (0x49, 0x13)))
    blob, places = program(unit(b"\1" + content + struct.pack("<I", 99)), declared)
    at, start = places[".debug_info"], places[".debug_info"] + 12
    wanted = [(at, 3, ENTRIES + 4 + len(content) + 12, ENTRIES + 4)]
    value = int.from_bytes(content[:4], "little")
    if form in WORDS:
        wanted.append((start, 7, WORDS[form] + value, 0))
    if form == 0x13:
        wanted.append((start, 3, ENTRIES + value, ENTRIES))
    wanted.append((start + len(content), 3, ENTRIES + 99, ENTRIES))
    assert sites(blob, 58) == wanted
    cut, _ = program(unit((b"\1" + content)[: max(len(content), 1)]), declared)
    assert len(sites(cut, 58)) == 1


def test_places_in_other_sections_g112() -> None:
    names = (0x10, 0x55, 0x02, 0x2137, 0x72, 0x73, 0x74, 0x8C, 0x79, 0x2119, 0x40)
    declared = bytes(5) + table(tuple((name, 0x17) for name in names))
    values = [*range(1, 11), 0]
    blob, places = program(unit(b"\1" + struct.pack("<11I", *values), place=5), declared)
    at = places[".debug_info"]
    assert sites(blob, 58)[1:] == [
        (at + 6, 7, DECLARED + 5, 0),
        *((at + 12 + 4 * n, 7, (kind << 40) + n + 1, 0) for n, kind in enumerate((9, 10, 11, 11))),
    ]


def test_addresses_and_expressions_g112() -> None:
    declared = table(((0x11, 0x01), (0x11, 0x01), (0x02, 0x18)))
    code = bytes.fromhex(
        "06 08aa 0a0000 0c00000000 0e0000000000000000 1085 01 9285018501 a6008501 9e020303 a4850102aabb"
    ) + b"\x03" + u64(TEXT + 4) + b"\x99" + struct.pack("<I", 7) + b"\xfd" + struct.pack("<I", 8) \
        + b"\xf2" + struct.pack("<I", 9) + b"\x85\1" + b"\x9a" + bytes(4) + b"\x03" + u64(9)  # fmt: skip
    ends = b"\x01" + b"\x03" + u64(TEXT)  # no operation
    entry = b"\1" + u64(TEXT, TEXT - 1) + leb(len(code + ends)) + code + ends
    blob, places = program(unit(b"\0") + unit(entry), declared)
    second = places[".debug_info"] + 12
    base, at = ENTRIES + 12, second + 12
    where = at + 17 + code.index(b"\x03" + u64(TEXT + 4))
    assert sites(blob, 58)[1:] == [
        (second, 3, base + 4 + 8 + len(entry) - 1, base + 4),
        (at, 2, TEXT, 0),
        (where + 1, 2, TEXT + 4, 0),
        (where + 10, 3, base + 7, base),
        (where + 15, 7, ENTRIES + 8, 0),
        (where + 20, 7, ENTRIES + 9, 0),
    ]


def test_units_g110() -> None:
    declared = table(((0x49, 0x13),))
    entry = b"\1" + struct.pack("<I", 99)
    for kind, more in ((1, 0), (2, 12), (3, 0), (4, 8), (5, 8), (6, 12)):
        blob, places = program(unit(entry, version=5, kind=kind), declared)
        last = sites(blob, 58)[-1]
        assert last == (places[".debug_info"] + 13 + more, 3, ENTRIES + 99, ENTRIES)
    for bad in (
        unit(entry, version=5, kind=0), unit(entry, version=5, kind=7), unit(entry, version=6),
        unit(entry, version=2), unit(entry, size=4), unit(entry, version=5, size=4), unit(b""),
        unit(entry, place=len(declared)), unit(b"", version=5)[:11],
    ):  # fmt: skip
        blob, places = program(bad + unit(entry), declared)
        if len(bad) > 11 or bad[4:6] != b"\5\0":  # the next one is read all the same
            found = [
                (
                    places[".debug_info"] + len(bad) + 12,
                    3,
                    ENTRIES + len(bad) + 99,
                    ENTRIES + len(bad),
                )
            ]
        assert sites(blob, 58)[1:] == (found if len(bad) > 11 or bad[4:6] != b"\5\0" else [])
    for broken in (
        b"\xf0\xff\xff\xff" + unit(entry)[4:],
        b"\6" + unit(entry)[1:],
        unit(entry)[:-1],
    ):
        assert sites(program(broken, declared)[0], 58) == []
    assert sites(program(unit(entry), declared, flags=0x800)[0], 58) == []
    assert (
        sites(
            elf([Part(".text", CODE, TEXT, bytes(64)), Part(".debug_info", 0, 0, unit(entry))])[0],
            58,
        )
        == []
    )


def test_tables_g111() -> None:
    one = ((0x49, 0x13),)
    entry = b"\2" + struct.pack("<I", 99)
    two = table(one, one, more=b"")
    for declared, found in (
        (two, 2), (two[:-1], 1), (table(one, more=b"") + b"\3" + table(one)[1:], 1),
        (table(one, ((0x49, 0x13),) + ((1, 0x19),) * 99), 2),
        (table(one, ((0x49, 0x13),) + ((1, 0x19),) * 100), 1),
    ):  # fmt: skip
        assert len(sites(program(unit(entry), declared)[0], 58)) == found
    # Tables that are read again and again are read until they come to as much as the blob.
    most = table(*[((1, 0x19),) * 90] * 40)
    units = b"".join(unit(b"\1", place=n % 2) for n in range(40))
    blob, _ = program(units, b"\1" + most)
    assert len(sites(blob, 58)) < 80
    assert len(find_sites(blob, (58, 59))) == len(find_sites(blob, (58,)))


def listed(name: int, *places: int) -> bytes:
    return b"\1" + u64(TEXT + 8) + b"".join(b"\2" + struct.pack("<I", place) for place in places)


def test_ranges_g113() -> None:
    declared = table(((0x11, 0x01),), ((0x55, 0x17),), ((0x02, 0x17),))
    ranges = u64(1, 2, 0, 0, TEXT, 3, 2**64 - 1, TEXT + 16, 4, 2**32) + u64(0, 0, 5, 6) + bytes(15)
    entries = unit(listed(0x55, 32, 0, 16, 96, 200)) + unit(b"\2" + struct.pack("<I", 96))
    blob, places = program(entries, declared, {".debug_ranges": ranges, ".debug_loc": ranges})
    at, base = places[".debug_ranges"], TEXT + 8
    assert sites(blob, 60) == [
        (at, 3, base + 1, base), (at + 8, 3, base + 2, base), (at + 40, 3, base + 3, base),
        (at + 56, 2, TEXT + 16, 0), (at + 64, 3, TEXT + 20, TEXT + 16),
        (at + 96, 3, base + 5, base), (at + 104, 3, base + 6, base),
    ]  # fmt: skip
    fixed, places = program(
        unit(b"\2" + bytes(4)), declared, {".debug_ranges": u64(TEXT, TEXT + 8, TEXT + 64, 0)}
    )
    at = places[".debug_ranges"]
    assert sites(fixed, 60) == [(at, 7, TEXT, 0), (at + 8, 7, TEXT + 8, 0)]


def test_ranges_of_version_5_g113() -> None:
    declared = table(((0x11, 0x01),), ((0x55, 0x17),))
    content = bytes.fromhex("0185 01 02850101 030101 040101") + b"\5" + u64(TEXT) + b"\6" + u64(
        TEXT + 1, TEXT + 2) + b"\7" + u64(TEXT + 3) + b"\x85\1" + b"\0" + b"\5" + u64(TEXT)  # fmt: skip
    blob, places = program(unit(listed(0x55, 0), version=5), declared, {".debug_rnglists": content})
    at = places[".debug_rnglists"]
    assert sites(blob, 60) == [
        (at + 14, 2, TEXT, 0), (at + 23, 2, TEXT + 1, 0), (at + 31, 2, TEXT + 2, 0),
        (at + 40, 2, TEXT + 3, 0),
    ]  # fmt: skip
    assert sites(blob, 59) == []


def test_locations_g113() -> None:
    declared = table(((0x11, 0x01),), ((0x02, 0x17),), ((0x2137, 0x17),))
    there = b"\x03" + u64(TEXT + 1)
    old = u64(1, 2) + struct.pack("<H", 9) + there + u64(3, 4) + struct.pack("<H", 99)
    blob, places = program(unit(listed(0x02, 0)), declared, {".debug_loc": old})
    at, base = places[".debug_loc"], TEXT + 8
    assert sites(blob, 59) == [
        (at, 3, base + 1, base), (at + 8, 3, base + 2, base), (at + 19, 2, TEXT + 1, 0),
        (at + 27, 3, base + 3, base), (at + 35, 3, base + 4, base),
    ]  # fmt: skip
    where = b"\x09" + there
    new = (
        b"\1\2\2\1\1" + where + b"\4\1\1" + where + b"\5" + where + b"\6" + u64(TEXT) + b"\x09\1\1"
    )
    new += b"\7" + u64(TEXT + 2, TEXT + 3) + where + b"\x08" + u64(TEXT + 4) + b"\x85\1" + where
    blob, places = program(
        unit(listed(0x02, 0), version=5), declared, {".debug_loclists": new + b"\x0a" + where}
    )
    at = places[".debug_loclists"]
    wanted = [(at + 7, 2, TEXT + 1, 0), (at + 20, 2, TEXT + 1, 0), (at + 31, 2, TEXT + 1, 0)]
    wanted += [(at + 40, 2, TEXT, 0), (at + 52, 2, TEXT + 2, 0), (at + 60, 2, TEXT + 3, 0)]
    wanted += [(at + 70, 2, TEXT + 1, 0), (at + 79, 2, TEXT + 4, 0), (at + 91, 2, TEXT + 1, 0)]
    assert sites(blob, 59) == wanted
    other, _ = program(unit(b"\3" + bytes(4), version=5), declared, {".debug_loclists": new})
    assert sites(other, 59) == []


def described(random: Random, more: int) -> bytes:
    """A program whose entries refer to each other, with ``more`` that are only in this one."""
    declared = table(((0x11, 0x01),), ((0x03, 0x08), (0x49, 0x13), (0x3A, 0x0E), (0x55, 0x17)))
    entries, places = b"\1" + u64(TEXT), []
    for n in range(3000):
        if n == 1000:
            entries += (b"\2more\0" + bytes(12)) * more
        places.append(11 + len(entries))
        name = bytes(random.choices(b"abcdefgh", k=5))
        to = places[random.randrange(len(places))]
        entries += b"\2" + name + b"\0" + struct.pack("<III", to, 4 * n + more, 48 * n)
    ranges = b"".join(u64(2 * n + more, 2 * n + 8 + more, 0) + u64(0) for n in range(3000))
    ranges = b"".join(u64(2 * n + more, 2 * n + 8 + more, 0, 0, 0, 0) for n in range(3000))
    return program(unit(entries), declared, {".debug_ranges": ranges}, code=bytes(8192))[0]


def test_plans_of_what_is_described_are_small() -> None:
    old, new = described(Random(1), 0), described(Random(1), 5)
    plan = make_plan(new, [old]).plan
    without = make_plan(new, [old], finders=()).plan
    assert len(plan) < len(without) / 4
    assert Reader(plan, [old]).rebuild() == new
    assert NativeReader(plan, [old]).rebuild() == new


def test_damaged_descriptions_find_something_or_nothing() -> None:
    whole = described(Random(2), 1)
    within = [range(0x200, len(whole) - 400)]
    for other in damaged(whole, Random(3), 40, within=within, most=16):
        assert len(find_sites(other, (58, 59, 60))) <= len(whole) // 4


def test_programs_without_content_for_memory() -> None:
    # What was stripped of a program is stored apart: sections that are loaded have no bytes there.
    def symbols(more: int) -> bytes:
        random = Random(4)
        table = b"".join(
            struct.pack("<IBBHQQ", random.randrange(1 << 20), 2, 0, 1, 0x1000 + 16 * n + more, 9)
            for n in range(500)
        )
        code = Part(".text", CODE, 0x1000, b"", 8, size=0x4000)
        return elf([code, Part(".symtab", 0, 0, table, 2)])[0]

    old, new = symbols(0), symbols(32)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert planned.header.relocation.regions == ()
    assert len(planned.plan) < 700
    assert Reader(planned.plan, [old]).rebuild() == new

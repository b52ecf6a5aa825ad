"""Finders of .NET's assemblies against assemblies built by hand, as ECMA-335 lays them out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import read_image
from pcpu.iprog.images import parts_of
from pcpu.iprog.mnemonics import count_mnemonics
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import Region, RegionKind
from tests.iprog.damage import damaged
from tests.iprog.images import sites
from tests.iprog.module import rebuilt_alone
from tests.iprog.relocated import rebuilt, relocation

BASE, OFFSET, PLACE = 0x400000, 0x2000, 0x200
STRINGS, BLOBS, USER_STRINGS = (kind << 40 for kind in (46, 47, 48))
META = PLACE + 72  # where the metadata lie, behind the header


def row(table: int) -> int:
    """What the rows of a table count from."""
    return (1 + table) << 40


def assembly(
    tables: dict[int, tuple[int, bytes]],
    bodies: bytes = b"",
    *,
    heaps: int = 0,
    strings: bytes = b"\0a\0bc\0",
    blobs: bytes = b"\0\1\2",
    wide: bool = False,
    flags: int = 1,
    extra: bytes = b"",
    streams: Sequence[str] = ("#~", "#Strings", "#Blob"),
) -> tuple[bytes, int, int]:
    """An image whose only section has the header, the metadata, and bodies of methods; where the
    first table and the bodies begin. ``tables`` has numbers of rows, and these."""
    listed = b"".join(struct.pack("<I", tables[n][0]) for n in sorted(tables))
    rows = b"".join(tables[n][1] for n in sorted(tables))
    mask = sum(1 << n for n in tables)
    head = struct.pack("<IBBBBQQ", 0, 2, 0, heaps, 1, mask, 0) + listed + extra
    contents = {"#~": head + rows, "#Strings": strings, "#Blob": blobs}
    root = struct.pack("<IHHII", 0x424A5342, 1, 1, 0, 8) + b"v4.0\0\0\0\0"
    root += struct.pack("<HH", 0, len(streams))
    named = {name: name.encode().ljust(len(name) // 4 * 4 + 4, b"\0") for name in streams}
    at = len(root) + sum(8 + len(named[name]) for name in streams)
    body = b""
    for name in streams:
        root += struct.pack("<II", at + len(body), len(contents[name])) + named[name]
        body += contents[name].ljust(-(-len(contents[name]) // 4) * 4, b"\0")
    first = META + at + len(head)
    metadata = root + body
    cli = struct.pack("<IHHIIII", 72, 2, 5, OFFSET + 72, len(metadata), flags, 0).ljust(72, b"\0")
    content = cli + metadata + bodies
    magic, size = (0x20B, 240) if wide else (0x10B, 224)
    optional = struct.pack("<H", magic).ljust(24 if wide else 28, b"\0")
    optional += struct.pack("<Q" if wide else "<I", BASE)
    optional = optional.ljust(size - 132, b"\0") + struct.pack("<I", 16)
    optional += bytes(8 * 14) + struct.pack("<II", OFFSET, 72) + bytes(8)
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, size, 0x2102) + optional
    head += struct.pack(
        "<8sIIIIIIHHI", b".text", len(content), OFFSET, len(content), PLACE, 0, 0, 0, 0, 0x60000020
    )
    return head.ljust(PLACE, b"\0") + content, first, PLACE + 72 + len(metadata)


def method(offset: int) -> bytes:
    return struct.pack("<IHHHHH", offset, 0, 0, 1, 1, 1)


def test_columns_g90() -> None:
    rows = {
        0: (1, struct.pack("<5H", 0, 3, 1, 0, 0)),
        1: (2, struct.pack("<6H", 3 << 2 | 3, 1, 0, 2 << 2, 3, 5)),  # a type reference; a module
        2: (1, struct.pack("<I4H", 9, 1, 0, 1 << 2 | 1, 1) + struct.pack("<H", 1)),
        6: (1, method(0x2100)),
        12: (2, struct.pack("<6H", 7 << 5 | 3, 9 << 3 | 3, 1, 4 << 5 | 22, 2 << 3 | 1, 0)),
    }
    blob, first, _ = assembly(rows)
    module, reference, definition, one, attributes = (
        first + at for at in (0, 10, 22, 36, 50)
    )  # fmt: skip
    assert sites(blob, 46) == [
        (module + 2, 19, STRINGS + 3, 0),
        (reference, 19, row(1) + 3, 8 * 3 + 2), (reference + 2, 19, STRINGS + 1, 0),
        (reference + 6, 19, row(0) + 2, 2), (reference + 8, 19, STRINGS + 3, 0),
        (reference + 10, 19, STRINGS + 5, 0),
        (definition + 4, 19, STRINGS + 1, 0), (definition + 8, 19, row(1) + 1, 8 + 2),
        (definition + 10, 19, row(4) + 1, 0), (definition + 12, 19, row(6) + 1, 0),
        (one, 3, BASE + 0x2100, BASE), (one + 8, 19, STRINGS + 1, 0),
        (one + 10, 19, BLOBS + 1, 0), (one + 12, 19, row(8) + 1, 0),
        (attributes, 19, row(2) + 7, 8 * 3 + 5), (attributes + 2, 19, row(10) + 9, 8 * 3 + 3),
        (attributes + 4, 19, BLOBS + 1, 0),
    ]  # fmt: skip


def test_wide_columns_g89_g90() -> None:
    # A heap of names and 2^16 fields make columns of four bytes, 2^14 of them those of constants.
    field = struct.pack("<HIH", 6, 3, 0)
    blob, first, _ = assembly(
        {4: (1 << 14, field * (1 << 14)), 11: (1, struct.pack("<HIH", 8, 5 << 2, 1))}, heaps=1
    )
    found = sites(blob, 46)
    assert found[0] == (first + 2, 20, STRINGS + 3, 0)
    at = first + 8 * (1 << 14)
    assert found[-2:] == [(at + 2, 20, row(4) + 5, 2), (at + 6, 19, BLOBS + 1, 0)]
    fewer, first, _ = assembly({4: ((1 << 14) - 1, field * ((1 << 14) - 1)), 11: (1, b"\1\0\x14\0\0\0")}, heaps=1)  # fmt: skip
    at = first + 8 * ((1 << 14) - 1)
    assert sites(fewer, 46)[-1] == (at + 2, 19, row(4) + 5, 2)
    longer, first, _ = assembly(
        {4: (1, struct.pack("<HHI", 6, 3, 2))}, heaps=0x44, extra=b"\7\7\7\7"
    )
    assert sites(longer, 46) == [
        (first + 2, 19, STRINGS + 3, 0), (first + 4, 20, BLOBS + 2, 0),
    ]  # fmt: skip


def test_instructions_g91() -> None:
    call, text = b"\x28" + struct.pack("<I", 0x0A000005), b"\x72" + struct.pack("<I", 0x70000009)
    switch = b"\x45" + struct.pack("<I3i", 3, 0, 0, 0) + b"\x28\1\0\0\6"
    others = b"\x28\0\0\0\6\x28\1\0\0\x2d\xfe\x15\2\0\0\2\x20\x28\1\0\0\x21\x28\1\0\0\6\0\0\0"
    code = call + text + switch + others + b"\xfe\x09\x28\1" + b"\xd0\3\0\0\4" + b"\x24" + call
    tiny = bytes([(len(call) << 2) | 2]) + call
    fat = struct.pack("<HHII", 0x3003, 8, len(code), 0x11000002) + code
    blob, first, at = assembly({6: (2, bytes(28))}, tiny + fat)
    offset = OFFSET + at - PLACE
    rows = method(offset) + method(offset + len(tiny))
    blob = blob[:first] + rows + blob[first + 28 :]
    start = at + len(tiny)
    inside = start + 12
    tag = 1 << 27
    switched = inside + 10 + 18
    later = inside + 10 + len(switch)
    assert sites(blob, 47) == [
        (at + 2, 20, row(10) + 5, 10 * tag),
        (start + 8, 20, row(17) + 2, 17 * tag),
        (inside + 1, 20, row(10) + 5, 10 * tag),
        (inside + 6, 20, USER_STRINGS + 9, 0x70 * tag),
        (switched, 20, row(6) + 1, 6 * tag),
        (later + 12, 20, row(2) + 2, 2 * tag),
        (later + len(others) + 5, 20, row(4) + 3, 4 * tag),
    ]
    # Of a body that does not lie in the blob nothing is known.
    longer = blob[: start + 4] + struct.pack("<I", len(code) + 1) + blob[start + 8 :]
    assert len(sites(longer, 47)) == 1


@pytest.mark.parametrize("fat", [False, True])
def test_clauses_g91(fat: bool) -> None:
    def clause(kind: int, token: int) -> bytes:
        return struct.pack("<IIIIII" if fat else "<HHBHBI", kind, 0, 1, 1, 1, token)

    clauses = clause(0, 0x01000007) + clause(2, 0x01000008) + clause(0, 0x02000009)
    size = 4 + len(clauses)
    kinds = struct.pack("<I", size << 8 | 0xC1) if fat else bytes([0x81, size, 0, 0])
    last = bytes([1, 16, 0, 0]) + struct.pack("<HHBHBI", 0, 0, 1, 1, 1, 0x0100000A)
    body = struct.pack("<HHII", 0x300B, 8, 1, 0) + b"\x2a\0\0\0" + kinds + clauses + last
    blob, first, at = assembly({6: (1, bytes(14))}, body)
    blob = blob[:first] + method(OFFSET + at - PLACE) + blob[first + 14 :]
    one = len(clauses) // 3
    begin = at + 16 + 4
    assert at % 4 == 0
    assert sites(blob, 47) == [
        (begin + one - 4, 20, row(1) + 7, 1 << 27),
        (begin + 3 * one - 4, 20, row(2) + 9, 2 << 27),
        (begin + 3 * one + 12, 20, row(1) + 10, 1 << 27),
    ]


def test_many_methods_with_one_body_g91() -> None:
    code = (b"\x28\1\0\0\6" + bytes(95)) * 12
    body = struct.pack("<HHII", 0x3003, 8, len(code), 0) + code
    blob, first, at = assembly({6: (20, bytes(280))}, body)
    blob = blob[:first] + method(OFFSET + at - PLACE) * 20 + blob[first + 280 :]
    assert len(sites(blob, 47)) == 12  # once each: those that lie over others are dropped


def test_what_is_an_assembly_g89() -> None:
    rows = {1: (1, struct.pack("<3H", 0, 1, 0))}
    blob, first, _ = assembly(rows)
    assert len(sites(blob, 46)) == 1
    optional, metadata = 64 + 24, META
    for at, change in (
        (0, b"L"), (64, b"Q"), (optional, b"\x0c"), (optional + 92, b"\x0e"), (optional + 210, b"\x90"),
        (metadata, b"A"), (PLACE + 12, b"\x13"), (metadata + 12, b"\xff\xff"), (first - 15, b"\x20"),
        (first - 4, b"\xff"),
    ):  # fmt: skip
        other = blob[:at] + change + blob[at + len(change) :]
        assert sites(other, 46) == [], at
    assert sites(blob[:-1], 46) == []  # the content of the section is cut off
    wide, first, _ = assembly(rows, wide=True)
    assert sites(wide, 46) == [(first + 2, 19, STRINGS + 1, 0)]
    without, _, _ = assembly(rows, streams=("#Strings",))
    assert sites(without, 46) == []


def test_what_people_are_told_of_an_assembly() -> None:
    blob, _, _ = assembly({1: (1, struct.pack("<3H", 0, 1, 0))})
    image = read_image(blob)
    assert image is not None
    assert image.kind == "clr"
    assert image.regions == (Region(PLACE, BASE + OFFSET - PLACE, RegionKind.OTHER),)
    assert image.span[0] == BASE + OFFSET
    assert [part.name for part in parts_of(image, blob)] == [b".text"]
    assert count_mnemonics(image, blob) == {}


def test_numbers_with_tags_g24() -> None:
    """Forms 19 and 20, with room and without."""
    code = b"\x28" + struct.pack("<I", 0x0A000005)
    blob, first, at = assembly(
        {1: (1, struct.pack("<3H", 9 << 2 | 3, 1, 0)), 6: (1, bytes(14))},
        bytes([(len(code) << 2) | 2]) + code,
    )
    blob = blob[: first + 6] + method(OFFSET + at - PLACE) + blob[first + 20 :]
    about = relocation([46, 47], len(sites(blob, 46, 47)), [], [
        (row(1), 700), (row(10), 0x1234), (STRINGS, 65534), (BLOBS, 0),
    ])  # fmt: skip
    wanted = struct.pack("<HHH", 709 << 2 | 3, 65535, 0)
    assert rebuilt(wanted, blob, about, [(0, 6, first)]) == wanted
    wanted = b"\x28" + struct.pack("<I", 0x0A001239)
    assert rebuilt(wanted, blob, about, [(0, 5, at + 1)]) == wanted
    about = relocation([46, 47], len(sites(blob, 46, 47)), [], [
        (row(1), 1 << 14), (row(10), 1 << 32), (STRINGS, 65535),
    ])  # fmt: skip
    wanted = blob[first : first + 6]
    assert rebuilt(wanted, blob, about, [(0, 6, first)]) == wanted
    assert rebuilt(code, blob, about, [(0, 5, at + 1)]) == code


def library(skipped: int) -> bytes:
    """Types with methods that call each other; that with number ``skipped`` is missing."""
    random = Random(5)
    names = [f"Name{random.randrange(10**6)}" for _ in range(600)]
    calls = [[random.randrange(600) for _ in range(4)] for _ in range(600)]
    fillers = [bytes(random.choice((0, 2, 3, 6, 22, 37)) for _ in range(16)) for _ in range(600)]
    kept = [n for n in range(600) if n != skipped]
    number = {n: 1 + k for k, n in enumerate(kept)}
    heap, at = b"\0", {}
    for n in kept:
        at[n] = len(heap)
        heap += names[n].encode() + b"\0"
    bodies, places = b"", []
    for n in kept:
        code = b"".join(
            fillers[n][:4 + k] + b"\x28" + struct.pack("<I", 0x06000000 + number.get(other, 1))
            for k, other in enumerate(calls[n])
        )  # fmt: skip
        places.append(len(bodies))
        bodies += struct.pack("<HHII", 0x3003, 8, len(code), 0) + code + bytes(-len(code) % 4)
    empty = (len(kept), bytes(14 * len(kept)))
    blob, first, start = assembly({6: empty}, bodies, strings=heap)
    offset = OFFSET + start - PLACE
    rows = b"".join(
        struct.pack("<IHHHHH", offset + place, 0, 0, at[n], 1, 1)
        for n, place in zip(kept, places, strict=True)
    )
    return blob[:first] + rows + blob[first + len(rows) :]


def test_decoders_rebuild_an_assembly() -> None:
    old, new = library(600), library(100)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert planned.header.relocation.finders == (46, 47)
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 3
    assert Reader(planned.plan, [old]).rebuild() == new
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_assemblies_never_fail(seed: int) -> None:
    random = Random(seed)
    blob = library(300)[:8000]
    for cut in damaged(blob, random, 100, within=[range(700)], cut=True):
        assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
        make_plan(blob[:300], [cut])

"""Literals in tables of words, and what a prefix shows of such tables (spec/iprog.md G9, G29, G93)."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import RegionKind
from pcpu.iprog.transforms import restore_words, transform_words
from tests.iprog.forge import Frames, streams
from tests.iprog.images import CODE, CONSTANTS, Part, elf, i32
from tests.iprog.relocated import code_blob, literal, rebuilt, refused, relocation

WORDS, PAIRS = 2, 3


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


@pytest.mark.parametrize(("kind", "content", "stored"), [
    # Like the one before; small, which stands for what is like it; neither.
    (WORDS, (-70000, -70004, 3, -70000 + 9), (-70000, -4, 3 - 70004, -70000 + 9)),
    (WORDS, (65536, 65536 + 32767, 65535), (65536, 32767, -32768)),
    (WORDS, (65535, 65536), (65535, 65536)),  # not far enough from 0
    (WORDS, ((1 << 30) - 1, (1 << 30) + 1, 5), ((1 << 30) - 1, 2, 5)),  # too far
    (WORDS, (-(1 << 30), -(1 << 30) + 1), (-(1 << 30), 1 - (1 << 30))),
    (PAIRS, (-70000, 90000, -69000, 90020, 0, 7), (-70000, 90000, 1000, 20, -69000, 7 + 90020)),
])  # fmt: skip
def test_words_in_literals_g93(
    kind: int, content: tuple[int, ...], stored: tuple[int, ...]
) -> None:
    blob, _ = code_blob()
    about = relocation([1], 1, [(0, 0x3000, kind)], [], transform=1, base=0x1000, span=0x8000)
    for lead in (b"", b"\1\0\0\0"):  # a word that nothing is told by
        assert literal(lead + words(*content), lead + words(*stored), about, blob) == lead + words(
            *content
        )
    aside = relocation([1], 1, [(0, 0x3000, 0)], [], transform=1, base=0x1000, span=0x8000)
    assert literal(words(*content), words(*content), aside, blob) == words(*content)
    none = relocation([1], 1, [(0, 0x3000, kind)], [])
    assert literal(words(*content), words(*content), none, blob) == words(*content)


def test_words_lie_where_4_divides_their_place_g93() -> None:
    blob, _ = code_blob()
    about = relocation([1], 1, [(0, 0, 0), (6, 0, WORDS)], [], transform=2)
    content = b"before" + b"xy" + words(-80000, -80001) + b"end"
    stored = b"before" + b"xy" + words(-80000, -1) + b"end"
    assert literal(content, stored, about, blob) == content


@pytest.mark.parametrize("back", [4, 8])
def test_writers_do_the_reverse_g93(back: int) -> None:
    dice = random.Random(back)
    edges = [0, 1 << 15, 1 << 16, 1 << 30, 1 << 31, 70000, 3]
    for place in range(4):
        for _ in range(200):
            values = [dice.choice(edges) + dice.choice((-1, 0, 1, 500)) for _ in range(9)]
            signed = [max(min(v * dice.choice((-1, 1)), (1 << 31) - 1), -(1 << 31)) for v in values]
            content = bytes(-place % 4) + words(*signed) + b"e"
            stored = np.frombuffer(b"??" + content, np.uint8).copy()
            transform_words(stored, 2, len(stored), place, back)
            part = bytearray(stored[2:].tobytes())
            restore_words(part, place, back)
            assert part == content


def test_kinds_of_regions_g9() -> None:
    blob, _ = code_blob()
    last = max(RegionKind)
    about = relocation([1], 1, [(0, 0, last + 1)], [])
    assert f"a region's kind is 0 to {last.value}" in refused(about, [blob])


def test_a_prefix_shows_tables_by_their_differences_g29() -> None:
    code = b"\x48\x8d\x05" + i32(0x3000 - 7) + b"\x90" * 60
    entries = [0x2000, 0x2010, 0x2008, 0x2030]
    blob, places = elf([
        Part(".text", CODE, 0x2000, code),
        Part(".rodata", CONSTANTS, 0x5000, words(*(entry - 0x5000 for entry in entries))),
    ])  # fmt: skip
    table = places[".rodata"]
    # What lies behind 2009 moves by 100 (hexadecimal): the differences change there.
    about = relocation(
        [7], 4, [(0, 0, 0)], [(0x2009, 0x100), (0x4000, 0)], transform=1, base=0x2000, span=0x8000
    )
    held = bytearray(blob[table - 4 : table + 16])
    held[8:20] = words(0x110, -0x108, 0x128)
    content = bytes(held) * 2 + b"behind"
    parts = streams([content], [[]], [content])
    frames = Frames(parts, [6, 1], {1: 2}, [(table - 4, 20)], bytes(held))
    assert rebuilt(content, blob, about, [], content, frames) == content
    # Of a span that begins within the table, the first whole site is as it was.
    held = bytearray(blob[table + 2 : table + 16])
    held[6:14] = words(-0x108, 0x128)
    content = bytes(held) * 2
    frames = Frames(
        streams([content], [[]], [content]), [6, 1], {1: 2}, [(table + 2, 14)], bytes(held)
    )
    assert rebuilt(content, blob, about, [], content, frames) == content


def program(gap: int, tables: int) -> bytes:
    """Functions that call each other, with a gap between them, and tables of places in them."""
    dice = random.Random(5)
    places = [0x10000 + 64 * n + gap * (n >= 200) for n in range(400)]
    code = bytearray(b"\x90" * (64 * 400 + gap))
    for place in places:
        call = b"\xe8" + i32(dice.choice(places) - place - 5)
        code[place - 0x10000 : place - 0x10000 + 64] = call + dice.randbytes(59)
    rows = b"".join(
        words(*(dice.choice(places) - 0x90000 - 64 * n for _ in range(16))) for n in range(tables)
    )
    return elf([
        Part(".text", CODE, 0x10000, bytes(code)), Part(".rodata", CONSTANTS, 0x90000, rows),
    ])[0]  # fmt: skip


def test_plans_of_programs_with_new_tables_g93() -> None:
    old, new = program(0, 30), program(32, 90)
    planned = make_plan(new, [old])
    assert any(region.kind is RegionKind.WORDS for region in planned.moved.regions)
    assert Reader(planned.plan, [old]).rebuild() == new
    assert NativeReader(planned.plan, [old]).rebuild() == new

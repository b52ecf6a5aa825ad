"""Entries of tables that belong together, and finders that are worth their sites."""

from __future__ import annotations

import struct
from random import Random

import numpy as np
import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import find_sites
from pcpu.iprog.finders.numbered import RELOCATIONS, SEARCH_TABLE, WASM_CODE, WASM_LOCALS
from pcpu.iprog.plan import make_plan
from pcpu.iprog.sites import Form, Places, Sites
from pcpu.iprog.tables import is_alike, lies_in, matched_entries
from tests.iprog.forge import number
from tests.iprog.images import CODE, CONSTANTS, Part, elf, module

TEXT, TABLE, FRAMES = 0x10000, 0x40000, 0x80000


def table(place: int, targets: list[int], finder: int, form: Form = Form.ABSOLUTE) -> Sites:
    """Sites one after the other from ``place`` on."""
    count = len(targets)
    places: Places = place + 8 * np.arange(count, dtype=np.int64)
    return Sites(
        places, np.full(count, form, np.uint8), np.array(targets, np.int64),
        np.zeros(count, np.int64), np.full(count, finder, np.uint8),
    )  # fmt: skip


def rows(new: Sites, old: Sites) -> list[tuple[int, int, int]]:
    found = matched_entries(new, old)
    columns = found.start, found.stop, found.skew
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_entries_are_found_by_what_they_are_about() -> None:
    old = table(1000, [10, 20, 30, 40, 50, 60], RELOCATIONS)
    new = table(200, [40, 50, 60, 7, 10, 20, 30], RELOCATIONS)
    assert rows(new, old) == [(200, 224, 824), (232, 256, 768)]
    assert lies_in(matched_entries(new, old), new).tolist() == [True] * 3 + [False] + [True] * 3
    assert rows(table(200, [40, 7, 8, 20], RELOCATIONS), old) == []  # single ones are chance


def test_entries_about_one_thing_are_told_apart_by_their_order() -> None:
    old = table(1000, [10, 10, 20, *[30] * 9, 40, 50], RELOCATIONS)
    assert rows(old, old) == [(1000, 1024, 0), (1096, 1112, 0)]
    assert rows(table(0, [30] * 9, RELOCATIONS), old) == []


def test_places_of_records_tell_nothing() -> None:
    # Functions and records by turns. The records of the old table seem to be elsewhere.
    old = table(1000, [1, 300, 2, 100, 3, 200], SEARCH_TABLE, Form.BASED)
    new = table(1000, [1, 100, 2, 200, 3, 300], SEARCH_TABLE, Form.BASED)
    assert rows(new, old) == [(1000, 1036, 0)]
    assert is_alike(new).all()
    assert not is_alike(table(0, [1, 2], WASM_CODE)).any()


def searched(functions: list[tuple[int, int]]) -> bytes:
    """An image whose functions, of these seeds and sizes, lie in this order, with a sorted table of
    them and of their records, which lie in the order of the seeds."""
    text, starts = bytearray(), {}
    for seed, size in functions:
        starts[seed] = TEXT + len(text)
        text += Random(seed).randbytes(size).replace(b"\xe8", b"\0").replace(b"\xe9", b"\0")
    calls = b"".join(
        b"\xe8" + struct.pack("<i", starts[seed] - (TEXT + len(text) + 5 * n + 5))
        for n, seed in enumerate(sorted(starts))
    )
    records = {seed: FRAMES + 24 * n for n, seed in enumerate(sorted(starts))}
    pairs = [
        (starts[seed] - TABLE, records[seed] - TABLE)
        for seed in sorted(starts, key=starts.__getitem__)
    ]
    content = struct.pack("<IiI", 0x3B031B01, FRAMES - TABLE - 4, len(pairs))
    content += b"".join(struct.pack("<ii", *pair) for pair in pairs)
    return elf([
        Part(".text", CODE, TEXT, bytes(text) + calls), Part(".eh_frame_hdr", CONSTANTS, TABLE, content)
    ])[0]  # fmt: skip


def test_a_sorted_table_whose_functions_moved_costs_little() -> None:
    sizes = Random(1).choices(range(40, 90), k=300)
    functions = [*enumerate(sizes, 1)]
    blob = searched(functions)
    # A part of the functions goes before the others, and one grows: all entries change.
    moved = [*functions[200:], (1, sizes[0] + 9), *functions[1:200]]
    file = searched(moved)
    planned = make_plan(file, [blob])
    assert Reader(planned.plan, [blob]).rebuild() == file
    assert len(planned.plan) < 400  # the table alone has 2400 bytes


def code(bodies: list[bytes]) -> bytes:
    content = number(len(bodies)) + b"".join(number(len(body)) + body for body in bodies)
    return module([(10, content)])[0]


def body(seed: int, names: dict[int, int], length: int = 300) -> bytes:
    """A function that adds up numbers, whose variables are numbered as ``names`` says."""
    random = Random(seed)
    found = bytearray(b"\x01\x40\x7f")
    for _ in range(length):
        local = random.randrange(40)
        found += (
            bytes([0x20, names.get(local, local)]) + b"\x42" + number(random.randrange(1 << 20))
        )
        found += b"\x7c\x1a"
    return bytes(found + b"\x0b")


def test_variables_with_new_numbers() -> None:
    names = Random(3).sample(range(40), k=40)
    blob = code([body(1, {}), body(2, {})])
    file = code([body(1, {}), body(2, dict(enumerate(names)))])
    planned = make_plan(file, [blob])
    assert planned.header.relocation is not None
    assert planned.header.relocation.finders == (WASM_LOCALS,)
    assert Reader(planned.plan, [blob]).rebuild() == file
    assert len(planned.plan) < 350
    without = make_plan(file, [blob], finders=(WASM_CODE,))
    assert len(planned.plan) < len(without.plan) * 0.8


def test_finders_that_gain_too_little_are_left_out() -> None:
    blob = code([body(n, {}, 900) for n in range(4)])
    file = code([*(body(n, {}, 900) for n in range(3)), body(3, {3: 39}, 12)])
    planned = make_plan(file, [blob])
    assert planned.header.relocation is None
    assert Reader(planned.plan, [blob]).rebuild() == file


@pytest.mark.parametrize("count", [0, 50])
def test_where_all_finders_find_too_much_the_last_ones_are_left_out(count: int) -> None:
    calls = b"\x10\x05\x01\x01\x01\x01\x01\x01" * 100
    variables = b"\x20\x05" * 8 * count
    blob = code([b"\0" + calls + variables + b"\x0b"])
    assert bool(len(find_sites(blob, (WASM_CODE, WASM_LOCALS)))) == (count == 0)
    file = code([b"\0\x0b", b"\0" + calls.replace(b"\x10\x05", b"\x10\x06") + variables + b"\x0b"])
    planned = make_plan(file, [blob])
    assert planned.header.relocation is not None
    assert planned.header.relocation.finders == (WASM_CODE,)

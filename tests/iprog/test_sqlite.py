"""Databases, those that SQLite makes and others that are built by hand."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.explain import explain
from pcpu.iprog.finders import find_sites
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from tests.iprog.damage import damaged
from tests.iprog.images import sites

PAGES, SIZE = 17 << 40, 512


def rows_of(name: bytes) -> int:
    """The first number of the rows of a table."""
    h = 0
    for c in name:
        h = (31 * h + c) % (1 << 20)
    return (1 << 20) + h << 40


def varint(value: int) -> bytes:
    groups = [value >> n & 127 for n in range(0, max(value.bit_length(), 1), 7)][::-1]
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])


def page(kind: int, cells: list[bytes], *, first: bool = False, right: int = 0) -> bytes:
    """A page whose cells lie in the order of their places, from its end on."""
    body, places = bytearray(SIZE), []
    end = SIZE
    for cell in cells:
        end -= len(cell)
        body[end : end + len(cell)] = cell
        places.append(end)
    head = bytes([kind, 0, 0]) + len(cells).to_bytes(2, "big") + end.to_bytes(2, "big") + b"\0"
    head += right.to_bytes(4, "big") if kind in (2, 5) else b""
    head += b"".join(place.to_bytes(2, "big") for place in places)
    start = 100 if first else 0
    body[start : start + len(head)] = head
    if first:
        body[:18] = b"SQLite format 3\0" + SIZE.to_bytes(2, "big")
    return bytes(body)


def described(kind: bytes, table: bytes, root: int, row: int) -> bytes:
    """A cell of the schema."""
    name = b"name"
    columns = b"".join(varint(13 + 2 * len(text)) for text in (kind, name, table)) + b"\2\x0f"
    row_content = varint(1 + len(columns)) + columns
    row_content += kind + name + table + root.to_bytes(2, "big") + b"x"
    return varint(len(row_content)) + varint(row) + row_content


def entry(column: int, content: bytes, before: bytes = b"ab") -> bytes:
    """An entry of an index: a text and a number."""
    whole = bytes([3, 13 + 2 * len(before), column]) + before + content
    return varint(len(whole)) + whole


def by_hand() -> bytes:
    schema = page(13, [described(b"table", b"t", 2, 1), described(b"index", b"t", 3, 2),
                       described(b"table", b"w", 6, 3)], first=True)  # fmt: skip
    inner = page(5, [(4).to_bytes(4, "big") + varint(300)], right=5)
    leaf = page(13, [varint(5) + varint(n) + b"12345" for n in (1, 300)])
    index = page(10, [
        entry(1, b"\7"), entry(2, b"\1\2"), entry(3, b"\0\1\2"), entry(4, b"\0\0\1\2"),
        entry(5, b"\0\0\0\0\1\3"), entry(6, b"\0\0\0\0\0\0\1\4"),
        entry(1, b"\x80"), entry(5, b"\1\0\0\0\0\0"), entry(6, b"\0\0\2\0\0\0\0\0"), entry(8, b""), entry(0, b""),
    ])  # fmt: skip
    last = page(13, [varint(1) + varint(1 << 40) + b"x", varint(1) + varint(1 << 14) + b"x"])
    without = page(10, [entry(1, b"\7")])
    return schema + inner + index + leaf + last + without + page(13, [b"\1\1x"]) + bytes(100)


def test_numbers_of_rows_and_pages_g114_g115() -> None:
    blob = by_hand()
    rows = rows_of(b"t")
    found = sites(blob, 61)
    by_target = [(form, target, extra) for _, form, target, extra in found]
    assert by_target == [
        (25, 3, 1), (24, PAGES + 6, 2), (25, 2, 1), (24, PAGES + 3, 2), (25, 1, 1),
        (24, PAGES + 2, 2),
        (24, PAGES + 5, 4), (24, PAGES + 4, 4), (25, rows + 300, 2),
        (24, rows + 260, 8), (24, rows + 259, 6), (24, rows + 258, 4), (24, rows + 258, 3),
        (24, rows + 258, 2), (24, rows + 7, 1),
        (25, rows + 300, 2), (25, rows + 1, 1), (25, rows + (1 << 14), 3),
    ]  # fmt: skip
    for place, form, target, extra in found:
        content = blob[place : place + extra]
        if form == 24:
            assert int.from_bytes(content, "big") == target % (1 << 40)
        else:
            assert content == varint(target % (1 << 40))


def test_places_of_cells_g116() -> None:
    blob = bytearray(by_hand())
    leaf = 3 * SIZE
    places = [SIZE - 7, SIZE - 15]
    at = 18 << 40
    assert sites(bytes(blob), 62)[-8:-5] == [
        (leaf + 5, 26, at + leaf + places[1], 9),
        (leaf + 8, 26, at + leaf + places[0], 9), (leaf + 10, 26, at + leaf + places[1], 9),
    ]  # fmt: skip
    assert sites(bytes(blob), 62)[0] == (105, 26, at + int.from_bytes(blob[105:107], "big"), 9)
    count = len(sites(bytes(blob), 62))
    blob[leaf + 8 : leaf + 12] = b"\0\0\2\0"
    assert len(sites(bytes(blob), 62)) == count - 2


@pytest.mark.parametrize(("place", "content", "count"), [
    (0, b"s", 0), (16, b"\1\0", 0), (16, b"\0\1", 0), (16, b"\3\0", 0), (100, b"\x0c", 0),
    (103, b"\1\x40", 0), (SIZE, b"\x0a", 12), (SIZE + 3, b"\xff\xff", 12), (SIZE + 8, b"\0\0\0\2", 17),
    (SIZE + 8, b"\0\0\0\x08", 17), (SIZE + 8, b"\0\0\0\0", 16),
])  # fmt: skip
def test_what_is_no_database_or_page_g114(place: int, content: bytes, count: int) -> None:
    blob = bytearray(by_hand())
    blob[place : place + len(content)] = content
    assert len(sites(bytes(blob), 61)) == count
    assert sites(bytes(blob[:511]), 61) == []


def made(path: Path, random: Random, rows: list[tuple[str, int]]) -> bytes:
    with sqlite3.connect(path) as base:
        base.execute("create table words (word text, often int)")
        base.execute(
            "create table others (word text, key int, primary key (word, key)) without rowid"
        )
        base.execute("create index by_word on words (word)")
        base.executemany("insert into words values (?, ?)", rows)
        base.executemany(
            "insert or ignore into others values (?, ?)", [row for row in rows if row[1] < 3]
        )
    base.close()
    with sqlite3.connect(path, isolation_level=None) as base:
        base.execute("vacuum")
    base.close()
    return path.read_bytes()


def test_plans_of_databases_are_small(tmp_path: Path) -> None:
    random = Random(1)
    rows = [("".join(random.choices("abcdefghij", k=9)), random.randrange(9)) for _ in range(9000)]
    more = [*rows[:4000], ("new", 1), ("newer", 2), *rows[4000:]]
    old, new = (
        made(tmp_path / name, random, each) for name, each in (("old", rows), ("new", more))
    )
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert planned.header.relocation.finders == (61, 62)
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 3
    assert Reader(planned.plan, [old]).rebuild() == new
    assert NativeReader(planned.plan, [old]).rebuild() == new
    assert explain(planned).format == "other"


def test_damaged_databases_find_something_or_nothing(tmp_path: Path) -> None:
    random = Random(2)
    whole = made(tmp_path / "base", random, [(str(n), n) for n in range(3000)])
    # The size of pages stays.
    for other in damaged(whole, random, 60, within=[range(18, len(whole))], most=40):
        assert len(find_sites(other, (61, 62))) <= len(whole) // 4

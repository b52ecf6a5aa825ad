"""Sites files, read by hand: spec/iprog-abi.md D13, D14."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Sequence

import google_crc32c
import numpy as np
import pytest
import zstandard

from pcpu.errors import PcpuError, UnsupportedPlanError
from pcpu.iprog import sites_file
from pcpu.iprog.finders import find_sites
from pcpu.iprog.numbers import Numbers
from pcpu.iprog.sites import Form, Sites
from pcpu.iprog.sites_file import records, write_sites
from tests.iprog.module import AnyPlan, RefusedError
from tests.iprog.test_explain import program

BLOB = program(256) + bytes(100_000)
Row = tuple[int, int, int, int]


def written(blob: bytes, finders: Sequence[int]) -> bytes:
    out = io.BytesIO()
    write_sites(blob, finders, out)
    return out.getvalue()


def unpacked(page: bytes, count: int) -> list[Row]:
    """The sites of a page."""
    if not count:
        assert page == b""
        return []
    length = int.from_bytes(page[:4], "little")
    assert zstandard.frame_content_size(page[8:]) == length
    content = zstandard.ZstdDecompressor().decompress(page[8:])
    assert int.from_bytes(page[4:8], "little") == google_crc32c.value(content)
    columns = Numbers(content, "columns")
    gaps = [columns.varint() for _ in range(count)]
    forms = columns.take(count)
    extras = [columns.signed() for _ in range(count)]
    targets = [columns.signed() for _ in range(count)]
    assert columns.left == 0
    rows: list[Row] = []
    for n in range(count):
        same = [row for row in rows if row[1] == forms[n]][-1:] or [(0, 0, 0, 0)]
        place = (rows[-1][0] if rows else 0) + gaps[n]
        base = same[0][2]
        if forms[n] in (0, 1, 4, 8, 9, *range(11, 17)):
            base = place
        elif forms[n] in (10, 17, 18):
            base = rows[-1][2] if rows else 0
        rows.append((place, forms[n], base + targets[n], same[0][3] + extras[n]))
    return rows


def pages_of(content: bytes) -> list[tuple[int, bytes]]:
    """How many sites each page has, and its bytes."""
    _, bits, _, size = struct.unpack_from("<IIQ8xQ", content, 8)
    finders = struct.unpack_from("<I", content, 72)[0]
    at = -(-(76 + 4 * finders) // 32) * 32
    table = struct.unpack_from(f"<{2 * (1 + (-(-size >> bits)))}Q", content, at)
    firsts, places = table[0::2], table[1::2]
    return [
        (last - first, content[start:end])
        for first, last, start, end in zip(firsts, firsts[1:], places, places[1:], strict=False)
    ]


@pytest.mark.parametrize("finders", [[1], [7, 1, 4], [4], [13, 10], []])
@pytest.mark.parametrize("blob", [BLOB, BLOB[:65536], b"no image", b""], ids=len)
def test_d13_layout(blob: bytes, finders: list[int]) -> None:
    content = written(blob, finders)
    assert content[:8] == bytes.fromhex("8953495445530d0a")
    version, bits, count, made, size = struct.unpack_from("<IIQQQ", content, 8)
    assert (version, size) == (4, len(blob))
    assert 12 <= bits <= 30
    assert content[40:72] == hashlib.sha256(blob).digest()
    assert struct.unpack_from("<I", content, 72)[0] == len(finders)
    assert list(struct.unpack_from(f"<{len(finders)}I", content, 76)) == finders
    at = -(-(76 + 4 * len(finders)) // 32) * 32
    assert not any(content[76 + 4 * len(finders) : at])
    pages = -(-len(blob) // (1 << bits))
    table = struct.unpack_from(f"<{2 * (pages + 1)}Q", content, at)
    start = -(-(at + 16 * (pages + 1)) // 32) * 32
    assert not any(content[at + 16 * (pages + 1) : start])
    assert (table[0], table[1], table[-2], table[-1]) == (0, start, count, len(content))
    expected = find_sites(blob, finders)
    rows = list(zip(*(column.tolist() for column in expected.arrays), strict=True))
    assert made == count + sum(has_two(*row) for row in rows)
    for number, (sites, page) in enumerate(pages_of(content)):
        first = table[2 * number]
        assert first == sum(1 for row in rows if row[0] < number << bits)
        assert unpacked(page, sites) == rows[first : first + sites]


def every_form(random: np.random.Generator, count: int) -> Sites:
    """Sites of all forms, with numbers up to the largest."""
    form = random.choice(list(Form), count).astype(np.uint8)
    sizes = random.integers(0, 61, (2, count))
    target, extra = random.integers(0, 1 << 62, (2, count)) & ((1 << sizes) - 1)
    place = np.cumsum(random.integers(0, 40, count))
    return Sites(place, form, target, extra * random.choice([-1, 1], count), form)


def has_two(place: int, form: int, target: int, extra: int) -> bool:
    """Whether a site has two records."""
    if form == 3:
        return not (0 <= extra < 1 << 46 and -(1 << 31) <= target - extra < 1 << 31)
    return abs(extra) >= 1 << 14


def read_records(records: bytes) -> list[Row]:
    """The sites that records are about (D8)."""
    words = list(zip(*[iter(struct.unpack(f"<{len(records) // 8}q", records))] * 2, strict=True))
    rows: list[Row] = []
    while words:
        first, target = words.pop(0)
        place, form, extra = first & ((1 << 40) - 1), first >> 40 & 31, first >> 49
        assert first >> 45 & 15 == 0
        if extra == -(1 << 14):
            more, extra = words.pop(0)
            assert more == place | 31 << 40
        elif form == 3:
            extra = extra << 32 | target >> 32 & 0xFFFFFFFF
            target = extra + (target & 0xFFFFFFFF) - ((target >> 31 & 1) << 32)
        rows.append((place, form, target, extra))
    return rows


class Unpacker(AnyPlan):
    def rows(self, page: bytes, count: int) -> list[Row]:
        room = -(-len(page) // 16) * 16
        at = self.done("room", room + 32 * count)
        self.put(at, page)
        made = self.done("unpack", at, len(page), count, at + room)
        rows = read_records(self.get(at + room, 16 * made))
        assert made == len(rows) + sum(has_two(*row) for row in rows)
        return rows


def test_d8_records_of_every_size() -> None:
    based = [(0, 0), (5, -5), (1 << 45, 1), ((1 << 46) - 1, 7), (1 << 46, 0), (-1, 3), (9, 1 << 31)]
    rows = [(9 * n, 3, extra + away, extra) for n, (extra, away) in enumerate(based)]
    rows += [(100 + n, 1, 5, extra) for n, extra in enumerate((-16383, 16383, -16384, 16384))]
    rows += [((1 << 40) - 1, 10, 1 << 60, -1)]
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    form = columns[1].astype(np.uint8)
    made = records(Sites(columns[0], form, columns[2], columns[3], form))
    assert read_records(made) == rows
    assert len(made) == 16 * (len(rows) + sum(has_two(*row) for row in rows))


def test_d14_pages_are_unpacked_as_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    decoder = Unpacker()
    for count in (0, 1, 2, 300, 70_000):
        sites = every_form(random, count)
        monkeypatch.setattr(sites_file, "find_sites", lambda *_, found=sites: found)
        content = written(bytes(int(sites.place.max(initial=0)) + 9), [1])
        rows = []
        for number, page in pages_of(content):
            rows += decoder.rows(page, number)
            if number < 400:
                assert unpacked(page, number) == rows[len(rows) - number :]
        assert rows == list(zip(*(column.tolist() for column in sites.arrays), strict=True))


def test_d8_pages_that_are_damaged_are_refused() -> None:
    decoder = Unpacker()
    (count, page), *_ = [found for found in pages_of(written(BLOB, [1])) if found[0] > 100]
    expected = decoder.rows(page, count)
    random = np.random.default_rng(4)
    others = [page[:-1], page + b"x", page[:3], b"", bytes(len(page))]
    for _ in range(300):
        other = bytearray(page)
        other[random.integers(len(page))] ^= 1 << random.integers(8)
        others.append(bytes(other))
    for each in others:
        try:
            assert len(decoder.rows(each, count)) == count
        except RefusedError as error:
            assert "damaged: unpack, rule 0" in str(error)
    for wrong in (0, 1, count - 1, count + 1, 10 * count):
        with pytest.raises(RefusedError, match="damaged"):
            decoder.rows(page, wrong)
    assert decoder.rows(page, count) == expected


def test_addresses_that_a_sites_file_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = every_form(np.random.default_rng(5), 10)
    sites.target[3] = 1 << 61
    monkeypatch.setattr(sites_file, "find_sites", lambda *_: sites)
    with pytest.raises(PcpuError, match="too large for a sites file"):
        written(bytes(1000), [1])


def test_d13_other_finders_are_other_files() -> None:
    """What overlaps is dropped among the finders that were chosen."""
    assert pages_of(written(BLOB, [1])) != pages_of(written(BLOB, [4]))
    assert len(find_sites(BLOB, [1])) > 400


def test_finders_that_are_not_known() -> None:
    with pytest.raises(UnsupportedPlanError):
        written(BLOB, [99])

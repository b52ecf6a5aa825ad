"""Kernels of finders as decoders call them: room that the caller gives, and order (G24)."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from pcpu.iprog.finders import find, rows
from pcpu.iprog.finders.image import octets
from pcpu.iprog.finders.sort import NUMBERS, WHOLE, sort_room, sort_rows
from tests.iprog.images import CODE, CONSTANTS, Part, elf, i32, module, u64

Row = tuple[int, int, int, int]


def numbers(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(count, -1, np.int64)


def images() -> list[bytes]:
    code = b"\x48\x8d\x05" + i32(0x3000 - 7) + b"\xe8" + i32(1) + b"\x90" * 50
    tables = i32(0x2000 - 0x5000) + i32(0x2010 - 0x5000) + i32(0x7FFFFFF)
    record = bytes(4) + bytes.fromhex("01 7a5200 01 78 10 01 1b 000000")
    frames = i32(len(record)) + record + i32(12) + i32(20) + i32(-0x3000) + i32(16)
    return [
        elf([
            Part(".text", CODE, 0x2000, code), Part(".rodata", CONSTANTS, 0x5000, tables),
            Part(".eh_frame", CONSTANTS, 0x6000, frames),
            Part(".rela.dyn", CONSTANTS, 0x7000, u64(0x2000, 8, 0x2004), 4),
        ])[0],
        module([(3, b"\x02\x01\x02"), (10, b"\x01\x05\0\x10\x05\x41\x01")])[0],
        b"", b"\x7fELF\x02\x01",
    ]  # fmt: skip


@pytest.mark.parametrize("blob", images(), ids=["elf", "wasm", "nothing", "cut off"])
def test_rows_are_counted_first_and_then_filled(blob: bytes) -> None:
    b, finders = octets(blob), np.array([1, 2, 5, 7, 10, 11], np.int64)
    scratch = numbers(find.find_room(b))
    count = find.find_sites(b, finders, numbers(0), 0, scratch)
    whole, less = numbers(NUMBERS * count), numbers(NUMBERS * count)
    assert find.find_sites(b, finders, whole, count, scratch) == count
    assert find.find_sites(b, finders, less, count // 2, scratch) == count
    half = NUMBERS * (count // 2)
    assert less[:half].tolist() == whole[:half].tolist()
    assert set(less[half:]) <= {-1}
    assert -1 not in whole[rows.FORM :: NUMBERS]


def test_more_scratch_than_needed_changes_nothing() -> None:
    b, finders = octets(images()[0]), np.array([7, 5, 1], np.int64)
    found = []
    for more in (0, 1, 1000):
        written = numbers(NUMBERS * 16)
        count = find.find_sites(b, finders, written, 16, numbers(find.find_room(b) + more))
        found.append((count, written.tolist()))
    assert found[0] == found[1] == found[2]
    # Jump tables are found before the code is gone through for finder 1: two entries, two sites.
    assert [form for form in written[rows.FORM :: NUMBERS].tolist() if form >> rows.TAG == 7] == [
        7 << rows.TAG | 1
    ] * 2


@pytest.mark.parametrize("kind", ["few runs", "near", "any", "falling", "alike"])
def test_sorting_is_stable(kind: str) -> None:
    random = Random(kind)
    for count in (0, 1, 2, 3, 40, 700):
        makers = {
            "few runs": [n * 7 % count for n in range(count)],
            "near": [n + random.randrange(50) for n in range(count)],
            "any": [random.randrange(1 << 40) for _ in range(count)],
            "falling": [*range(count, 0, -1)],
            "alike": [random.randrange(3) for _ in range(count)],
        }
        keys = np.array(makers[kind], np.int64)
        flat = np.stack([keys, np.arange(count), keys + 1, -keys], axis=1).ravel()
        sort_rows(flat, count, numbers(sort_room(count)), WHOLE)
        order = np.argsort(keys, kind="stable")
        wanted = np.stack([keys[order], order, keys[order] + 1, -keys[order]], axis=1)
        assert flat.reshape(-1, NUMBERS).tolist() == wanted.tolist()


def in_order(sites: list[Row]) -> list[Row]:
    """What G24 says."""
    found: list[Row] = []
    end = 0
    for site in sorted(sites, key=lambda site: site[0]):
        if site[0] >= end:
            found.append(site)
            widths = {2: 8, 5: site[3], 6: site[3]}
            end = site[0] + widths.get(site[1], 4)
    return found


def test_sites_are_in_order_without_overlaps_g24() -> None:
    random = Random(24)
    for count in (0, 1, 5, 300):
        sites = [
            (random.randrange(4 * count), random.randrange(11), n, random.randint(1, 5))
            for n in range(count)
        ]
        flat = np.array(sites, np.int64).ravel()
        flat[rows.FORM :: NUMBERS] |= 9 << rows.TAG
        kept = rows.sort_sites(flat, count, numbers(sort_room(count)))
        left = flat[: NUMBERS * kept].reshape(-1, NUMBERS)
        left[:, rows.FORM] ^= 9 << rows.TAG
        assert [tuple(row) for row in left.tolist()] == in_order(sites)

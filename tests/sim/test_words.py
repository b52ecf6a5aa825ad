"""Numbers as people read them."""

from __future__ import annotations

import pytest

from pcpu.sim import words


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (99_999, "99999"), (100_000, "100k"), (999_499, "999k"), (999_500, "1M"),
     (12_345_678, "12.3M"), (1 << 40, "1.1T"), ((1 << 64) - 1, "18.4E")],
)  # fmt: skip
def test_count(number: int, shown: str) -> None:
    assert words.count(number) == shown


@pytest.mark.parametrize(
    ("ns", "shown"),
    [(0, "0 ns"), (999, "999 ns"), (1000, "1 µs"), (1536, "1.54 µs"), (999_400, "999 µs"),
     (2_000_000, "2 ms"), (60 * 10**9, "60 s")],
)  # fmt: skip
def test_duration(ns: int, shown: str) -> None:
    assert words.duration(ns) == shown


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(None, ""), (0.0004, "0.000"), (0.0852, "0.085"), (0.0999, "0.0999"), (1.0, "1"), (12.345, "12.3"),
     (99.96, "100"), (1234.5, "1234")],
)  # fmt: skip
def test_speed(rate: float | None, shown: str) -> None:
    assert words.speed(rate) == shown


def test_dump() -> None:
    rows = list(words.dump(0x40, bytes(range(60, 80))))
    assert rows[0] == "00000040  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK"
    assert rows[1] == f"00000050  {'4c 4d 4e 4f':<47}  LMNO"
    assert all(len(row) <= 75 for row in rows)
    assert list(words.dump(0, b"")) == []


def test_text_stays_on_its_line() -> None:
    assert words.printable("a\tb\x1b[31m\u202e") == "a b [31m "
    assert words.shortened("abcdef", 4) == "abc…"
    assert words.shortened("abcd", 4) == "abcd"

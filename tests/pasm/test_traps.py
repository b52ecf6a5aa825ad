"""Checks that fail when a program runs (S17, S18)."""

from __future__ import annotations

import pytest

from pcpu.errors import TrapError
from tests.pasm.running import run, trap

BIG = 2**64 - 1


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("crc32c data[n:]", (11, 0, 10)),
        ("crc32c data[0:n]", (0, 11, 10)),
        ("xor data[10:n - 10], 1", (10, 1, 10)),
        ("x = crc32c data[n - 12:]", (BIG, 0, 10)),
        ("x = crc32c data[1:n - 12]", (1, BIG, 10)),  # the sum is 0 modulo 2^64
        ("copy out[0:2], data[9:2]", (9, 2, 10)),
        ("copy out[n - 8:2], data[9:2]", (3, 2, 4)),  # the target is checked first
        ("fill out[n:0], 1", (11, 0, 4)),
        ("each window w of 3 in data[4:7]\nx = w.len\nend", (4, 7, 10)),
        ("each window w of 8 in data\nx = crc32c w[1:7]\nend", (1, 7, 2)),
    ],
)
def test_S17_span_range(line: str, numbers: tuple[int, int, int]) -> None:
    found = trap(f".inout data\n.out out, 4\nn = data.len + 1\n{line}\n", data=b"0123456789")
    assert (found.code, found.line, found.numbers) == (
        "span-range", 5 if "crc32c w" in line else 4, numbers,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("copy out, data", (4, 10, 0)),
        ("copyxor out, data, 1", (4, 10, 0)),
        ("adddiff out, data[0:4], data[0:n]", (4, 3, 0)),
        ("lit out[0:n], 0x0102", (3, 2, 0)),
        ("lit out, key", (4, 2, 0)),
    ],
)
def test_S17_length_mismatch(line: str, numbers: tuple[int, int, int]) -> None:
    before = ".param key bytes1-4 = 0xabcd\n.inout data\n.out out, 4\nn = data.len - 7\n"
    found = trap(f"{before}{line}\n", data=b"0123456789")
    assert (found.code, found.line, found.numbers) == ("length-mismatch", 5, numbers)


@pytest.mark.parametrize(
    "line", ["xor data, n", "add data[0:0], n", "fill data, n", "copyxor data, data, n"]
)
def test_S17_S18_immediate_range(line: str) -> None:
    text = f".param n imm16\n{line}\n"
    found = trap(text, {"n": 256}, data=b"abc")
    assert (found.code, found.line, found.numbers) == ("immediate-range", 2, (256, 255, 0))
    run(text, {"n": 255}, data=b"abc")


def test_S17_window_size() -> None:
    text = ".param n imm8\neach window w of n in data\nend\n"
    found = trap(text, {"n": 0}, data=b"abc")
    assert (found.code, found.line) == ("window-size", 2)
    assert trap(text, {"n": 0}, data=b"").code == "window-size"
    run(text, {"n": 1}, data=b"abc")


def spans(*pairs: tuple[int, int]) -> bytes:
    return b"".join(n.to_bytes(8, "little") for pair in pairs for n in pair)


@pytest.mark.parametrize(
    ("content", "code", "numbers"),
    [
        (bytes(15), "spans-size", (15, 0, 0)),
        (bytes(17), "spans-size", (17, 0, 0)),
        (spans((0, 5), (0, 6)), "span-range", (0, 6, 5)),
        (spans((0, 5), (6, 0)), "span-range", (6, 0, 5)),
        (spans((1, BIG)), "span-range", (1, BIG, 5)),
        (spans((BIG, 1)), "span-range", (BIG, 1, 5)),
    ],
)
def test_S17_lists(content: bytes, code: str, numbers: tuple[int, int, int]) -> None:
    text = ".spans list\nn = 0\neach span s of list in data[1:5]\nn = n + 1\nend\n"
    found = trap(text, data=b"0123456789", list=content)
    assert (found.code, found.line, found.numbers) == (code, 3, numbers)


def test_S17_a_span_of_a_list_is_checked_at_its_turn() -> None:
    text = ".spans list\neach span s of list in data\nxor s, s.len + 255\nend\n"
    # The second span is out of range, and the first turn fails before it is looked at.
    found = trap(text, data=b"ab", list=spans((0, 1), (3, 1)))
    assert (found.code, found.line) == ("immediate-range", 3)


def test_S17_a_statement_does_nothing_before_its_checks() -> None:
    order = [
        ("copyxor out[n:], data[n:], n", "span-range", (300, 0, 4)),
        ("copyxor out, data[n:], n", "span-range", (300, 0, 2)),
        ("copyxor out, data, n", "length-mismatch", (4, 2, 0)),
        ("copyxor out[0:2], data, n", "immediate-range", (300, 255, 0)),
        ("xor data[n:], n", "span-range", (300, 0, 2)),
        ("each window w of zero in data[n:]\nend", "span-range", (300, 0, 2)),
    ]
    for line, code, numbers in order:
        text = f".param zero imm8 = 0\n.out out, 4\nn = data.len + 298\n{line}\n"
        found = trap(text, data=b"ab")
        assert (found.code, found.numbers) == (code, numbers), line


def test_S17_what_does_not_run_does_not_trap() -> None:
    run(
        "if data.len > 100\ncrc32c data[100:]\nend\nrepeat 0\nxor data[n:], 1\nend\n".replace(
            "[n:]", "[50:]"
        ),
        data=b"",
    )


def test_S17_messages() -> None:
    error = trap("n = 300\nxor data[4:n], n\n", data=b"0123456789")
    assert isinstance(error, TrapError)
    assert str(error) == "line 2: the span of data, 4 + 300, leaves its 10 bytes"
    error = trap(".out out, 4\nlit out[0:data.len], 0x0102\n", data=b"a")
    assert str(error) == "line 2: the literal has 2 bytes, and the target 1"


def test_S18_only_the_arithmetic_of_scalars_wraps() -> None:
    assert run("n = 0 - 1\nm = n + 2\n", data=b"").results == {"n": BIG, "m": 1}
    assert trap("n = 0 - 1\nxor data, n\n", data=b"").code == "immediate-range"
    assert trap("n = 0 - 1\ncrc32c data[n:2]\n", data=b"abc").code == "span-range"

"""Finders of modules against modules built by hand (iprog-finders.md G53-G56, G72)."""

from __future__ import annotations

import struct

from tests.iprog.forge import number
from tests.iprog.images import module, sites


def test_modules_and_code_g53_g54() -> None:
    # i32.const 5000; call 300; global.get 2; i32.load align 2 offset 2000; i32.const 7; block type 1;
    # call_indirect type 3 table 0; br_table 1 2 3; f64.const; v128.const; memory.copy; i32.const -5000
    code = b"\x41" + b"\x88\x27" + b"\x10\xac\x02" + b"\x23\x02" + b"\x28\x02\xd0\x0f" + b"\x41\x07"
    code += b"\x02\x01" + b"\x11\x03\x00" + b"\x0e\x02\x01\x02\x03" + b"\x44" + bytes(8)
    code += (
        b"\xfd\x0c" + b"\x41" * 16 + b"\xfc\x0a\x00\x00" + b"\x41\xf8\x58" + b"\x02\x40" + b"\x0b"
    )
    body = b"\x01\x02\x7f" + code
    content = b"\x01" + number(len(body)) + body
    blob, (at,) = module([(10, content)])
    start = at + len(content) - len(code)
    function, type_, global_ = 1 << 40, 2 << 40, 3 << 40
    assert sites(blob, 10) == [
        (start + 1, 6, 5000, 2), (start + 4, 5, function + 300, 2), (start + 7, 5, global_ + 2, 1),
        (start + 10, 5, 2000, 2), (start + 15, 6, type_ + 1, 1), (start + 17, 5, type_ + 3, 1),
    ]  # fmt: skip


def test_code_ends_at_what_is_not_known_g54() -> None:
    for bad in (b"\xff", b"\xfc\x63", b"\xfd\x80\x04", b"\x41", b"\x44\0\0", b"\x0e\x05\x01"):
        body = b"\0\x10\x05" + bad
        content = b"\x02" + number(len(body)) + body + b"\x03\0\x10\x06"
        blob, _ = module([(10, content)])
        assert [site[2] & 255 for site in sites(blob)] == [5, 6], bad


def test_local_variables_g72() -> None:
    # local.get 3; call 7; local.set 300; local.tee 1; and local.get 3 in another function
    bodies = [
        b"\x01\x02\x7f" + b"\x20\x03\x10\x07\x21\xac\x02\x22\x01\x0b",
        b"\0" + b"\x20\x03\x0b",
    ]
    content = b"\x02" + b"".join(number(len(body)) + body for body in bodies)
    blob, (at,) = module([(10, content)])
    first, second = 4 << 40, 5 << 40
    found = [
        (at + 6, 5, first + 3, 1), (at + 10, 5, first + 300, 2), (at + 13, 5, first + 1, 1),
        (at + 18, 5, second + 3, 1),
    ]  # fmt: skip
    assert sites(blob, 24) == found
    assert sites(blob, 10) == [(at + 8, 5, (1 << 40) + 7, 1)]
    assert sorted([*found, *sites(blob, 10)]) == sites(blob)


def test_tables_of_modules_g55() -> None:
    names = b"\x04name" + b"\0\x02\x01m" + b"\x01\x06\x02\0\x01a\x01\0" + b"\x02\x01\0"
    exports = b"\x03" + b"\x01f\x00\x05" + b"\x01m\x02\x00" + b"\x01g\x03\x04"
    elements = b"\x02" + b"\0\x41\x01\x0b\x02\x07\x08" + b"\x01\0\x01\x09"
    blob, at = module([(3, b"\x02\x01\x02"), (7, exports), (8, b"\x06"), (9, elements), (0, names)])
    function, type_, global_ = 1 << 40, 2 << 40, 3 << 40
    assert sites(blob) == [
        (at[0] + 1, 5, type_ + 1, 1), (at[0] + 2, 5, type_ + 2, 1), (at[1] + 4, 5, function + 5, 1),
        (at[1] + 12, 5, global_ + 4, 1), (at[2], 5, function + 6, 1), (at[3] + 6, 5, function + 7, 1),
        (at[3] + 7, 5, function + 8, 1), (at[3] + 11, 5, function + 9, 1),
        (at[4] + 12, 5, function, 1), (at[4] + 15, 5, function + 1, 1),
    ]  # fmt: skip


def test_words_of_data_g56() -> None:
    data = b"\0" + struct.pack("<3I", 2000, 5, 0x80000000)
    content = (
        b"\x02"
        + b"\0\x41\xff\x0f\x0b"
        + number(len(data))
        + data
        + b"\x01\x04"
        + struct.pack("<I", 3000)
    )
    blob, (at,) = module([(11, content)])
    assert sites(blob) == [(at + 3, 6, 2047, 2), (at + 8, 7, 2000, 0)]
    elsewhere, _ = module([(11, b"\x01\0\x23\x01\x0b\x04" + struct.pack("<I", 3000))])
    assert sites(elsewhere) == []


def test_words_that_are_beyond_all_data_g56() -> None:
    # Data ends at 1100; behind it and the stack there are 2^16 bytes more that may be addressed.
    def found(words: list[int], first: bytes) -> list[int]:
        data = struct.pack(f"<{len(words)}I", *words)
        content = b"\x01\0\x41" + number(1100 - len(data)) + b"\x0b" + number(len(data)) + data
        blob, _ = module([(6, first), (11, content)] if first else [(11, content)])
        return [target for _, form, target, _ in sites(blob, 12) if form == 7]

    end, stack = 1100 + 65536, 200000 + 65536
    assert found([end - 1, end], b"") == [end - 1]
    mutable = b"\x02\x7f\x01\x41" + number(200000) + b"\x0b\x7f\x01\x41\0\x0b"
    assert found([stack - 1, stack, end], mutable) == [stack - 1, end]
    assert found([end - 1, end], b"\x01\x7f\x01\x41\0\x0b") == [end - 1]
    assert found([end - 1, end], b"\x01\x7f\x01\x23\x05\x0b") == [end - 1]
    assert found([end - 1, end], b"\0") == [end - 1]


def test_data_of_several_sections_g56() -> None:
    # What is behind all data is so for each section of data, by the globals that were last.
    def data(start: int, *words: int) -> tuple[int, bytes]:
        content = struct.pack(f"<{len(words)}I", *words)
        return 11, b"\x01\0\x41" + number(start) + b"\x0b" + number(len(content)) + content

    def found(*sections: tuple[int, bytes]) -> list[int]:
        blob, _ = module(list(sections))
        return [target for _, form, target, _ in sites(blob, 12) if form == 7]

    def first(value: int) -> tuple[int, bytes]:
        return 6, b"\x01\x7f\x01\x41" + number(value) + b"\x0b"

    assert found(data(2048, 1500, 70000), data(20000, 1500, 70000)) == [1500, 1500, 70000]
    assert found(data(2048, 1500, 70000), first(20000)) == [1500]
    assert found(first(20000), first(2000), data(2048, 1500, 70000)) == [1500]
    assert found(first(2000), first(20000), data(2048, 1500, 70000)) == [1500, 70000]

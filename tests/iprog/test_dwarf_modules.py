"""What modules and narrow programs carry for debuggers, and which lines code is from."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import find_sites
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from tests.iprog.damage import damaged
from tests.iprog.forge import number
from tests.iprog.images import CODE, Part, elf, module, sites, u64
from tests.iprog.module import AnyPlan
from tests.iprog.test_dwarf import Attributes, table, unit

TEXT = 0x11000
ADDRESS, ENTRIES, DECLARED, STRINGS, RANGES, LOCATIONS = (k << 32 for k in (4, 14, 15, 7, 10, 11))
DESCRIBED: tuple[Attributes, ...] = (
    ((0x11, 0x01), (0x55, 0x17), (0x02, 0x17)), ((0x03, 0x0E), (0x49, 0x13), (0x02, 0x18)),
)  # fmt: skip


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def custom(name: str, content: bytes) -> tuple[int, bytes]:
    return 0, number(len(name)) + name.encode() + content


def described(
    parts: dict[str, bytes], code: bytes = bytes(256), before: bytes = b""
) -> tuple[bytes, dict[str, int]]:
    """A module with custom sections, and where the content of each is."""
    sections = [(10, code), *(custom(name, content) for name, content in parts.items())]
    blob, places = module([(0, before), *sections])
    named = zip(parts, places[2:], strict=True)
    return blob, {name: at + len(number(len(name))) + len(name) for name, at in named}


def test_entries_of_modules_g117() -> None:
    where = b"\x03" + u32(5000) + b"\x03" + u32(1023) + b"\xed\0\x85\1" + b"\xed\3" + u32(7)
    where += b"\x99" + u32(9) + b"\xed\3" + u32(7)[:3]
    entries = b"\1" + u32(40, 8, 16)
    entries += b"\2" + u32(3, 30) + number(len(where)) + where + b"\1" + u32(256, 0, 0)
    whole = unit(entries, size=4)
    parts = {".debug_info": whole, ".debug_abbrev": table(*DESCRIBED)}
    blob, places = described(parts)
    at, base = places[".debug_info"], ENTRIES
    second = at + 11 + 13 + 1
    inside = second + 9
    assert sites(blob, 58) == [
        (at, 3, base + 4 + len(whole) - 4, base + 4),
        (at + 12, 7, ADDRESS + 40, 0), (at + 16, 7, RANGES + 8, 0), (at + 20, 7, LOCATIONS + 16, 0),
        (second, 7, STRINGS + 3, 0), (second + 4, 3, base + 30, base),
        (inside + 1, 7, 5000, 0), (inside + 21, 3, base + 9, base),
    ]  # fmt: skip
    # 256 is no address, as the code has as many bytes; nor is what has 8 bytes read.
    assert sites(described({**parts, ".debug_info": unit(entries)})[0], 58) == []
    # The first custom section with a name counts; one whose name is cut off has none.
    broken = described(parts, before=number(200) + b".debug_info")[0]
    assert len(sites(broken, 58)) == len(sites(blob, 58))
    assert sites(described({".debug_info": b"", **parts}, before=b"\x0b.debug_info")[0], 58) == []
    assert sites(described({".debug_info": whole})[0], 58) == []


def test_lists_of_modules_g117() -> None:
    entries = b"\1" + u32(40, 0, 0) + b"\1" + u32(40, 16, 60)
    lists = u32(1, 2, 2**32 - 1, 100, 3, 400, 0, 0)
    located = u32(1, 2) + struct.pack("<H", 5) + b"\x03" + u32(6000) + u32(0, 0)
    parts = {
        ".debug_info": unit(entries, size=4), ".debug_abbrev": table(*DESCRIBED),
        ".debug_ranges": lists, ".debug_loc": located,
    }  # fmt: skip
    blob, places = described(parts)
    at, base = places[".debug_ranges"], ADDRESS + 40
    assert sites(blob, 60) == [
        (at, 3, base + 1, base), (at + 4, 3, base + 2, base), (at + 12, 7, ADDRESS + 100, 0),
        (at + 16, 3, ADDRESS + 103, ADDRESS + 100),
    ]  # fmt: skip
    at = places[".debug_loc"]
    assert sites(blob, 59) == [
        (at, 3, base + 1, base), (at + 4, 3, base + 2, base), (at + 11, 7, 6000, 0),
    ]  # fmt: skip
    newer = b"\6" + u32(100, 101) + b"\7" + u32(102) + b"\x85\1" + b"\0"
    parts = {
        ".debug_info": unit(b"\1" + u32(0, 0, 0), version=5, size=4),
        ".debug_abbrev": table(*DESCRIBED), ".debug_rnglists": newer,
    }  # fmt: skip
    blob, places = described(parts)
    at = places[".debug_rnglists"]
    assert [site[:3] for site in sites(blob, 60)] == [
        (at + 1, 7, ADDRESS + 100), (at + 5, 7, ADDRESS + 101), (at + 10, 7, ADDRESS + 102),
    ]  # fmt: skip


def test_narrow_images_g117() -> None:
    where = b"\x03" + u32(TEXT + 2)
    entries = unit(b"\1" + u32(TEXT, 0, 0) + b"\2" + u32(3, 4) + b"\5" + where, size=4)
    parts = [Part(".text", CODE, TEXT, bytes(64)), Part(".debug_info", 0, 0, entries)]
    parts += [
        Part(".debug_abbrev", 0, 0, table(*DESCRIBED)),
        Part(".debug_ranges", 0, 0, u32(1, 2, 0, 0)),
    ]
    blob, places = elf(parts, machine=3, narrow=True)
    at = places[".debug_info"]
    assert sites(blob, 58)[1:] == [
        (at + 12, 7, TEXT, 0), (at + 25, 7, (7 << 40) + 3, 0),
        (at + 29, 3, (14 << 40) + 4, 14 << 40), (at + 35, 7, TEXT + 2, 0),
    ]  # fmt: skip
    at = places[".debug_ranges"]
    assert sites(blob, 60) == [(at, 3, TEXT + 1, TEXT), (at + 4, 3, TEXT + 2, TEXT)]


@pytest.mark.parametrize("narrow", [False, True])
def test_lines_of_images_g118(narrow: bool) -> None:
    def pack(value: int) -> bytes:
        return u32(value) if narrow else u64(value)

    start = b"\0\5\2" if narrow else b"\0\x09\2"
    lines = start + pack(TEXT) + b"\1" + start + pack(TEXT - 1) + start + pack(0)
    lines += b"\0" + start + pack(TEXT + 63) + b"\0\x07\2" + pack(TEXT) + start + pack(TEXT)[:-1]
    for flags in (0, 0x800):
        blob, places = elf(
            [Part(".text", CODE, TEXT, bytes(64)), Part(".debug_line", flags, 0, lines)],
            machine=3 if narrow else 62, narrow=narrow,
        )  # fmt: skip
        at, form, last = places[".debug_line"], 7 if narrow else 2, lines.index(pack(TEXT + 63))
        wanted = [(at + 3, form, TEXT, 0), (at + last, form, TEXT + 63, 0)]
        assert sites(blob, 63) == ([] if flags else wanted)
    assert sites(elf([Part(".text", CODE, TEXT, bytes(64))])[0], 63) == []


def test_lines_of_modules_g118() -> None:
    lines = b"\0\5\2" + u32(1) + b"\0\5\2" + u32(256) + b"\0\5\2" + u32(255)
    blob, places = described({".debug_line": lines})
    at = places[".debug_line"]
    assert sites(blob, 63) == [(at + 3, 7, ADDRESS + 1, 0), (at + 17, 7, ADDRESS + 255, 0)]
    assert sites(blob, 58, 59, 60) == []


def built(random: Random, more: int) -> bytes:
    """A module of functions, each of which lines and entries begin at, and ``more`` bytes in the
    first."""
    bodies, starts, at = [], [], 2
    for n in range(600):
        rest = bytes(random.choices(b"\x01\x45\x46\x50\x6a\x6b", k=40)) + b"\x01" * (
            more if n == 50 else 0
        )
        body = b"\0" + rest + b"\x0b"
        starts.append(at + 1)
        bodies.append(number(len(body)) + body)
        at += len(bodies[-1])
    lines, entries = b"", b"\1" + u32(0, 0, 0)
    for start in starts:
        for n in range(3):
            lines += b"\0\5\2" + u32(start + 9 * n) + bytes([3, random.randrange(64), 1])
        entries += b"\1" + u32(start, 0, 0)
    parts = {
        ".debug_info": unit(entries, size=4), ".debug_abbrev": table(*DESCRIBED),
        ".debug_line": lines,
    }  # fmt: skip
    return described(parts, code=number(600) + b"".join(bodies))[0]


def test_plans_of_modules_with_lines_are_small_g117_g118() -> None:
    old, new = built(Random(1), 0), built(Random(1), 5)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert 63 in planned.header.relocation.finders
    without = make_plan(new, [old], finders=())
    assert len(planned.plan) < len(without.plan)
    assert planned.fixes < without.fixes / 100
    assert Reader(planned.plan, [old]).rebuild() == new
    assert NativeReader(planned.plan, [old]).rebuild() == new
    decoder = AnyPlan()
    decoder.open(planned.plan, old, None, "prf")
    assert decoder.rebuild() == new


def test_damaged_modules_find_something_or_nothing() -> None:
    whole = built(Random(2), 1)
    for other in damaged(whole, Random(3), 40, within=[range(8, len(whole))], most=16):
        assert len(find_sites(other, (58, 59, 60, 63))) <= len(whole) // 4

"""Tables of call sites, told by differences (spec/iprog.md G95, spec/iprog-finders.md G94)."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from pcpu.iprog.apply import Reader
from pcpu.iprog.call_sites import restore_tables, told_by_differences
from pcpu.iprog.decoder import calls
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import Region, RegionKind
from tests.iprog.forge import number
from tests.iprog.images import CODE, CONSTANTS, Part, elf, i32, sites
from tests.iprog.module import rebuilt_alone
from tests.iprog.relocated import code_blob, literal, relocation

DIFFERENCES = 6 << 40
Table = list[tuple[int, int, int, int]]
# Behind 9 comes a gap; the third goes nowhere, the last where the one before went.
KNOWN: Table = [(2, 7, 200, 0), (12, 5, 210, 1), (17, 3, 0, 0), (130, 1, 210, 0)]


def table(rows: Table, types: bytes = b"") -> bytes:
    """A table of call sites as LLVM writes it, and of types, whose end its header says."""
    listed = b"".join(b"".join(map(number, row)) for row in rows)
    listed = b"\1" + number(len(listed)) + listed + types
    return b"\xff" + (b"\x9b" + number(len(listed)) if types else b"\xff") + listed


def told() -> bytes:
    """KNOWN by differences: numbers keep their lengths."""
    rows = "02 07 c801 00", "03 05 8a00 01", "00 03 00 00", "ee00 01 ae7e 00"
    return bytes.fromhex("ffff01 14" + "".join(rows))


def test_call_sites_in_a_window_g95() -> None:
    blob, _ = code_blob()
    about = relocation([1], 1, [(0, 0, 4)], [])
    content = table(KNOWN)
    assert literal(content, told(), about, blob) == content
    # The next one is looked for behind the types; what lies between is as it was.
    content = table(KNOWN, b"\xff\xff\1\4" + bytes(5)) + b"..." + content
    stored = content[:5] + told()[4:] + content[25:37] + told()
    assert literal(content, stored, about, blob) == content
    # Outside of such a region, and where tables are cut off, or their numbers too long.
    for kind in range(4):
        aside = relocation([1], 1, [(0, 0, kind)], [])
        assert literal(told(), told(), aside, blob) == told()
    for same in (
        told()[:4],
        b"\xff\xff\1\x80\x80\x80\x80\1" + told()[4:],
        b"\xff\xff\2" + told()[3:],
    ):
        assert literal(same, same, about, blob) == same


def test_call_sites_are_found_g94() -> None:
    code = Part(".text", CODE, 0x1000, bytes(16))
    blob, places = elf([code, Part(".gcc_except_table", CONSTANTS, 0x2000, table(KNOWN))])
    at = places[".gcc_except_table"] + 4
    wanted = [(5, 3, 1), (7, 10, 2), (10, 0, 1), (14, 110, 2), (17, 16174, 2)]
    assert told()[4 + 14 : 4 + 16] == b"\xee\0"
    assert sites(blob, 53) == [(at + p, 5, DIFFERENCES + v, e) for p, v, e in wanted]
    other, _ = elf([code, Part(".gcc_except_tabl_", CONSTANTS, 0x2000, table(KNOWN))])
    assert sites(other, 53) == []


def test_whatever_is_told_is_restored_g95() -> None:
    dice = random.Random(95)
    regions = [Region(0, 0, RegionKind.CALLS), Region(30000, 0, RegionKind.OTHER)]
    for _ in range(40):
        data = bytearray(dice.randbytes(dice.randrange(40000)))
        for _ in range(dice.randrange(300)):
            rows = [
                (dice.randrange(1 << dice.choice((3, 9, 20, 31))), dice.randrange(99),
                 dice.choice((0, 0, 5, dice.randrange(1 << dice.choice((7, 14, 21))))), 0)
                for _ in range(dice.randrange(20))
            ]  # fmt: skip
            place = dice.randrange(len(data) + 1)
            made = table(rows, dice.choice((b"", b"type")))[: dice.choice((3, 9, 999))]
            data[place : place + len(made)] = made
        file = np.frombuffer(bytes(data), np.uint8)
        stored = told_by_differences(file, regions, 12)
        compiled: Any = stored.copy()
        found = bytearray(stored.tobytes())
        for start in range(0, len(found), 1 << 12):
            stop = min(start + (1 << 12), 30000, len(found))
            if stop <= start:
                break
            part = found[start:stop]
            restore_tables(part)
            found[start:stop] = part
            calls.restore_tables(compiled[start:stop])
        assert found == data
        assert compiled.tobytes() == bytes(data)


def program(gap: int) -> bytes:
    """Functions that grow by a gap at their start, and their call sites."""
    dice = random.Random(7)
    places = [0x1000 + (256 + gap * (n % 3 == 0)) * n for n in range(300)]
    code, tables = bytearray(300 * (256 + gap)), b""
    for n, place in enumerate(places):
        more = gap * (n % 3 == 0)
        call = b"\xe8" + i32(dice.choice(places) - place - 5)
        content = call + b"\x90" * more + dice.randbytes(200)
        code[place - 0x1000 : place - 0x1000 + len(content)] = content
        starts = sorted(dice.sample(range(20, 220), 12))
        tables += table([(s + more, dice.randrange(1, 9), s // 2 + 200 + more, 0) for s in starts])
    return elf([
        Part(".text", CODE, 0x1000, bytes(code)),
        Part(".gcc_except_table", CONSTANTS, 0x40000, tables),
    ])[0]  # fmt: skip


def test_plans_tell_call_sites_by_differences_g94_g95() -> None:
    old, new = program(0), program(24)
    planned = make_plan(new, [old])
    kinds = {region.kind for region in planned.moved.regions}
    relocation = planned.header.relocation
    assert RegionKind.CALLS in kinds
    assert relocation is not None
    assert 53 in relocation.finders
    without = make_plan(new, [old], finders=tuple(n for n in relocation.finders if n != 53))
    assert len(planned.plan) < len(without.plan)
    for bits in (12, 16):
        plan = make_plan(new, [old], window_bits=bits).plan
        assert Reader(plan, [old]).rebuild() == new
        assert NativeReader(plan, [old]).rebuild() == new
        assert rebuilt_alone(plan, old) == new


def test_call_sites_that_stay_are_not_told_by_differences() -> None:
    old = program(0)
    new = bytearray(old)
    new[old.index(b"\xe8") + 300] ^= 1
    relocation = make_plan(bytes(new), [old]).header.relocation
    assert relocation is None or 53 not in relocation.finders

"""Finders of universal files against files built by hand (iprog-finders.md)."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import find_sites, read_image
from pcpu.iprog.format import Transform
from pcpu.iprog.images import parts_of
from pcpu.iprog.mnemonics import architecture_of, count_mnemonics
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.relocate import resolved
from pcpu.iprog.sections import read_contents
from pcpu.iprog.shifts import NOTHING_MOVES
from pcpu.iprog.transforms import restore_aarch64, restore_by_image, restore_x86_64
from tests.iprog.damage import damaged
from tests.iprog.images import i32, sites, u64
from tests.iprog.macho_images import (
    AFTER,
    AMD,
    ARM,
    BASE,
    CODE,
    DATA,
    HEADERS,
    READ,
    ROOM,
    TEXT,
    WRITE,
    Part,
    command,
    frames,
    macho,
    symbol,
    text,
    unwinding,
)
from tests.iprog.module import AnyPlan, rebuilt_alone

PAGE = 0x1000
OTHER = 1 << 44  # what is added to addresses of the image for AArch64
I386 = 7


def fat(*images: tuple[int, bytes]) -> tuple[bytes, list[int]]:
    """A universal file of images, each with a machine; and where they begin."""
    table, body, places = b"", b"", []
    for machine, image in images:
        places.append(PAGE + len(body))
        table += struct.pack(">5I", machine, 3, places[-1], len(image), 12)
        body += image + bytes(-len(image) % PAGE)
    head = struct.pack(">2I", 0xCAFEBABE, len(images)) + table
    return head.ljust(PAGE, b"\0") + body, places


def image(machine: int, chained: bool = False) -> bytes:
    """One with something for each finder."""
    table, _ = unwinding()
    words = u64(TEXT, DATA + 8) if not chained else u64(DATA | 1 << 51, 0x4008 | 1 << 51)
    parts = [
        text(b"\xe8\0\0\0\0" if machine == AMD else i32(-0x6C000000)), Part("__data", WRITE, DATA, words),
        Part("__eh_frame", READ, DATA + 0x100, frames()),
        Part("__unwind_info", READ, DATA + 0x800, table),
        Part("__link", READ, DATA + 0x1000, symbol(7, 1, TEXT)),
    ]  # fmt: skip
    place = AFTER + sum(len(part.content) for part in parts[1:-1])
    listed = command(2, struct.pack("<IIII", place, 1, 0, 0))
    return macho(parts, listed + (command(0x80000034, bytes(8)) if chained else b""), machine)


def test_images_have_addresses_of_their_own_g79() -> None:
    whole, (first, second) = fat((AMD, macho([text(b"\xe8\0\0\0\0"), ROOM])), (ARM, image(ARM)))
    table, _ = unwinding()
    at, end = second + AFTER, second + AFTER + 16 + len(frames()) + len(table)
    assert sites(whole, 29) == [(first + HEADERS + 1, 0, TEXT + 5, 4)]
    assert sites(whole, 30) == [(second + HEADERS, 8, OTHER + TEXT, 0)]
    assert sites(whole, 31) == [
        (at, 2, OTHER + TEXT, OTHER), (at + 8, 2, OTHER + DATA + 8, OTHER),
    ]  # fmt: skip
    assert sites(whole, 32) == [(end + 8, 2, OTHER + TEXT, OTHER)]
    assert sites(whole, 33)[:1] == [
        (at + 16 + frames().index(i32(29)) + 4, 4, OTHER + DATA + 0x100, 0)
    ]
    assert sites(whole, 34)[0] == (end - len(table) + 28, 3, OTHER + BASE + 0x4000, OTHER + BASE)
    assert sites(whole, 35) == [(end, 7, OTHER + (1 << 40) + 7, 0)]


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("order", [(AMD, ARM), (ARM, AMD), (I386, ARM, AMD)])
def test_images_are_looked_at_alone_g78_g79(order: tuple[int, ...], chained: bool) -> None:
    images = {machine: image(machine, chained) for machine in (AMD, ARM)}
    whole, places = fat(*[(m, images.get(m, b"other")) for m in order])
    for finder in range(17, 24):
        wanted = []
        for machine in (AMD, ARM):
            place = places[order.index(machine)]
            more = OTHER if machine == ARM else 0
            for at, form, target, extra in sites(images[machine], finder):
                own = more if form == 2 or (form == 3 and extra) else 0
                wanted.append((place + at, form, target + more, extra + own))
        assert sites(whole, finder + 12) == sorted(wanted)
        assert sites(whole, finder) == []
        assert sites(images[ARM], finder + 12) == []


def test_an_offset_of_nothing_keeps_no_base_g79() -> None:
    whole, (place,) = fat((ARM, image(ARM, chained=True)))
    assert sites(whole, 31) == [
        (place + AFTER, 3, OTHER + DATA, 0), (place + AFTER + 8, 3, OTHER + DATA + 8, OTHER + BASE),
    ]  # fmt: skip


def test_what_is_a_universal_file_g77() -> None:
    one = macho([text(b"\xe8\0\0\0\0"), ROOM])
    whole, (place,) = fat((AMD, one))
    call = [(place + HEADERS + 1, 0, TEXT + 5, 4)]
    assert sites(whole) == call
    # At most 32 entries, all of which have to be there; the others are about nothing here.
    for number, found in (
        (1, call),
        (2, call),
        (32, call),
        (33, []),
        (0, []),
        (1 << 31, []),
        (52, []),
    ):
        assert sites(whole[:4] + struct.pack(">I", number) + whole[8:]) == found, number
    for at, change in (
        (0, b"\xcb"),
        (3, b"\xbf"),
        (11, b"\x0c"),
        (14, b"\xff"),
        (16, b"\xff"),
        (20, b"\xff"),
    ):
        other = whole[:at] + change + whole[at + len(change) :]
        assert (sites(other) == []) == (at != 14), at
    for size in range(29):
        assert read_image(whole[:size]) is None
    assert read_image(whole[:place] + bytes(len(one))) is None


def test_the_first_entry_for_a_machine_counts_g78() -> None:
    one, other = macho([text(b"\xe8\0\0\0\0"), ROOM]), macho([text(b"\x90\xe8\0\0\0\0"), ROOM])
    whole, (first, _) = fat((AMD, one), (AMD, other))
    assert sites(whole) == [(first + HEADERS + 1, 0, TEXT + 5, 4)]
    # One that does not lie in the file, and what is said to be for another machine, are none.
    for length in (len(whole), HEADERS):
        assert sites(whole[:16] + struct.pack(">2I", first, length) + whole[24:]) == []
    assert sites(fat((ARM, one))[0]) == []


def test_images_that_overlap_g78() -> None:
    outer = bytearray(macho([text(b"\xe8\0\0\0\0"), Part("__data", WRITE, DATA, u64(TEXT) * 4096)]))
    inner = image(ARM)
    outer[AFTER : AFTER + len(inner)] = inner
    whole, (place,) = fat((AMD, bytes(outer)))
    entry = struct.pack(">5I", ARM, 3, place + AFTER, len(inner), 12)
    nested = whole[:4] + struct.pack(">I", 2) + whole[8:28] + entry + whole[48:]
    alone = [row for row in sites(nested) if row[2] >= OTHER]
    assert len(alone) >= 12
    # One image twice: what begins in the first one's sites is dropped.
    entry = struct.pack(">5I", ARM, 3, place, len(outer), 12)
    assert sites(whole[:4] + struct.pack(">I", 2) + whole[8:28] + entry + whole[48:]) == sites(
        whole
    )


def test_what_is_written_of_words_g24() -> None:
    whole, _ = fat((ARM, image(ARM)))
    found = resolved(find_sites(whole, (31,)), NOTHING_MOVES, 0)
    for place, target, extra in zip(found.place, found.target, found.extra, strict=True):
        assert int(target - extra) == struct.unpack_from("<Q", whole, place)[0]


def test_transform_3_is_that_of_the_image_g28() -> None:
    code = Random(5).randbytes(3) + b"\xe8" + i32(0x1234) + b"\x05\0\0\x94\x21\0\0\x90"
    for address, own in (
        (BASE, restore_x86_64),
        (OTHER - 4, restore_x86_64),
        (OTHER, restore_aarch64),
    ):
        one, other = bytearray(code), bytearray(code)
        restore_by_image(one, address, BASE, 1 << 30)
        own(other, address, BASE, 1 << 30)
        assert one == other
    assert one != code


def program(gap: int, machine: int, chained: bool, functions: int) -> bytes:
    """One whose functions call each other; after each 50 of them ``gap`` more bytes."""
    random = Random(3)
    address, data = TEXT + 0x1000, DATA + 0x10000 + gap
    starts = [32 * n + gap * (n // 50) for n in range(functions)]
    code = bytearray()
    for start in starts:
        code += b"\x90" * (start - len(code)) + random.randbytes(16).replace(b"\xe8", b"\x90")
        goal = random.choice(starts) - len(code)
        if machine == AMD:
            code += b"\x90\xe8" + i32(goal - 6) + b"\xc3\xc3"
        else:
            code += struct.pack("<2I", 0x94000000 | goal >> 2 & 0x3FFFFFF, 0xD65F03C0)
        code += random.randbytes(8).replace(b"\xe8", b"\x90")
    random.shuffle(starts)
    # Functions that only the new program has, of calls of others.
    more = starts[: 12 * (gap > 0)]
    for goal in more:
        away = goal - len(code)
        own = (
            b"\x90\xe8" + i32(away - 6)
            if machine == AMD
            else i32(-0x6C000000 | away >> 2 & 0x3FFFFFF)
        )
        code += random.randbytes(4) + own.ljust(8, b"\xc3")
    code += b"\x90" * (-len(code) % 8)
    chain, base = (3 << 51, BASE) if chained else (0, 0)
    words = u64(*[address + start - base | chain for start in starts[:300]])
    parts = [
        Part("__text", READ, address, bytes(code), CODE), Part("__data", WRITE, data, words),
        Part("__eh_frame", READ, data + 0x3000, frames()),
    ]  # fmt: skip
    return macho(parts, command(0x80000034, bytes(8)) if chained else b"", machine)


def universal(gap: int, chained: bool, functions: int = 400) -> bytes:
    images = [(machine, program(gap, machine, chained, functions)) for machine in (AMD, ARM)]
    return fat(*images)[0]


@pytest.mark.parametrize("chained", [False, True])
def test_decoders_rebuild_universal_files(chained: bool) -> None:
    old, new = universal(0, chained), universal(48, chained)
    planned = make_plan(new, [old], window_bits=12)
    about = planned.header.relocation
    assert about is not None
    assert set(about.finders) >= {29, 30, 31}
    assert about.transform is Transform.BY_IMAGE
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    reader = Reader(planned.plan, [old])
    assert reader.rebuild() == new
    assert NativeReader(planned.plan, [old]).rebuild() == new
    assert rebuilt_alone(planned.plan, old) == new
    any_ = AnyPlan()
    for held in ("", "prs"):
        any_.open(planned.plan, old, find_sites(old, about.finders), held)
        windows = [any_.window(n) for n in range(planned.header.windows)]
        assert b"".join(windows) == new


def test_what_people_are_told_of_a_universal_file() -> None:
    images = [(machine, macho([text(), ROOM], machine=machine)) for machine in (AMD, ARM)]
    whole, (first, second) = fat(*images)
    read = read_image(whole)
    assert read is not None
    assert read.kind == "macho-universal"
    assert read.span == (TEXT, DATA + 16)
    assert read.regions == (
        Region(first + HEADERS, BASE - first, RegionKind.CODE), Region(first + AFTER, DATA - AFTER - first, RegionKind.OTHER),
        Region(second + HEADERS, OTHER + BASE - second, RegionKind.CODE),
        Region(second + AFTER, OTHER + DATA - AFTER - second, RegionKind.OTHER),
    )  # fmt: skip
    assert [part.name for part in parts_of(read, whole)] == 2 * [b"__HEADER", b"__text", b"__data"]
    shown = [
        (section.name, section.start) for section in read_contents(whole).sections if section.name
    ]
    assert shown == [
        ("x86-64 __HEADER", first), ("x86-64 __text", first + HEADERS), ("x86-64 __data", first + AFTER),
        ("aarch64 __HEADER", second), ("aarch64 __text", second + HEADERS),
        ("aarch64 __data", second + AFTER),
    ]  # fmt: skip
    assert architecture_of(read, whole) is None
    assert count_mnemonics(read, whole) == {}


@pytest.mark.parametrize("seed", range(3))
def test_damaged_universal_files_never_fail(seed: int) -> None:
    random = Random(seed)
    whole, places = fat((AMD, image(AMD)), (ARM, image(ARM)))
    within = [range(48), *(range(first, first + HEADERS + 400) for first in places)]
    for cut in damaged(whole, random, 200, within=within, cut=True):
        assert all(0 <= place < len(cut) and target >= 0 for place, _, target, _ in sites(cut))
        read_contents(cut)

"""ELF images that were not linked yet, and the types that the Linux kernel carries."""

from __future__ import annotations

import struct
from random import Random

import pytest

from pcpu.iprog.apply import Reader
from pcpu.iprog.finders import find_sites, read_image
from pcpu.iprog.labels import labels, symbol_labels
from pcpu.iprog.plan import make_plan
from pcpu.iprog.sections import read_contents
from tests.iprog.damage import damaged
from tests.iprog.images import CODE, DATA, Part, elf, sites
from tests.iprog.module import rebuilt_alone

TYPES, NAMES = 12 << 40, 13 << 40


def origin(section: int) -> int:
    return (16 + section) << 40


def symbol(section: int, value: int, kind: int = 0) -> bytes:
    return struct.pack("<IBBHQQ", 0, kind, 0, section, value, 0)


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def described(kind: int, members: int = 0) -> int:
    """The second word of a type."""
    return kind << 24 | members


def btf(
    types: bytes, names: bytes = b"\0", *, magic: int = 0xEB9F, length: int | None = None
) -> bytes:
    length = len(types) if length is None else length
    return (
        struct.pack("<HBBIIIII", magic, 1, 0, 24, 0, length, len(types), len(names)) + types + names
    )


def with_types(content: bytes) -> tuple[bytes, int]:
    blob, places = elf([Part(".text", CODE, 0, bytes(64)), Part(".BTF", 0, 0, content)], kind=1)
    return blob, places[".BTF"]


# What each kind has: the words, and which of these are names (n) and types (t).
KINDS = (
    (1, 0, "n..."), (2, 0, "n.t"), (3, 0, "n..tt."), (4, 2, "n..nt.nt."), (5, 1, "n..nt."),
    (6, 2, "n..n.n."), (7, 0, "n.."), (8, 0, "n.t"), (9, 0, "n.t"), (10, 0, "n.t"), (11, 0, "n.t"),
    (12, 0, "n.t"), (13, 2, "n.tntnt"), (14, 0, "n.t."), (15, 2, "n..t..t.."), (16, 0, "n.."),
    (17, 0, "n.t."), (18, 0, "n.t"), (19, 1, "n..n.."),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "members", "held"), KINDS)
def test_kinds_of_types_g96(kind: int, members: int, held: str) -> None:
    one = [100 + n for n in range(len(held))]
    one[1] = described(kind, members)
    last = words(7, described(2), 9)
    blob, at = with_types(btf(words(*one) + last))
    at += 24
    behind = at + 4 * len(held)
    wanted = [
        (at + 4 * n, 7, (NAMES if what == "n" else TYPES) + 100 + n, 0)
        for n, what in enumerate(held) if what != "."
    ]  # fmt: skip
    wanted += [(behind, 7, NAMES + 7, 0), (behind + 8, 7, TYPES + 9, 0)]
    assert sites(blob, 54) == wanted


def test_types_that_are_cut_off_g96() -> None:
    types = words(0, described(2), 3) + words(5, described(4, 1), 8, 6, 7, 0)
    for length, found in ((36, 4), (35, 1), (12, 1), (11, 0)):
        assert len(sites(with_types(btf(types, length=length))[0], 54)) == found
    assert sites(with_types(btf(types, magic=0xEB9E))[0], 54) == []
    assert sites(with_types(btf(types, length=38))[0], 54) == []
    assert sites(with_types(btf(types)[:23])[0], 54) == []


def test_names_are_compared_by_what_they_say() -> None:
    # The types' own names begin behind 1000 bytes of others.
    types = (
        words(1004, described(7), 0) + words(1000, described(7), 0) + words(500, described(7), 0)
    )
    blob, _ = with_types(btf(types, b"one\0two\0"))
    longer, _ = with_types(
        btf(words(1007, described(7), 0, 1003, described(7), 0), b"X\0\0one\0two\0")
    )
    here = labels(blob, find_sites(blob, (54,))).tolist()
    there = labels(longer, find_sites(longer, (54,))).tolist()
    assert here[:2] == there
    assert here[2] == 0
    assert len(set(here)) == 3


def loaded(names: bytes, *places: int, narrow: bool = False) -> bytes:
    """An image whose symbols have these names, and a relocation for each of them and one more."""
    row = "<IIIBBH" if narrow else "<IBBHQQ"
    table = b"".join(struct.pack(row, place, 0, 0, 0, 0, 0) for place in places)
    numbers = range(len(places) + 1)
    relocations = b"".join(
        struct.pack("<II", 0, n << 8 | 7) if narrow else struct.pack("<QIIq", 0, 7, n, 0)
        for n in numbers
    )
    return elf([
        Part(".dynsym", 2, 0x400, table, 11, link=2), Part(".dynstr", 2, 0x800, names, 3),
        Part(".rel.plt", 2, 0xC00, relocations, 9 if narrow else 4), Part(".text", CODE, 0x1000, bytes(64)),
    ], machine=40 if narrow else 62, narrow=narrow)[0]  # fmt: skip


@pytest.mark.parametrize("narrow", [False, True])
def test_symbols_are_compared_by_their_names(narrow: bool) -> None:
    one = loaded(b"\0read\0write\0", 0, 1, 6, narrow=narrow)
    other = loaded(b"\0open\0write\0read\0", 0, 6, 12, 1, narrow=narrow)
    here, there = (symbol_labels(b, find_sites(b, (28,))).tolist() for b in (one, other))
    read, write = here[:2]
    assert here == [read, write, read, write, 0]  # number 3 is none
    opened = there[2]
    assert there == [write, read, opened, write, read, opened, 0]
    assert len({0, read, write, opened}) == 4


def test_symbols_without_names() -> None:
    for cut in (b"", b"\0"):
        blob = loaded(cut, 0, 1, 1 << 31)
        assert not symbol_labels(blob, find_sites(blob, (28,))).any()
    blob, _ = elf([Part(".symtab", 0, 0, symbol(0, 0) + symbol(1, 3), 2)])
    assert not symbol_labels(blob, find_sites(blob, (28,))).any()


def test_tables_of_images_for_any_machine_g46_g97() -> None:
    for machine, found in ((258, 1), (21, 1), (0, 0)):
        code, table = Part(".text", CODE, 0x1000, bytes(64)), symbol(1, 0x1010)
        blob, places = elf([code, Part(".symtab", 0, 0, table, 2)], machine=machine)
        wanted = [(places[".symtab"] + 8, 2, 0x1010, 0)]
        assert sites(blob, 3) == wanted[:found]
        assert sites(blob, 1) == sites(blob, 13) == []


def objects() -> tuple[bytes, dict[str, int]]:
    symbols = (
        symbol(0, 0) + symbol(1, 0, 3) + symbol(2, 0, 3) + symbol(2, 9, 1) + symbol(0xFF00, 5)
    ) + symbol(1, 7, 0x13)
    relocations = b"".join((
        struct.pack("<QIIq", 4, 2, 1, 8), struct.pack("<QIIq", 0, 2, 2, 16),
        struct.pack("<QIIq", 12, 2, 3, 24), struct.pack("<QIIq", 16, 2, 5, -4), struct.pack("<QIIq", 20, 2, 6, 1),
    ))  # fmt: skip
    return elf([
        Part(".text", CODE, 0, bytes(64)), Part(".data", DATA, 0, bytes(64)),
        Part(".rela.data", 0, 0, relocations + bytes(23), 4, link=5, info=2),
        Part(".rela.text", 0, 0, relocations[:24], 4, link=1, info=1),
        Part(".symtab", 0, 0, symbols, 2),
    ], kind=1)  # fmt: skip


def test_relocations_of_objects_g97() -> None:
    blob, places = objects()
    at, data = places[".rela.data"], origin(2)
    assert sites(blob, 55) == [
        (at, 2, data + 4, data), (at + 16, 2, 8, 0), (at + 40, 2, data + 16, data),
        (at + 48, 2, data + 12, data), (at + 72, 2, data + 16, data), (at + 96, 2, data + 20, data),
        (places[".rela.text"], 2, 4, 0),
    ]  # fmt: skip
    linked = blob[:16] + b"\3" + blob[17:]
    assert sites(linked, 55, 56) == []


def test_symbols_of_objects_g97() -> None:
    blob, places = objects()
    at = places[".symtab"]
    assert sites(blob, 56) == [(at + 80, 2, origin(2) + 9, origin(2)), (at + 128, 2, 7, 0)]


def kernel_module(gap: int, shift: int, seed: int = 1) -> bytes:
    """One with ``gap`` bytes more in its code, and numbers of types that are ``shift`` higher."""
    random = Random(seed)
    code = random.randbytes(4000) + bytes(gap) + random.randbytes(4000)
    symbols = symbol(0, 0) + symbol(1, 0, 3)
    places = sorted(random.sample(range(8000), 400))
    relocations = b"".join(
        struct.pack("<QIIq", 8 * n + 8, 2, 1, place + gap * (place >= 4000))
        for n, place in enumerate(places)
    )
    types = b"".join(
        words(shift + random.randrange(9000), described(4, 2), 16, *(shift + random.randrange(9000) for _ in range(2)), 0,
              *(shift + random.randrange(9000) for _ in range(2)), 64)
        for _ in range(300)
    )  # fmt: skip
    return elf([
        Part(".text", CODE, 0, code), Part(".sites", DATA, 0, bytes(4000)),
        Part(".rela.sites", 0, 0, relocations, 4, link=4, info=2), Part(".symtab", 0, 0, symbols, 2),
        Part(".BTF", 0, 0, btf(types)),
    ], kind=1)[0]  # fmt: skip


def test_decoders_rebuild_a_kernel_module() -> None:
    old, new = kernel_module(0, 20000), kernel_module(64, 20031)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert {54, 55} <= set(planned.header.relocation.finders)
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 2
    assert Reader(planned.plan, [old]).rebuild() == new
    assert rebuilt_alone(planned.plan, old) == new


def member(name: bytes, content: bytes) -> bytes:
    """What ``ar`` writes; its fields are for people."""
    head = name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) + b"0".ljust(6) + b"644".ljust(8)
    head += str(len(content)).encode().ljust(10) + b"`\n"
    assert len(head) == 60
    return head + content + b"\n" * (len(content) % 2)


def archive(*members: tuple[bytes, bytes]) -> bytes:
    return b"!<arch>\n" + b"".join(member(*one) for one in members)


def index(*places: int, count: int | None = None) -> tuple[bytes, bytes]:
    listed = (len(places) if count is None else count, *places)
    return b"/", struct.pack(f">{len(listed)}I", *listed) + b"name\0"


@pytest.mark.parametrize("finder", [55, 56])
def test_archives_of_objects_g97(finder: int) -> None:
    one, _ = objects()
    blob = archive(index(), (b"odd/", b"odd"), (b"a.o/", one), (b"b.o/", one))
    first = 8 + 60 + 10 + 60 + 4 + 60  # an index of 9 bytes, and a member of 3
    alone = [find_sites(one, (finder,)), find_sites(one, (28,))][: finder - 54]
    wanted = []
    for number, start in ((2, first), (3, first + len(one) + len(one) % 2 + 60)):
        own = number << 48
        wanted += [
            (start + place, form, own + target, own + extra if form == 2 else extra)
            for found in alone
            for place, form, target, extra in zip(*(a.tolist() for a in found.arrays), strict=True)
        ]
    assert len(wanted) > 6
    assert sites(blob, finder) == sorted(wanted)
    assert sites(blob[:-1] + b"", finder) == sorted(wanted)[: len(wanted) // 2]
    assert sites(blob, 28) == sites(blob, 3) == []


def test_the_index_of_an_archive_g97() -> None:
    for count, found in ((3, 3), (2, 2), (9, 4)):
        blob = archive(index(0x110, 0x220, 0x110, count=count))
        names = int.from_bytes(b"name", "big")
        assert sites(blob, 56) == [
            (72 + 4 * n, 24, (5 << 40) + place, 4)
            for n, place in enumerate((0x110, 0x220, 0x110, names)[:found])
        ]
        assert sites(blob, 55) == []
    # Its numbers are places in the archive, whichever member it is itself.
    later = archive((b"odd/", b"odd"), index(0x110))
    assert sites(later, 56) == [(72 + 64, 24, (5 << 40) + 0x110, 4)]
    assert sites(archive((b"/", b"\0\0\0")), 56) == []
    assert sites(archive((b"/SYM64/", index(1)[1])), 56) == []
    read = read_image(blob)
    assert read is not None
    assert read.kind == "archive"
    assert read_contents(blob).sections


def library(gap: int) -> bytes:
    members, at, places = [], 0, []
    for n in range(12):
        own = kernel_module(gap * (n % 3 == 1), 20000, n)
        members.append((f"m{n}.o/".encode(), own))
        places += [at] * 40
        at += 60 + len(own)
    return archive(index(*places), *members)


def test_decoders_rebuild_an_archive() -> None:
    old, new = library(0), library(64)
    planned = make_plan(new, [old])
    assert planned.header.relocation is not None
    assert planned.header.relocation.finders == (55, 56)
    assert len(planned.plan) < len(make_plan(new, [old], finders=()).plan) / 1.8
    assert Reader(planned.plan, [old]).rebuild() == new
    assert rebuilt_alone(planned.plan, old) == new


@pytest.mark.parametrize("seed", range(3))
def test_damaged_archives_never_fail(seed: int) -> None:
    blob = archive(index(1, 2, 3), (b"a.o/", objects()[0]), (b"b.o/", objects()[0]))
    for cut in damaged(blob, Random(seed), 200, cut=True):
        found = find_sites(cut, (55, 56))
        assert all(0 <= place < len(cut) for place in found.place.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_damaged_objects_never_fail(seed: int) -> None:
    random = Random(seed)
    blob = kernel_module(0, 20000)
    table = len(blob) - 64 * 7
    for cut in damaged(blob, random, 60, within=[range(64), range(table, len(blob))], cut=True):
        found = find_sites(cut, (55, 56, 54))
        assert all(0 <= place < len(cut) for place in found.place.tolist())
        labels(cut, found)

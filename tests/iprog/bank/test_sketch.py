"""Sketches are what spec/bank.md says, computed beside it by plain code."""

from __future__ import annotations

import hashlib
import math
import struct
from random import Random

import google_crc32c
import numpy as np
import pytest

from pcpu.errors import BankError
from pcpu.iprog.bank.chunks import cut
from pcpu.iprog.bank.rank import from_chunks, from_sketch
from pcpu.iprog.bank.sketch import KEPT, SIZE, Studied, read_sketch, study
from tests.iprog.bank import plain
from tests.iprog.forge import number
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, elf, i32, module
from tests.iprog.pairs import edited

VIEWS = {
    "empty": b"",
    "one byte": b"x",
    "short": bytes(range(15)),
    "least": bytes(range(16)),
    "zeros": bytes(40_000),
    "noise": Random(1).randbytes(60_000),
    "words": edited(3, 30_000)[0],
    "repeated": Random(2).randbytes(700) * 40,
}


@pytest.mark.parametrize("name", VIEWS)
def test_chunks_and_their_names_k3_k4_k5_k6(name: str) -> None:
    view = VIEWS[name]
    found = cut(np.frombuffer(view, np.uint8))
    for level, wanted in zip(found, plain.names(view), strict=True):
        assert dict(zip(level.names.tolist(), level.lengths.tolist(), strict=True)) == wanted
        assert level.names.tolist() == sorted(wanted)


def test_chunks_are_found_again_behind_an_edit_k4() -> None:
    view = Random(5).randbytes(50_000)
    before, after = (
        {e + shift for e in plain.ends(data)[0]} for data, shift in ((view, 3), (b"new" + view, 0))
    )
    assert len(before & after) > 0.99 * len(before)


def test_the_layout_k1_k7() -> None:
    data = Random(7).randbytes(200_000)
    sketch = study(data).sketch.write()
    assert len(sketch) == SIZE == 8488
    assert sketch[:8] == bytes.fromhex("8949 5053 4b0d 0a1a")
    version, check, size = struct.unpack_from("<IIQ", sketch, 8)
    assert (version, size) == (1, len(data))
    assert check == google_crc32c.value(sketch[16:])
    assert sketch[24:56] == hashlib.sha256(data).digest()
    assert sketch[56 : 56 + 8 + 16 + 48] == bytes(72)  # no program
    assert struct.unpack_from("<10Q", sketch, 128) == (0,) * 9 + (len(data),)
    assert sketch[208:272] == bytes(64)
    wanted = plain.names(data)
    counts = struct.unpack_from("<6I", sketch, 272)
    kept = [min(len(level), most) for level, most in zip(wanted, (1024, 512, 512), strict=True)]
    assert list(counts) == [*map(len, wanted), *kept]
    at = 296
    for level, count, room in zip(wanted, kept, (1024, 512, 512), strict=True):
        names = struct.unpack_from(f"<{room}I", sketch, at)
        assert list(names) == sorted(level)[:count] + [0] * (room - count)
        at += 4 * room
    again = read_sketch(sketch, "it")
    assert again.write() == sketch


def linked(address: int, gap: int) -> bytes:
    """A program whose functions call one another, with a gap behind each sixth."""
    random = Random(11)
    bodies = [random.randbytes(random.randint(90, 180)) for _ in range(60)]
    code = bytearray()
    starts = []
    for n, body in enumerate(bodies):
        starts.append(len(code))
        code += b"\x55" + b"\x90" * 40 + b"\xe8" + bytes(4) + body.translate(HARMLESS) + b"\xc3"
        code += bytes(gap if n % 6 == 5 else 0)
    for k, start in enumerate(starts):
        at = start + 42
        code[at : at + 4] = i32(starts[(k * 7 + 3) % len(starts)] - (at + 4))
    return elf(
        [
            Part(".text", CODE, address, bytes(code)),
            Part(".data", DATA, address + 0x20000, bytes(64)),
        ]
    )[0]


HARMLESS = bytes(0x50 + b % 8 for b in range(256))  # pushes


def test_programs_that_were_linked_anew_are_alike_k2() -> None:
    one, other = study(linked(0x2000, 0)), study(linked(0x9000, 16))
    assert one.sketch.kind == other.sketch.kind == "elf-x86-64"
    assert one.sketch.finders & 1 << 1  # x86-64-code
    seen = from_chunks(one.levels, other.levels).share
    plainly = [cut(np.frombuffer(linked(*at), np.uint8)) for at in ((0x2000, 0), (0x9000, 16))]
    assert seen > 0.7
    assert seen > 1.5 * from_chunks(plainly[0], plainly[1]).share


def test_sections_k8() -> None:
    parts = [
        Part(".text", CODE, 0x1000, bytes(100)),
        Part(".rodata", CONSTANTS, 0x2000, bytes(60)),
        Part(".data", DATA, 0x3000, bytes(50)),
        Part(".rela.dyn", CONSTANTS, 0x4000, bytes(48), 4),
        Part(".symtab", 0, 0, bytes(24), 2),
        Part(".strtab", 0, 0, bytes(9), 3),
        Part(".eh_frame", CONSTANTS, 0x5000, bytes(20)),
        Part(".debug_info", 0, 0, bytes(31)),
        Part(".note", CONSTANTS, 0x6000, bytes(12), 7),
        Part(".bss", DATA, 0x7000, b"", 8, 999),
    ]
    blob, _ = elf(parts)
    found = study(blob).sketch.sections
    names = len(b"\0" + b"".join(p.name.encode() + b"\0" for p in parts) + b".names\0")
    assert found[:7] == (100, 60 + 12, 50, 48, 24 + 9 + names, 20, 31)
    assert sum(found) == len(blob)
    blob, _ = module(
        [(1, b"t"), (2, bytes(5)), (7, bytes(6)), (9, bytes(7)), (10, bytes(8)), (11, bytes(9))]
    )
    assert study(blob).sketch.sections == (8, 0, 9, 7, 12, 0, 0, 0, 0, len(blob) - 36)
    for content, place in (("text, \u00e9".encode(), 7), (b"PK\3\4packed", 8), (b"\0\xff", 9)):
        sections = study(content).sketch.sections
        assert sections[place] == sum(sections) == len(content)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (b"GCC: (GNU) 14.2.1 20250110\0", "GCC: (GNU) 14.2.1"),
        (b"GCC: (Debian 9) 8.3.0\0rustc version 1.80.0 (x)\0", "rustc version 1.80.0"),
        (b"Ubuntu clang version 18.1.3", "clang version 18.1.3"),
        (b"made by hand", ""),
    ],
)
def test_compilers_k9(said: bytes, wanted: str) -> None:
    blob, _ = elf([Part(".text", CODE, 0x1000, bytes(16)), Part(".comment", 0, 0, said)])
    assert study(blob).sketch.compiler == wanted
    if wanted.startswith("rustc"):
        producers = b"\x09producers\x01\x0cprocessed-by\x01\x05rustc\x061.80.0"
        assert study(module([(0, producers)])[0]).sketch.compiler == "rustc 1.80.0"


def test_histograms_k10() -> None:
    code = (b"\x90" * 3 + b"\xc3") * 4096  # nop nop nop ret
    found = study(elf([Part(".text", CODE, 0x1000, code)])[0]).sketch
    counted = found.to_json()["mnemonics"]
    assert counted == {"nop": 0.75, "ret": 0.25}
    assert sum(found.histogram) == 64 * 256
    words = struct.pack("<2I", 0xD503201F, 0xD65F03C0) * 2048  # the same for AArch64, in turns
    found = study(elf([Part(".text", CODE, 0x1000, words)], machine=183)[0]).sketch
    assert found.to_json()["mnemonics"] == {"nop": 0.5, "ret": 0.5}
    body = b"\0" + b"\x01" * 8000 + b"\x0b"
    found = study(module([(10, b"\x01" + number(len(body)) + body)])[0]).sketch
    assert found.to_json()["mnemonics"]["other"] > 0.98  # nop is none of those counted
    assert study(b"text").sketch.histogram == (0,) * 32


def seen(file: bytes, blob: bytes, kept: tuple[int, ...]) -> list[tuple[int, int, float]]:
    """Chunks of each level looked for and found, and how many bytes they have in the mean."""
    found = []
    for own, other, most in zip(plain.names(file), plain.names(blob), kept, strict=True):
        known = sorted(other)[:most]
        reach = known[-1] if len(other) > most else 1 << 32
        wanted = [name for name in own if name <= reach]
        found.append((len(wanted), len({*wanted} & {*known}), sum(own.values()) / len(own)))
    return found


@pytest.mark.parametrize("changes", [0, 3, 60])
def test_nearness_k11_k12(changes: int) -> None:
    random = Random(changes)
    blob = random.randbytes(120_000)
    file = bytearray(blob)
    for _ in range(changes):
        at = random.randrange(len(file))
        file[at : at + 3] = random.randbytes(5)
    one, other = study(bytes(file)), study(blob)
    for found, kept in (
        (from_sketch(one.levels, other.sketch), KEPT),
        (from_chunks(one.levels, other.levels), (1 << 30,) * 3),
    ):
        levels = seen(bytes(file), blob, kept)

        def likely(density: float, levels: list[tuple[int, int, float]] = levels) -> float:
            total = 0.0
            for wanted, hits, size in levels:
                total += (wanted - hits + 1) * math.log(-math.expm1(-density * size))
                total -= hits * density * size
            return total

        assert likely(found.density) >= max(map(likely, np.geomspace(1e-8, 1, 150))) - 0.5
        assert changes / 3 <= found.density * len(blob) <= changes * 3 + 4


def test_sketches_tell_of_blobs_of_any_size_k11() -> None:
    file = Random(21).randbytes(30_000)
    within = Random(22).randbytes(900_000) + file + Random(23).randbytes(900_000)
    studied = study(file)
    assert from_sketch(studied.levels, study(within).sketch).share > 0.9
    assert from_sketch(studied.levels, study(within[:900_000]).sketch).share < 0.1
    half = from_sketch(studied.levels, study(file[:15_000]).sketch)
    assert 0.45 < half.share < 0.55
    nothing = from_sketch(study(b"").levels, studied.sketch)
    assert nothing.share == 0


def damaged(sketch: bytes, at: int, byte: int, *, checked: bool) -> bytes:
    found = bytearray(sketch)
    found[at] = byte
    if checked:
        found[12:16] = google_crc32c.value(bytes(found[16:])).to_bytes(4, "little")
    return bytes(found)


def test_what_is_no_sketch_is_refused_k15() -> None:
    sketch = study(VIEWS["words"]).sketch.write()
    for wrong, why in (
        (b"", "it is no sketch"),
        (sketch[:-1], "it is no sketch"),
        (damaged(sketch, 0, 0, checked=False), "it is no sketch"),
        (damaged(sketch, 8, 2, checked=False), "it is of version 2, not 1"),
        (damaged(sketch, 320, 1, checked=False), "it is damaged"),
        (
            damaged(sketch, 287, 255, checked=True),
            "it is damaged",
        ),  # more kept than there is room for
    ):
        with pytest.raises(BankError, match=why + "; add its blob anew"):
            read_sketch(wrong, "it")


def test_programs_that_are_cut_off_have_sketches_too() -> None:
    blob = linked(0x2000, 0)
    for size in (5, 63, 64, 200, len(blob) // 2, len(blob) - 10):
        found = study(blob[:size])
        assert isinstance(found, Studied)
        assert sum(found.sketch.sections) >= size or found.sketch.kind

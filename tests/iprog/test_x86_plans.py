"""What plans of programs for x86 hold, written by hand (spec/iprog.md G24, G28, G29)."""

from __future__ import annotations

import struct

from tests.iprog.forge import Frames, streams
from tests.iprog.images import CODE, CONSTANTS, Part, elf, i32
from tests.iprog.pe_images import Part as Section
from tests.iprog.pe_images import pe
from tests.iprog.relocated import code_blob, literal, rebuilt, relocation


def test_places_that_are_listed_g24() -> None:
    block = struct.pack("<II4H", 0x1000, 16, 0x3004, 0x3010, 0x0000, 0x3FFC)
    blob = pe([
        Section(".text", 0x60000020, 0x1000, bytes(0x1000)), Section(".reloc", 0x40000040, 0x5000, block),
    ], {5: (0x5000, 16)}, narrow=True)  # fmt: skip
    # What lies behind 0x10001000 moved by 0x208: the last place is in another page then.
    about = relocation([39], 3, [], [(0x10001000, 0x208)])
    at = len(blob) - 16
    wanted = block[:8] + struct.pack("<4H", 0x320C, 0x3218, 0, 0x3204)
    assert rebuilt(wanted, blob, about, [(0, 16, at)]) == wanted
    # Only whole entries are moved.
    wanted = block[9:10] + wanted[10:14] + block[14:15]
    assert rebuilt(wanted, blob, about, [(0, 6, at + 9)]) == wanted


def test_numbers_of_symbols_g24() -> None:
    table = struct.pack("<4I", 0x9104, 5 << 8 | 6, 0x9108, 9 << 8 | 7)
    blob, places = elf([
        Part(".text", CODE, 0x2000, bytes(16)), Part(".rel.plt", CONSTANTS, 0x4000, table, 9),
    ], machine=3, narrow=True)  # fmt: skip
    about = relocation([28], 2, [], [((4 << 40) + 6, 0x1FFFF)])
    wanted = struct.pack("<4I", 0x9104, 5 << 8 | 6, 0x9108, (9 + 0x1FFFF) << 8 | 7)
    assert rebuilt(wanted, blob, about, [(0, 16, places[".rel.plt"])]) == wanted


def test_operands_of_x86_stay_g28() -> None:
    blob, _ = code_blob()
    about = relocation([1], 1, [(0, 0x3000, 1)], [], transform=6, base=0x1000, span=0x8000)
    code = (
        b"\x8b\x05" + i32(0x3100) + b"\xe8" + i32(0x100) + b"\x0f\x84" + i32(-0x80) + b"\x90" * 70
    )
    code += b"\x8b\x0d" + i32(5) + b"\xe9" + i32(0x40)
    stored = b"\x8b\x05" + i32(0x3100) + b"\xe8" + i32(0x100 + 0x200B) + b"\x0f\x84"
    stored += (
        i32(0x2011 - 0x80) + b"\x90" * 70 + b"\x8b\x0d" + i32(5) + b"\xe9" + i32(0x40 + 0x2062)
    )
    assert literal(code, stored, about, blob) == code
    # A call of what follows stays; one of the base is stored as the other would be.
    code = b"\xe8" + i32(0) + b"\xe8" + i32(-0x200A)
    assert literal(code, b"\xe8" + i32(0) + b"\xe8" + i32(0x200A), about, blob) == code


def test_a_prefix_holds_what_is_listed_g29() -> None:
    block = struct.pack("<II4H", 0x1000, 16, 0x3004, 0x3010, 0x3020, 0x3FFC)
    blob = pe([
        Section(".text", 0x60000020, 0x1000, bytes(0x1000)), Section(".reloc", 0x40000040, 0x5000, block),
    ], {5: (0x5000, 16)}, narrow=True)  # fmt: skip
    about = relocation([39], 4, [], [(0x10001000, 0x208)], transform=6)
    stored = struct.pack("<4H", 0x320C, 0x3218, 0x3228, 0x3204) + b"tail"
    parts = streams([stored], [[]], [stored])
    frames = Frames(parts, [6, 1], {1: 2}, [(len(blob) - 16, 16)], block[:8] + stored[:8])
    assert rebuilt(stored, blob, about, [], stored, frames) == stored

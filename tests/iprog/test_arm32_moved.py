"""32-bit ARM: what its sites hold, and the literal transforms (iprog.md G24, G28, G29)."""

from __future__ import annotations

import pytest

from tests.iprog.forge import Frames, streams
from tests.iprog.images import i32
from tests.iprog.relocated import rebuilt, relocation
from tests.iprog.test_arm32 import (
    BL,
    BLNE,
    BLX,
    DATA_AT,
    NOP,
    START,
    THUMB_B,
    THUMB_BL,
    THUMB_BLX,
    THUMB_NOP,
    B,
    add,
    branch,
    load,
    prel,
    program,
    thumb,
    thumb_program,
    unwinding,
    words,
)


def test_branches_of_arm_g24() -> None:
    code = words(branch(BL, 0x40), branch(BLX, 0x3E), branch(BLNE, 0x40), branch(BLX, 0x40))
    blob, text = program(code)
    # What lies from 0x40 on moved to 0x54322 behind; this is copied to 0x40000.
    about = relocation([40], 4, [(0, 0x40000, 1)], [(START + 0x40, 0x54322)])
    moved = START + 0x54322 - 0x40000
    wanted = words(
        branch(BL, moved + 0x40), branch(BLX, moved + 0x3E), branch(BLNE, moved + 0x40),
        branch(BLX, moved + 0x40),
    )  # fmt: skip
    assert rebuilt(wanted, blob, about, [(0, 16, text)]) == wanted


@pytest.mark.parametrize("shift", [0x54320, -0x10000, 0xFED000 - START, -0x654320])
def test_branches_of_thumb_g24(shift: int) -> None:
    code = thumb(THUMB_BL, 0x40) + THUMB_NOP + thumb(THUMB_BLX, 0x3C) + thumb(THUMB_B, 0x40)
    blob, text = thumb_program(code)
    about = relocation([40], 3, [(0, 0x700000, 1)], [(START + 0x40, shift)])
    moved = START + shift - 0x700000
    wanted = thumb(THUMB_BL, moved + 0x40) + THUMB_NOP
    wanted += thumb(THUMB_BLX, moved + 0x3C) + thumb(THUMB_B, moved + 0x40)
    assert rebuilt(wanted, blob, about, [(0, len(wanted), text)]) == wanted


@pytest.mark.parametrize("own", [0x700000, 0x700001, 0x700002, 0x700003])
def test_calls_of_thumb_at_any_address_g24(own: int) -> None:
    code = thumb(THUMB_BLX, 0x40) + THUMB_NOP
    blob, text = thumb_program(code)
    about = relocation([40], 1, [(0, own, 1)], [(START + 0x40, 0x54320)])
    distance = START + 0x40 + 0x54320 - own - 2 & -4
    wanted = thumb(THUMB_BLX, distance + 4) + THUMB_NOP
    assert rebuilt(wanted, blob, about, [(0, len(wanted), text)]) == wanted


def test_words_and_distances_g24() -> None:
    far = DATA_AT + 8 - (START + 8 + 8)
    code = words(load(1, 16), NOP, add(1), NOP, NOP, NOP, far & 0xFFFFFFFF)
    blob, text = program(code)
    about = relocation([41], 1, [(0, 0x40000, 1)], [(DATA_AT, 0x1234)])
    wanted = code[:24] + i32(DATA_AT + 8 + 0x1234 - (0x40000 + 8 + 8))
    assert rebuilt(wanted, blob, about, [(0, 28, text)]) == wanted
    blob, places = unwinding(b"", prel(START + 16, 0x21000) + words(0x80B0B0B0))
    for shift in (0x100, 0x50000):
        about = relocation([42], 1, [(0, 0x40000, 0)], [(START, shift)])
        wanted = prel(START + 16 + shift, 0x40000) + words(0x80B0B0B0)
        assert rebuilt(wanted, blob, about, [(0, 8, places[".ARM.exidx"])]) == wanted


# Literals


def test_arm_in_literals_g28() -> None:
    blob, _ = program(b"")
    about = relocation([40], 0, [(2, 0x40002, 1)], [], transform=7)
    at = 0x40008  # of place 6
    code = words(
        branch(BL, 0x9000 - at),
        branch(B, 64),
        branch(BLX, 0x9002 - at - 8),
        branch(BLNE, 0x9000 - at - 12),
    )
    stored = words(branch(BL, 0x9000), branch(B, 64), branch(BLX, 0x9002), branch(BLNE, 0x9000))
    ahead = bytes(6)
    assert rebuilt(ahead + code, blob, about, [], ahead + stored) == ahead + code


@pytest.mark.parametrize("at", [0x40000, 0x40002])
def test_thumb_in_literals_g28(at: int) -> None:
    blob, _ = program(b"")
    about = relocation([40], 0, [(0, at - 4, 1)], [], transform=9)
    calls = (THUMB_BL, 0x9000), (THUMB_BLX, 0x9000), (THUMB_BL, 0x654320), (THUMB_BLX, 0x654320)
    code = stored = b"\xff\xbf\x00\xbf"
    for kind, target in calls:
        own = at - 4 + len(code)
        code += thumb(kind, target - own + (own % 4 if kind == THUMB_BLX else 0)) + THUMB_NOP
        stored += thumb(kind, target) + THUMB_NOP
    code, stored = (part + thumb(THUMB_B, 64) + b"\xf0" for part in (code, stored))
    assert rebuilt(code, blob, about, [], stored) == code


def test_a_prefix_of_arm_g29() -> None:
    far = DATA_AT + 8 - (START + 8 + 8)
    code = words(
        load(1, 16),
        branch(B, 0x3C),
        add(1),
        branch(BL, 0x34),
        branch(BLX, 0x32),
        NOP,
        far & 0xFFFFFFFF,
    )
    blob, text = program(code)
    pieces = [(START + 0x40, 0x100), (DATA_AT, 0x2000)]
    about = relocation([40, 41], 4, [(0, 0x40000, 0)], pieces, transform=7)
    goal = START + 0x140
    prefix = words(
        load(1, 16), branch(B, 0x3C), add(1), branch(BL, goal), branch(BLX, goal + 2), NOP
    )
    prefix += words(DATA_AT + 8 + 0x2000)
    stored = prefix * 2 + b"tail"
    frames = Frames(streams([stored], [[]], [stored]), [6, 1], {1: 2}, [(text, 28)], prefix)
    assert rebuilt(stored, blob, about, [], stored, frames) == stored


def test_a_prefix_of_thumb_g29() -> None:
    code = thumb(THUMB_BL, 0x40) + THUMB_NOP + thumb(THUMB_BLX, 0x3C) + thumb(THUMB_B, 0x36)
    blob, text = thumb_program(code)
    about = relocation([40], 3, [(0, 0x40000, 0)], [(START + 0x40, 0x654000)], transform=9)
    goal = START + 0x40 + 0x654000
    prefix = thumb(THUMB_BL, goal) + THUMB_NOP + thumb(THUMB_BLX, goal) + code[10:]
    stored = prefix * 2 + b"tail"
    frames = Frames(streams([stored], [[]], [stored]), [6, 1], {1: 2}, [(text, 14)], prefix)
    assert rebuilt(stored, blob, about, [], stored, frames) == stored

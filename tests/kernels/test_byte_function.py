"""Values of a byte that are looked up: what is found for a function, on every byte."""

from __future__ import annotations

import random
from collections.abc import Callable
from operator import xor

import pytest

from pcpu import targets
from pcpu.compiler import compile_operations
from pcpu.expr import parse
from pcpu.isa import Isa
from pcpu.lower.kernels import byte_function
from tests.kernels.machine import NAMES, byte_map, machine, run_map

WASM = targets.find("wasm")
ALL = bytes(range(256))
PERMUTED = "(byte >> 3 | byte << 5) ^ (byte & 1) << 6 ^ (byte & 64) >> 6 ^ byte >> 1 ^ 0x5a"
COUNTED = " + ".join(
    f"(byte >> {bit} & 1) * {weight}" for bit, weight in enumerate((3, 1, 4, 1, 5, 9, 2, 6))
)
LETTERS = "(byte >= 97 & byte <= 122) | (byte >= 65 & byte <= 90) ? (byte * 5 + 1) % 26 + 65 : byte"
OUTER = "byte < 3 | byte > 250 ? byte * 77 : 9 + (byte * 0)"
NEITHER = "byte * byte % 251 ^ byte * 7 % 13"
OPS = tuple(
    byte_map(name, text)
    for name, text in (("permuted", PERMUTED), ("counted", COUNTED), ("letters", LETTERS),
                       ("outer", OUTER), ("neither", NEITHER))
)  # fmt: skip


def _letters(byte: int) -> int:
    letter = chr(byte).isascii() and chr(byte).isalpha()
    return (byte * 5 + 1 & 255) % 26 + 65 if letter else byte


# The same in Python, by hand.
WANTED: dict[str, Callable[[int], int]] = {
    "permuted": lambda b: (b >> 3 | b << 5) ^ (b & 1) << 6 ^ (b & 64) >> 6 ^ b >> 1 ^ 0x5A,
    "counted": lambda b: sum(w for i, w in enumerate((3, 1, 4, 1, 5, 9, 2, 6)) if b >> i & 1),
    "letters": _letters,
    "outer": lambda b: b * 77 if b < 3 or b > 250 else 9,
    "neither": lambda b: (b * b & 255) % 251 ^ (b * 7 & 255) % 13,
}


@pytest.mark.parametrize("target", NAMES)
def test_every_byte(target: str) -> None:
    on = machine(target, OPS)
    for op in OPS:
        want = bytes(WANTED[op.name](byte) & 255 for byte in range(256))
        for length in (256, 3):
            on.write(64, ALL)
            run_map(on, op, 64, length)
            assert on.read(64, 256) == want[:length] + ALL[length:], op.name


@pytest.mark.parametrize(
    ("text", "looks_up"),
    [(PERMUTED, True), (COUNTED, True), (LETTERS, True), (OUTER, True), (NEITHER, False)],
)
def test_rows_in_webassembly(text: str, looks_up: bool) -> None:
    found = compile_operations(Isa((byte_map("op", text),)), WASM, "asm").code.decode()
    assert ("i8x16.swizzle" in found) is looks_up


def test_affine_tables() -> None:
    dice = random.Random(7)
    columns, first = [dice.randrange(256) for _ in range(8)], 0x63
    table = [first] * 256
    for byte in range(256):
        for bit in range(8):
            table[byte] ^= columns[bit] * (byte >> bit & 1)
    bits = [1 << bit for bit in range(8)]
    assert byte_function._made_of(table, xor, bits)
    table[200] ^= 1
    assert not byte_function._made_of(table, xor, bits)


def test_what_is_short_is_left_alone() -> None:
    for text in ("byte ^ byte >> 1", "byte + 3", "byte > 127 ? 255 : 0"):
        assert (byte_function._cost(parse(text, (("byte", 8),), 8)) or 0) <= byte_function._HALVES
    assert byte_function._cost(parse("byte * k", (("byte", 8), ("k", 8)), 8)) is None

"""The instructions of WebAssembly, as far as one has to know them to find the numbers of functions,
types and globals, and addresses, in code (spec/iprog-finders.md G54)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.jit import i64, jit

SPACE = 1 << 40  # addresses from k times this on are numbers of things of kind k
FUNCTION, TYPE, GLOBAL = 1, 2, 3  # kinds; 0 is memory
LEAST_ADDRESS = 1024  # smaller numbers are hardly addresses
WIDEST = 5  # bytes of a number of 32 bits

# What may follow an opcode.
NUMBER, SIGNED, CONSTANT, BLOCK = "u", "s", "c", "b"  # the last three have a sign
OF_FUNCTION, OF_TYPE, OF_GLOBAL = "f", "t", "g"
ALIGNMENT, OFFSET = "a", "o"  # of an operand in memory
VECTOR = "v"  # a number, and so many others
BYTES = {"1": 1, "4": 4, "8": 8, "L": 16}
PREFIX, UNKNOWN = "p", "?"
_LETTERS = "uscbftgaov148Lp?"
_MOST = 3  # things that follow an opcode

_PLAIN = {
    "": "00-01 05 0A-0B 0F 19-1B 45-C4 D1 D3",
    "u": "07-09 0C-0D 18 20-22 25-26 3F-40",
    "s": "42 D0",
    "c": "41",
    "f": "10 12 D2",
    "t": "14-15",
    "tu": "11 13",
    "g": "23-24",
    "ao": "28-3E",
    "b": "02-04 06",
    "vu": "0E",
    "v": "1C",
    "4": "43",
    "8": "44",
    "p": "FC-FE",
}
_BULK = {"": "00-07", "u": "09 0B 0D 0F-11", "uu": "08 0A 0C 0E"}
_VECTORS = {"ao": "00-0B 5C-5D", "L": "0C-0D", "1": "15-22", "ao1": "54-5B"}
_ATOMICS = {"1": "03"}


def _table(otherwise: str, rows: dict[str, str]) -> npt.NDArray[np.int64]:
    """For each opcode what follows it, as numbers of letters and -1; ``rows`` are lists of opcodes,
    ``A-B`` for a range."""
    table = np.full((256, _MOST), -1, np.int64)
    for follows, text in ((otherwise, "00-FF"), *rows.items()):
        for item in text.split():
            first, _, last = item.partition("-")
            span = slice(int(first, 16), int(last or first, 16) + 1)
            table[span] = -1
            for n, letter in enumerate(follows):
                table[span, n] = _LETTERS.index(letter)
    return table


FOLLOWS = np.stack([
    _table("?", _PLAIN), _table("?", _BULK), _table("", _VECTORS), _table("ao", _ATOMICS)
])  # fmt: skip
(
    _U, _S, _C, _B, _F, _T, _G, _A, _O, _V, _1, _4, _8, _L, _P, _UNKNOWN,
) = range(len(_LETTERS))  # fmt: skip
# By number of letter: bytes that are skipped, and the kind of thing that a number is of, or -1.
_SKIPPED = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 8, 16, 0, 0])
_KIND = np.array([-1, 0, 0, TYPE, FUNCTION, TYPE, GLOBAL, -1, 0, -1, -1, -1, -1, -1, -1, -1])

# A row of what is found: place, target, bytes, and whether it is written with a sign.
PLACE, TARGET, WIDTH, WITH_SIGN = range(4)


@jit
def number(b: Any, p: Any, end: Any, signed: bool) -> Any:
    """The LEB128 number at ``b[p]``, and where it ends; 0 as the latter if that is not before
    ``end`` or it has more than 10 bytes."""
    value, shift = i64(0), 0
    for at in range(p, min(end, p + 10)):
        value |= i64(b[at] & 127) << shift
        shift += 7
        if b[at] < 128:
            if signed and b[at] & 64 and shift < 64:
                value -= i64(1) << shift
            return value, i64(at + 1)
    return value, i64(0)


@jit
def _skip_numbers(b: Any, p: Any, end: Any, count: Any) -> Any:
    while count > 0 and p > 0:
        _, p = number(b, p, end, False)
        count -= 1
    return p


@jit
def find_in_code(b: Any, p: Any, end: Any, limit: Any, found: Any) -> Any:
    """Write what the instructions of ``b[p:end]`` name to the rows of ``found``; how many rows.
    ``limit`` is the address behind the last one of memory that is looked for. What is no
    instruction ends it."""
    count = i64(0)
    while p < end:
        opcode, table = i64(b[p]), 0
        p += 1
        if FOLLOWS[0, opcode, 0] == _P:
            table = opcode - 0xFB
            opcode, p = number(b, p, end, False)
            if p == 0 or opcode > 255:
                return count
        if FOLLOWS[table, opcode, 0] == _UNKNOWN:
            return count
        whole = count
        for what in FOLLOWS[table, opcode]:
            if what < 0:
                break
            if _SKIPPED[what]:
                p += _SKIPPED[what]
                continue
            first = p
            value, p = number(b, p, end, what in (_S, _C, _B))
            if what == _V:
                p = _skip_numbers(b, p, end, value)
            elif what == _A and value & 64:
                p = _skip_numbers(b, p, end, 1)
            kind = _KIND[what]
            least, most = (LEAST_ADDRESS, limit) if kind == 0 else (i64(0), i64(SPACE))
            if p and kind >= 0 and p - first <= WIDEST and least <= value < most:
                found[whole, PLACE], found[whole, TARGET] = first, kind * SPACE + value
                found[whole, WIDTH], found[whole, WITH_SIGN] = p - first, what in (_C, _B)
                whole += 1
            if p == 0:
                return count
        if p > end:
            return count
        count = whole
    return count

"""The instructions of WebAssembly, as far as one has to know them to find the numbers of functions,
types and globals, addresses, and local variables in code (spec/iprog-finders.md G54, G72).

Local variables are numbered in each function: they are of a kind of its own, its *scope*.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64

FUNCTION, TYPE, GLOBAL = 1, 2, 3  # kinds; 0 is memory
# Kinds of local variables; NO_SCOPE stands for all that is none.
FIRST_SCOPE, LAST_SCOPE, NO_SCOPE = 4, 1 << 22, 0
LEAST_ADDRESS = 1024  # smaller numbers are hardly addresses
ADDRESSES = 1 << 31  # of what may be an address
WIDEST = 5  # bytes of a number of 32 bits
UNSIGNED, WITH_SIGN = Form.UNSIGNED.value, Form.SIGNED.value

# What may follow an opcode.
NUMBER, SIGNED, CONSTANT, BLOCK = "u", "s", "c", "b"  # the last three have a sign
OF_FUNCTION, OF_TYPE, OF_GLOBAL, OF_LOCAL = "f", "t", "g", "l"
ALIGNMENT, OFFSET = "a", "o"  # of an operand in memory
VECTOR = "v"  # a number, and so many others
BYTES = {"1": 1, "4": 4, "8": 8, "L": 16}
PREFIX, UNKNOWN = "p", "?"
_LETTERS = "uscbftgaov148Lp?l"
_MOST = 3  # things that follow an opcode

_PLAIN = {
    "": "00-01 05 0A-0B 0F 19-1B 45-C4 D1 D3",
    "u": "07-09 0C-0D 18 25-26 3F-40",
    "l": "20-22",
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
]).ravel()  # fmt: skip
(
    _U, _S, _C, _B, _F, _T, _G, _A, _O, _V, _1, _4, _8, _L, _P, _UNKNOWN, _LOCAL,
) = range(len(_LETTERS))  # fmt: skip
# By number of letter: bytes that are skipped, and the kind of thing that a number is of, or -1.
_SKIPPED = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 8, 16, 0, 0, 0], np.int64)
_KIND = np.array(
    [-1, 0, 0, TYPE, FUNCTION, TYPE, GLOBAL, -1, 0, -1, -1, -1, -1, -1, -1, -1, -1], np.int64
)


def number(b: Bytes, p: int, end: int, signed: bool) -> tuple[int, int]:
    """The LEB128 number at ``b[p]``, and where it ends; 0 as the latter if that is not before
    ``end`` or it has more than 10 bytes."""
    value = 0
    shift = 0
    for at in range(p, min(end, p + 10)):
        octet = i64(b[at])
        value |= (octet & 127) << shift
        shift += 7
        if octet < 128:
            if signed and octet & 64 != 0 and shift < 64:
                value -= 1 << shift
            return value, at + 1
    return value, 0


def _skip_numbers(b: Bytes, p: int, end: int, count: int) -> int:
    while count > 0 and p > 0:
        _, p = number(b, p, end, False)
        count -= 1
    return p


def _operand(
    b: Bytes, p: int, end: int, what: int, scope: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """Read what follows an opcode at ``b[p]``, in a scope; where it ends, or 0, and how many rows
    there are then."""
    value, after = number(b, p, end, what in (_S, _C, _B))
    if what == _V:
        after = _skip_numbers(b, after, end, value)
    elif what == _A and value & 64 != 0:
        after = _skip_numbers(b, after, end, 1)
    kind = i64(_KIND[what])
    if scope != NO_SCOPE:
        kind = scope if what == _LOCAL else -1
    if after > 0 and kind >= 0 and after - p <= WIDEST:
        least = LEAST_ADDRESS if kind == 0 else 0
        most = ADDRESSES if kind == 0 else 1 << SPACE
        if least <= value < most:
            form = WITH_SIGN if what in (_C, _B) else UNSIGNED
            count = add(rows, room, count, p, form, (kind << SPACE) + value, after - p)
    return after, count


def find_in_code(
    b: Bytes, p: int, end: int, scope: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """What the instructions of ``b[p:end]`` name, in a scope; how many rows there are
    then. What is no instruction ends it."""
    while p < end:
        opcode = i64(b[p])
        table = 0
        p += 1
        if FOLLOWS[_MOST * opcode] == _P:
            table = opcode - 0xFB
            opcode, p = number(b, p, end, False)
            if p == 0 or not 0 <= opcode <= 255:
                return count
        follows = _MOST * (256 * table + opcode)
        if FOLLOWS[follows] == _UNKNOWN:
            return count
        whole = count
        for n in range(_MOST):
            what = i64(FOLLOWS[follows + n])
            if what < 0:
                break
            if _SKIPPED[what] > 0:
                p += i64(_SKIPPED[what])
            else:
                p, whole = _operand(b, p, end, what, scope, rows, room, whole)
                if p == 0:
                    return count
        if p > end:
            return count
        count = whole
    return count


def find_in_bodies(
    b: Bytes, p: int, end: int, scope: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finder 10, in a section of code; finder 24 where ``scope`` is that of its first function."""
    left, p = varint(b, p, end)
    while left > 0 and p >= 0:
        size, p = varint(b, p, end)
        if p < 0 or size > end - p:
            return count
        stop = p + size
        p = _behind_locals(b, p, stop)
        if p >= 0:
            count = find_in_code(b, p, stop, scope, rows, room, count)
            p = stop
        if scope != NO_SCOPE:
            if scope == LAST_SCOPE:
                return count
            scope += 1
        left -= 1
    return count


def _behind_locals(b: Bytes, p: int, stop: int) -> int:
    """Where the instructions of a function begin; -1 where they do not."""
    left, p = varint(b, p, stop)
    while left > 0 and p >= 0:
        _, p = varint(b, p, stop)
        p = p + 1 if 0 <= p < stop else -1
        left -= 1
    return p

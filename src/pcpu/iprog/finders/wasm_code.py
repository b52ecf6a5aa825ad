"""The instructions of WebAssembly, as far as one has to know them to find the numbers of functions,
types and globals, and addresses, in code (spec/iprog-finders.md G54)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import SPACE, Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, lowest_bit

FUNCTION, TYPE, GLOBAL = 1, 2, 3  # kinds; 0 is memory
LEAST_ADDRESS = 1024  # smaller numbers are hardly addresses
ADDRESSES = 1 << 31  # of what may be an address
WIDEST = 5  # bytes of a number of 32 bits
UNSIGNED, WITH_SIGN = Form.UNSIGNED.value, Form.SIGNED.value

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


def _table(otherwise: str, rows: dict[str, str]) -> list[str]:
    """For each opcode what follows it; ``rows`` are lists of opcodes, ``A-B`` for a range."""
    table = [otherwise] * 256
    for follows, text in rows.items():
        for item in text.split():
            first, _, last = item.partition("-")
            for opcode in range(int(first, 16), int(last or first, 16) + 1):
                table[opcode] = follows
    return table


_FOLLOWS = [
    *_table("?", _PLAIN),
    *_table("?", _BULK),
    *_table("", _VECTORS),
    *_table("ao", _ATOMICS),
]
_SHAPES = sorted(set(_FOLLOWS))
# By table and opcode, the number of what follows; and by that number its letters, as numbers of
# them, and one more where they end.
SHAPES = np.array([_SHAPES.index(follows) for follows in _FOLLOWS], np.uint8)
_NO_LETTER = len(_LETTERS)
LETTERS = np.array(
    [
        _LETTERS.index(letter) if letter != " " else _NO_LETTER
        for shape in _SHAPES for letter in shape.ljust(_MOST)
    ],
    np.uint8,
)  # fmt: skip
(
    _U, _S, _C, _B, _F, _T, _G, _A, _O, _V, _1, _4, _8, _L, _P, _UNKNOWN,
) = range(len(_LETTERS))  # fmt: skip
# By number of letter: bytes that are skipped, and the kind of thing that a number is of, or NONE.
_SKIPPED = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 8, 16, 0, 0], np.uint8)
_NONE = 255
_KIND = np.array([_NONE, 0, 0, TYPE, FUNCTION, TYPE, GLOBAL, _NONE, 0, *[_NONE] * 7], np.uint8)


def _short() -> npt.NDArray[np.uint8]:
    """By opcode, the two highest bits of the byte behind it, and the highest bit of the next: the
    length of an instruction that has no site, as its numbers have a byte each; 0 where that is not
    known."""
    table = np.zeros((256, 4, 2), np.uint8)
    for opcode, follows in enumerate(_FOLLOWS[:256]):
        if follows == "":
            table[opcode] = 1
        elif follows in ("u", "s", "c"):
            table[opcode, :2] = 2
        elif follows == "b":
            table[opcode, 1] = 2  # negative: no number of a type
        elif follows == "ao":
            table[opcode, 0, 0] = 3
    return table.ravel()


SHORT = _short()
# By what follows an opcode: where a number is that is all that may have a site, as far as the byte
# before is below 64; and what it is, as a number of a letter.
_ONE = {
    "u": (1, "u"),
    "s": (1, "s"),
    "c": (1, "c"),
    "f": (1, "f"),
    "t": (1, "t"),
    "g": (1, "g"),
    "ao": (2, "o"),
}
BEHIND = np.array([_ONE.get(shape, (0, ""))[0] for shape in _SHAPES], np.uint8)
WHAT = np.array([_LETTERS.index(_ONE.get(shape, (0, "u"))[1]) for shape in _SHAPES], np.uint8)
LONGEST = 10  # bytes of a number
NO_MORE = -0x7F7F7F7F7F7F7F80  # the bits that say, of eight bytes, whether a number goes on


def number(b: Bytes, p: int, end: int, signed: bool) -> tuple[int, int]:
    """The LEB128 number at ``b[p]``, and where it ends; 0 as the latter if that is not before
    ``end`` or it has more than 10 bytes."""
    value = 0
    shift = 0
    for at in range(p, min(end, p + LONGEST)):
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
    b: Bytes, p: int, end: int, what: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """Read what follows an opcode at ``b[p]``; where it ends, or 0, and how many rows there are
    then."""
    value, after = number(b, p, end, what in (_S, _C, _B))
    if what == _V:
        after = _skip_numbers(b, after, end, value)
    elif what == _A and value & 64 != 0:
        after = _skip_numbers(b, after, end, 1)
    if after > 0 and after - p <= WIDEST:
        count = _name(p, what, value, after - p, rows, room, count)
    return after, count


def _name(
    place: int, what: int, value: int, width: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The site of a number at a place, if it names something; how many rows there are then."""
    kind = i64(_KIND[what])
    least = LEAST_ADDRESS if kind == 0 else 0
    most = ADDRESSES if kind == 0 else 1 << SPACE
    if kind == _NONE or not least <= value < most:
        return count
    form = WITH_SIGN if what in (_C, _B) else UNSIGNED
    return add(rows, room, count, place, form, (kind << SPACE) + value, width)


def instruction(
    b: Bytes, p: int, end: int, rows: Ints, room: int, count: int
) -> tuple[int, int]:  # fmt: skip
    """Read the instruction at ``b[p]``; where it ends, or 0 where it is none, and how many rows
    there are then."""
    before = count
    opcode = i64(b[p])
    shape = i64(SHAPES[opcode])
    p += 1
    if LETTERS[_MOST * shape] == _P:
        table = opcode - 0xFB
        opcode, p = number(b, p, end, False)
        if p == 0 or not 0 <= opcode <= 255:
            return 0, before
        shape = i64(SHAPES[256 * table + opcode])
    for n in range(_MOST * shape, _MOST * shape + _MOST):
        what = i64(LETTERS[n])
        if what == _NO_LETTER:
            break
        if what == _UNKNOWN:
            return 0, before
        if _SKIPPED[what] > 0:
            p += i64(_SKIPPED[what])
        else:
            p, count = _operand(b, p, end, what, rows, room, count)
            if p == 0:
                return 0, before
    if p > end:
        return 0, before
    return p, count


def find_in_code(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    """What the instructions of ``b[p:end]`` name; how many rows there are then. What is no
    instruction ends it."""
    while p + LONGEST <= end:
        eight = i64_at(b, p)
        short = i64(SHORT[(eight & 255) << 3 | eight >> 13 & 6 | eight >> 23 & 1])
        if short != 0:
            eight >>= 8 * short
            p += short
            p += i64(SHORT[(eight & 255) << 3 | eight >> 13 & 6 | eight >> 23 & 1])
            continue
        shape = i64(SHAPES[b[p]])
        behind = i64(BEHIND[shape])
        word = i64_at(b, p + behind)
        ends = ~word & NO_MORE
        if behind == 0 or ends == 0 or (behind == 2 and b[p + 1] >= 64):
            p, count = instruction(b, p, end, rows, room, count)
            if p == 0:
                return count
        else:
            width = (lowest_bit(ends) >> 3) + 1
            what = i64(WHAT[shape])
            negative = word >> 8 * width - 2 & 1 != 0 and what in (_S, _C)
            if width <= WIDEST and not negative:
                value = number_in(word, width)
                count = _name(p + behind, what, value, width, rows, room, count)
            p += behind + width
    while p < end:
        p, count = instruction(b, p, end, rows, room, count)
        if p == 0:
            return count
    return count


def behind_number(b: Bytes, p: int) -> int:
    """Where the instruction at ``b[p]`` ends, behind which is all that one may have, if it is one
    with a number or with an operand in memory; 0 where that is not known."""
    behind = i64(BEHIND[SHAPES[b[p]]])
    ends = ~i64_at(b, p + behind) & NO_MORE
    if behind == 0 or ends == 0 or (behind == 2 and b[p + 1] >= 64):
        return 0
    return p + behind + (lowest_bit(ends) >> 3) + 1


def number_in(word: int, width: int) -> int:
    """The number of at most five bytes in the low bytes of a word."""
    value = word & 0x7F | word >> 1 & 0x3F80 | word >> 2 & 0x1FC000 | word >> 3 & 0xFE00000
    value |= word >> 4 & 0x7F0000000
    return value & (1 << 7 * width) - 1


def find_in_bodies(b: Bytes, p: int, end: int, rows: Ints, room: int, count: int) -> int:
    """Finder 10, in a section of code."""
    left, p = varint(b, p, end)
    while left > 0 and p >= 0:
        size, p = varint(b, p, end)
        if p < 0 or size > end - p:
            return count
        stop = p + size
        p = behind_locals(b, p, stop)
        if p >= 0:
            count = find_in_code(b, p, stop, rows, room, count)
            p = stop
        left -= 1
    return count


def behind_locals(b: Bytes, p: int, stop: int) -> int:
    """Where the instructions of a function begin; -1 where they do not."""
    left, p = varint(b, p, stop)
    while left > 0 and p >= 0:
        _, p = varint(b, p, stop)
        p = p + 1 if 0 <= p < stop else -1
        left -= 1
    return p

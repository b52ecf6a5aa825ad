"""Polynomials over GF(2), as integers whose bit k is the coefficient of x^k, and their multiples
with few terms, by which CRCs divide without a carry-less multiply.

A multiple is written as its exponents, falling, the last one 0. The package knows some for the
polynomials of the published catalogue (multiples.json, written by ``pcpu.gf2_search``); for
any other of up to 32 bits a short search finds some.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from operator import xor
from typing import Any

Multiple = tuple[int, ...]

REGISTERS = 224  # bytes that fit in 14 of the 16 vector registers of x86-64
WINDOW = 432  # bytes of variables, of which those that are not in registers lie on the stack
NEAR = 8  # in a ring (crc_ring.py): how many vectors a lag that stays in registers reaches back
# By the bytes of a vector: cycles from one to the next one that waits for it, times the vectors of
# 64 bytes; measured where an instruction on vectors takes two cycles (AMD Zen 5), and, of 32 bytes,
# where one that crosses its halves takes four to six (Zen 3).
LATENCY = {16: 24, 32: 20}
RING = 6.5  # cycles for 64 bytes that a ring takes at least
SEARCH_WIDTH = 32  # above, to find all takes minutes
# For what is found neither in the file nor so: where to look for some with more terms, how often.
DENSE_DEGREES = (176, 208)
DENSE_ROUNDS = 60
SEARCH_DEGREE = {4: 224, 5: 160, 6: 210}  # by number of terms: what half a second can cover


def reflect(value: int, width: int) -> int:
    """``value`` with its ``width`` bits in reverse order."""
    return int(f"{value:0{width}b}"[::-1], 2)


def modulo(value: int, divisor: int) -> int:
    """The remainder of ``value`` by ``divisor``."""
    degree = divisor.bit_length() - 1
    while (excess := value.bit_length() - 1 - degree) >= 0:
        value ^= divisor << excess
    return value


def multiply(a: int, b: int) -> int:
    """The product of two polynomials."""
    product = 0
    for k in range(b.bit_length()):
        if b >> k & 1:
            product ^= a << k
    return product


def power(exponent: int, divisor: int) -> int:
    """x^``exponent`` modulo ``divisor``."""
    found = modulo(1, divisor)
    for bit in f"{exponent:b}":
        # Squaring spreads the bits: between any two comes a zero.
        found = modulo(int(f"{found:b}", 4) << (bit == "1"), divisor)
    return found


def powers(count: int, divisor: int) -> list[int]:
    """x^0 .. x^(count - 1) modulo ``divisor``."""
    degree = divisor.bit_length() - 1
    value, found = modulo(1, divisor), []
    for _ in range(count):
        found.append(value)
        value <<= 1
        if value >> degree:
            value ^= divisor
    return found


def lags(multiple: Multiple) -> Multiple:
    """The distances of the other terms from the leading one, rising."""
    return tuple(multiple[0] - exponent for exponent in multiple[1:])


def usable(multiple: Multiple) -> bool:
    """Whether vectors of 16 bytes can divide by ``multiple`` with its exponents as bytes: no lag
    may reach into its own vector."""
    return lags(multiple)[0] >= 16


def stretched(multiple: Multiple, degree: int = WINDOW) -> list[Multiple]:
    """``multiple`` and its squares up to ``degree``: with twice the exponents it is one too, and
    each vector waits for others that are twice as old."""
    found = [multiple]
    while 2 * found[-1][0] <= degree:
        found.append(tuple(2 * exponent for exponent in found[-1]))
    return found


def near(multiple: Multiple, size: int = 16) -> Multiple:
    """The lags that a ring of vectors of ``size`` bytes keeps in registers; none where all that is
    needed of w is there."""
    if multiple[0] <= WINDOW:
        return ()
    return tuple(lag for lag in lags(multiple) if lag <= NEAR * size)


def work(multiple: Multiple, beside: int = 0, size: int = 16) -> float:
    """Roughly the processor's cycles for 64 bytes in vectors of ``size``; those of 16 measured on
    AMD Zen 5, in WebAssembly, those of 32, which a ring alone has, on Zen 3.

    ``beside`` are the operations that each vector takes besides, and its store.
    """
    block = -(-multiple[0] // 16) * 16
    shifts = [lag % size for lag in lags(multiple)]
    waits = LATENCY[size] / (lags(multiple)[0] // size)
    if block <= WINDOW:
        # An XOR for each term, and one shuffle for all terms that are shifted alike.
        found = 1 + len(shifts) + len({*shifts} - {0}) + (block > REGISTERS) / 2
        return max(found, waits)
    # Two loads in a cycle; one that is askew counts twice where it lies in two lines. Four
    # operations on vectors or stores of them. Places in the ring are not for nothing.
    close = len(near(multiple, size))
    loads = 1 + sum(1 + size / 64 if shift else 1 for shift in shifts[close:])
    shuffles = len({*shifts[:close]} - {0}) * size // 16  # in two halves, and then across them
    operations = len(shifts) + shuffles + 1 + beside
    return max(32 / size * loads, 16 / size * operations, waits, 16 / size * RING)


def end_cost(multiple: Multiple) -> float:
    """Roughly the cycles for what is left behind: a block and on average half of one. After one in
    variables it goes through tables, after a larger one through such a smaller one."""
    block = -(-multiple[0] // 16) * 16
    return 1.5 * block if block <= WINDOW else 0.3 * block


def cost(multiple: Multiple, length: int, size: int = 16) -> float:
    """Roughly the cycles for ``length`` bytes in vectors of ``size``, to choose multiples by."""
    return length / 64 * work(multiple, size=size) + end_cost(multiple)


@cache
def _known() -> dict[str, Any]:
    known: dict[str, Any] = json.loads((files("pcpu") / "multiples.json").read_text("utf-8"))
    return known


def _odd(width: int, poly: int) -> tuple[int, int]:
    """The polynomial without its powers of x. Since a message is multiplied by x^width before it is
    divided, these do not count."""
    while poly and not poly & 1:
        width, poly = width - 1, poly >> 1
    return width, poly


@cache
def wide(width: int, poly: int) -> Multiple | None:
    """The multiple of x^width + poly by which vectors of 32 bytes divide, if one is known."""
    width, poly = _odd(width, poly)
    known = _known()["wide"].get(f"{width}:0x{poly:x}")
    return tuple(known) if known else None


@cache
def multiples(width: int, poly: int) -> tuple[Multiple, ...]:
    """Multiples of x^width + poly with few terms, for shorter data first; perhaps none."""
    if not poly:
        return ()
    width, poly = _odd(width, poly)
    known = _known()["multiples"].get(f"{width}:0x{poly:x}")
    if known is not None:
        return tuple(tuple(m) for m in known)
    divisor, limits = 1 << width | poly, SEARCH_DEGREE if width <= SEARCH_WIDTH else {}
    for terms, degree in limits.items():
        found = [m for each in search(divisor, terms, degree) for m in stretched(each) if usable(m)]
        if found:
            return (min(found, key=lambda m: cost(m, 8192)),)
    dense = [m for degree in DENSE_DEGREES if (m := light(divisor, degree)) is not None]
    return (min(dense, key=lambda m: cost(m, 8192)),) if dense else ()


@cache
def paired(width: int, poly: int, degree: int) -> Multiple | None:
    """The multiple of x^width + poly of the least degree, up to ``degree``, that has four terms and
    two lags less than 16 apart, if there is one. Vectors of 16 bytes share a load for these."""
    value = powers(degree + 1, 1 << width | poly)
    exponent = {v: e for e, v in enumerate(value)}
    sums: dict[int, tuple[int, int]] = {}  # of two that are so close, and not larger than ``lead``
    for lead in range(1, degree + 1):
        for close in range(max(1, lead - 15), lead):
            sums.setdefault(value[lead] ^ value[close], (lead, close))
        wanted = value[lead] ^ value[0]
        ends = [(exponent.get(wanted ^ value[e], 0), e) for e in range(1, 16)]
        for second, third in [sums.get(wanted, (lead, 0)), *ends]:
            found = (lead, second, third, 0)
            if lead > second > third > 0 and lags(found)[0] >= 64:
                return found
    return None


def search(divisor: int, terms: int, degree: int) -> list[Multiple]:
    """Multiples of ``divisor`` with so many terms and degree at most ``degree``.

    Meet in the middle: of the exponents other than 0 some go into a table of sums, and the
    others are tried against it.
    """
    value = powers(degree + 1, divisor)
    half = (terms - 1) // 2
    table: dict[int, Multiple] = {}
    for chosen in combinations(range(1, degree + 1), half):
        total = 1
        for exponent in chosen:
            total ^= value[exponent]
        table.setdefault(total, chosen)
    found = set()
    keys = table.keys()
    for rest in combinations(range(2, degree + 1), max(0, terms - 2 - half)):
        total = 0
        for exponent in rest:
            total ^= value[exponent]
        # ``rest`` is rising; the last comes below its first, which keeps each choice unique.
        lower = value[1 : rest[0] if rest else degree + 1]
        for hit in keys & set(map(xor, lower, [total] * len(lower))):
            last = value.index(hit ^ total, 1)
            exponents = {0, last, *rest, *table[hit]}
            if len(exponents) == terms:
                found.add(tuple(sorted(exponents, reverse=True)))
    return sorted(found)


@dataclass(frozen=True)
class Basis:
    """Powers of x that are a basis, modulo a divisor, and others: each of ``words`` says by its
    bits which of the ``members`` add to the other of its number, ``wanted`` which to
    x^degree + 1."""

    degree: int
    members: tuple[int, ...]
    others: tuple[int, ...]
    words: tuple[int, ...]
    wanted: int

    def multiple(self, chosen: Collection[int]) -> Multiple:
        """The one of x^degree, the ``chosen`` of the others, by number, and what members add."""
        missing = self.wanted
        for number in chosen:
            missing ^= self.words[number]
        members = (m for bit, m in enumerate(self.members) if missing >> bit & 1)
        exponents = {0, self.degree, *(self.others[number] for number in chosen), *members}
        return tuple(sorted(exponents, reverse=True))


def bases(divisor: int, degree: int, rounds: int) -> Iterator[Basis]:
    """Random bases of the powers up to ``degree`` that are usable.

    Lee and Brickell, "An observation on the security of McEliece's public-key cryptosystem" (1988):
    the powers x^e are the columns of a parity check matrix. A basis of them is made the unit
    vectors; a few of the others are tried, and the basis supplies the rest.
    """
    width = divisor.bit_length() - 1
    value = powers(degree + 1, divisor)
    free = list(range(1, degree - 15))  # no lag below 16
    dice = random.Random(degree)
    for _ in range(rounds):
        dice.shuffle(free)
        # Each row has its bit of every column, and last that of the sum that is wanted.
        columns = [*(value[e] for e in free), value[degree] ^ 1]
        rows = [sum((c >> bit & 1) << k for k, c in enumerate(columns)) for bit in range(width)]
        members = _reduce(rows, len(free))
        if len(members) < width:
            continue
        numbers = sorted({*range(len(columns))} - {*members})
        *words, wanted = (
            sum((row >> k & 1) << bit for bit, row in enumerate(rows)) for k in numbers
        )
        others = tuple(free[k] for k in numbers[:-1])
        yield Basis(degree, tuple(free[k] for k in members), others, tuple(words), wanted)


def _reduce(rows: list[int], columns: int) -> list[int]:
    """Make the first independent columns the unit vectors; their numbers, by row."""
    basis: list[int] = []
    for column in range(columns):
        at = len(basis)
        pivot = next((r for r in range(at, len(rows)) if rows[r] >> column & 1), None)
        if pivot is None:
            continue
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for r, row in enumerate(rows):
            if r != at and row >> column & 1:
                rows[r] = row ^ rows[at]
        basis.append(column)
        if len(basis) == len(rows):
            break
    return basis


def light(divisor: int, degree: int) -> Multiple | None:
    """The multiple of that degree with the fewest terms of up to two powers besides those of
    DENSE_ROUNDS bases."""
    best: Multiple | None = None
    for basis in bases(divisor, degree, DENSE_ROUNDS):
        words = basis.words
        for first, word in enumerate(words):
            other = word ^ basis.wanted
            weights = [(other ^ w).bit_count() for w in words[:first]]
            if weights and (not best or min(weights) + 4 < len(best)):
                best = basis.multiple((first, weights.index(min(weights))))
    return best

"""The search for multiples with few terms that takes too long for a compiler.

``python -m pcpu.gf2_search 32:0x1edc6f41 ...`` prints what belongs into multiples.json for these
polynomials (width:poly); ``--write`` puts it there. Needs numpy above 40 bits.
"""

from __future__ import annotations

import json
import sys
from math import comb
from pathlib import Path
from typing import Any

from pcpu import gf2
from pcpu.gf2 import Multiple

# Sizes to be good at: where the forms for short and for long data are used.
SHORT, MIDDLE, LONG, TILE, LONGEST = 512, 2048, 32768, 1 << 17, 1 << 20
ENOUGH = 64  # multiples to choose from
LIMITS = {
    2: 224,
    3: 224,
    4: 224,
    5: 224,
    6: 400,
    7: 112,
    8: 112,
}  # degrees, for the forms in registers
DENSE_DEGREES = (176, 192, 208, 224)  # where a polynomial of 64 bits gets some 15 terms
ROUNDS = 600
PAIRS_DEGREE = 4096
RING = 8192 - 128  # the degree for which a ring of 8 KiB has room (crc_ring.py)
LARGE_RING = 16384 - 128
NEAREST = 128  # the least lag for a ring without registers
CLOSE = 512  # what was written as late as that cannot be loaded without waiting
WIDE = 32  # bytes of a vector of processors with AVX2
OLD = 1024  # what was written that late can be loaded askew, where a turn is of WIDE vectors
FOUR_TERMS = (20, 32)  # bits: less have some of low degree, more have none
FOLDING = 5  # cycles for 64 bytes that are worth a ring; folding by multiplication takes 8 (Zen 3)
WORTH = 1  # cycles for 64 bytes that lags in registers have to save, since they are one form more
FILE = Path(__file__).with_name("multiples.json")


def choose(width: int, poly: int) -> list[Multiple]:
    """The multiples for short and for long data, or one for both."""
    divisor = 1 << width | poly
    if not poly & 1:
        return []
    found = [m for each in _few(divisor, width) for m in gf2.stretched(each) if gf2.usable(m)]
    if not found:
        dense = [m for degree in DENSE_DEGREES if (m := decode(divisor, degree)) is not None]
        eight = far_multiples(divisor, width)
        return [min(dense, key=lambda m: gf2.cost(m, MIDDLE)), min(eight, key=lambda m: m[0])]
    best = [min(found, key=lambda m: gf2.cost(m, size)) for size in (SHORT, LONG)]
    far = _best(_four_terms(divisor, range(CLOSE, RING), RING), LONGEST)
    if far and gf2.work(far) < gf2.work(best[-1]):
        best.append(far)
    enough = gf2.work(best[-1]) - WORTH
    if enough >= gf2.RING:
        near = _best(_four_terms(divisor, range(32, 16 * gf2.NEAR + 1), LARGE_RING), TILE)
        if near and gf2.work(near) <= enough:
            best.append(near)
    return sorted(set(best), key=lambda m: m[0])


def choose_wide(width: int, poly: int) -> Multiple | None:
    """The multiple for a ring of vectors of WIDE bytes, where one is worth its loads."""
    divisor = 1 << width | poly
    if not poly & 1:
        return None
    found = [m for each in _few(divisor, width) for m in gf2.stretched(each, LARGE_RING)]
    if FOUR_TERMS[0] <= width <= FOUR_TERMS[1]:
        found += _four_terms(divisor, range(WIDE, WIDE * gf2.NEAR + 1), LARGE_RING)
        found += _four_terms(divisor, range(OLD, RING), RING)
    usable = [m for m in found if _is_wide(m)]
    quick = [m for m in usable if gf2.work(m, size=WIDE) <= FOLDING]
    return min(quick, key=lambda m: gf2.cost(m, LONGEST, WIDE), default=None)


def _is_wide(multiple: Multiple) -> bool:
    """Whether a ring of vectors of WIDE bytes can divide by it, and waits for no store."""
    lags = gf2.lags(multiple)
    far = lags[len(gf2.near(multiple, WIDE)) :]
    late = all(lag % WIDE == 0 or lag >= OLD for lag in far)
    return multiple[0] > 2 * CLOSE and multiple[-2] >= 8 and lags[0] >= WIDE and late


def _few(divisor: int, width: int) -> list[Multiple]:
    """The multiples with few terms that are found at once."""
    found: list[Multiple] = []
    for terms, limit in LIMITS.items():
        found += gf2.search(divisor, terms, _degree(width, terms, limit))
    return found


def _degree(width: int, terms: int, limit: int) -> int:
    """The degree up to which ENOUGH multiples can be expected."""
    degree = max(width, terms)
    while degree < limit and comb(max(0, degree - 16), terms - 1) >> width < ENOUGH:
        degree += 1
    return degree


def far_multiples(divisor: int, width: int) -> list[Multiple]:
    """Multiples of a degree that needs memory for the division."""
    found = gf2.search(divisor, 6, 720) if width <= 40 else _eight_terms(divisor)
    room = (width + 7) // 8  # see crc_ring
    return [m for m in found if gf2.lags(m)[0] >= NEAREST and m[-2] >= room]


def _four_terms(divisor: int, nearest: range, degree: int) -> list[Multiple]:
    """The multiples with four terms up to ``degree`` whose least lag is in ``nearest``."""
    import numpy as np

    # Lags are the exponents of multiples of the polynomial in reverse.
    backward = gf2.reflect(divisor, divisor.bit_length())
    value = np.array(gf2.powers(degree + 1, backward), dtype=np.uint64)
    order = np.argsort(value)
    ordered = value[order]
    found: list[Multiple] = []
    for first in nearest:
        wanted = value[first + 1 :] ^ value[first] ^ value[0]
        at = np.minimum(np.searchsorted(ordered, wanted), degree)
        for hit in np.nonzero(ordered[at] == wanted)[0]:
            second, third = first + 1 + int(hit), int(order[at[hit]])
            if third > second:
                found.append((third, third - first, third - second, 0))
    return found


def _best(found: list[Multiple], length: int) -> Multiple | None:
    """The best of these for a ring, for data of ``length`` bytes."""
    usable = [
        m
        for m in found
        if m[0] > gf2.WINDOW and m[-2] >= 8  # see crc_ring
        if all(lag >= CLOSE for lag in gf2.lags(m)[len(gf2.near(m)) :])
    ]
    return min(usable, key=lambda m: gf2.cost(m, length), default=None)


def _eight_terms(divisor: int) -> set[Multiple]:
    """Multiples with eight terms for up to 64 bits.

    Wagner, "A generalized birthday problem" (2002): sums of two powers are joined where their
    low bits differ by a fixed value, and then the sums of four where they are equal. Any
    multiple found may be divided by its lowest power of x.
    """
    import numpy as np

    value = np.array(gf2.powers(PAIRS_DEGREE, divisor), dtype=np.uint64)
    first, second = np.triu_indices(PAIRS_DEGREE, 1)
    sums = value[first] ^ value[second]
    low_bits = np.uint64((1 << 22) - 1)
    order = np.argsort(sums & low_bits, kind="stable")
    sums, first, second = sums[order], first[order], second[order]
    low = sums & low_bits
    found: set[Multiple] = set()
    for difference in range(1, 1 << 22):
        wanted = low ^ np.uint64(difference)
        begin, end = np.searchsorted(low, wanted, "left"), np.searchsorted(low, wanted, "right")
        counts = end - begin
        left = np.repeat(np.arange(len(low)), counts)
        offset = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
        right = np.repeat(begin, counts) + offset
        once = left < right
        left, right = left[once], right[once]
        quads = sums[left] ^ sums[right]
        by_value = np.argsort(quads)
        quads = quads[by_value]
        for at in np.nonzero(quads[1:] == quads[:-1])[0]:
            pairs = [int(p) for i in by_value[at : at + 2] for p in (left[i], right[i])]
            exponents = {int(e) for p in pairs for e in (first[p], second[p])}
            lowest = min(exponents)
            multiple = tuple(sorted((e - lowest for e in exponents), reverse=True))
            if len(multiple) == 8 and gf2.lags(multiple)[0] >= NEAREST:
                found.add(multiple)
        if found:
            return found
    return found


def decode(divisor: int, degree: int) -> Multiple | None:
    """The multiple of that degree with the fewest terms that ROUNDS tries find: of up to three
    powers besides those of a basis (gf2.Basis)."""
    import numpy as np

    best: Multiple | None = None
    for basis in gf2.bases(divisor, degree, ROUNDS):
        column = np.array(basis.words, dtype=np.uint64)
        first, second = np.triu_indices(len(column), 1)
        pairs = column[first] ^ column[second]
        for third, word in enumerate(basis.words):
            weight = np.bitwise_count(pairs ^ np.uint64(word ^ basis.wanted))
            at = int(np.argmin(weight))
            if third in (first[at], second[at]) or (best and weight[at] + 5 >= len(best)):
                continue
            best = basis.multiple((int(first[at]), int(second[at]), third))
    return best


def main(arguments: list[str]) -> None:
    write = "--write" in arguments
    document: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    for argument in arguments:
        if argument == "--write":
            continue
        width, poly = argument.split(":")
        found, wide = choose(int(width), int(poly, 16)), choose_wide(int(width), int(poly, 16))
        print(argument, found, wide, flush=True)
        key = f"{int(width)}:0x{int(poly, 16):x}"
        document["multiples"][key] = [list(m) for m in found]
        document["wide"][key] = list(wide or ())
        if write:
            FILE.write_text(_text(document), "utf-8")


def _text(document: dict[str, Any]) -> str:
    """The file with one polynomial a line."""
    parts = [f'  "about": {json.dumps(document["about"])}']
    for name in ("multiples", "wide"):
        known = sorted(document[name].items(), key=lambda item: int(item[0].split(":")[0]))
        lines = ",\n".join(f'    "{key}": {json.dumps(value)}' for key, value in known)
        parts.append(f'  "{name}": {{\n{lines}\n  }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main(sys.argv[1:])

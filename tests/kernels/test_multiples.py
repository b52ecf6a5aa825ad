"""Multiples with few terms, which CRC kernels divide by: what is shipped, and how they are found."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pcpu import gf2, gf2_search
from pcpu.lower.kernels import crc_ring
from pcpu.lower.kernels.crc_row import Division
from tests.kernels.test_crc import MODELS


def is_multiple(exponents: tuple[int, ...], divisor: int) -> bool:
    """Whether the sum of x^e over ``exponents`` is a multiple of ``divisor``."""
    total = 0
    for exponent in exponents:
        total ^= gf2.power(exponent, divisor)
    return total == 0


def test_the_shipped_multiples_are_multiples() -> None:
    known = json.loads(Path(gf2.__file__).with_name("multiples.json").read_text("utf-8"))
    assert known["multiples"].keys() >= {f"{m['width']}:0x{int(m['poly'], 16):x}" for m in MODELS}
    for key, listed in known["multiples"].items():
        width, poly = key.split(":")
        wide = known["wide"][key]
        for multiple in [*listed, wide] if wide else listed:
            assert is_multiple(tuple(multiple), 1 << int(width) | int(poly, 16)), key
            assert gf2.usable(tuple(multiple)), key
            assert multiple == sorted(set(multiple), reverse=True), key
            assert multiple[-1] == 0, key


def test_multiples_of_published_papers() -> None:
    """Koopman's polynomial tables give 5275 bits as the reach of distance 4 of CRC-32C."""
    castagnoli = 0x11EDC6F41
    assert is_multiple((5275, 4508, 2751, 0), castagnoli)
    assert is_multiple((210, 185, 66, 41, 12, 0), castagnoli)
    assert not is_multiple((210, 185, 66, 41, 13, 0), castagnoli)


def test_squares_of_multiples_are_multiples() -> None:
    divisor = 0x11EDC6F41
    found = gf2.stretched((210, 185, 66, 41, 12, 0))
    assert found == [(210, 185, 66, 41, 12, 0), (420, 370, 132, 82, 24, 0)]
    assert all(is_multiple(m, divisor) for m in found)


def test_what_waits_for_the_vector_before_it_costs_more() -> None:
    slow, fast = gf2.stretched((210, 185, 66, 41, 12, 0))
    assert gf2.cost(slow, 32768) > gf2.cost(fast, 32768)
    assert gf2.cost(slow, 256) < gf2.cost(fast, 256)


def test_an_unknown_polynomial_is_searched_for_in_bounded_time() -> None:
    # Of these, one has a multiple with six terms, for one only some with more are found.
    for width, poly, terms in ((32, 0xC0FFEE11, 6), (32, 0xCB91CE37, 8), (64, 0xC0FFEE11, 20)):
        begin = time.perf_counter()
        (found,) = gf2.multiples(width, poly)
        assert time.perf_counter() - begin < 8  # one second, on a machine with nothing else to do
        assert is_multiple(found, 1 << width | poly)
        assert gf2.usable(found)
        assert found[0] <= gf2.WINDOW
        assert len(found) <= terms
    # Of x^2 times another polynomial that one's are enough; a power of x has none.
    assert gf2.multiples(16, 0x8004) == gf2.multiples(14, 0x2001) != ()
    assert gf2.multiples(16, 0x8000) == gf2.multiples(1, 1) != ()
    assert gf2.multiples(16, 0) == ()


@pytest.mark.parametrize("terms", [3, 4, 5, 6])
def test_the_search_finds_all(terms: int) -> None:
    divisor, degree = 0b1100101, 18
    every = [
        tuple(sorted((0, *(k for k in range(1, degree + 1) if chosen >> k & 1)), reverse=True))
        for chosen in range(0, 1 << (degree + 1), 2)
        if chosen.bit_count() == terms - 1 and gf2.modulo(chosen | 1, divisor) == 0
    ]
    assert set(gf2.search(divisor, terms, degree)) <= set(every)
    assert bool(every) == bool(gf2.search(divisor, terms, degree))


def test_rings_have_room_for_their_multiples() -> None:
    known = json.loads(Path(gf2.__file__).with_name("multiples.json").read_text("utf-8"))
    rings = [m for listed in known["multiples"].values() for m in listed if m[0] > gf2.WINDOW]
    assert {len(multiple) for multiple in rings} == {4, 8}
    shapes = [crc_ring.shape(tuple(m), None, fed=False) for m in rings]
    wide = [crc_ring.wide_shape(tuple(m)) for m in known["wide"].values() if m]
    for shape in [*shapes, *wide]:
        assert shape.lags[0] >= shape.size
        assert shape.far[0] >= shape.step
        assert not shape.near or shape.near[-1] <= shape.step  # the turn before reaches no farther
        assert (
            shape.lags[-1] - ([0, *shape.lags])[-2] >= 8
        )  # where the register is, no term else is
        assert shape.room <= 1 << 14


def test_a_multiple_whose_lags_share_a_load() -> None:
    castagnoli, degree = 0x1EDC6F41, 1 << 14
    found = gf2.paired(32, castagnoli, degree)
    assert found == (9036, 7202, 1, 0)
    assert is_multiple(found, 1 << 32 | castagnoli)
    assert gf2.paired(32, castagnoli, 9035) is None
    assert gf2.paired(16, 0x8004, 100) is None  # even, so that nothing with a 1 is a multiple
    for divisor in (0xC0FFEE11, 0x04C11DB7, 0xCB91CE37):
        other = gf2.paired(32, divisor, degree)
        if other is not None:
            lags = gf2.lags(other)
            assert is_multiple(other, 1 << 32 | divisor)
            assert min(b - a for a, b in pairwise(lags)) < 16


def test_loads_of_a_row() -> None:
    far, near = (9036, 7202, 1, 0), (352, 188, 179, 76, 7, 0)
    for multiple in (far, near, (44, 17, 16, 0), (232, 23, 8, 0)):
        division = Division(multiple)
        assert sorted(lag for tap in division.taps for lag in tap.lags) == list(gf2.lags(multiple))
        for tap in division.taps:
            assert tap.back >= 16
            assert division.block >= tap.back + 16 * tap.joins
            assert all(0 <= lag - tap.back <= 16 for lag in tap.lags)
    assert [tap.back for tap in Division(far).taps] == [9035, 1824]
    assert [tap.back for tap in Division(near).taps] == [336, 276, 164]


def test_lags_in_registers_save_loads_and_cost_operations() -> None:
    near, far = (5572, 5496, 583, 0), (7024, 5312, 1809, 0)
    assert gf2.near(near) == (76,)
    assert gf2.near(far) == gf2.near((352, 188, 179, 76, 7, 0)) == ()
    assert gf2.work(near) < gf2.work(far)
    assert gf2.work(near, beside=5) > gf2.work(far, beside=5)


@pytest.mark.slow
def test_the_long_search_gives_multiples(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy", reason="the long search needs it")
    monkeypatch.setattr(gf2_search, "ROUNDS", 5)
    divisor = 1 << 64 | 0xAD93D23594C93659
    found = gf2_search.decode(divisor, 200)
    assert found is not None
    assert is_multiple(found, divisor)
    assert gf2.usable(found)
    assert gf2_search.choose(16, 0x1021) == list(gf2.multiples(16, 0x1021))


def test_powers() -> None:
    divisor = 0x11EDC6F41
    assert gf2.powers(100, divisor) == [gf2.power(k, divisor) for k in range(100)]
    assert gf2.reflect(0b1101, 4) == 0b1011

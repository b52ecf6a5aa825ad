"""The bounds on which the fast loops of folds stand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu import expr
from pcpu.expr import Binary, Cond, Const, Var
from pcpu.isa import Op
from pcpu.lower.forms import Reduction, reduction, reductions, upper_bound
from tests.kernels.machine import NAMES, check_lengths, fold, machine
from tests.kernels.steps import IMMEDIATES, values

MAXIMA = {"byte": 255} | {name: (1 << bits) - 1 for name, bits in IMMEDIATES}
WIDTHS = (("byte", 8), *IMMEDIATES)


@settings(max_examples=400, deadline=None)
@given(values(), st.data())
def test_a_bound_holds(text: str, data: st.DataObject) -> None:
    """Where there is a bound the value is within it, and the same in every greater width."""
    tree = expr.parse(text, WIDTHS, 64)
    given_values = {
        name: data.draw(st.integers(0, maximum) | st.just(maximum))
        for name, maximum in MAXIMA.items()
    }
    for bits in (8, 16):
        bound = upper_bound(tree, MAXIMA, bits)
        if bound is None:
            continue
        exact = expr.evaluate(tree, given_values, 64)
        assert exact <= bound < 1 << bits
        assert expr.evaluate(tree, given_values, bits) == exact
        assert expr.evaluate(tree, given_values, 32) == exact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("byte - k", None),
        ("255 - byte", 255),
        ("254 - byte", None),
        ("byte > k ? byte - k : k - byte", 255),
        ("byte <= k ? k - byte : byte - k", 255),
        ("byte > k ? k - byte : 0", None),
        ("byte > k ? 0 : byte - k", None),
        ("byte >= 97 & byte <= 122 ? byte - 32 : byte", 255),
        ("byte >= 97 & byte <= 122 ? byte : byte - 32", None),
        ("byte >= 31 ? byte - 32 : 0", None),
        ("byte == k ? byte - k : 1", 255),
        ("byte != k ? 1 : k - byte", 255),
        ("byte != k ? byte - k : 1", None),
        ("(byte > k | 1) ? byte - k : 1", None),
        ("(byte > k) & 2 ? byte - k : 1", 255),
        ("byte > k ? (n > 3 ? byte - k : n) : 0", 255),
        ("byte - k & 255", 255),
        ("15 & byte * 300 + ~k", 15),
        ("(byte - 48 & 255) < 10", 1),
        ("byte - 48 < 10", None),
        ("(byte - k >> 1) & 255", None),
        ("byte - k & 511", None),
    ],
)
def test_differences_that_do_not_wrap(text: str, expected: int | None) -> None:
    tree = expr.parse(text, WIDTHS, 64)
    assert upper_bound(tree, MAXIMA, 8) == expected
    if expected is None:
        return
    narrow, wide = (expr.function(tree, ("byte", "k", "n"), bits) for bits in (8, 64))
    for byte in range(256):
        for k in (0, 1, 31, 32, 97, 122, 123, 254, 255, byte):
            assert narrow(byte, k, 5) == wide(byte, k, 5) <= expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("state + byte", Reduction("add", Var("byte"), 8, 255)),
        ("byte + state", Reduction("add", Var("byte"), 8, 255)),
        ("state - (byte & 1)", Reduction("sub", Binary("&", Var("byte"), Const(1)), 8, 1)),
        ("state + byte + 1", Reduction("add", Binary("+", Var("byte"), Const(1)), 16, 256)),
        ("state + (300 - byte & 15)", Reduction("add", Binary("&", Binary("-", Const(300), Var("byte")), Const(15)), 8, 15)),
        ("state + 300", Reduction("add", Const(300), 16, 300)),
        ("state ^ byte << 4", Reduction("xor", Binary("<<", Var("byte"), Const(4)), 16, 4080)),
        ("state + byte * 65536", Reduction("add", Binary("*", Var("byte"), Const(65536)), 32, 255 << 16)),
        ("state + byte * k * 1000003", Reduction("add", Binary("*", Binary("*", Var("byte"), Var("k")), Const(1000003)), None, None)),
        ("state * byte", Reduction("mul", Var("byte"), 64, (1 << 64) - 1)),
        ("state * index", Reduction("mul", Var("index"), None, None)),
        ("byte & 1 ? state * 5 : state", Reduction("mul", Cond(Binary("&", Var("byte"), Const(1)), Const(5), Const(1)), 64, (1 << 64) - 1)),
        ("byte < state ? byte : state", Reduction("umin", Var("byte"), 8, 255)),
        ("state <= byte ? byte : state", Reduction("umax", Var("byte"), 8, 255)),
        ("byte < 9 & state < byte ? byte : state", Reduction("umax", Cond(Binary("<", Var("byte"), Const(9)), Var("byte"), Const(0)), 8, 255)),
        ("byte & state < byte ? byte : state", None),
        ("(state + byte) & 255", Reduction("add", Var("byte"), 8, 255, 255)),
        ("(state - byte) % 4096", Reduction("sub", Var("byte"), 8, 255, 4095)),
        ("15 & (byte ^ state)", Reduction("xor", Var("byte"), 8, 255, 15)),
        ("state & byte & 3", Reduction("and", Binary("&", Var("byte"), Const(3)), 8, 3)),
        ("byte == 3 ? state + 1 : state", Reduction("add", Binary("==", Var("byte"), Const(3)), 8, 1)),
        ("byte & 1 ? state : state - 2",
         Reduction("sub", Cond(Binary("&", Var("byte"), Const(1)), Const(0), Const(2)), 8, 2)),
        ("byte < 9 ? state ^ byte : state ^ 3",
         Reduction("xor", Cond(Binary("<", Var("byte"), Const(9)), Var("byte"), Const(3)), 8, 255)),
    ],
)  # fmt: skip
def test_recognised(step: str, expected: Reduction) -> None:
    assert reduction(fold("op", 64, step, immediates=(("k", 8),))) == expected


BYTE = Var("byte")
OPENS, CLOSES, LOW = (Binary(op, BYTE, Const(n)) for op, n in (("==", 40), ("==", 41), ("<", 128)))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("state + (byte == 40) - (byte == 41)",
         [Reduction("add", OPENS, 8, 1), Reduction("sub", CLOSES, 8, 1)]),
        ("byte - 128 + state", [Reduction("add", BYTE, 8, 255), Reduction("sub", Const(1), 8, 1, None, 128)]),
        ("state + byte * 257", [Reduction("add", BYTE, 8, 255, None, 257)]),
        ("state + (byte < 128 ? byte : byte - 256)",
         [Reduction("add", BYTE, 8, 255),
          Reduction("sub", Cond(LOW, Const(0), Const(1)), 8, 1, None, 256)]),
        ("state + byte * byte - byte & 0xffff",
         [Reduction("add", Binary("*", BYTE, BYTE), 16, 65025, 0xFFFF), Reduction("sub", BYTE, 8, 255, 0xFFFF)]),
        ("state * 2 - byte", []), ("byte - state", []), ("state + (state & 1) - byte", []),
        ("state + byte - byte * k * byte * byte * byte", []),
    ],
)  # fmt: skip
def test_sums_in_parts(step: str, expected: list[Reduction]) -> None:
    assert list(reductions(fold("op", 64, step, immediates=(("k", 8),)))) == expected


@pytest.mark.parametrize(
    "step",
    [
        "state + state", "state - state", "byte - state", "state + byte * state",
        "state < byte ? 1 : state", "byte ? state + 1 : state - 1",
        "(state + byte) & 6", "(state + byte) % 255", "(state | byte) & 15", "state % 16",
        "byte ? state & 3 : state", "byte ? state + 1 : 0", "byte ? 1 : state", "state == byte ? byte : state", "byte", "state",
        "state < state ? state : state", "(state ^ byte) + byte", "state + byte - 1",
    ],
)  # fmt: skip
def test_not_a_reduction(step: str) -> None:
    assert reduction(fold("op", 64, step)) is None


def test_a_state_as_wide_as_the_lanes_needs_no_bound() -> None:
    for bits in (8, 16):
        found = reduction(fold("op", bits, "state + (byte - 1) * 77"))
        assert found is not None
        assert (found.bits, found.bound) == (bits, (1 << bits) - 1)


PLACED = (
    fold("placed", 64, "state * index"),
    fold("placed_too", 64, "byte & 1 ? state * (index * 2 + byte) : state"),
)


def draw_odd(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    return dice.getrandbits(op.state_bits) | 1, dice.randbytes(length)


@pytest.mark.parametrize("name", NAMES)
def test_products_with_places(name: str) -> None:
    on = machine(name, PLACED)
    for op in PLACED:
        check_lengths(on, op, (1, 2, 20, 300), draw_odd)


WRAPPING = (
    fold("anew", 8, "byte << 8 >> 4 ? state ^ byte : byte + 3"),
    fold("rests", 8, "byte * 2 >> 8 ? state * 3 + byte : state"),
    fold("two", 8, "(state & 254) + ((state & 1) != (byte + byte > 255)) * 2 | (byte << 8 >> 15)"),
)


@pytest.mark.parametrize("name", NAMES)
def test_values_wrap_as_narrow_states_do(name: str) -> None:
    """None is computed in lanes that have more bits than the state."""
    on = machine(name, WRAPPING)
    for op in WRAPPING:
        check_lengths(on, op, (1, 2, 20, 300))

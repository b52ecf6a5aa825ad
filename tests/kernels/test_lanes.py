"""Maps and folds in lanes against the reference arithmetic, for random operations."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcpu import expr, targets
from pcpu.isa import Op
from pcpu.lower.kernels import chain, lanes, select
from tests.kernels.machine import (
    HOST,
    NAMES,
    ROOM,
    Machine,
    byte_map,
    check_at,
    fold,
    machine,
    run_map,
    serial,
    told_apart,
    update,
)
from tests.kernels.steps import IMMEDIATES, folds, values

WASM = targets.find("wasm")
OPS = (
    fold("sum", 64, "state + byte"),
    fold("count", 64, "state + (byte == k)", immediates=IMMEDIATES),
    fold("squares", 64, "state + byte * byte"),
    fold("minus", 32, "state - (byte & 15)"),
    fold("least", 16, "byte < state ? byte : state"),
    fold("greatest", 8, "byte > state ? byte : state"),
    fold("parity", 64, "state ^ byte * 257"),
    fold("every", 32, "state & (byte | 1)"),
    fold("small", 64, "state + (byte * k == 1000)", immediates=IMMEDIATES),
    fold("few", 32, "state - (byte >> 6 ^ n & 3)", immediates=IMMEDIATES),
    fold("wrap", 8, "state + byte * 3"),
    fold("wrap16", 16, "state + byte * 771"),
    fold("ones8", 8, "state - (255 >> byte)"),
    fold("ones16", 16, "state + (65535 >> (byte & 15))"),
    byte_map("ones", "(byte | 255) >> byte"),
    byte_map("shifted", "byte + k ^ n", IMMEDIATES),
    byte_map("times", "byte * k + byte * byte * n", IMMEDIATES),
    byte_map("turned", "(byte << n) ^ (byte >> k)", IMMEDIATES),
    byte_map("turned_more", "(byte >> (n & 7)) | (byte << (8 - (n & 7)))", IMMEDIATES),
    fold("apart", 64, "state + (byte > k ? byte - k : k - byte)", immediates=IMMEDIATES),
    fold("upper", 64, "state + (byte >= 97 & byte <= 122 ? byte - 32 : byte)"),
    fold(
        "rest",
        32,
        "state + (k < byte ? 255 - byte : byte == k ? byte - k : 7)",
        immediates=IMMEDIATES,
    ),
    fold(
        "most_apart",
        64,
        "(byte <= k ? k - byte : byte - k) > state ? (byte <= k ? k - byte : byte - k) : state",
        immediates=IMMEDIATES,
    ),
    fold("bits", 64, "state + (byte >> n & 1)", immediates=IMMEDIATES),
    byte_map("saturated", "byte > 255 - 40 ? 255 : byte + 40"),
    byte_map("saturated_at", "byte < 216 ? byte + 40 : 255"),
    byte_map("not_saturated", "byte > 200 ? 255 : byte + 40"),
    byte_map("saturated_by", "255 - k < byte ? 255 : k + byte", IMMEDIATES),
    byte_map("no_less", "byte < k ? 0 : byte - k", IMMEDIATES),
    byte_map("no_less_than", "byte >= 40 ? byte - 40 : 0"),
    byte_map("at_most", "byte > 200 ? 200 : byte"),
    byte_map("at_least", "k <= byte ? byte : k", IMMEDIATES),
    byte_map(
        "rot13",
        "byte >= 97 & byte <= 122 ? (byte - 97 + 13) % 26 + 97"
        " : byte >= 65 & byte <= 90 ? (byte - 65 + 13) % 26 + 65 : byte",
    ),
    byte_map(
        "reversed",
        "(byte & 1) << 7 | (byte & 2) << 5 | (byte & 4) << 3 | (byte & 8) << 1"
        " | (byte & 16) >> 1 | (byte & 32) >> 3 | (byte & 64) >> 5 | byte >> 7 ^ 0",
    ),
    byte_map("digit", "(byte < 10 ? byte + 48 : byte < 16 ? byte + 87 : 63) ^ k", IMMEDIATES),
    byte_map("high", "byte < 250 ? 7 : byte * byte % 10 + (byte & 3) * 3"),
    fold(
        "set_bits",
        64,
        "state + (byte & 1) + (byte >> 1 & 1) + (byte >> 2 & 1) + (byte >> 3 & 1)"
        " + (byte >> 4 & 1) + (byte >> 5 & 1) + (byte >> 6 & 1) + (byte >> 7)",
    ),
    fold("balance", 64, "state + (byte == 40) - (byte == k)", immediates=IMMEDIATES),
    fold("signed", 32, "state + (byte < 128 ? byte : byte - 256) - k", immediates=IMMEDIATES),
    fold("centred", 16, "byte - 128 + state & 0xfff"),
    fold("cubes", 64, "state + byte * byte * byte"),
    fold("cubes_32", 32, "byte * byte * byte ^ state"),
    fold(
        "scaled",
        64,
        "state + byte * 0x10000000001 - (byte >> n) * 1000000007 + 5",
        immediates=IMMEDIATES,
    ),
    fold("choice", 64, "byte > k ? state + byte * 3 : state - 70000", immediates=IMMEDIATES),
    fold("product_8", 8, "state * (byte | 1)"),
    fold("product_16", 16, "byte & 1 ? state * byte : state"),
    fold("product_32", 32, "(byte * 2 + 1) * state & 0x7fffffff"),
    fold("product_64", 64, "state * (byte * k + 1)", immediates=IMMEDIATES),
)
LENGTHS = (0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 1023)


def mapped(op: Op, data: bytes, immediates: tuple[int, ...]) -> bytes:
    new = expr.function(op.map_expr, ("byte", *(i.name for i in op.immediates)), 8)
    return data.translate(bytes(new(byte, *immediates) for byte in range(256)))


def sample(rng: random.Random, length: int) -> bytes:
    kind = rng.random()
    if kind < 0.3:  # extremes are what lanes overflow on
        return bytes([rng.choice((0, 1, 127, 128, 255))]) * length
    return rng.randbytes(length)


def check(on: Machine, op: Op, rng: random.Random, length: int) -> None:
    data = sample(rng, length)
    immediates = tuple(
        rng.choice((0, (1 << i.bits) - 1, rng.getrandbits(i.bits))) for i in op.immediates
    )
    around = bytes(16)
    if op.kind == "map":
        start = 64 + rng.randrange(64)
        on.write(start - 16, around + data + around)
        run_map(on, op, start, length, immediates)
        got = on.read(start - 16, length + 32)
        want = around + mapped(op, data, immediates) + around
        assert got == want, (op.document, length, immediates)
        return
    state = rng.choice((0, (1 << op.state_bits) - 1, rng.getrandbits(op.state_bits)))
    check_at(on, op, state, data, rng, immediates, 0, around)


@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_fixed(op: Op, on: Machine) -> None:
    products = str(op.name).startswith("product")
    assert select(op, WASM) is lanes.KERNEL
    assert select(op, HOST) is (chain.WIDE if products else lanes.KERNEL)
    rng = random.Random(op.name)
    for length in (*LENGTHS, 5000, 20_000):
        check(on, op, rng, length)


@pytest.mark.parametrize(
    "text",
    ["state + byte", "state + (byte & 1)", "state + (byte & 15)", "state + (byte & 31)", "state + byte * 256"],
)  # fmt: skip
@pytest.mark.parametrize("target", NAMES)
def test_lanes_do_not_overflow(text: str, target: str) -> None:
    """The largest value in every byte, past each flush."""
    op = fold("op", 64, text)
    on = machine(target, (op,))
    on.write(0, b"\xff" * ROOM)
    each = serial(op, 0, b"\xff")
    for length in (255 * 64, 257 * 64 + 1, 65535, 70_001, ROOM - 7, ROOM):
        assert update(on, op, 5, 0, length) == 5 + each * length, length


def any_fold(bits: int) -> st.SearchStrategy[Op]:
    return folds(bits).map(lambda text: fold("op", bits, text, immediates=IMMEDIATES))


operations = st.one_of(
    *map(any_fold, (8, 16, 32, 64)),
    values(8).map(lambda text: byte_map("op", text, IMMEDIATES)),
)
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck))


def attack(ops: list[Op], rng: random.Random, lengths: list[int]) -> None:
    named = told_apart(ops)
    for target in NAMES:
        on = machine(target, named)
        for op in named:
            for length in lengths:
                check(on, op, rng, length)


@settings(FUZZ, max_examples=4)
@given(st.lists(operations, min_size=6, max_size=6), st.randoms(use_true_random=False))
def test_random_operations(ops: list[Op], rng: random.Random) -> None:
    attack(ops, rng, [0, 13, 64, 200, rng.randrange(1025)])


@pytest.mark.slow
@settings(FUZZ, max_examples=100)
@given(st.lists(operations, min_size=12, max_size=12), st.randoms(use_true_random=False))
def test_random_operations_at_length(ops: list[Op], rng: random.Random) -> None:
    long = [rng.randrange(1025) for _ in range(5)] + [rng.randrange(20_000)]
    attack(ops, rng, long if rng.random() < 0.9 else [*long, rng.randrange(ROOM - 300)])


def comparisons() -> list[str]:
    numbers = (0, 1, 2, 97, 127, 128, 254, 255)
    signs = ("<", "<=", ">", ">=")
    found = [f"byte {sign} {number}" for sign in signs for number in numbers]
    found += [f"{number} {sign} byte" for sign in signs for number in numbers]
    dice = random.Random(5)
    for _ in range(60):
        a, b = dice.choices(numbers, k=2) if dice.random() < 0.5 else dice.choices(range(256), k=2)
        one, two = dice.choices(signs, k=2)
        found.append(f"byte {one} {a} & byte {two} {b}")
        found.append(f"(byte + 7 {one} {a} & {b} {two} byte + 7 & byte != 3) ? byte - 32 : byte")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_constants(name: str) -> None:
    numbers = (*range(1, 34), 63, 64, 65, 100, 127, 128, 129, 171, 250, 253, 254, 255)
    texts = [f"byte {sign} {number}" for sign in "*%" for number in numbers]
    texts += comparisons()
    texts += [f"byte {sign} ({n} - 2) | 1" for sign in ("<<", ">>") for n in range(10)]
    texts += ["3 < 5 ? byte : 0", "5 <= 3 ? byte : 1", "(3 < 5 & 4 > byte)"]
    ops = tuple(byte_map(f"op{i}", f"({text})") for i, text in enumerate(texts))
    on, data = machine(name, ops), bytes(range(256)) * 2
    for op in ops:
        on.write(64, data)
        run_map(on, op, 64, len(data), ())
        assert on.read(64, len(data)) == mapped(op, data, ()), op.document

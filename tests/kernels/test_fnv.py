"""The FNV kernel against the FNV authors' values and against the interpreter's arithmetic."""

from __future__ import annotations

import json
import random

import pytest

from pcpu import interp, targets
from pcpu.ir import with_names
from pcpu.isa import Op
from pcpu.lower.kernels import fnv, fnv_block, select
from pcpu.lower.kernels.fnv_planes import Planes, addition_chain
from tests.kernels.machine import (
    HOST,
    VECTORS,
    Machine,
    check_lengths,
    fold,
    machine,
    update,
)

AUTHORS = json.loads((VECTORS / "fnv1a.json").read_text())["vectors"]
BASIS = {64: 0xCBF29CE484222325, 32: 0x811C9DC5}
PRIME = {64: 0x100000001B3, 32: 0x01000193}
# What the FNV authors call them.
MEMBERS = {
    **{f"fnv1a_{b}": fold(f"fnv1a_{b}", b, f"(state ^ byte) * {PRIME[b]}") for b in (64, 32)},
    **{f"fnv1_{b}": fold(f"fnv1_{b}", b, f"state * {PRIME[b]} ^ byte") for b in (64, 32)},
}
_rng = random.Random(1)
FORMS = {16: "(byte ^ state) * {}", 32: "byte ^ {} * state", 64: "{} * (state ^ byte)"}
OTHERS = tuple(
    fold(f"other_{bits}", bits, form.format(_rng.getrandbits(bits) | 1))
    for bits, form in FORMS.items()
)
SHIFTED = (
    fold("djb2a", 32, "(state << 5) + state ^ byte"),
    fold("shifts", 64, "((state ^ byte) << 8) - (byte ^ state) * 5"),
    fold("primes", 64, "(state ^ byte) + ((state ^ byte) << 40) + (state ^ byte) * 0x1b2"),
)
# Low bytes that need no addition, one, and many.
LOW_BYTES = tuple(
    fold(f"low_{low:02x}", 32, f"(state ^ byte) * {0x5A5A00 | low}")
    for low in (0x01, 0x03, 0x81, 0x55, 0xFD, 0xFF)
)


OPS = (*MEMBERS.values(), *OTHERS, *LOW_BYTES, *SHIFTED)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    data, state = dice.randbytes(length), dice.getrandbits(op.state_bits)
    if dice.random() < 0.2:
        data = bytes([dice.choice((0, 255))]) * length
    return state, data


@pytest.mark.parametrize("name", MEMBERS)
def test_authors_vectors(name: str, on: Machine) -> None:
    op = MEMBERS[name]
    for vector in AUTHORS:
        data = bytes.fromhex(vector["data"])
        on.write(1, data)
        got = update(on, op, BASIS[op.state_bits], 1, len(data))
        assert got == int(vector[name], 16), vector


@pytest.mark.parametrize("name", MEMBERS)
def test_authors_vectors_interp(name: str) -> None:
    op = MEMBERS[name]
    basis = fold(name, op.state_bits, op.fold.step if op.fold else "", str(BASIS[op.state_bits]))
    for vector in AUTHORS:
        _, (got,) = interp.run(with_names([(basis, (), None)]), bytes.fromhex(vector["data"]))
        assert got == int(vector[name], 16), vector


@pytest.mark.parametrize("op", [*MEMBERS.values(), *OTHERS], ids=lambda op: str(op.name))
def test_long(op: Op, on: Machine) -> None:
    assert select(op, HOST) is fnv.KERNEL
    check_lengths(on, op, (2047, 2048, 2049, 8191, 8192, 12345), draw)


@pytest.mark.parametrize("op", [*LOW_BYTES, *SHIFTED], ids=lambda op: str(op.name))
def test_low_bytes(op: Op, on: Machine) -> None:
    check_lengths(on, op, [4096 + 1], draw)


def test_block_sizes(on: Machine) -> None:
    """Blocks of each size in WebAssembly, where 7 strips are the most: 7 + 4, 4 + 4, 4 + 2, 3."""
    lengths = [strips * 2048 + 3 for strips in (11, 8, 6, 3)]
    check_lengths(on, MEMBERS["fnv1a_64"], lengths, draw)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_sums_fit(width: int) -> None:
    for strips in fnv_block.Block(width, PRIME[64], 64).sizes:
        assert 2 * 255 * 2**15 * 16 * strips < 2**31


def test_words_where_lanes_multiply_them() -> None:
    """States of 32 bits run as they are in WebAssembly, and others in limbs."""
    for name, bits, words in (("wasm", 32, True), ("wasm", 64, False), ("wasm", 16, False)):
        assert fnv_block.in_words(targets.find(name), bits) == words
    assert not fnv_block.in_words(HOST, 32)


def test_planes_have_slots_of_their_own() -> None:
    for multiplier in range(1, 256, 2):
        planes = Planes(16, 1024, multiplier)
        carries = range(8, 8 + len(planes.chain))
        taken = [*planes.kept.values(), *carries]
        assert len(set(taken)) == len(taken)
        assert max([7, *taken]) < planes.slots
        for (product, plane), slot in planes.kept.items():
            assert slot == plane if product == 0 else slot > 7 or (0, slot) not in planes.kept


@pytest.mark.slow
@pytest.mark.parametrize("op", [*MEMBERS.values(), *OTHERS], ids=lambda op: str(op.name))
def test_any_length(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    some = [dice.randrange(200_000) for _ in range(25)]
    check_lengths(on, op, (*range(1025), *range(2040, 2060), *some), draw)


@pytest.mark.parametrize("width", fnv_block.widths(targets.find("host")))
def test_native_widths(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every width that this processor has, on its own."""
    monkeypatch.setattr(fnv_block, "widths", lambda target: (width,))
    op = MEMBERS["fnv1a_64"]
    native = machine("host", (op,))
    least = fnv_block.Block(width, PRIME[64], 64).least
    check_lengths(native, op, (least - 1, least, least + 1, 3 * least + 5), draw, width)


def test_selection_by_form() -> None:
    assert fnv.multiplication(fold("op", 64, "(state ^ byte) * 4")) is None
    assert fnv.multiplication(fold("op", 64, "(state ^ byte) * state")) is None
    assert fnv.multiplication(fold("op", 64, "(state ^ byte) + 3")) is None
    assert fnv.multiplication(fold("op", 64, "state * 3 ^ (byte + 1)")) is None
    assert fnv.multiplication(fold("op", 8, "(state ^ byte) * 3")) is None
    assert fnv.multiplication(fold("op", 32, "state ^ byte")) is None
    found = fnv.multiplication(fold("op", 32, "7 * (byte ^ state)"))
    assert found == fnv.Multiplication(7, first=False)
    found = fnv.multiplication(fold("op", 32, "byte ^ (7 * state)"))
    assert found == fnv.Multiplication(7, first=True)
    assert select(fold("op", 64, "(state ^ byte) * 4"), HOST) is not fnv.KERNEL


def test_addition_chains_multiply() -> None:
    for factor in range(1, 256, 2):
        values = [1]
        for plain, shifted, shift in addition_chain(factor):
            values.append((values[plain] + (values[shifted] << shift)) & 255)
        assert values[-1] == factor

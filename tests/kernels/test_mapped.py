"""Folds behind a map of their own, against the reference arithmetic and the fold of mapped bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pcpu import interp, targets
from pcpu.ir import with_names
from pcpu.isa import Op
from pcpu.lower.kernels import adler, chain, fnv, lanes, polynomial, select
from pcpu.lower.kernels.mapped import PIECE, mapped
from tests.kernels.machine import HOST, Machine, check_lengths, fold, over_lengths

LOWER = "(byte >= 65 & byte <= 90 ? byte | 32 : byte)"
K = (("k", 8),)
FNV = fold("fnv_lower", 32, f"(state ^ {LOWER}) * 16777619", "0x811c9dc5")
OPS = (
    FNV,
    fold("fnv_64", 64, "(state ^ (byte | 32)) * 0x100000001b3", "0xcbf29ce484222325"),
    fold("fnv_1", 32, "state * 16777619 ^ (byte & 0xdf)"),
    fold("fnv_keyed", 64, "(state ^ (byte ^ k)) * 0x100000001b3", immediates=K),
)
# Nothing is changed, the byte is there as it is too, the place counts, or the value is too large.
OTHERS = (
    fold("as_it_is", 32, "(state ^ byte) * 16777619"),
    fold("both", 32, "(state ^ (byte | 32)) * 16777619 + byte"),
    fold("two", 32, "(state ^ (byte | 32)) * 16777619 + (byte & 3)"),
    fold("placed", 64, "(state ^ (byte | 32)) * 16777619 + index"),
    fold("large", 32, "(state ^ byte * 257) * 16777619"),
)


def draw(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    return dice.getrandbits(op.state_bits), dice.randbytes(length)


@over_lengths(
    (*range(70), 127, 128, 129, 1024, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 77), below=60_000
)
@pytest.mark.parametrize("op", OPS, ids=lambda op: str(op.name))
def test_lengths_alignments_pieces_and_states(op: Op, on: Machine, lengths: Sequence[int]) -> None:
    assert select(op, HOST).name == select(op, targets.find("wasm")).name == "mapped"
    form = mapped(op)
    assert form is not None
    assert select(form[0], HOST) is lanes.KERNEL
    assert select(form[1], HOST) is fnv.KERNEL
    check_lengths(on, op, lengths, draw)


def test_it_is_the_fold_of_mapped_bytes() -> None:
    data = random.Random(3).randbytes(500)
    plain = with_names([(fold("fnv", 32, "(state ^ byte) * 16777619", "0x811c9dc5"), (), None)])
    own = with_names([(FNV, (), None)])
    assert interp.run(own, data)[1] == interp.run(plain, data.lower())[1]


@pytest.mark.parametrize("op", OTHERS, ids=lambda op: str(op.name))
def test_what_it_is_not_for(op: Op) -> None:
    assert mapped(op) is None
    assert select(op, HOST).name != "mapped"


def test_what_others_take_stays_with_them() -> None:
    sums = "(((state >> 16) + ((state & 0xffff) + (byte | 1)) % 65521) % 65521 << 16) | ((state & 0xffff) + (byte | 1)) % 65521"
    for step, kernel in (
        ("state + (byte | 32)", lanes),
        ("state * 31 + (byte | 32)", polynomial),
        (sums, adler),
    ):
        assert select(fold("other", 32, step, "1"), HOST) is kernel.KERNEL, step
    assert select(fold("slow", 32, "(state >> 1) * 3 + (byte | 32)"), HOST) is chain.KERNEL

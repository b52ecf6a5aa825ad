"""Kernels that take bytes and the place in the stream, called as spec/abi.md says they may be."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcpu import targets
from pcpu.ir import Instruction
from pcpu.isa import Op, read_isa
from pcpu.isa.model import Immediate
from pcpu.lower.kernels import chain, histogram, lanes, lookup, moment, search, select
from tests.kernels.machine import (
    NAMES,
    Machine,
    byte_map,
    fold,
    keyed,
    machine,
    told_apart,
)
from tests.kernels.operands import DATA, check_fold, check_map, run_map, updated
from tests.kernels.steps import IMMEDIATES, LOOKUPS, folds, values

ISA = {op.name: op for op in read_isa().operations}
OUT = 200_000  # where results lie in the machine's memory


MAPS = (
    ISA["mask"],
    ISA["lut"],
    keyed(byte_map("long", "byte ^ key[index]"), ("key", 1, 3000)),
    keyed(byte_map("five", "byte + key[index] * 3"), ("key", 5, 5)),
    keyed(byte_map("large", "byte - key[index]"), ("key", 100, 3000)),
    keyed(byte_map("both", "a[index] ^ byte ^ b[index] + a[index]"), ("a", 1, 9), ("b", 1, 200)),
    keyed(byte_map("skewed", "byte ^ key[index * 3 + 1]"), ("key", 1, 70)),
    keyed(byte_map("twice", "key[byte ^ key[index]]"), ("key", 1, 300)),
)
FOLDS = (
    keyed(fold("weighted", 32, "state + byte * key[index]"), ("key", 1, 70)),
    keyed(fold("agree", 64, "state + (byte == key[index])"), ("key", 1, 70)),
    keyed(fold("truths", 16, "state & (128 >= (key[index] << 1))"), ("key", 1, 64)),
    keyed(fold("rolling", 8, "state + (byte ^ key[index])"), ("key", 1, 70)),
    keyed(fold("scored", 64, "state + key[byte]"), ("key", 256, 256)),
    keyed(fold("shifted", 8, "state + (254 >> key[byte])"), ("key", 1, 256)),
    keyed(fold("hashed", 32, "(state ^ key[byte + state]) * 16777619 + key[index]"), ("key", 1, 9)),
    fold("placed", 64, "state + byte * index"),
    ISA["find"],
)
OPS = (*MAPS, *FOLDS, ISA["hist"])
LENGTHS = (0, 1, 7, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 200, 255, 256, 257, 1000, 5000)


def test_kernels_by_form() -> None:
    kernels = {op.name: select(op, targets.find("wasm")) for op in OPS}
    of = {kernel: {n for n, k in kernels.items() if k is kernel} for kernel in kernels.values()}
    assert of[lanes.KERNEL] == {
        "mask", "long", "five", "large", "both", "weighted", "agree", "truths", "rolling",
    }  # fmt: skip
    assert of[lookup.KERNEL] == {"lut", "skewed", "twice"}
    assert of[chain.WIDE] == {"scored", "shifted"}
    assert of[moment.KERNEL] == {"placed"}
    assert of[chain.KERNEL] == {"hashed"}
    assert of[search.KERNEL] == {"find"}
    assert of[histogram.KERNEL] == {"hist"}


@pytest.mark.parametrize("op", MAPS, ids=lambda op: str(op.name))
def test_A4_A6_maps(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    for length in (*LENGTHS, *(dice.randrange(300) for _ in range(60))):
        check_map(on, op, dice, length)


@pytest.mark.parametrize("op", FOLDS, ids=lambda op: str(op.name))
def test_A4_A7_folds(op: Op, on: Machine) -> None:
    dice = random.Random(op.name)
    for length in (*LENGTHS, *(dice.randrange(300) for _ in range(60))):
        check_fold(on, op, dice, length)


def with_key(op: Op) -> Op:
    numbers = tuple(Immediate(name, bits) for name, bits in IMMEDIATES)
    return replace(op, immediates=(*numbers, Immediate("key", 0, (1, 150))))


def any_fold(bits: int) -> st.SearchStrategy[Op]:
    more = [*LOOKUPS, *(["index"] if bits == 64 else [])]
    return folds(bits, more).map(lambda text: with_key(fold("op", bits, text)))


operations = st.one_of(
    values(8, more=LOOKUPS).map(lambda text: with_key(byte_map("op", text))),
    *map(any_fold, (8, 16, 32, 64)),
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operations, min_size=6, max_size=6), st.integers(0, 1 << 30))
def test_random_operations(ops: list[Op], seed: int) -> None:
    dice = random.Random(seed)
    named = told_apart(ops)
    for target in NAMES:
        on = machine(target, named)
        for op in named:
            for length in (0, 13, 64, 200, dice.randrange(1025)):
                (check_map if op.kind == "map" else check_fold)(on, op, dice, length)


def test_A12_an_array_travels_by_pointer(on: Machine) -> None:
    data = random.Random(1).randbytes(5000)
    on.write(DATA, data)
    state, out = (on.base + OUT, on.pointer_bits), (on.base + OUT + 4096, on.pointer_bits)

    def span(start: int, stop: int) -> list[tuple[int, int]]:
        return [(on.base + DATA + start, on.pointer_bits), (stop - start, on.pointer_bits)]

    def slots(offset: int) -> list[int]:
        raw = on.read(OUT + offset, 2048)
        return [int.from_bytes(raw[i : i + 8], "little") for i in range(0, 2048, 8)]

    expected = [data.count(byte) for byte in range(256)]
    on.call("pcpu_hist_init", 0, [state])
    for start, stop in ((0, 0), (0, 1), (1, 4000), (4000, 5000)):
        on.call("pcpu_hist_update", 0, [state, *span(start, stop)])
    on.call("pcpu_hist_finish", 0, [state, out])
    assert slots(4096) == expected == slots(0)
    on.write(OUT + 4096, b"\xff" * 2048)
    on.call("pcpu_hist", 0, [*span(0, 5000), out])
    assert slots(4096) == expected


@pytest.mark.parametrize("length", [0, 1, 4, 17, 64, 65, 100, 300])
def test_A4_bytes_of_a_wrong_length_stay_within_their_own_result(length: int, on: Machine) -> None:
    """Too few read as zeros, of too many the first ones count."""
    data, key = random.Random(length).randbytes(1000), random.Random(2).randbytes(300)[:length]
    for op in (ISA["mask"], ISA["lut"], MAPS[3]):
        (sizes,) = (imm.sizes for imm in op.immediates)
        assert sizes is not None
        meant = key[: sizes[1]] if length >= sizes[0] else bytes(sizes[0])
        on.write(DATA, data)
        got = run_map(on, op, DATA, 1000, (key,), 3)
        assert got == updated(Instruction(op, (meant,)), data, 3), op.name


def test_A4_no_bytes_need_no_address(on: Machine) -> None:
    on.write(DATA, b"unchanged" * 100)
    span = [(on.base + DATA, on.pointer_bits), (900, on.pointer_bits)]
    nowhere = (1 << on.pointer_bits) - 1
    key = [(nowhere, on.pointer_bits), (0, on.pointer_bits)]
    on.call("pcpu_mask", 0, [*span, *key, (0, 64)])
    assert on.read(DATA, 900) == b"unchanged" * 100

"""What people are told of operations that go byte by byte."""

from __future__ import annotations

import pytest

from pcpu import targets
from pcpu.ir import with_names
from pcpu.lower.explain import explain
from pcpu.lower.kernels import select
from tests.kernels.machine import byte_map, fold, keyed

WASM = targets.find("wasm")


@pytest.mark.parametrize(
    ("step", "kernel", "why"),
    [
        ("(state + byte) * 1025 ^ (state + byte) * 1025 >> 6", "chain",
         "each step waits for the one before: (state + byte) * 1025 >> 6 is not linear in the state"),
        ("state < 255 ? state + 1 : state - byte", "chain",
         "each step waits for the one before: state < 255 is not linear in the state"),
        ("state * 3 + index", "chain", "vectors have no index"),
        ("state * 3 + byte * byte", "chain", "the values need more than 8 bits"),
        ("(state * 0x1000000000000 + byte) % 1000003", "chain",
         "before the remainder a step may overflow, or its value needs more than 8 bits"),
        ("state + key[state]", "chain", "key[state] is looked up where the state says"),
        ("state * 3 + key[byte]", "chain", "only tables of bytes256, and keys by index, are looked up on vectors"),
        ("state + byte * byte * index", "wide", "lanes have no index"),
        ("state + key[byte]", "wide", "only tables of bytes256, and keys by index, are looked up in lanes"),
        ("state + byte * byte * byte * byte * byte", "wide",
         "the values may need more bits than the 32 of the widest lanes"),
    ],
)  # fmt: skip
def test_folds(step: str, kernel: str, why: str) -> None:
    op = keyed(fold("op", 64, step), ("key", 1, 9))
    found = select(op, WASM)
    assert (found.name, found.why(op, WASM)) == (kernel, why)
    assert found.serial


def test_maps() -> None:
    op = keyed(byte_map("op", "key[byte]"), ("key", 256, 256))
    found = select(op, WASM)
    assert (found.name, found.why(op, WASM)) == (
        "lookup",
        "key[...] is looked up in memory, a byte at a time",
    )


def test_loops_are_explained() -> None:
    mixed = fold("mixed", 32, "(state ^ byte) + (state >> 3)")
    java = fold("java", 32, "state * 31 + byte")
    lines = list(explain(with_names([(mixed, (), None), (java, (), None)]), WASM))
    assert lines == [
        "loop 1, chain: mixed | java",
        "  mixed goes byte by byte: each step waits for the one before: state ^ byte is not linear in the state",
        "  java goes byte by byte: others beside it do, and take as long",
    ]

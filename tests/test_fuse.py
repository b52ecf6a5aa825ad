"""Which operations share a loop."""

from __future__ import annotations

import pytest

from pcpu import targets
from pcpu.isa import Isa
from pcpu.lower.fuse import describe, feed, fuse
from pcpu.source import parse_pipeline
from tests.kernels.machine import fold


@pytest.mark.parametrize(
    ("program", "loops"),
    [
        ("xor 1 | add 2 | counteq 3", ["lanes: xor add counteq"]),
        ("counteq 1 | crc32c | counteq 2", ["lanes: counteq counteq", "crc: crc32c"]),
        ("xor 1 | crc32c | counteq 2", ["lanes: xor counteq", "crc: crc32c"]),
        ("crc32c | xor 1 | counteq 2", ["crc: crc32c", "lanes: xor counteq"]),
        (
            "xor 1 | crc32c | xor 2 | crc32c",
            ["lanes: xor", "crc: crc32c", "lanes: xor", "crc: crc32c"],
        ),
        ("xor 1 | crc32c | fnv | xor 2", ["lanes: xor", "crc: crc32c", "fnv: fnv", "lanes: xor"]),
        # A chain runs anyway, so the hash goes with it; not so across a map.
        ("fnv | sum | twist", ["chain: fnv twist", "lanes: sum"]),
        ("fnv | xor 1 | twist", ["fnv: fnv", "lanes: xor", "chain: twist"]),
        ("find 1 | find 2 | adler32", ["search: find", "search: find", "adler: adler32"]),
    ],
)
def test_loops(program: str, loops: list[str], user_isa: Isa) -> None:
    isa = Isa((*user_isa.operations, fold("twist", 32, "state * state + byte")))
    instructions = parse_pipeline(program, isa).instructions
    found = [
        f"{kernel.name}: {' '.join(i.op.name for i in group)}"
        for kernel, group in describe(instructions, targets.find("wasm"))
    ]
    assert found == loops


@pytest.mark.parametrize(
    ("program", "loops"),
    [
        ("xor 1 | counteq 3 | crc32c", ["crc: xor counteq crc32c"]),
        ("xor 1 | crc32c | counteq 2", ["crc: xor counteq crc32c"]),
        ("crc32c | counteq 2", ["crc: counteq crc32c"]),
        ("crc32c | xor 1 | counteq 2", ["crc: crc32c", "lanes: xor counteq"]),
        ("xor 1 | crc32c | crc32c", ["crc: xor crc32c", "crc: crc32c"]),
        ("xor 1 | crc32c | xor 2 | crc32c", ["crc: xor crc32c", "crc: xor crc32c"]),
        ("xor 1 | fnv | crc32c", ["lanes: xor", "fnv: fnv", "crc: crc32c"]),
        ("xor 1 | fnv", ["lanes: xor", "fnv: fnv"]),
        ("xor 1 | sum | adler32", ["adler: xor sum adler32"]),
    ],
)
def test_some_kernels_take_lanes_along(program: str, loops: list[str], user_isa: Isa) -> None:
    ops = [i.op for i in parse_pipeline(program, user_isa).instructions]
    wasm = targets.find("wasm")
    groups = feed(fuse(ops, wasm), ops, wasm)
    assert [f"{g.kernel.name}: {' '.join(ops[i].name for i in g.members)}" for g in groups] == loops

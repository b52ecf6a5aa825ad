"""Every engine gives what the interpreter gives, for every length and chunking."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path

import crc32c
import fastcrc
import google_crc32c
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcpu import interp
from pcpu.errors import EngineError
from pcpu.ir import Program, with_names
from pcpu.isa import Immediate, Isa, Op, read_isa, to_bytes
from pcpu.library import load_isa, vector_program, vector_result
from pcpu.run import workerd
from pcpu.source import bind_arguments, parse_pasm, parse_pipeline
from tests.engines import run_pieces

FAST = ("jit", "wasmtime")
LENGTHS = [0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 1000, 4096,
           16383, 16384, 16385, 33000, 70001]  # fmt: skip
ISA = load_isa([Path(__file__).parents[1] / "examples" / "my-ops.json"])
FNV = json.loads((Path(__file__).parent / "data" / "fnv1a.json").read_text())


def operand(imm: Immediate, random_: random.Random) -> int | bytes:
    if imm.sizes is None:
        return random_.randrange(1 << imm.bits)
    return random_.randbytes(random_.randint(*imm.sizes))


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("op", ISA.operations, ids=lambda op: op.name)
def test_I3_I4_I5_vectors(op: Op, engine: str) -> None:
    for vector in op.document["vectors"]:
        program = vector_program(op, vector)
        data, results = run_pieces(engine, program, ISA, to_bytes(vector["data"]))
        if op.has_result:
            assert results == (vector_result(vector["expect"]),)
        else:
            assert data == to_bytes(vector["expect"])


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("op", ISA.operations, ids=lambda op: op.name)
def test_P3_lengths_and_pieces(op: Op, engine: str) -> None:
    random_ = random.Random(op.name)
    imms = [operand(imm, random_) for imm in op.immediates]
    program = with_names([(op, imms, None)])
    for length in LENGTHS:
        data = noise(length, length)
        expected = interp.run(program, data)
        assert run_pieces(engine, program, ISA, data) == expected
        pieces = [random_.randrange(length + 1) // 3 for _ in range(4)]
        assert run_pieces(engine, program, ISA, data, [0, *pieces, 0]) == expected


def programs(operations: tuple[Op, ...]) -> st.SearchStrategy[Program]:
    def stage(op: Op) -> st.SearchStrategy[tuple[Op, tuple[int | bytes, ...], None]]:
        imms = st.tuples(*(st.builds(operand, st.just(imm), st.randoms()) for imm in op.immediates))
        return st.tuples(st.just(op), imms, st.none())

    return st.lists(st.sampled_from(operations).flatmap(stage), min_size=1, max_size=6).map(
        with_names
    )


@given(
    program=programs(ISA.operations),
    length=st.integers(0, 3000) | st.sampled_from([40_000, 131_072, 150_000]),
    sizes=st.lists(st.integers(0, 2000), max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_programs(program: Program, length: int, sizes: list[int], seed: int) -> None:
    data = noise(length, seed)
    expected = interp.run(program, data)
    for engine in FAST:
        assert run_pieces(engine, program, ISA, data, sizes) == expected


def test_workerd_agrees() -> None:
    random_ = random.Random(7)
    for text in (
        "xor 0x5a | crc32c",
        "add 3",
        "adler32 | sum | fnv",
        "rotl 5 | counteq 10 | xor 1 | crc32c",
        "mask 0x0102030405 | find 77 | hist | weighted 0x0103 | crc64nvme",
    ):
        program = parse_pipeline(text, ISA)
        data = noise(300_000, 3)
        sizes = [random_.randrange(100_000) for _ in range(3)]
        assert run_pieces("workerd", program, ISA, data, sizes) == interp.run(program, data)
        assert run_pieces("workerd", program, ISA, b"") == interp.run(program, b"")


@pytest.mark.parametrize("text", ["hist | sum", "add 3", "mask 0x0102 | crc32c"])
def test_H31_workerd_runs_what_is_too_long_for_a_url(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workerd, "MAX_QUERY", 10)
    program, data = parse_pipeline(text, ISA), noise(300_000, 3)
    assert run_pieces("workerd", program, ISA, data, [7, 0, 9000]) == interp.run(program, data)


def test_H31_workerd_says_that_parameters_are_too_long() -> None:
    program = parse_pasm(".param key bytes1-65536\nx = key[3]\nxor data[x:], 1\n", ISA)
    arguments = bind_arguments(program, {"key": f"0x{'ab' * 40_000}"})
    with pytest.raises(EngineError, match="parameters are too long for a URL"):
        workerd.ENGINE.run_whole(program, ISA, {"data": bytearray(300)}, arguments)


@pytest.mark.parametrize("engine", FAST)
def test_independent_sources(engine: str) -> None:
    data = noise(1_234_567)
    program = parse_pipeline(
        "crc32c | adler32 | counteq 7 | sum | crc32 | crc16 | min | max | hist | find 7", ISA
    )
    _, results = run_pieces(engine, program, ISA, data, [1, 65536, 99999])
    values = np.frombuffer(data, np.uint8)
    assert results == (
        google_crc32c.value(data), zlib.adler32(data), data.count(7), sum(data), zlib.crc32(data),
        fastcrc.crc16.arc(data), values.min(), values.max(), tuple(np.bincount(values)),
        data.find(7),
    )  # fmt: skip
    assert results[0] == crc32c.crc32c(data)


@pytest.mark.parametrize("engine", FAST)
def test_maps_as_python_has_them(engine: str) -> None:
    data, dice = noise(100_003), random.Random(3)
    table = dice.randbytes(256)
    cases = {
        f"lut 0x{table.hex()}": data.translate(table),
        "not": bytes(255 - b for b in data),
        "sub 200": bytes((b - 200) % 256 for b in data),
        "and 0x3c": bytes(b & 0x3C for b in data),
        "or 0x3c": bytes(b | 0x3C for b in data),
        "rotl 3": bytes(((b << 3) | (b >> 5)) & 255 for b in data),
    }
    for length in (1, 2, 3, 4, 5, 16, 31, 32, 48, 63, 64):
        key = dice.randbytes(length)
        whole = int.from_bytes((key * len(data))[: len(data)], "big")
        masked = (int.from_bytes(data, "big") ^ whole).to_bytes(len(data), "big")
        cases[f"mask 0x{key.hex()}"] = masked
    for text, expected in cases.items():
        program = parse_pipeline(text, ISA)
        assert run_pieces(engine, program, ISA, data, [1, 7, 65536]) == (expected, ()), text


@pytest.mark.parametrize("engine", ["interp", *FAST])
def test_P3_find_counts_over_pieces(engine: str) -> None:
    program = parse_pipeline("find 0 | find 1", ISA)
    data = bytes([2]) * 70_000 + bytes([1, 2, 1])
    for sizes in ([], [70_000], [69_999, 1, 1], [1, 70_001]):
        assert run_pieces(engine, program, ISA, data, sizes)[1] == (2**64 - 1, 70_000)


@pytest.mark.parametrize("engine", ["interp", *FAST])
def test_crc64nvme_of_the_nvme_specification(engine: str) -> None:
    """The test cases of the NVM Command Set Specification for its guard of 64 bits: 4 KiB blocks."""
    up = bytes(range(256)) * 16
    cases = [
        (bytes(4096), 0x6482D367EB22B64E),
        (b"\xff" * 4096, 0xC0DDBA7302ECA3AC),
        (up, 0x3E729F5F6750449C),
        (up[::-1], 0x9A2DF64B8E9E517E),
    ]
    program = parse_pipeline("crc64nvme", ISA)
    for data, expected in cases:
        assert run_pieces(engine, program, ISA, data)[1] == (expected,)


@pytest.mark.parametrize("engine", ["interp", *FAST])
def test_fnv32_of_its_authors(engine: str) -> None:
    program = parse_pipeline("fnv32", ISA)
    for vector in FNV["vectors"][::8]:
        data = bytes.fromhex(vector["data"])
        assert run_pieces(engine, program, ISA, data)[1] == (int(vector["fnv1a_32"], 16),)


@pytest.mark.parametrize("engine", FAST)
def test_a_hash_whose_start_is_an_immediate(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "op.json"
    fold = {
        "state": "u64",
        "init": "seed",
        "step": "(state ^ byte) * 0x100000001b3",
        "finish": "state ^ seed",
    }
    path.write_text(
        json.dumps({"op": "seeded", "args": ["data", "seed:imm64"], "returns": "u64", "fold": fold})
    )
    isa = load_isa([path])
    program = parse_pipeline("seeded 0xcbf29ce484222325 | seeded 7", isa)
    data = noise(50_000)
    assert run_pieces(engine, program, isa, data) == interp.run(program, data)


@pytest.mark.parametrize("count", [12, pytest.param(85, marks=pytest.mark.slow)])
@pytest.mark.parametrize("engine", ["interp", *FAST])
def test_many_operations(engine: str, count: int) -> None:
    isa: Isa = read_isa()
    text = " | ".join(f"xor {i % 256} | crc32c | counteq {i % 256}" for i in range(count))
    program = parse_pipeline(text, isa)
    data = noise(5000)
    assert run_pieces(engine, program, isa, data, [999]) == interp.run(program, data)

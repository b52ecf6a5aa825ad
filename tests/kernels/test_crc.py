"""Every form of the CRC kernels against the reference meaning and against other libraries."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import log2
from pathlib import Path
from typing import Any

import crc32c
import fastcrc
import google_crc32c
import pytest

from pcpu import interp, targets
from pcpu.compiler import compile_operations
from pcpu.ir import with_names
from pcpu.isa import CrcModel, Isa, Op, read_isa
from pcpu.lower.kernels import crc_model
from pcpu.target import Target
from tests.kernels import machine as machines
from tests.kernels.emulated import Emulated
from tests.kernels.machine import Machine, Native, Wasm, abi, update

CATALOGUE = Path(__file__).parents[1] / "data" / "crc_catalogue.json"
MODELS: list[dict[str, Any]] = json.loads(CATALOGUE.read_text("utf-8"))["models"]
# One of each width of register, of each kind of multiple, reflected and not, and the odd ones.
SAMPLE = (
    "CRC-3/GSM", "CRC-8/SMBUS", "CRC-12/UMTS", "CRC-16/KERMIT", "CRC-24/OPENPGP", "CRC-32/ISCSI",
    "CRC-32/ISO-HDLC", "CRC-40/GSM", "CRC-64/NVME", "CRC-64/WE",
)  # fmt: skip
# Not of the catalogue: a polynomial that has to be searched for, one of 48 bits for which only
# some multiples are looked at, and two without a constant term, for which those of a power of x less
# do.
OWN = (
    ("own-32", 32, 0xDEADBEEF, True), ("own-48", 48, 0x8A6F_51C3_0D2B, False),
    ("even-16", 16, 0x8004, True), ("even-64", 64, 0x8A6F_51C3_0D2B_0000, False),
)  # fmt: skip
# Independent implementations, by name in the catalogue.
LIBRARIES: dict[str, Callable[[bytes], int]] = {
    "CRC-8/SMBUS": fastcrc.crc8.smbus,
    "CRC-16/KERMIT": fastcrc.crc16.kermit,
    "CRC-32/ISCSI": google_crc32c.value,
    "CRC-32/ISO-HDLC": zlib.crc32,
    "CRC-64/WE": fastcrc.crc64.we,
}
FOLDED = ("CRC-16/KERMIT", "CRC-32/ISCSI", "CRC-64/WE")
# Features to do without, so that every form runs on one machine.
WITHOUT: dict[str, tuple[str, ...]] = {
    "host": (),
    "fold-32": ("+avx512bw",),
    "fold-16": ("+vpclmulqdq",),
    "sparse": ("+pclmul", "+crc32"),
}
WASM = {"wasm": 0, "wasm-small": 1 << 16, "wasm-small-long": 1 << 18}  # with usual lengths
# Other processors, which are emulated, and what they have besides what their target names.
EMULATED: dict[str, tuple[str, tuple[str, ...]]] = {
    "aarch64": ("aarch64", ()),
    "aarch64-pmull": ("aarch64", ("+aes",)),
    "aarch64-crc": ("aarch64", ("+aes", "+crc")),
    "riscv64": ("riscv64", ()),
    "riscv64-zbc": ("riscv64", ("+zba", "+zbb", "+zbc")),
}


def _op(name: str, model: CrcModel) -> Op:
    plain = name.lower().replace("-", "_").replace("/", "_")
    crc32c_op = next(op for op in read_isa().operations if op.crc is not None)
    return replace(
        crc32c_op, name=plain, aliases=(), returns=f"u{model.width}", document={}, crc=model
    )


def _model(document: dict[str, Any]) -> CrcModel:
    poly, init, xorout, check = (int(document[k], 16) for k in ("poly", "init", "xorout", "check"))
    refin, refout = document["refin"], document["refout"]
    return CrcModel(document["width"], poly, init, refin, refout, xorout, check)


@cache
def ops(names: tuple[str, ...] = SAMPLE) -> dict[str, Op]:
    found = {m["name"]: _op(m["name"], _model(m)) for m in MODELS if m["name"] in names}
    if names == SAMPLE:
        for name, width, poly, reflected in OWN:
            model = CrcModel(width, poly, (1 << width) - 1, reflected, reflected, 5, 0)
            found[name] = _op(name, model)
    return found


def target(name: str) -> Target:
    if name in WASM:
        return replace(targets.find("wasm"), crc_usual=WASM[name])
    if name in EMULATED:
        plain, more = EMULATED[name]
        found = targets.find(plain)
        return replace(found, features=(*found.features, *more))
    host = targets.find("host")
    missing = set(WITHOUT[name]) - set(host.features)
    if missing and name != "fold-32":  # what that is to show, such a machine shows as it is
        pytest.skip(f"this processor has no {', '.join(missing)}")
    return replace(host, features=tuple(f for f in host.features if f not in WITHOUT[name]))


def skip_the_same(name: str) -> None:
    """Where "host" is tried, too, and has no wider vectors that "fold-32" could do without."""
    if name == "fold-32" and not set(WITHOUT[name]) <= set(targets.find("host").features):
        pytest.skip("the same as host, on this processor")


def build(name: str, chosen: dict[str, Op]) -> Machine:
    if name in EMULATED:
        other = target(name)
        code = compile_operations(Isa(tuple(chosen.values())), other, "obj").code
        names = [f"pcpu_{op.name}{end}" for op in chosen.values() for end in ("", "_update")]
        return Emulated(code, names, other)
    code = compile_operations(Isa(tuple(chosen.values())), target(name)).code
    return Wasm(code) if name in WASM else Native(code)


@dataclass(frozen=True)
class Engine:
    """Operations on a machine."""

    machine: Machine
    ops: dict[str, Op]

    def whole(self, name: str, offset: int, length: int) -> int:
        op, bits = self.ops[name], self.machine.pointer_bits
        span = [(self.machine.base + offset, bits), (length, bits)]
        return self.machine.call(f"pcpu_{op.name}", abi(op.result_bits), span)

    def check(self, name: str, offset: int, length: int, expected: int) -> None:
        assert self.whole(name, offset, length) == expected, (name, offset, length)


@pytest.fixture(scope="module", params=[*WASM, *WITHOUT, *EMULATED])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    skip_the_same(request.param)
    chosen = ops()
    if request.param == "fold-16":  # little but constants depends on the model there
        chosen = {name: chosen[name] for name in FOLDED}
    built = build(request.param, chosen)
    yield Engine(built, chosen)
    if isinstance(built, Emulated):
        built.close()


def reference(op: Op, data: bytes) -> int:
    (found,) = interp.run(with_names([(op, (), None)]), data)[1]
    assert isinstance(found, int)
    return found


def prefixes(op: Op, data: bytes) -> Iterator[int]:
    """The reference CRC of every prefix of ``data``."""
    run = interp.Interpreter(with_names([(op, (), None)]))
    for piece in (b"", *(bytes([byte]) for byte in data)):
        run.update(piece)
        (found,) = run.finish()
        assert isinstance(found, int)
        yield found


@pytest.mark.parametrize("document", MODELS, ids=lambda m: m["name"])
def test_the_reference_gives_the_catalogues_check_values(document: dict[str, Any]) -> None:
    op = _op(document["name"], _model(document))
    assert reference(op, b"123456789") == int(document["check"], 16)


def test_every_length_at_every_alignment(engine: Engine) -> None:
    for name, op in engine.ops.items():
        data = random.Random(name).randbytes(1100)
        for offset in range(64):
            engine.machine.write(2048 * offset + offset, data)
        for length, expected in enumerate(prefixes(op, data)):
            offset = length * 7 % 64
            engine.check(name, 2048 * offset + offset, length, expected)


def long_data(engine: Engine, longest: int, times: int) -> None:
    dice = random.Random(times)
    data = dice.randbytes(longest + 64)
    engine.machine.write(0, data)
    for name in engine.ops.keys() & LIBRARIES.keys():
        lengths = [int(2 ** dice.uniform(4, log2(longest))) for _ in range(times)]
        for length in [*lengths, 20480, 65536, longest]:
            offset = dice.randrange(64)
            expected = LIBRARIES[name](data[offset : offset + length])
            engine.check(name, offset, length, expected)


def test_long_data_against_other_libraries(engine: Engine) -> None:
    long_data(engine, 1 << 20, 20)


def test_crc32c_against_a_third_library(engine: Engine) -> None:
    data = random.Random(3).randbytes(100_000)
    engine.machine.write(0, data)
    for length in range(0, 100_000, 4999):
        engine.check("CRC-32/ISCSI", 0, length, crc32c.crc32c(data[:length]))


def test_pieces_from_any_state(engine: Engine) -> None:
    for name, op in engine.ops.items():
        dice = random.Random(name)
        data = dice.randbytes(500_000)
        engine.machine.write(1, data)
        assert op.crc is not None
        state, expected = any_state(op, op.crc, dice, data[:1500])
        assert update(engine.machine, op, state, 1, 1500) == expected
        for average, size in (
            (5, 1500), (100, 10000), (1000, 30000), (10000, 30000), (100_000, 500_000),
        ):  # fmt: skip
            at, after = 0, state
            while at < size:
                piece = min(size - at, int(dice.expovariate(1 / average)))
                after = update(engine.machine, op, after, 1 + at, piece)
                at += piece
            assert after == update(engine.machine, op, state, 1, size), (name, average)


def any_state(op: Op, model: CrcModel, dice: random.Random, data: bytes) -> tuple[int, int]:
    """A random register, and the one that the reference gets from it after ``data``."""
    started = replace(model, init=dice.getrandbits(model.width), refout=False, xorout=0)
    field = crc_model.field_of(model)
    after = reference(replace(op, crc=started), data)
    return crc_model.initial(started), crc_model.to_register(field, after)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wasm", "host", "sparse", *EMULATED])
def test_the_whole_catalogue(name: str) -> None:
    chosen = ops(tuple(m["name"] for m in MODELS))
    every = Engine(build(name, chosen), chosen)
    data = random.Random(name).randbytes(3000)
    for model, op in chosen.items():
        assert op.crc is not None
        every.machine.write(0, b"123456789")
        every.check(model, 0, 9, op.crc.check)
        every.machine.write(0, data)
        expected = list(prefixes(op, data))
        for length in [*range(40), *range(40, 3000, 37)]:
            every.check(model, 0, length, expected[length])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wasm", "host", "sparse", *EMULATED])
def test_random_models_of_every_width(name: str) -> None:
    dice = random.Random(name)
    chosen = {}
    for width in range(1, 65):
        poly, init, xorout = (dice.getrandbits(width) for _ in range(3))
        refin, refout = dice.random() < 0.5, dice.random() < 0.5
        model = CrcModel(width, poly, init, refin, refout, xorout, 0)
        chosen[f"random-{width}"] = _op(f"random-{width}", model)
    every = Engine(build(name, chosen), chosen)
    data = dice.randbytes(2000)
    every.machine.write(0, data)
    for model_name, op in chosen.items():
        for length, expected in enumerate(prefixes(op, data)):
            if length < 300 or length % 41 == 0:
                every.check(model_name, 0, length, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wasm", "host", "sparse"])
def test_many_lengths(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "ROOM", 1 << 22)
    long_data(Engine(build(name, ops()), ops()), 1 << 22, 300)

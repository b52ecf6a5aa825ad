"""The FNV kernel against the FNV authors' values and against the interpreter."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pcpu import interp
from pcpu.ir import Program, with_names
from pcpu.isa import Isa, Op
from pcpu.isa.model import Fold
from pcpu.lower.kernels import chain, fnv, fnv_block, select
from pcpu.lower.kernels.fnv_planes import addition_chain
from pcpu.run.jit import Native
from pcpu.run.wasmtime import WasmSession

DATA = json.loads((Path(__file__).parents[1] / "data" / "fnv1a.json").read_text())
# What the FNV authors call them: name -> (bits, offset basis, step).
MEMBERS = {
    "fnv1a_64": (64, "0xcbf29ce484222325", "(state ^ byte) * 0x100000001b3"),
    "fnv1a_32": (32, "0x811c9dc5", "(state ^ byte) * 0x01000193"),
    "fnv1_64": (64, "0xcbf29ce484222325", "state * 0x100000001b3 ^ byte"),
    "fnv1_32": (32, "0x811c9dc5", "state * 0x01000193 ^ byte"),
}
SERIAL_LIMIT = 20_000  # bytes for the interpreter


def fold(bits: int, init: str, step: str, name: str = "op") -> Op:
    return Op(
        name=name, opcode=2000, aliases=(), args=("data",), immediates=(), returns=f"u{bits}",
        doc="", document={"fold": step, "bits": bits},
        fold=Fold(bits, init, step, None, None),
    )  # fmt: skip


def program(op: Op) -> Program:
    return with_names([(op, (), None)])


class Engine:
    """One program on an engine of this process."""

    def __init__(self, op: Op, engine: str) -> None:
        self.program = program(op)
        isa = Isa((op,))
        self._native = Native(self.program, isa) if engine == "jit" else None
        if engine == "wasmtime":
            from pcpu import targets
            from pcpu.compile import compile_program

            self._module = compile_program(self.program, isa, targets.find("wasm")).code

    def __call__(self, *pieces: bytes) -> int:
        session: Any = self._native.session() if self._native else WasmSession(self._module, 1)
        for piece in pieces:
            session.update(memoryview(bytearray(piece)))
        (result,) = session.finish()
        assert isinstance(result, int)
        return result


def expected(op: Op, data: bytes) -> int:
    _, (result,) = interp.run(program(op), data)
    return result


@pytest.fixture(scope="module", params=["jit", "wasmtime"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("member", MEMBERS)
def test_authors_vectors_interp(member: str) -> None:
    op = fold(*MEMBERS[member])
    for vector in DATA["vectors"]:
        assert expected(op, bytes.fromhex(vector["data"])) == int(vector[member], 16)


@pytest.mark.parametrize("member", MEMBERS)
def test_authors_vectors(member: str, engine: str) -> None:
    run = Engine(fold(*MEMBERS[member]), engine)
    for vector in DATA["vectors"]:
        assert run(bytes.fromhex(vector["data"])) == int(vector[member], 16)


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_any_odd_factor(bits: int, engine: str) -> None:
    rng = random.Random(bits)
    for first in (False, True):
        factor = rng.getrandbits(bits) | 1
        step = f"state * {factor} ^ byte" if first else f"(byte ^ state) * {factor}"
        op = fold(bits, str(rng.getrandbits(bits)), step)
        assert select(op) is fnv.KERNEL
        run = Engine(op, engine)
        for length in (2047, 2048, 2049, 6144, 8192, 9000, SERIAL_LIMIT):
            data = rng.randbytes(length)
            cut = rng.randrange(length)
            assert run(data[:cut], data[cut:]) == expected(op, data), (step, length, cut)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_native_widths(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every vector width, whatever this processor has."""
    monkeypatch.setattr(fnv_block, "widths", lambda target: (width,))
    bits, init, step = MEMBERS["fnv1a_64"]
    op = fold(bits, init, step, f"width{width}")
    run = Engine(op, "jit")
    rng = random.Random(width)
    least = fnv_block.Block(width, 0x100000001B3, 64).least
    for length in (least - 1, least, least + 1, 3 * least + 5):
        data = rng.randbytes(length)
        assert run(data) == expected(op, data)


def test_selection_by_form() -> None:
    assert fnv.multiplication(fold(64, "0", "(state ^ byte) * 4")) is None
    assert fnv.multiplication(fold(64, "0", "(state ^ byte) * state")) is None
    assert fnv.multiplication(fold(64, "0", "(state ^ byte) + 3")) is None
    assert fnv.multiplication(fold(8, "0", "(state ^ byte) * 3")) is None
    found = fnv.multiplication(fold(32, "0", "7 * (byte ^ state)"))
    assert found == fnv.Multiplication(7, first=False)
    found = fnv.multiplication(fold(32, "0", "byte ^ (7 * state)"))
    assert found == fnv.Multiplication(7, first=True)
    assert select(fold(64, "0", "(state ^ byte) * 4")) is chain.KERNEL


def test_addition_chains_multiply() -> None:
    for factor in range(1, 256, 2):
        values = [1]
        for plain, shifted, shift in addition_chain(factor):
            values.append((values[plain] + (values[shifted] << shift)) & 255)
        assert values[-1] == factor

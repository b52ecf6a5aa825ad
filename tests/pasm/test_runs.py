"""Long runs of block operations, which become a table and a loop, do what single ones do."""

from __future__ import annotations

import random

import pytest

from pcpu import run as engines
from pcpu.errors import TrapError
from pcpu.isa import Isa
from pcpu.lower.runs import LEAST
from pcpu.source.pasm import parse_pasm

DECLARED = ".in blob\n.inout data\n.table t = 0x0102030405060708\n.out out, 3000\n"


def lines(random_: random.Random, count: int) -> list[str]:
    found = []
    for _ in range(count):
        size = random_.choice([0, 1, 3, 15, 16, 17, 64, 100])
        a, b, c = (random_.randrange(1000 - size) for _ in range(3))
        to, source = random_.choice(["out", "data"]), random_.choice(["blob", "data"])
        byte = random_.randrange(256)
        literal = random_.randbytes(max(1, size))
        found.append(
            random_.choice([
                f"copy {to}[{a}:{size}], {source}[{b}:{size}]",
                f"copyxor {to}[{a}:{size}], {source}[{b}:{size}], {byte}",
                f"copyadd {to}[{a}:{size}], {source}[{b}:{size}], {byte}",
                f"adddiff out[{a}:{size}], {source}[{b}:{size}], data[{c}:{size}]",
                f"fill {to}[{a}:{size}], {byte}",
                f"lit {to}[{a}:{len(literal)}], 0x{literal.hex()}",
                "copy out[2990:8], t[0:8]",
            ])
        )  # fmt: skip
    return found


@pytest.mark.parametrize("engine", ["jit", "wasmtime"])
def test_S12_runs_equal_the_interpreter(engine: str, isa: Isa) -> None:
    random_ = random.Random(1)
    body = lines(random_, 3 * LEAST)
    body[LEAST + 3 : LEAST + 3] = ["crc = crc32c data", "fill out[crc & 511:3], 7"]
    program = parse_pasm(DECLARED + "\n".join(body), isa)
    blob, data = random_.randbytes(1000), random_.randbytes(1000)

    def left(name: str) -> dict[str, bytes]:
        inputs = {"blob": blob, "data": bytearray(data)}
        buffers = engines.find(name).run_whole(program, isa, inputs, {}).buffers
        return {key: bytes(value) for key, value in buffers.items()}

    assert left(engine) == left("interp")


@pytest.mark.parametrize("engine", ["interp", "jit", "wasmtime"])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("copy data[1995:8], blob[0:8]", "the span of data, 1995 + 8, leaves its 2000 bytes"),
        ("copy data[0:8], blob[1993:8]", "the span of blob, 1993 + 8, leaves its 2000 bytes"),
        (
            "adddiff data[0:8], data[0:8], blob[9999:8]",
            "the span of blob, 9999 + 8, leaves its 2000",
        ),
    ],
)
def test_S17_a_trap_in_a_run_has_its_line(engine: str, bad: str, message: str, isa: Isa) -> None:
    body = [*lines(random.Random(2), LEAST), bad, *lines(random.Random(3), LEAST)]
    program = parse_pasm(DECLARED + "\n".join(body), isa)
    with pytest.raises(TrapError) as caught:
        engines.find(engine).run_whole(
            program, isa, {"blob": bytes(2000), "data": bytearray(2000)}, {}
        )
    assert caught.value.line == DECLARED.count("\n") + LEAST + 1
    assert message in str(caught.value)

"""Operations that nobody wrote, several in one pipeline: what is fused gives what the interpreter does."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcpu import interp
from pcpu.errors import IsaError
from pcpu.ir import Program, with_names
from pcpu.isa import Isa, Op
from pcpu.library import load_isa
from tests.engines import run_pieces
from tests.kernels.machine import any_operand
from tests.kernels.steps import LOOKUPS, folds, values

FAST = ("jit", "wasmtime")
LENGTHS = (0, 1, 63, 64, 65, 300, 4095, 4097, 16385)
OWN = 4  # operations of a user's file
OPERANDS = ["data", "k:imm8", "n:imm3", "key:bytes1-70"]
# Forms of which the steps of tests/kernels have few: each with kernels of its own.
FORMS = (
    "(state ^ byte) * 0x1000193", "state * 31 + {}", "(state << 5 | state >> 27) ^ {}",
    "byte == k ? 0 : state + {}", "byte < k ? state * 3 ^ byte : state", "state ^ byte << 8 * (index & 3)",
    "(state * 2 + byte) % 3", "(state & ~255) + ((state & 255) != byte) * 256 + byte",
    "(((state >> 16) + ((state & 0xffff) + byte) % 251) % 251 << 16) | ((state & 0xffff) + byte) % 251",
)  # fmt: skip


def document(kind: str, text: str) -> dict[str, Any]:
    """An operation without its name."""
    if kind == "map":
        return {"args": OPERANDS, "returns": "data", "map": text}
    fold: dict[str, Any] = {"state": kind, "init": "n", "step": text}
    return {"args": OPERANDS, "returns": kind, "fold": fold}


FORMED = st.builds(str.format, st.sampled_from(FORMS), values(8))
DOCUMENTS = st.one_of(
    values(8, more=[*LOOKUPS, "index"]).map(lambda text: document("map", text)),
    FORMED.map(lambda text: document("u32", text)),
    *(st.builds(document, st.just(f"u{bits}"), folds(bits, LOOKUPS)) for bits in (8, 32, 64)),
)  # fmt: skip


def loaded(documents: Sequence[dict[str, Any]]) -> tuple[Isa, list[Op]]:
    """The package's operations and these, of which some may have constants that do not fit."""
    isa = load_isa()
    own: list[Op] = []
    with tempfile.TemporaryDirectory() as folder:
        paths: list[Path] = []
        for number, written in enumerate(documents):
            path = Path(folder) / f"{number}.json"
            path.write_text(json.dumps(written | {"op": f"own{number}"}))
            try:
                isa = load_isa([*paths, path])
            except IsaError:
                continue
            paths.append(path)
            own.append(isa.operations[-1])
    return isa, own


def pipeline(isa: Isa, own: Sequence[Op], dice: random.Random) -> Program:
    ops = [dice.choice(own if own and dice.random() < 0.7 else isa.operations) for _ in range(5)]
    return with_names([(op, [any_operand(i, dice) for i in op.immediates], None) for op in ops])


@pytest.mark.parametrize("engine", FAST)
@given(st.lists(DOCUMENTS, min_size=OWN, max_size=OWN), st.integers(0, 1 << 30))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_P3_I3_I4_random_operations_in_one_pipeline(
    engine: str, documents: list[dict[str, Any]], seed: int
) -> None:
    dice = random.Random(seed)
    isa, own = loaded(documents)
    program = pipeline(isa, own, dice)
    for length in dice.sample(LENGTHS, 4):
        data = dice.randbytes(length)
        sizes = [dice.randrange(length + 1) // 3 for _ in range(4)]
        assert run_pieces(engine, program, isa, data, sizes) == interp.run(program, data)

"""Operations whose expressions are as long, or as deep, as they may be (E6): what the compiler
makes of them may be longer."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pcpu.library import load_isa
from pcpu.source import parse_pipeline
from tests.engines import run_pieces


def many(count: int, term: str) -> str:
    """An expression of so many terms, as flat as can be."""
    if count == 1:
        return term
    return f"({many(count // 2, term)}^{many(count - count // 2, term)})"


def fold(step: str) -> dict[str, Any]:
    return {"fold": {"state": "u32", "init": "0", "step": step}, "returns": "u32"}


@pytest.mark.parametrize(
    "body",
    [
        {"map": f"byte^(index%3)^{many(950, 'k')}", "returns": "data"},
        fold(f"(state+byte+{many(500, '(k&1)')})%97"),
        fold(f"byte==10?0:state*state*state^{many(900, 'k')}"),
        fold(f"state+((byte^(index%3))&255)+({many(900, 'k')})"),
        fold(f"state + (byte ^ (index % 3)) + {'(1 + ' * 58}k{')' * 58}"),
    ],
)
@pytest.mark.parametrize("engine", ["jit", "wasmtime"])
def test_the_compiler_may_make_them_longer(
    engine: str, body: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"op": "long", "args": ["data", "k:imm8"], **body}))
    isa = load_isa([path])
    program = parse_pipeline("long 3", isa)
    data = random.Random(engine).randbytes(5000)
    found = run_pieces(engine, program, isa, data)
    assert found == run_pieces("interp", program, isa, data)

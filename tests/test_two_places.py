"""Facts that stand in two places, as neither may load the other, are the same in both."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, get_args

import pytest

from pcpu import artifact, targets
from pcpu import run as engines
from pcpu.bench.runtimes import workerd
from pcpu.cli.bank import By
from pcpu.cli.iprog import ModeName
from pcpu.cli.options import _NAME as BUNDLED
from pcpu.cli.options import EngineName, TargetName
from pcpu.iprog import format as plans
from pcpu.iprog import publish, sites_file
from pcpu.iprog.bank.select import Depth
from pcpu.iprog.decoder.wasm import ABI
from pcpu.iprog.finders import record as records
from pcpu.iprog.plan import Mode
from pcpu.ir import MOVES
from pcpu.ir.model import MAX_OPERATIONS
from pcpu.ir.names import LONGEST, RESERVED
from pcpu.ir.statement import DATA
from pcpu.isa.load import PASM_NAMES
from pcpu.sdk.client.answer import DATA_THEN_RESULTS
from pcpu.source import builder, pipeline
from pcpu.source.pasm_statements import KEYWORDS
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("chosen", "known"),
    [
        (TargetName, targets.NAMES),
        (EngineName, engines.NAMES),
        (ModeName, get_args(Mode)),
        (By, [depth.name.lower() for depth in Depth]),
    ],
)
def test_what_the_command_line_lets_one_choose(chosen: type[StrEnum], known: Sequence[str]) -> None:
    assert {choice.value for choice in chosen} == set(known)


def test_what_a_bundled_program_may_be_called() -> None:
    assert BUNDLED.pattern == builder.NAME.pattern


def test_what_pasm_calls_otherwise() -> None:
    assert KEYWORDS.keys() == RESERVED
    assert RESERVED | MOVES.keys() | {DATA.buffer} == PASM_NAMES


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("sdk/ts/src/pipeline.ts", "MAX_STEPS", MAX_OPERATIONS),
        ("sdk/ts/src/pipeline.ts", "LONGEST", LONGEST),
        ("sdk/ts/src/pipeline.ts", "WORDS", f"^(?:{'|'.join(KEYWORDS)})$"),
        ("sdk/ts/src/pipeline.ts", "DATA", DATA.buffer),
        ("sdk/ts/src/pipeline.ts", "NAMES", builder.NAMES),
        ("sdk/ts/src/pipeline.ts", "NAME", f"^{builder.NAME.pattern}$"),
        ("sdk/ts/src/pipeline-text.ts", "MAX_TEXT", pipeline.MAX_TEXT),
        ("sdk/ts/src/pipeline-text.ts", "A_NUMBER", pipeline._NUMBER),
        ("sdk/ts/src/manifest.ts", "ABI", artifact.ABI_VERSION),
        ("sdk/ts/src/answer.ts", "BOTH", DATA_THEN_RESULTS),
        ("sdk/ts/src/iprog/reconstructor.ts", "ABI", ABI),
        ("sdk/ts/src/iprog/decoder.ts", "RECORD", records.RECORD),
        ("sdk/ts/src/iprog/head.ts", "MAGIC", list(plans.MAGIC)),
        ("sdk/ts/src/iprog/head.ts", "VERSION", plans.VERSION),
        ("sdk/ts/src/iprog/head.ts", "MAX_HEADER", plans.MAX_HEADER),
        ("sdk/ts/src/iprog/head.ts", "MAX_FINDERS", plans.MAX_FINDERS),
        ("sdk/ts/src/iprog/head.ts", "WINDOW_FLAGS", plans.WINDOW_FLAGS),
        ("sdk/ts/src/iprog/head.ts", "NAMES", plans.NAMES),
        ("sdk/ts/src/iprog/head.ts", "BLOBS", plans.BLOBS),
        ("sdk/ts/src/iprog/head.ts", "RELOCATES", plans.MOVES),
        ("sdk/ts/src/iprog/head.ts", "LEAST_BITS", plans.WINDOW_BITS.start),
        ("sdk/ts/src/iprog/head.ts", "HASH", plans.HASH),
        ("sdk/ts/src/iprog/sites.ts", "MAGIC", list(sites_file.MAGIC)),
        ("sdk/ts/src/iprog/sites.ts", "VERSION", sites_file.VERSION),
        ("sdk/ts/src/iprog/sites.ts", "MAX_FINDERS", plans.MAX_FINDERS),
        ("worker/src/objects.ts", "NAME", f"^{publish.NAME.pattern}$"),
        ("worker/src/loaded.ts", "DATE", workerd.COMPATIBILITY),
        ("worker/config/wrangler.jsonc", "compatibility_date", workerd.COMPATIBILITY),
        ("worker/config/config.capnp", "compatibilityDate", workerd.COMPATIBILITY),
    ],
)
def test_the_same_in_typescript(file: str, name: str, value: object) -> None:
    assert stated((ROOT / file).read_text("utf-8"), name) == value


def stated(text: str, name: str) -> Any:
    """What a file says that ``name`` is: a number, a string, a list, or the source of a pattern."""
    said = re.search(rf"""\b{name}"?\s*[:=]\s*(.*?)[;,]?$""", text, re.MULTILINE)
    assert said is not None, name
    if said[1].startswith("/"):
        return said[1].strip("/")
    found = ast.parse(said[1], mode="eval").body
    if isinstance(found, ast.BinOp):
        operands = ast.literal_eval(found.left), ast.literal_eval(found.right)
        return (
            operands[0] << operands[1]
            if isinstance(found.op, ast.LShift)
            else operands[0] ** operands[1]
        )
    return ast.literal_eval(found)

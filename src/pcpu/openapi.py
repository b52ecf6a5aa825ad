"""The OpenAPI document of the Worker's HTTP interface (spec/http.md).

What is the same for all instruction sets is in ``openapi.json``; the operations come from the ISA,
and the codes of problems from ``problems.json``, which the Worker reads too.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, cast

from pcpu.ir import EXACT_JSON, MAX_NAME
from pcpu.isa import Immediate, Isa, Op

_NAME = rf"^[a-z_][a-z0-9_]{{0,{MAX_NAME - 1}}}$"
_NUMBER = "^([0-9]+|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$"


def document(isa: Isa) -> dict[str, Any]:
    """An OpenAPI 3.1 document for a Worker with the operations of ``isa``."""
    found = _read("openapi.json")
    found["info"]["version"] = version("pcpu")
    found["components"]["schemas"] |= {
        "Op": {"oneOf": [_op(op) for op in isa.operations]},
        "Code": {"enum": list(problems())},
    }
    return found


@cache
def problems() -> dict[str, dict[str, Any]]:
    """The codes of problems (H9), each with its ``status`` and ``title``."""
    return _read("problems.json")


def _read(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((files("pcpu") / name).read_text("utf-8")))


def _op(op: Op) -> dict[str, Any]:
    """One operation of a pipeline in JSON (spec/program.md P10)."""
    members: dict[str, Any] = {"op": {"enum": [op.name, *op.aliases]}}
    required = ["op"]
    if op.immediates:
        members["imm"] = _immediates(op.immediates)
        required.append("imm")
    if op.has_result:
        members["name"] = {"type": "string", "pattern": _NAME}
    return {
        "title": op.name,
        "description": op.doc,
        "type": "object",
        "required": required,
        "properties": members,
        "additionalProperties": False,
    }


def _immediates(immediates: tuple[Immediate, ...]) -> dict[str, Any]:
    """One alone or in an array; several in an array."""
    each = [_immediate(immediate) for immediate in immediates]
    several = {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
    return several if len(each) > 1 else {"anyOf": [*each, several]}


def _immediate(immediate: Immediate) -> dict[str, Any]:
    if immediate.sizes is not None:
        least, most = immediate.sizes
        return {"type": "string", "pattern": f"^0x([0-9a-fA-F]{{2}}){{{least},{most}}}$"}
    last = min((1 << immediate.bits) - 1, EXACT_JSON)
    return {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": last},
            {"type": "string", "pattern": _NUMBER},
        ]
    }

"""``pcpu compile`` of plans, and of the decoder that takes plans at run time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from pcpu.cli.options import print_json
from pcpu.errors import UsageError

_ALONE = (
    "only the core was written, which refuses plans that need another part; "
    "-o OUT.wasm writes the others beside it"
)


def compile_plan_file(path: str, target: str, out: str | None, *, as_json: bool) -> None:
    """Write what rebuilds the file of the plan at ``path``."""
    from pcpu import targets
    from pcpu.iprog.files import describe, mapped, naming
    from pcpu.iprog.reconstructor import compile_plan

    _check_json(out, as_json=as_json)
    plan, found = bytes(mapped(path)), targets.find(target)
    with naming(path):
        code = compile_plan(plan, found)
    _write(code, out, runs=found.rebuilder == "executable")
    if as_json:
        print_json(describe(plan) | {"target": target, "compiled_size": len(code)})


def compile_decoder(out: str | None, *, as_json: bool) -> None:
    """Write ``iprog.wasm``, and beside a file what it may be given."""
    from pcpu.iprog.decoder.parts import Part, decoder
    from pcpu.iprog.decoder.wasm import ABI

    def told(part: Part) -> dict[str, Any]:
        return {"compiled_size": len(part.code), "code": dict(part.sizes)}

    _check_json(out, as_json=as_json)
    found = decoder()
    path = Path(str(out))
    path = path.resolve() if path.is_symlink() else path  # /dev/stdout may lead to a file
    _write(found.core.code, out, runs=False)
    parts = {}
    if out in (None, "-") or not path.is_file():  # nothing lies beside a pipe or a device
        typer.echo(_ALONE, err=True)
    else:
        for name, part in found.given.items():
            beside = path.with_name(f"{path.stem}-{name}{path.suffix}")
            _write(part.code, str(beside), runs=False)
            parts[name] = {"file": str(beside)} | told(part)
    if as_json:
        print_json({"target": "wasm", "abi": ABI} | told(found.core) | {"parts": parts})


def _check_json(out: str | None, *, as_json: bool) -> None:
    if as_json and out in (None, "-"):
        raise UsageError("--json takes stdout; give -o OUT for the code")


def _write(code: bytes, out: str | None, *, runs: bool) -> None:
    from pcpu.artifact import check_terminal, open_output

    if out in (None, "-"):
        if out is None:
            check_terminal()
        sys.stdout.buffer.write(code)
        return
    with open_output(Path(str(out)), runs=runs) as file:
        file.write(code)

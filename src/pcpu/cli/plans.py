"""``pcpu compile`` of plans, and of the decoder that takes plans at run time."""

from __future__ import annotations

import sys
from pathlib import Path

from pcpu.cli.options import print_json
from pcpu.errors import UsageError


def compile_plan_file(path: str, target: str, out: str | None, *, as_json: bool) -> None:
    """Write what rebuilds the file of the plan at ``path``."""
    from pcpu import targets
    from pcpu.iprog.files import describe, mapped
    from pcpu.iprog.reconstructor import compile_plan

    _check_json(out, as_json=as_json)
    plan, found = bytes(mapped(path)), targets.find(target)
    code = compile_plan(plan, found)
    _write(code, out, runs=found.rebuilder == "executable")
    if as_json:
        print_json(describe(plan) | {"target": target, "compiled_size": len(code)})


def compile_decoder(out: str | None, *, as_json: bool) -> None:
    """Write ``iprog.wasm``."""
    from pcpu.iprog.decoder.wasm import ABI, any_plan, code_sizes

    _check_json(out, as_json=as_json)
    code = any_plan()
    _write(code, out, runs=False)
    if as_json:
        about = {"target": "wasm", "abi": ABI, "compiled_size": len(code), "code": code_sizes()}
        print_json(about)


def _check_json(out: str | None, *, as_json: bool) -> None:
    if as_json and out in (None, "-"):
        raise UsageError("--json takes stdout; give -o OUT for the code")


def _write(code: bytes, out: str | None, *, runs: bool) -> None:
    from pcpu.artifact import open_output

    if out in (None, "-"):
        if out is None and sys.stdout.isatty():
            raise UsageError("what was compiled is binary; give -o OUT, or pipe it")
        sys.stdout.buffer.write(code)
        return
    with open_output(Path(str(out)), runs=runs) as file:
        file.write(code)

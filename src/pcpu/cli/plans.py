"""``pcpu compile`` of plans, and of the decoder that takes plans at run time."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from pcpu.cli.options import print_json
from pcpu.errors import UsageError


def compile_plan_file(path: str, target: str, out: str | None, *, as_json: bool) -> None:
    """Write what rebuilds the file of the plan at ``path``."""
    from pcpu.iprog.files import describe, mapped
    from pcpu.iprog.reconstructor import LINUX, compile_plan

    plan = bytes(mapped(path))
    code = compile_plan(plan, target)
    _write(code, out, runs=target in LINUX)
    if as_json:
        _say(describe(plan) | {"target": target, "compiled_size": len(code)}, out)


def compile_decoder(out: str | None, *, as_json: bool) -> None:
    """Write ``iprog.wasm``, and beside a file what it may be given."""
    from pcpu.iprog.decoder.parts import Part, decoder
    from pcpu.iprog.decoder.wasm import ABI

    def told(part: Part) -> dict[str, Any]:
        return {"compiled_size": len(part.code), "code": dict(part.sizes)}

    found = decoder()
    _write(found.core.code, out, runs=False)
    parts = {}
    if out not in (None, "-"):
        path = Path(str(out))
        for name, part in found.given.items():
            beside = path.with_name(f"{path.stem}-{name}{path.suffix}")
            _write(part.code, str(beside), runs=False)
            parts[name] = {"file": str(beside)} | told(part)
    if as_json:
        _say({"target": "wasm", "abi": ABI} | told(found.core) | {"parts": parts}, out)


def _say(about: dict[str, Any], out: str | None) -> None:
    if out in (None, "-"):
        raise UsageError("--json takes stdout; give -o OUT for the code")
    print_json(about)


def _write(code: bytes, out: str | None, *, runs: bool) -> None:
    from pcpu.artifact import open_output

    if out in (None, "-"):
        if out is None and sys.stdout.isatty():
            raise UsageError("what was compiled is binary; give -o OUT, or pipe it")
        sys.stdout.buffer.write(code)
        return
    path = Path(str(out))
    with open_output(path) as file:
        file.write(code)
    if runs and path.is_file():
        umask = os.umask(0)
        os.umask(umask)
        path.chmod(0o777 & ~umask)

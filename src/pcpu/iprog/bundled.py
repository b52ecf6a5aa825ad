"""Reconstructors for a Worker (spec/http.md H25, H26)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcpu.artifact import SECTION, Artifact
from pcpu.errors import DamagedPlanError, UsageError
from pcpu.iprog.decoder.wasm import reconstructor, told
from pcpu.iprog.files import mapped
from pcpu.iprog.format import is_plan, read_header
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.publish import check_name

_WASM = b"\0asm\1\0\0\0"
_CUSTOM = 0


def read_reconstructors(texts: Sequence[str]) -> dict[str, Artifact]:
    """The modules of options ``[NAME=]FILE`` by name: FILE is a plan, which is compiled, or what
    ``pcpu compile X.iprog`` wrote. Raises UsageError, and IprogError for a plan."""
    found: dict[str, Artifact] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        name, path = (name, path) if sign else (_stem(text), text)
        check_name(name)
        if name in found:
            raise UsageError(f"--reconstructor {text}: two are called {name}")
        found[name] = _read(path)
    return found


def _stem(path: str) -> str:
    return Path(path).name.removesuffix(".iprog").removesuffix(".wasm")


def _read(path: str) -> Artifact:
    content = mapped(path)
    if is_plan(content):
        return Artifact("wasm", reconstructor(bytes(content)), told(read_header(content)))
    manifest = told_by(content)
    if manifest is None:
        raise UsageError(f"{path} is neither a plan nor what 'pcpu compile X.iprog' writes")
    return Artifact("wasm", bytes(content), manifest)


def told_by(content: Bytes) -> dict[str, Any] | None:
    """What a reconstructor says of itself (spec/iprog-abi.md D12); None of anything else."""
    manifest = _manifest(bytes(content)) if content[: len(_WASM)] == _WASM else {}
    return manifest if manifest.get("kind") == "reconstructor" else None


def _manifest(module: bytes) -> dict[str, Any]:
    """What a module says of itself; nothing where it is no module of pCPU."""
    numbers = Numbers(module[len(_WASM) :], "the module")
    try:
        while numbers.left:
            kind = numbers.take(1)[0]
            section = Numbers(numbers.take(numbers.varint()), "a section")
            if kind == _CUSTOM and bytes(section.take(section.varint())) == SECTION.encode():
                found: dict[str, Any] = json.loads(bytes(section.take(section.left)))
                return found
    except (DamagedPlanError, ValueError):
        return {}
    return {}

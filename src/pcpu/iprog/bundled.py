"""Reconstructors for a Worker (spec/http.md H25, H26)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from pcpu.artifact import SECTION, Artifact
from pcpu.errors import DamagedPlanError, UnsupportedPlanError, UsageError
from pcpu.iprog.decoder.wasm import ABI, reconstructor, told
from pcpu.iprog.files import mapped, naming
from pcpu.iprog.format import is_plan, read_header
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.publish import check_name

_WASM = b"\0asm\1\0\0\0"
_CUSTOM = 0
_HASH = re.compile("[0-9a-f]{64}")
_MOST = 1 << 53  # a size that every reader of JSON takes as it is
_WINDOW_SIZES = [1 << bits for bits in range(12, 28)]


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
    with naming(path):
        manifest = told_by(content)
    if manifest is None:
        raise UsageError(f"{path} is neither a plan nor what 'pcpu compile X.iprog' writes")
    return Artifact("wasm", bytes(content), manifest)


def told_by(content: Bytes) -> dict[str, Any] | None:
    """What a reconstructor says of itself (spec/iprog-abi.md D12); None of anything else. Raises
    DamagedPlanError and UnsupportedPlanError."""
    manifest = _manifest(bytes(content)) if content[: len(_WASM)] == _WASM else None
    if manifest is None or manifest.get("kind") != "reconstructor":
        return None
    if manifest.get("abi") != ABI:
        raise UnsupportedPlanError(f"the module has another ABI than {ABI}; compile it again")
    blobs = manifest.get("blobs")
    if not (_is_counted(manifest) and isinstance(blobs, list) and all(map(_is_content, blobs))):
        raise DamagedPlanError(
            f"the section {SECTION} of the module does not say what spec/iprog-abi.md D12 asks for"
        )
    return manifest


def _is_counted(manifest: dict[str, Any]) -> bool:
    """Whether the file and the numbers of its windows are there, and go with each other."""
    file, size = manifest.get("file"), manifest.get("window_size")
    if not (_is_content(file) and size in _WINDOW_SIZES and _is_size(size)):
        return False
    windows = manifest.get("windows")
    return _is_size(windows) and windows == -(-file["size"] // size)


def _is_content(value: Any) -> TypeGuard[dict[str, Any]]:
    if not (isinstance(value, dict) and isinstance(value.get("name"), str)):
        return False
    sha256 = value.get("sha256")
    return (
        _is_size(value.get("size"))
        and isinstance(sha256, str)
        and _HASH.fullmatch(sha256) is not None
    )


def _is_size(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _MOST


def _manifest(module: bytes) -> dict[str, Any] | None:
    """What a module says of itself; None where it is no module of pCPU. Raises DamagedPlanError."""
    section = _section(module)
    if section is None:
        return None
    try:
        found = json.loads(section)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DamagedPlanError(f"the section {SECTION} of the module is no JSON object")
    return found


def _section(module: bytes) -> bytes | None:
    """The section of a module in which it says what it is."""
    numbers = Numbers(module[len(_WASM) :], "the module")
    try:
        while numbers.left:
            kind = numbers.take(1)[0]
            section = Numbers(numbers.take(numbers.varint()), "a section")
            if kind == _CUSTOM and bytes(section.take(section.varint())) == SECTION.encode():
                return section.take(section.left)
    except DamagedPlanError:
        return None
    return None

"""From a plan to what rebuilds its file: a WebAssembly module, or a program for Linux."""

from __future__ import annotations

from pathlib import Path

from pcpu import targets
from pcpu.errors import UsageError
from pcpu.iprog.format import MAGIC, is_plan
from pcpu.target import Target


def holds_plan(path: str) -> bool:
    """Whether the file at ``path`` begins as plans do, or is a pipe: programs are known by names,
    so that only a plan can come through one, and what is read of it is gone."""
    try:
        if not Path(path).is_file():
            return Path(path).exists() and not Path(path).is_dir()
        with Path(path).open("rb") as file:
            return is_plan(file.read(len(MAGIC)))
    except (OSError, ValueError):
        return False


def compile_plan(plan: bytes, target: Target) -> bytes:
    """What rebuilds the file of ``plan``: a module with the interface of spec/iprog-abi.md D10-D12,
    or a static executable, ``rebuild BLOB... [-o OUT]``.

    Raises DamagedPlanError, UnsupportedPlanError, UsageError and ToolchainError.
    """
    if target.rebuilder == "module":
        from pcpu.iprog.decoder.wasm import reconstructor

        return reconstructor(plan)
    if target.rebuilder == "executable":
        from pcpu.iprog.decoder.executable import executable

        return executable(plan, target)
    known = [name for name in targets.NAMES if targets.find(name).rebuilder]
    raise UsageError(f"a plan is compiled for {', '.join(known)}, not for {target.name}")

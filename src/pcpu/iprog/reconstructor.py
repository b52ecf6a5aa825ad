"""From a plan to what rebuilds its file: a WebAssembly module, or a program for Linux."""

from __future__ import annotations

from pathlib import Path

from pcpu import targets
from pcpu.errors import UsageError
from pcpu.iprog.format import MAGIC, is_plan

LINUX = ("x86-64", "aarch64", "riscv64")


def holds_plan(path: str) -> bool:
    """Whether the file at ``path`` begins as plans do."""
    try:
        with Path(path).open("rb") as file:
            return is_plan(file.read(len(MAGIC)))
    except OSError:
        return False


def compile_plan(plan: bytes, target: str = "wasm") -> bytes:
    """A module with the interface of spec/iprog-abi.md D10-D12, or a static executable for one of
    the targets in ``LINUX``: ``rebuild BLOB... [-o OUT]``.

    Raises DamagedPlanError, UnsupportedPlanError, UsageError and ToolchainError.
    """
    if target == "wasm":
        from pcpu.iprog.decoder.wasm import reconstructor

        return reconstructor(plan)
    if target in LINUX:
        from pcpu.iprog.decoder.executable import executable

        return executable(plan, targets.find(target))
    raise UsageError(f"a plan is compiled for {', '.join(('wasm', *LINUX))}, not for {target}")

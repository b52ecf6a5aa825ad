"""Targets, one file each, which exports one ``target()``; lld.py and elf.py run the linkers."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from pcpu.errors import UsageError
from pcpu.target import Target

__all__ = ["NAMES", "Target", "find"]


# Written out, since importing a target may load LLVM.
NAMES = ("host", "wasm", "x86-64", "aarch64", "riscv64")


@cache
def find(name: str) -> Target:
    if name not in NAMES:
        raise UsageError(f"unknown target {name!r}; known: {', '.join(NAMES)}")
    target = import_module(f"pcpu.targets.{name.replace('-', '_')}").target()
    assert isinstance(target, Target)
    return target

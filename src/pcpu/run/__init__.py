"""Engines, one file each, which exports one ``ENGINE``."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from pcpu.errors import UsageError
from pcpu.run.engine import BLOCK, Blocks, Engine, Write, block_size

__all__ = ["BLOCK", "NAMES", "Blocks", "Engine", "Write", "block_size", "find"]

# Written out, since listing the folder would import every engine's libraries.
NAMES = ("jit", "wasmtime", "workerd", "interp")


@cache
def find(name: str) -> Engine:
    if name not in NAMES:
        raise UsageError(f"unknown engine {name!r}; known: {', '.join(NAMES)}")
    engine = import_module(f"pcpu.run.{name}").ENGINE
    assert isinstance(engine, Engine)
    return engine

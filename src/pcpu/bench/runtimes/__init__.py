"""Runtimes, one file each; every sibling module with a ``runtime()`` is found."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from pcpu.bench.measure import Handle
from pcpu.bench.runtimes.runtime import Runtime, Session, Unavailable

__all__ = ["Handle", "Runtime", "Session", "Unavailable", "all_runtimes"]

_HIDDEN = {"runtime", "lines"}


def all_runtimes() -> list[Runtime]:
    names = [module.name for module in iter_modules(__path__) if module.name not in _HIDDEN]
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return sorted((module.runtime() for module in modules), key=lambda runtime: runtime.order)

"""Targets, one file each; every sibling module with a ``target()`` is found."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from pcpu.errors import UsageError
from pcpu.target import Target

__all__ = ["Target", "find", "names"]


@cache
def names() -> tuple[str, ...]:
    hidden = {"lld"}
    return tuple(sorted(m.name for m in iter_modules(__path__) if m.name not in hidden))


@cache
def find(name: str) -> Target:
    if name not in names():
        raise UsageError(f"unknown target {name!r}; known: {', '.join(names())}")
    target = import_module(f"pcpu.targets.{name}").target()
    assert isinstance(target, Target)
    return target

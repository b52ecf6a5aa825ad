"""Functions whose source is a text."""

from __future__ import annotations

import linecache
from typing import Annotated, Any

import pcpu

LIMIT = 7
TABLE = bytes(reversed(range(256)))
FLOAT = 1.5


def executed(text: str) -> dict[str, Any]:
    """Run ``text`` as a file that Python's linecache knows."""
    name = f"<text {len(linecache.cache)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope: dict[str, Any] = {
        "pcpu": pcpu,
        "Annotated": Annotated,
        "LIMIT": LIMIT,
        "FLOAT": FLOAT,
        "TABLE": TABLE,
    }
    exec(compile(text, name, "exec"), scope)
    return scope

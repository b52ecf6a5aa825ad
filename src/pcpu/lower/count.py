"""Numbers of statements, which are those of ``pcpu.ir.walk``."""

from __future__ import annotations

from pcpu.ir import Statement, bodies


def count(statement: Statement) -> int:
    """How many statements this one is, with those within it."""
    return 1 + sum(count(inner) for body in bodies(statement) for inner in body)

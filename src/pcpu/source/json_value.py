"""Checks of JSON values, with the pointer (RFC 6901) of what is wrong."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pcpu.errors import ProgramError
from pcpu.ir import EXACT_JSON


def wrong(message: str, pointer: str, code: str = "syntax") -> ProgramError:
    return ProgramError(code, message, pointer=pointer)


def check_members(
    value: dict[str, Any], allowed: Collection[str], needed: Collection[str], at: str
) -> None:
    for key in value:
        if key not in allowed:
            escaped = key.replace("~", "~0").replace("/", "~1")
            raise wrong(f"unknown member; known: {', '.join(sorted(allowed))}", f"{at}/{escaped}")
    for key in sorted(set(needed) - value.keys()):
        raise wrong(f"the member {key!r} is missing", at)


def whole_number(value: Any) -> int | None:
    """The integer that a JSON number is, unless it is too large for every reader to keep it.

    90.0 is the integer 90 to JSON, which has one kind of number.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if value == value // 1 and abs(value) <= EXACT_JSON else None

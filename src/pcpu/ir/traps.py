"""What is checked when a program runs, and how a failed check reads (spec/pasm.md S17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pcpu.errors import TrapError

TrapCode = Literal["span-range", "length-mismatch", "immediate-range", "window-size", "spans-size"]

_MESSAGES: dict[TrapCode, str] = {
    "span-range": "{what} at {0}, {1} long, leaves its {2} bytes",
    "length-mismatch": "{what} has {1} bytes, the target {0}",
    "immediate-range": "{what} is {0}, and at most {1} fits",
    "window-size": "{what} is 0, and a window has at least one byte",
    "spans-size": "{what} has {0} bytes, which is no whole number of spans of 16",
}
# How many numbers a trap states, whatever its code.
NUMBERS = 3


def trap(code: TrapCode, what: str, line: int, numbers: Sequence[int] = ()) -> TrapError:
    """The error of a failed check of ``what``, with the numbers that its message names."""
    filled = [*numbers, *(0,) * NUMBERS][:NUMBERS]
    return TrapError(code, _MESSAGES[code].format(*filled, what=what), line, filled)

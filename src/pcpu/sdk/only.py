"""What a function that is a program may use, when it runs as Python."""

from __future__ import annotations

from typing import NoReturn

from pcpu.errors import UsageError


def only_in_programs() -> NoReturn:
    """Raise UsageError: there is nothing here that Python could run."""
    raise UsageError("this is for functions that pcpu.program turns into programs")

"""What a function that is a program may use, when it runs as Python."""

from __future__ import annotations

from pcpu.errors import UsageError


def only_in_programs() -> UsageError:
    """An error, to be raised: there is nothing here that Python could run."""
    return UsageError("this is for functions that pcpu.program turns into programs")

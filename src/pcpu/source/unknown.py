"""What to say of an operation that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pcpu.ir import MAX_NAME
from pcpu.isa import Isa


def unknown_operation(word: str, isa: Isa, others: Iterable[str] = ()) -> str:
    """``others`` are words that may stand where the operation does."""
    close = isa.suggest(word) or next(iter(difflib.get_close_matches(word, list(others), 1)), None)
    shown = word if len(word) <= MAX_NAME else word[:MAX_NAME] + "..."
    hint = f"did you mean {close!r}?" if close else "'pcpu isa' lists them"
    return f"unknown operation {shown!r}; {hint}"

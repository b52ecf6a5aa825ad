"""The notation of immediates, shared by the pipeline and the JSON form."""

from __future__ import annotations

import re

_IMMEDIATE = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|[0-9]+")
_BASES = {"0x": 16, "0o": 8, "0b": 2}


def read_immediate(text: str) -> int | None:
    """The value of ``text``, None where it is no immediate. Leading zeros are decimal."""
    if not _IMMEDIATE.fullmatch(text):
        return None
    base = _BASES.get(text[:2], 10)
    digits = (text[2:] if base != 10 else text).lstrip("0") or "0"
    # Python refuses to read long decimals, and any immediate fits in 64 bits: beyond 64
    # digits only "too large" matters.
    return int(digits, base) if len(digits) <= 64 else 1 << 256

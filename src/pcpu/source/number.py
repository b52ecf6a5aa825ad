"""The notation of numbers and bytes, shared by all written forms."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pcpu.expr import read_number

_IMMEDIATE = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|[0-9]+")
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})+")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')


@dataclass(frozen=True)
class Written:
    """An operand as it is written: its number, and its bytes where they have their form.

    Which of the two is meant is for the operation to say.
    """

    number: int
    data: bytes | None = None


def read_immediate(text: str) -> Written | None:
    """What ``text`` stands for, None where it is no operand. Leading zeros are decimal."""
    if not _IMMEDIATE.fullmatch(text):
        return None
    number = read_number(text)
    assert number is not None
    return Written(number, bytes.fromhex(text[2:]) if _BYTES.fullmatch(text) else None)


def read_bytes(text: str) -> bytes | None:
    """The bytes of ``0x`` and pairs of digits, or of a JSON string; None where it is neither."""
    if text == "0x" or _BYTES.fullmatch(text):
        return bytes.fromhex(text[2:])
    if not _STRING.fullmatch(text):
        return None
    try:
        return str(json.loads(text)).encode()
    except ValueError:  # an escape that JSON has not, half a surrogate pair
        return None

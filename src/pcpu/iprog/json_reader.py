"""Reading JSON that others wrote: each value knows its pointer (RFC 6901), for errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pcpu.errors import DamagedPlanError

_MAX_NUMBER = 1 << 62
_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a character, which has no UTF-8


@dataclass(frozen=True)
class Json:
    """A value of a document. What it is not raises DamagedPlanError."""

    value: Any
    pointer: str = ""

    def wrong(self, message: str) -> DamagedPlanError:
        return DamagedPlanError(f"{self.pointer or '/'}: {message}")

    def member(self, name: str) -> Json:
        if not isinstance(self.value, dict):
            raise self.wrong("an object is wanted here")
        if name not in self.value:
            raise self.wrong(f"{name} is missing")
        return Json(self.value[name], f"{self.pointer}/{name}")

    def has(self, name: str) -> bool:
        return isinstance(self.value, dict) and name in self.value

    def items(self, count: int | None = None) -> Iterator[Json]:
        if not isinstance(self.value, list):
            raise self.wrong("an array is wanted here")
        if count is not None and len(self.value) != count:
            raise self.wrong(f"{count} items are wanted here, not {len(self.value)}")
        return (Json(item, f"{self.pointer}/{n}") for n, item in enumerate(self.value))

    def number(self, least: int = 0, most: int = _MAX_NUMBER) -> int:
        value = self.value
        if type(value) is not int or not least <= value <= most:
            raise self.wrong(f"a number from {least} to {most} is wanted here")
        return value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true or false is wanted here")
        return self.value

    def numbers(self, count: int | None = None, least: int = 0) -> tuple[int, ...]:
        return tuple(item.number(least) for item in self.items(count))

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong("a string is wanted here")
        if _SURROGATE.search(self.value):
            raise self.wrong("a string of whole characters is wanted here")
        return self.value

    def octets(self, prefix: str = "") -> bytes:
        """Bytes as hexadecimal digits."""
        text = self.text()
        try:
            if not text.startswith(prefix):
                raise ValueError
            return bytes.fromhex(text[len(prefix) :])
        except ValueError:
            raise self.wrong(f"{prefix}HEX is wanted here, two digits a byte") from None

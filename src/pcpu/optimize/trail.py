"""A mapping whose changes can be taken back: what is known within a branch or a loop ends there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Trail(Generic[K, V]):
    """``mark`` before a block and ``undo`` after it cost as much as the block changed, so that a
    walk over nested blocks takes linear time."""

    def __init__(self, initial: Mapping[K, V]) -> None:
        self._values = dict(initial)
        self._log: list[tuple[K, V | None]] = []  # what stood there before; None for nothing

    def get(self, key: K) -> V | None:
        return self._values.get(key)

    def set(self, key: K, value: V) -> None:
        self._log.append((key, self._values.get(key)))
        self._values[key] = value

    def mark(self) -> int:
        return len(self._log)

    def undo(self, mark: int) -> dict[K, V]:
        """Take back what was set since ``mark``; the values that were there until now."""
        changed: dict[K, V] = {}
        while len(self._log) > mark:
            key, before = self._log.pop()
            changed.setdefault(key, self._values[key])
            if before is None:
                del self._values[key]
            else:
                self._values[key] = before
        return changed

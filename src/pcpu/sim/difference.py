"""What a statement changed: the first bytes of its span, and registers."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pcpu.layout import SLOT
from pcpu.sim.memory import Memory, numbers
from pcpu.sim.source import Site
from pcpu.sim.trace import (
    SHOWN_BYTES,
    SHOWN_NUMBERS,
    SHOWN_REGISTERS,
    Change,
    RegisterChange,
    Where,
)

COMPARED = 1 << 20  # bytes of a span that are kept to find what changed


@dataclass(frozen=True)
class Snapshot:
    """What a statement may change, before it does: the first bytes of its span, and the registers
    from slot ``first`` on that it sets."""

    content: bytes
    first: int
    registers: bytes
    arrays: dict[str, bytes]

    @staticmethod
    def take(memory: Memory, site: Site, address: int, length: int) -> Snapshot:
        size = min(length, COMPARED) if site.writes else 0
        slots = [memory.slots[name] for name in site.sets if name in memory.slots]
        first, end = (min(slots), max(slots) + 1) if slots else (0, 0)
        return Snapshot(
            _read(address, size),
            first,
            _read(memory.registers + SLOT * first, SLOT * (end - first)),
            {name: memory.array(name) for name in site.sets if name in memory.arrays},
        )

    def change(self, where: Where | None, address: int) -> Change | None:
        """The first bytes that are others now."""
        now = _read(address, len(self.content))
        place = first_difference(self.content, now)
        if place is None or where is None:
            return None
        shown = slice(place, place + SHOWN_BYTES)
        return Change(where.offset + place, self.content[shown], now[shown])

    def changed_registers(self, memory: Memory, site: Site) -> list[RegisterChange]:
        """The registers that have another value now, the first 16 of them."""
        return list(islice(self._changed(memory, site), SHOWN_REGISTERS))

    def _changed(self, memory: Memory, site: Site) -> Iterator[RegisterChange]:
        now = _read(memory.registers + SLOT * self.first, len(self.registers))
        same = now == self.registers
        for name in site.sets:
            if name in self.arrays:
                yield from _array_change(name, self.arrays[name], memory.array(name))
            elif not same:
                at = SLOT * (memory.slots[name] - self.first)
                before, after = self.registers[at : at + SLOT], now[at : at + SLOT]
                if before != after:
                    yield RegisterChange(name, tuple(numbers(before)), tuple(numbers(after)))


def _array_change(name: str, before: bytes, after: bytes) -> Iterator[RegisterChange]:
    place = first_difference(before, after)
    if place is not None:
        index = place // SLOT
        shown = slice(SLOT * index, SLOT * (index + SHOWN_NUMBERS))
        yield RegisterChange(
            name, tuple(numbers(before[shown])), tuple(numbers(after[shown])), index
        )


def first_difference(before: bytes, after: bytes) -> int | None:
    """The place of the first byte that differs; both are of one length."""
    if before == after:
        return None
    low, high = 0, len(before)  # it is in low..high; comparing slices is fast
    while high - low > 1:
        middle = (low + high) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _read(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size) if size else b""

"""WebAssembly modules (spec/iprog-finders.md G53-G57)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog.format import Region, Transform
from pcpu.iprog.hints.wasm_code import (
    FUNCTION,
    GLOBAL,
    LEAST_ADDRESS,
    PLACE,
    SPACE,
    TARGET,
    TYPE,
    WIDEST,
    WIDTH,
    WITH_SIGN,
    find_in_code,
)
from pcpu.iprog.numbers import Bytes, Numbers
from pcpu.iprog.sites import Form, Sites, words_at

KIND = "wasm"
MAGIC = b"\0asm\1\0\0\0"
_CUSTOM, _FUNCTIONS, _EXPORTS, _START, _ELEMENTS, _CODE, _DATA = 0, 3, 7, 8, 9, 10, 11
_LIMIT = 1 << 31  # of what may be an address
_CONSTANT, _END = 0x41, 0x0B
_FIELDS = 4  # numbers of a row that find_in_code writes

T = TypeVar("T")
Site = tuple[int, int, int]  # place, target, width


@dataclass(frozen=True)
class Segment:
    """``size`` bytes at ``start`` of the blob that are put at ``address`` of memory, which is
    written at ``stated`` in ``width`` bytes."""

    start: int
    size: int
    address: int
    stated: int
    width: int


@dataclass(frozen=True)
class Module:
    """``sections``: number, start and end of the content of each."""

    data: Bytes
    sections: tuple[tuple[int, int, int], ...]

    @property
    def kind(self) -> str:
        return KIND

    @property
    def span(self) -> tuple[int, int]:
        return 0, 0

    @property
    def regions(self) -> tuple[Region, ...]:
        return ()

    @property
    def transform(self) -> Transform:
        return Transform.NONE

    def contents(self, number: int) -> list[Numbers]:
        """The sections with a number, to be read."""
        return [
            Numbers(memoryview(self.data)[:stop], "a section", start)
            for own, start, stop in self.sections
            if own == number
        ]

    @cached_property
    def segments(self) -> list[Segment]:
        """The pieces of data whose address is stated."""
        return [s for section in self.contents(_DATA) for s in _until_wrong(_segments(section))]


def _until_wrong(items: Iterator[T]) -> Iterator[T]:
    """Items up to one that is not as it should be."""
    try:
        yield from items
    except DamagedPlanError:
        return


def read_module(data: Bytes) -> Module | None:
    """The module in ``data``; None where there is none."""
    if data[: len(MAGIC)] != MAGIC:
        return None
    return Module(data, tuple(_until_wrong(_sections(Numbers(data, "the module", len(MAGIC))))))


def _sections(numbers: Numbers) -> Iterator[tuple[int, int, int]]:
    while numbers.left:
        number, size = numbers.take(1)[0], numbers.varint()
        start = numbers.at
        numbers.skip(size)
        yield number, start, numbers.at


def _segments(numbers: Numbers) -> Iterator[Segment]:
    for _ in range(numbers.varint()):
        flags = numbers.varint()
        if flags == 2:
            numbers.varint()
        stated = numbers.at + 1
        address, width = _constant(numbers) if flags in (0, 2) else (None, 0)
        size = numbers.varint()
        start = numbers.at
        numbers.skip(size)
        if address is not None:
            yield Segment(start, size, address, stated, width)


def _constant(numbers: Numbers) -> tuple[int | None, int]:
    """The value of an expression that is a constant, or None where it is not, and its bytes."""
    opcode, first = numbers.take(1)[0], numbers.at
    value = numbers.varint()
    width = numbers.at - first
    if numbers.take(1)[0] != _END:
        raise DamagedPlanError("an expression of more than one instruction")
    negative = value >> (7 * width - 1) & 1
    return (value if opcode == _CONSTANT and not negative else None), width


def _sites(found: Iterable[Site]) -> Sites:
    rows = np.array([*found], np.int64).reshape(-1, 3)
    rows = rows[rows[:, 2] <= WIDEST]
    return Sites.of(rows[:, 0], Form.UNSIGNED, rows[:, 1], rows[:, 2])


def _reference(numbers: Numbers, kind: int) -> Site:
    """A number of a thing of a kind."""
    place = numbers.at
    value = numbers.varint()
    return place, kind * SPACE + value, numbers.at - place


def code(module: Module) -> Sites:
    """Finder 10: what instructions name."""
    data = np.frombuffer(module.data, np.uint8)
    bodies = [b for section in module.contents(_CODE) for b in _until_wrong(_bodies(section))]
    longest = max((stop - start for start, stop in bodies), default=0)
    room = np.empty((longest // 2 + 1, _FIELDS), np.int64)
    found = [room[: find_in_code(data, *body, _LIMIT, room)].copy() for body in bodies]
    rows = np.concatenate([np.empty((0, _FIELDS), np.int64), *found])
    signed = rows[:, WITH_SIGN] == 1
    return Sites.joined([
        Sites.of(own[:, PLACE], form, own[:, TARGET], own[:, WIDTH])
        for own, form in ((rows[~signed], Form.UNSIGNED), (rows[signed], Form.SIGNED))
    ])  # fmt: skip


def _bodies(numbers: Numbers) -> Iterator[tuple[int, int]]:
    """Where the instructions of functions begin and end."""
    for _ in range(numbers.varint()):
        size = numbers.varint()
        start = numbers.at
        numbers.skip(size)
        body = Numbers(numbers.data[: numbers.at], "a function", start)
        for _ in range(body.varint()):
            body.varint()
            body.skip(1)
        yield body.at, numbers.at


def tables(module: Module) -> Sites:
    """Finder 11: functions and types that tables name."""
    found: list[Site] = []
    for number, read in (
        (_FUNCTIONS, _types_of_functions),
        (_EXPORTS, _exports),
        (_START, _start),
        (_ELEMENTS, _elements),
        (_CUSTOM, _names),
    ):
        for section in module.contents(number):
            found += _until_wrong(read(section))
    return _sites(found)


def _types_of_functions(numbers: Numbers) -> Iterator[Site]:
    for _ in range(numbers.varint()):
        yield _reference(numbers, TYPE)


def _exports(numbers: Numbers) -> Iterator[Site]:
    kinds = {0: FUNCTION, 3: GLOBAL}
    for _ in range(numbers.varint()):
        numbers.skip(numbers.varint())
        kind = numbers.take(1)[0]
        site = _reference(numbers, kinds.get(kind, 0))
        if kind in kinds:
            yield site


def _start(numbers: Numbers) -> Iterator[Site]:
    yield _reference(numbers, FUNCTION)


def _elements(numbers: Numbers) -> Iterator[Site]:
    for _ in range(numbers.varint()):
        flags = numbers.varint()
        if flags > 3:
            return
        if flags == 2:
            numbers.varint()
        if flags in (0, 2):
            _constant(numbers)
        if flags:
            numbers.skip(1)
        for _ in range(numbers.varint()):
            yield _reference(numbers, FUNCTION)


def _names(numbers: Numbers) -> Iterator[Site]:
    """The names of functions."""
    if numbers.take(numbers.varint()) != b"name":
        return
    while numbers.left:
        kind, size = numbers.take(1)[0], numbers.varint()
        start = numbers.at
        numbers.skip(size)
        if kind == 1:
            own = Numbers(numbers.data[: numbers.at], "names", start)
            for _ in range(own.varint()):
                yield _reference(own, FUNCTION)
                own.skip(own.varint())


def words(module: Module) -> Sites:
    """Finder 12: words of data that are addresses, by their value; and where data is put."""
    own = [s for s in module.segments if s.address >= LEAST_ADDRESS and s.width <= WIDEST]
    addresses = [s.address for s in own]
    found = [Sites.of([s.stated for s in own], Form.SIGNED, addresses, [s.width for s in own])]
    starts = [s.start + -s.address % 4 for s in module.segments]
    counts = [(s.start + s.size - at) // 4 for s, at in zip(module.segments, starts, strict=True)]
    used = [n for n, count in enumerate(counts) if count > 0]
    first, count = (np.array([c[n] for n in used], np.int64) for c in (starts, counts))
    turn = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    places = np.repeat(first, count) + 4 * turn
    values = words_at(module.data, places)
    chosen = (values >= LEAST_ADDRESS) & (values < _LIMIT)
    found.append(Sites.of(places[chosen], Form.WORD, values[chosen]))
    return Sites.joined(found)

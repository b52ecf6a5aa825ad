"""The vector instructions of a WebAssembly module, counted in its code.

The binary format is that of the WebAssembly specification 2.0, section 5; relaxed vector
instructions have none of their own. Only what LLVM and its linker write is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HEADER = 8
_EXPORTS, _CODE = 7, 10
_FUNCTION = 0
_CALL, _TABLE_OF_LABELS, _TYPED_SELECT = 0x10, 0x0E, 0x1C
_MORE, _VECTOR = 0xFC, 0xFD  # before the number of an instruction
# What stands behind an opcode: so many numbers in LEB128, and so many bytes.
_NUMBERS = bytearray(256)
_BYTES = bytearray(256)
for _one in (2, 3, 4, 0x0C, 0x0D, _CALL, *range(0x20, 0x27), 0x3F, 0x40, 0x41, 0x42, 0xD0, 0xD2):
    _NUMBERS[_one] = 1
for _one in (0x11, *range(0x28, 0x3F)):
    _NUMBERS[_one] = 2
_BYTES[0x43], _BYTES[0x44] = 4, 8
_MORE_NUMBERS = bytes([*[0] * 8, 2, 1, 2, 1, 2, 1, 2, *[1] * 3])  # of those with _MORE


@dataclass
class _Body:
    vectors: int = 0
    calls: set[int] = field(default_factory=set)


def count_vectors(module: bytes, exports: Sequence[str]) -> dict[str, int]:
    """The number of vector instructions in each exported function of a module without imports.

    Those of the functions that it calls count too, each once.
    """
    parts = dict(_sections(module))
    numbers = _exported(module, parts[_EXPORTS])
    bodies = [_body(module, start, end) for start, end in _bodies(module, parts[_CODE])]

    def count(number: int) -> int:
        seen, waiting = set[int](), [number]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += bodies[one].calls
        return sum(bodies[one].vectors for one in seen)

    return {name: count(numbers[name]) for name in exports}


def _number(code: bytes, at: int) -> tuple[int, int]:
    """An unsigned number in LEB128, and where it ends."""
    value = shift = 0
    while True:
        byte = code[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _sections(module: bytes) -> Iterator[tuple[int, int]]:
    """The kind of each section and where its content begins."""
    at = _HEADER
    while at < len(module):
        size, start = _number(module, at + 1)
        yield module[at], start
        at = start + size


def _exported(module: bytes, at: int) -> dict[str, int]:
    """The numbers of exported functions."""
    count, at = _number(module, at)
    found = {}
    for _ in range(count):
        length, at = _number(module, at)
        name = module[at : at + length].decode()
        kind = module[at + length]
        number, at = _number(module, at + length + 1)
        if kind == _FUNCTION:
            found[name] = number
    return found


def _bodies(module: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Where the instructions of each function begin and end."""
    count, at = _number(module, at)
    for _ in range(count):
        size, start = _number(module, at)
        at = start + size
        groups, start = _number(module, start)
        for _ in range(groups):  # of local variables
            _, start = _number(module, start)
            start += 1
        yield start, at


def _body(code: bytes, at: int, end: int) -> _Body:
    found = _Body()
    while at < end:
        opcode = code[at]
        numbers, more = _NUMBERS[opcode], _BYTES[opcode]
        at += 1
        if opcode == _VECTOR:
            kind, at = _number(code, at)
            found.vectors += 1
            numbers, more = _behind(kind)
        elif opcode == _MORE:
            kind, at = _number(code, at)
            numbers = _MORE_NUMBERS[kind]
        elif opcode == _CALL:
            called, at = _number(code, at)
            found.calls.add(called)
            continue
        elif opcode in (_TABLE_OF_LABELS, _TYPED_SELECT):
            count, at = _number(code, at)
            numbers = count + (opcode == _TABLE_OF_LABELS)
        for _ in range(numbers):
            while code[at] > 127:
                at += 1
            at += 1
        at += more
    return found


def _behind(kind: int) -> tuple[int, int]:
    """The numbers and bytes behind a vector instruction."""
    if kind <= 11 or kind in (92, 93):  # loads and stores
        return 2, 0
    if 84 <= kind <= 91:  # of a lane
        return 2, 1
    if kind in (12, 13):  # a constant, a shuffle
        return 0, 16
    return 0, 1 if 21 <= kind <= 34 else 0  # a lane that is taken or replaced

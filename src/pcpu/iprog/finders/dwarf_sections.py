"""Where descriptions for debuggers are: in sections of an ELF image, or in custom ones of a module
(spec/iprog-finders.md G110, G117).

Numbers of ``about`` say what an address is: what is less than ``LOW``, or not below ``HIGH``, is
none; it has ``WIDTH`` bytes, and stands for the address that is ``ADDED`` more. Kind ``k`` of what
is numbered begins at ``k << BITS``: numbers of a module are below those of its other finders.
"""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import (
    COMPRESSED,
    flags_of,
    is_wide,
    named,
    size_of,
    spells,
    start_of,
)  # fmt: skip
from pcpu.iprog.finders.elf import HIGH as ELF_HIGH
from pcpu.iprog.finders.elf import LOW as ELF_LOW
from pcpu.iprog.finders.reading import varint
from pcpu.iprog.finders.wasm import HEADER, is_module, skip
from pcpu.iprog.sites import SPACE
from pcpu.kernel import i64

LOW, HIGH, ADDED, WIDTH, BITS = range(5)
BEGIN = 5  # further numbers of ``about`` are from here on
_BITS = 32  # of numbers in a module
_MODULE_CODE = 4 << _BITS  # the address of the first byte of what a module's code section holds
_CUSTOM, _CODE = 0, 10
_ANY = -1


def section(b: Bytes, name: int) -> tuple[int, int]:
    """Where the section with one of ELF's names begins, and its end; both are 0 where there is
    none, or it is compressed."""
    if is_module(b):
        return _in_module(b, _CUSTOM, name)
    s = named(b, name)
    if s == 0 or flags_of(b, s) & COMPRESSED != 0:
        return 0, 0
    return start_of(b, s), start_of(b, s) + size_of(b, s)


def note_addresses(b: Bytes, elf: Ints, about: Ints) -> None:
    """Note what an address is."""
    if is_module(b):
        start, end = _in_module(b, _CODE, _ANY)
        about[LOW], about[HIGH], about[ADDED], about[WIDTH] = 1, end - start, _MODULE_CODE, 4
        about[BITS] = _BITS
    else:
        about[LOW], about[HIGH], about[ADDED] = max(i64(elf[ELF_LOW]), 1), elf[ELF_HIGH], 0
        about[WIDTH], about[BITS] = 8 if is_wide(b) else 4, SPACE


def _in_module(b: Bytes, number: int, name: int) -> tuple[int, int]:
    """Where what the first section with a number and a name holds begins, and its end."""
    p = HEADER
    while 0 <= p < len(b):
        found = i64(b[p])
        size, p = varint(b, p + 1, len(b))
        end = skip(p, size, len(b))
        if end >= 0 and found == number:
            if name == _ANY:
                return p, end
            length, first = varint(b, p, end)
            stop = skip(first, length, end)
            if stop >= 0 and spells(b, first, stop, name):
                return stop, end
        p = end
    return 0, 0

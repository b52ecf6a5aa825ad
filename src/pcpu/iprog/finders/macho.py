"""Mach-O images of 64 bits for x86-64 and AArch64 (spec/iprog-finders.md G63-G70).

The numbers of ``image`` are those of ``elf``, but that FIRST and LAST say where the commands are,
some of which list the sections of a segment. A section is named by the place of its entry.
"""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.aarch64 import find_pages
from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.eh_frame import LONG_DISTANCE, find_records, records_room
from pcpu.iprog.finders.elf import CODE_LOW, ELF, FIRST, LAST, LOW, holds, widen
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.x86_64 import find_distances
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u32_at

AMD64, ARM64 = 0x1000007, 0x100000C  # machines
SEGMENT, ENTRY = 72, 80  # bytes of a command about a segment, and of an entry of its sections
NAME = 16  # bytes of the name of a section
CODE = 0x80000400  # flags, one of which sections of code have
WRITE = 2  # a protection
_MAGIC = 0xFEEDFACF
FIRST_COMMAND = 32  # its place, behind the header
_LC_SYMTAB, _LC_SEGMENT, _LC_CHAINED_FIXUPS = 2, 0x19, 0x80000034
_ZEROFILL, _GB_ZEROFILL, _THREAD_ZEROFILL = 1, 0xC, 0x12  # types of sections without content
_MAX_ADDRESS = 1 << 40
_SHARED = 2  # times that a blob may be covered by sections
_SYMTAB, _SYMBOL = 24, 16  # bytes of the command about symbols, and of a symbol
_LEAST_POINTER = 4096
_CHAINED = (1 << 36) - 1  # the part of a word in a chain that is an address or an offset
_CHAIN = 0xFFF << 51  # the part that says where the next one is
_UNWINDING = 28  # bytes of its header
_REGULAR = 2  # a kind of pages
_NAMED = 1 << 40  # addresses from here on: places of names
_ABSOLUTE, _BASED, _WORD = Form.ABSOLUTE.value, Form.BASED.value, Form.WORD.value

# Names that finders look for, and where each begins.
_LISTED = (b"__eh_frame", b"__unwind_info", b"__gopclntab", b"__rodata")
_NAMES = np.frombuffer(b"".join(name.ljust(NAME, b"\0") for name in _LISTED), np.uint8)
_EH_FRAME, _UNWIND_INFO, GOPCLNTAB, RODATA = range(0, len(_LISTED) * NAME, NAME)


def commands_end(b: Bytes) -> int:
    """Where the commands of an image end, of which the first begins at 32; 0 where there is no
    image."""
    if len(b) < FIRST_COMMAND or u32_at(b, 0) != _MAGIC or u32_at(b, 4) not in (AMD64, ARM64):
        return 0
    end = FIRST_COMMAND + u32_at(b, 20)
    if end > len(b):
        return 0
    c = FIRST_COMMAND
    for _ in range(u32_at(b, 16)):
        if c + 8 > end or u32_at(b, c + 4) < 8 or c + u32_at(b, c + 4) > end:
            return 0
        if u32_at(b, c) == _LC_SEGMENT:
            size = u32_at(b, c + 4)
            if size < SEGMENT or SEGMENT + ENTRY * u32_at(b, c + 64) > size:
                return 0
        c += command_size(b, c)
    return i64(c)


def command_size(b: Bytes, c: int) -> int:
    """The bytes of a command."""
    return u32_at(b, c + 4)


def machine_of(b: Bytes) -> int:
    """The machine that an image is for."""
    return u32_at(b, 4)


def sections_end(b: Bytes, c: int) -> int:
    """Where the entries of sections of the command at ``c`` end, which begin at ``c + SEGMENT``."""
    return c + SEGMENT + (ENTRY * u32_at(b, c + 64) if u32_at(b, c) == _LC_SEGMENT else 0)


def segment_content(b: Bytes, c: int) -> tuple[int, int]:
    """Where the segment at ``c`` lies in the blob, and how many bytes it has there; 0 and 0 for
    another command, or where not all lie in the blob."""
    if u32_at(b, c) != _LC_SEGMENT or not lies(i64_at(b, c + 40), i64_at(b, c + 48), len(b)):
        return 0, 0
    return i64_at(b, c + 40), i64_at(b, c + 48)


def is_writable(b: Bytes, c: int) -> bool:
    """Whether a segment is writable to begin with."""
    return u32_at(b, c + 60) & WRITE != 0


def address_of(b: Bytes, s: int) -> int:
    """Where a section lies in memory."""
    return i64_at(b, s + 32)


def size_of(b: Bytes, s: int) -> int:
    """The bytes of a section in memory; 0 where it does not count."""
    size = i64_at(b, s + 40)
    return size if lies(address_of(b, s), size, _MAX_ADDRESS) else 0


def content_of(b: Bytes, s: int) -> int:
    """Where a section lies in the blob."""
    return u32_at(b, s + 48)


def length_of(b: Bytes, s: int) -> int:
    """The bytes of a section that lie in the blob; 0 where not all do."""
    if u32_at(b, s + 64) & 0xFF in (_ZEROFILL, _GB_ZEROFILL, _THREAD_ZEROFILL):
        return 0
    return size_of(b, s) if lies(content_of(b, s), size_of(b, s), len(b)) else 0


def has_code(b: Bytes, s: int) -> bool:
    """Whether a section holds code."""
    return u32_at(b, s + 64) & CODE != 0 and length_of(b, s) > 0


def read_macho(b: Bytes, image: Ints) -> int:
    """Describe the image in ``b`` by the numbers of ``image``; how many of its sections have
    content."""
    for n in range(ELF):
        image[n] = 0
    image[FIRST] = FIRST_COMMAND
    image[LAST] = commands_end(b)
    count = 0
    content = 0
    c = FIRST_COMMAND
    while c < image[LAST]:
        for s in range(c + SEGMENT, sections_end(b, c), ENTRY):
            if size_of(b, s) > 0:
                widen(image, LOW, address_of(b, s), size_of(b, s))
            if has_code(b, s):
                widen(image, CODE_LOW, address_of(b, s), length_of(b, s))
            if length_of(b, s) > 0:
                count += 1
                content += length_of(b, s)
        c += command_size(b, c)
    return count if content <= _SHARED * len(b) else 0


def base_of(b: Bytes, image: Ints) -> int:
    """The address of the image's header, which offsets count from."""
    c = i64(image[FIRST])
    while c < image[LAST]:
        if u32_at(b, c) == _LC_SEGMENT and i64_at(b, c + 40) == 0 and i64_at(b, c + 48) != 0:
            return i64_at(b, c + 24) if 0 <= i64_at(b, c + 24) <= _MAX_ADDRESS else 0
        c += command_size(b, c)
    return 0


def _command(b: Bytes, image: Ints, kind: int) -> int:
    """The first command of a kind; 0 where there is none."""
    c = i64(image[FIRST])
    while c < image[LAST]:
        if u32_at(b, c) == kind:
            return c
        c += command_size(b, c)
    return 0


def is_named(b: Bytes, s: int, name: int) -> bool:
    """Whether a section has one of the names above."""
    n = 0
    while n < NAME and b[s + n] == _NAMES[name + n]:
        n += 1
    return n == NAME


def named(b: Bytes, name: int) -> int:
    """The first section with a name that has content; 0 where there is none."""
    end = commands_end(b)
    c = FIRST_COMMAND
    while c < end:
        for s in range(c + SEGMENT, sections_end(b, c), ENTRY):
            if is_named(b, s, name) and length_of(b, s) > 0:
                return i64(s)
        c += command_size(b, c)
    return 0


def macho_code(
    b: Bytes, image: Ints, for_arm: bool, known: Ints, tables: Ints, rows: Ints, room: int,
    count: int,
) -> int:  # fmt: skip
    """Finder 17: calls, jumps and operands relative to the instruction; for AArch64 finder 18:
    branches, and pages with what is added to them."""
    c = i64(image[FIRST])
    while c < image[LAST]:
        for s in range(c + SEGMENT, sections_end(b, c), ENTRY):
            if has_code(b, s):
                start = content_of(b, s)
                stop, bias = start + length_of(b, s), address_of(b, s) - start
                if for_arm:
                    count = find_pages(b, start, stop, bias, image, known, rows, room, count)
                else:
                    count = find_distances(
                        b, start, stop, bias, True, image, tables, rows, room, count
                    )  # fmt: skip
        c += command_size(b, c)
    return count


def macho_pointers(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 19: words of data that are addresses, by their value."""
    chained = _command(b, image, _LC_CHAINED_FIXUPS) != 0
    base = base_of(b, image)
    c = i64(image[FIRST])
    while c < image[LAST]:
        for s in range(c + SEGMENT, sections_end(b, c), ENTRY):
            if is_writable(b, c) and not has_code(b, s):
                start = content_of(b, s)
                for p in range(start + (-start & 7), start + length_of(b, s) - 7, 8):
                    if chained:
                        count = _chained(b, image, p, base, rows, room, count)
                    else:
                        value = i64_at(b, p)
                        if value >= _LEAST_POINTER and holds(image, value):
                            count = add(rows, room, count, p, _ABSOLUTE, value, 0)
        c += command_size(b, c)
    return count


def _chained(
    b: Bytes, image: Ints, p: int, base: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The address or the offset in a word of a chain, of which the low half is enough."""
    word = i64_at(b, p)
    value = word & _CHAINED
    if value < _LEAST_POINTER or word & ~(_CHAINED | _CHAIN) != 0:
        return count
    if holds(image, value):
        return add(rows, room, count, p, _BASED, value, 0)
    if holds(image, base + value):
        return add(rows, room, count, p, _BASED, base + value, base)
    return count


def _symbols(b: Bytes, image: Ints) -> tuple[int, int]:
    """Where the table of symbols begins and ends; 0 and 0 where there is none."""
    c = _command(b, image, _LC_SYMTAB)
    if c == 0 or command_size(b, c) < _SYMTAB or u32_at(b, c + 8) > len(b):
        return 0, 0
    start = u32_at(b, c + 8)
    return start, start + _SYMBOL * min(u32_at(b, c + 12), (len(b) - start) // _SYMBOL)


def macho_symbols(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 20: the values of symbols that lie in sections."""
    start, stop = _symbols(b, image)
    for p in range(start, stop, _SYMBOL):
        value = i64_at(b, p + 8)
        if b[p + 5] != 0 and holds(image, value):
            count = add(rows, room, count, p + 8, _ABSOLUTE, value, 0)
    return count


def macho_names(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 23: where the names of symbols are among all names."""
    start, stop = _symbols(b, image)
    for p in range(start, stop, _SYMBOL):
        if u32_at(b, p) != 0:
            count = add(rows, room, count, p, _WORD, _NAMED + u32_at(b, p), 0)
    return count


def macho_frames(b: Bytes, common: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 21: what records of ``__eh_frame`` are about, and which others they refer to."""
    s = named(b, _EH_FRAME)
    if s == 0:
        return count
    start = content_of(b, s)
    stop = start + length_of(b, s)
    bias = address_of(b, s) - start
    return find_records(b, start, stop, bias, LONG_DISTANCE, 8, common, rows, room, count)


def macho_room(b: Bytes) -> int:
    """How many numbers ``macho_frames`` needs as ``common``."""
    s = named(b, _EH_FRAME)
    if s == 0:
        return 1
    return records_room(content_of(b, s), content_of(b, s) + length_of(b, s))


def macho_functions(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 22: the functions that ``__unwind_info`` lists, and their languages' data."""
    s = named(b, _UNWIND_INFO)
    if s == 0 or length_of(b, s) < _UNWINDING or u32_at(b, content_of(b, s)) != 1:
        return count
    base = base_of(b, image)
    start = content_of(b, s)
    end = start + length_of(b, s)
    first = start + u32_at(b, start + 12)
    count = _column(b, first, u32_at(b, start + 16), 4, end, base, rows, room, count)
    index = start + u32_at(b, start + 20)
    entries = min(u32_at(b, start + 24), max(end - index, 0) // 12)
    count = _column(b, index, entries, 12, end, base, rows, room, count)
    if entries > 0:
        data = u32_at(b, index + 8)
        last = u32_at(b, index + 12 * entries - 4)
        pairs = max(last - data, 0) // 8
        count = _column(b, start + data, 2 * pairs, 4, end, base, rows, room, count)
    floor = start
    for at in range(index, index + 12 * entries, 12):
        page = start + u32_at(b, at + 4)
        if floor <= page <= end - 8 and u32_at(b, page) == _REGULAR:
            low = page + (u32_at(b, page + 4) & 0xFFFF)
            listed = u32_at(b, page + 4) >> 16
            count = _column(b, low, listed, 8, end, base, rows, room, count)
            floor = low + 8 * listed
    return count


def _column(
    b: Bytes, p: int, number: int, step: int, end: int, base: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Of so many offsets from ``b[p]`` on those that lie before ``end``."""
    stop = min(p + step * number, end - 3)
    while p < stop:
        if u32_at(b, p) != 0:
            count = add(rows, room, count, p, _BASED, base + u32_at(b, p), base)
        p += step
    return count

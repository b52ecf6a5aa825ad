"""PE images for x86-64, AArch64 and x86 (spec/iprog-finders.md G58-G62, G81).

The numbers of ``image`` are those of ``elf``: where the table of sections is, and the spans. A
section is named by the place of its entry.
"""

from __future__ import annotations

from pcpu.iprog.finders.aarch64 import find_pages
from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.elf import CODE_LOW, ELF, FIRST, HIGH, LAST, LOW, widen
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.finders.x86_64 import find_distances
from pcpu.iprog.sites import Form
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

ENTRY = 40  # bytes of an entry of the table of sections
EXEC = 0x20000000  # a flag
_MZ, _PE, _PE32_PLUS, _PE32 = 0x5A4D, 0x4550, 0x20B, 0x10B
AMD64, ARM64, I386 = 0x8664, 0xAA64, 0x14C  # machines
_HEADER = 24  # bytes up to the optional header
# Bytes of an optional header before directories, and with six of them.
_WIDE, _NARROW, _SIX = 112, 96, 48
_MOST_SECTIONS = 96
_MAX_BASE = (1 << 40) - (1 << 33)
_UNWINDING, _RELOCATIONS = 3, 5  # directories
FUNCTION, ARM_FUNCTION = 12, 8  # bytes of an entry about a function
PACKED = 3  # bits of what is no offset in such an entry, of AArch64
_DIR64, _HIGHLOW = 10, 3  # types of relocations
_ABSOLUTE, _BASED, _WORD = Form.ABSOLUTE.value, Form.BASED.value, Form.WORD.value
_ENTRY = Form.ENTRY.value
_SHARED = 2  # times that a blob may be covered by sections


def header_of(b: Bytes) -> int:
    """Where the header of an image begins; 0 where there is no image."""
    if len(b) < 64 or u16_at(b, 0) != _MZ:
        return 0
    p = u32_at(b, 60)
    if (
        not lies(p, _HEADER + _WIDE + _SIX, len(b))
        or u32_at(b, p) != _PE
        or u16_at(b, p + 4) not in (AMD64, ARM64, I386)
    ):
        return 0
    wide = u16_at(b, p + 4) != I386
    optional, before = p + _HEADER, _WIDE if wide else _NARROW
    if u16_at(b, p + 20) < before + _SIX or u16_at(b, optional) != (_PE32_PLUS if wide else _PE32):
        return 0
    sections = u16_at(b, p + 6)
    if sections > _MOST_SECTIONS or u32_at(b, optional + before - 4) <= _RELOCATIONS:
        return 0
    if not lies(optional + u16_at(b, p + 20), ENTRY * sections, len(b)):
        return 0
    return p if not wide or 0 <= i64_at(b, optional + 24) <= _MAX_BASE else 0


def is_wide(b: Bytes) -> bool:
    """Whether an image is of 64 bits."""
    return machine_of(b) != I386


def machine_of(b: Bytes) -> int:
    """The machine that an image is for."""
    return u16_at(b, header_of(b) + 4)


def base_of(b: Bytes) -> int:
    """The address that distances in an image count from."""
    optional = header_of(b) + _HEADER
    return i64_at(b, optional + 24) if is_wide(b) else u32_at(b, optional + 28)


def offset_of(b: Bytes, s: int) -> int:
    """How far behind the base a section lies."""
    return u32_at(b, s + 12)


def content_of(b: Bytes, s: int) -> int:
    """Where a section lies in the blob."""
    return u32_at(b, s + 20)


def length_of(b: Bytes, s: int) -> int:
    """The bytes of a section that lie in the blob; 0 where not all do."""
    size = min(u32_at(b, s + 8), u32_at(b, s + 16))
    return size if lies(content_of(b, s), size, len(b)) else 0


def has_code(b: Bytes, s: int) -> bool:
    """Whether a section holds code."""
    return u32_at(b, s + 36) & EXEC != 0 and length_of(b, s) > 0


def read_pe(b: Bytes, image: Ints) -> int:
    """Describe the image in ``b`` by the numbers of ``image``; how many of its sections have
    content."""
    for n in range(ELF):
        image[n] = 0
    header = header_of(b)
    if header == 0:
        return 0
    image[FIRST] = header + _HEADER + u16_at(b, header + 20)
    image[LAST] = image[FIRST] + ENTRY * u16_at(b, header + 6)
    base = base_of(b)
    count = 0
    content = 0
    for s in range(image[FIRST], image[LAST], ENTRY):
        address = base + offset_of(b, s)
        if u32_at(b, s + 8) > 0:
            widen(image, LOW, address, u32_at(b, s + 8))
        if has_code(b, s):
            widen(image, CODE_LOW, address, length_of(b, s))
        if length_of(b, s) > 0:
            count += 1
            content += length_of(b, s)
    return count if content <= _SHARED * len(b) else 0


def pe_code(
    b: Bytes, image: Ints, known: Ints, tables: Ints, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """Finders 14 and 36: calls, jumps and operands relative to the instruction, or branches and
    pages."""
    base = base_of(b)
    for s in range(image[FIRST], image[LAST], ENTRY):
        if has_code(b, s):
            start = content_of(b, s)
            bias = base + offset_of(b, s) - start
            stop = start + length_of(b, s)
            if machine_of(b) == ARM64:
                count = find_pages(b, start, stop, bias, image, known, rows, room, count)
            else:
                wide = is_wide(b)
                count = find_distances(
                    b, start, stop, bias, wide, image, tables, rows, room, count
                )  # fmt: skip
    return count


def holder(b: Bytes, image: Ints, offset: int) -> int:
    """The first section whose content holds what lies at a distance from the base; 0 where none
    does."""
    for s in range(image[FIRST], image[LAST], ENTRY):
        if offset_of(b, s) <= offset < offset_of(b, s) + length_of(b, s):
            return i64(s)
    return 0


def directory(b: Bytes, image: Ints, number: int) -> tuple[int, int]:
    """Where what a directory lists begins and ends; 0 and 0 where there is nothing."""
    entry = header_of(b) + _HEADER + (_WIDE if is_wide(b) else _NARROW) + 8 * number
    offset = u32_at(b, entry)
    s = holder(b, image, offset)
    if s == 0:
        return 0, 0
    behind = offset - offset_of(b, s)
    start = content_of(b, s) + behind
    return start, start + min(u32_at(b, entry + 4), length_of(b, s) - behind)


def functions(b: Bytes, image: Ints) -> tuple[int, int]:
    """Where the table by which functions are unwound begins, and where its last whole entry
    ends."""
    start, stop = directory(b, image, _UNWINDING)
    if machine_of(b) == ARM64:
        return start, start + (stop - start) // ARM_FUNCTION * ARM_FUNCTION
    return start, start + (stop - start) // FUNCTION * FUNCTION


def pe_functions(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 15: the table by which functions are unwound."""
    base = base_of(b)
    start, stop = functions(b, image)
    packed = PACKED if machine_of(b) == ARM64 else 0
    for p in range(start, stop, 4):
        if u32_at(b, p) != 0 and u32_at(b, p) & packed == 0:
            count = add(rows, room, count, p, _BASED, base + u32_at(b, p), base)
    return count


def pe_pointers(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 16: words of data that are addresses, as relocations name them."""
    return _relocated(b, image, False, rows, room, count)


def pe_relocations(b: Bytes, image: Ints, rows: Ints, room: int, count: int) -> int:
    """Finder 39: the places that relocations name."""
    return _relocated(b, image, True, rows, room, count)


def _relocated(b: Bytes, image: Ints, listed: bool, rows: Ints, room: int, count: int) -> int:
    """The words that relocations name, or what is listed of each."""
    base = base_of(b)
    size = 8 if is_wide(b) else 4
    kind = _DIR64 if is_wide(b) else _HIGHLOW
    p, stop = directory(b, image, _RELOCATIONS)
    while p + 8 <= stop:
        end = p + u32_at(b, p + 4)
        if end < p + 8 or end > stop:
            return count
        s = holder(b, image, u32_at(b, p))
        if s != 0:
            first = content_of(b, s) + u32_at(b, p) - offset_of(b, s)
            last = content_of(b, s) + length_of(b, s)
            for at in range(p + 8, end - 1, 2):
                place = first + (u16_at(b, at) & 0xFFF)
                if u16_at(b, at) >> 12 != kind or place + size > last:
                    continue
                if listed:
                    address = base + u32_at(b, p) + (u16_at(b, at) & 0xFFF)
                    count = add(rows, room, count, at, _ENTRY, address, kind)
                else:
                    count = _word(b, image, place, size, rows, room, count)
        p = end
    return count


def _word(
    b: Bytes, image: Ints, place: int, size: int, rows: Ints, room: int, count: int
) -> int:  # fmt: skip
    """The word at ``b[place]``, if it is an address."""
    target = i64_at(b, place) if size == 8 else u32_at(b, place)
    if image[LOW] <= target < image[HIGH]:
        count = add(rows, room, count, place, _ABSOLUTE if size == 8 else _WORD, target, 0)
    return count

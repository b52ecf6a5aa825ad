"""ELF images, little-endian (spec/iprog-finders.md G41, G42, G80).

A section is named by the place of its entry in the blob, as ``s`` below; what the entry says is
read there. What all sections come to is found once, as the numbers of ``elf``. Images are wide, of
64 bits, or narrow, of 32.
"""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.reading import lies
from pcpu.kernel import i64
from pcpu.kernel.memory import i64_at, u16_at, u32_at

I386, ARM32, X86_64, AARCH64, RISCV = 3, 40, 62, 183, 243  # machines
EXECUTABLE = 2  # a type of file, whose addresses are final
PROGBITS, SYMTAB, RELA, NOBITS, REL, DYNSYM, INIT_ARRAY, FINI_ARRAY = 1, 2, 4, 8, 9, 11, 14, 15
WRITE, ALLOC, EXEC, COMPRESSED = 1, 2, 4, 0x800  # flags

_ENTRY, _NARROW_ENTRY = 64, 40  # bytes of an entry of the table of sections
_HEADER, _NARROW_HEADER = 64, 52
_IDENT = np.frombuffer(b"\x7fELF", np.uint8)
_CLASS, _WIDE, _LITTLE = 4, 2, 1  # the place of the class, wide ones, and the order of bytes
_MAX_ADDRESS = 1 << 40
_SHARED = 2  # times that a blob may be covered by sections

# Names that finders look for, and where each begins.
_TEXT = (
    b".eh_frame\0.eh_frame_hdr\0.gopclntab\0.rodata\0.typelink\0.got.plt\0.got\0.ARM.extab\0"
    b".gcc_except_table\0.BTF\0.debug_info\0.debug_abbrev\0.debug_loc\0.debug_loclists\0"
    b".debug_ranges\0.debug_rnglists\0.debug_line\0"
)
_NAMES = np.frombuffer(_TEXT, np.uint8)
EH_FRAME, EH_FRAME_HDR = _TEXT.index(b".eh_frame\0"), _TEXT.index(b".eh_frame_hdr\0")
GOPCLNTAB, RODATA = _TEXT.index(b".gopclntab\0"), _TEXT.index(b".rodata\0")
TYPELINK, BTF = _TEXT.index(b".typelink\0"), _TEXT.index(b".BTF\0")
CALL_SITES = _TEXT.index(b".gcc_except_table\0")
ARM_EXTAB = _TEXT.index(b".ARM.extab\0")
DEBUG_INFO, DEBUG_ABBREV = _TEXT.index(b".debug_info\0"), _TEXT.index(b".debug_abbrev\0")
DEBUG_LOC, DEBUG_LOCLISTS = _TEXT.index(b".debug_loc\0"), _TEXT.index(b".debug_loclists\0")
DEBUG_RANGES = _TEXT.index(b".debug_ranges\0")
DEBUG_LINE = _TEXT.index(b".debug_line\0")
DEBUG_RNGLISTS = _TEXT.index(b".debug_rnglists\0")
GOT_PLT, GOT = _TEXT.index(b".got.plt\0"), _TEXT.index(b".got\0")

# Numbers of ``elf``: the place of the table of sections and its end, and the spans; how many
# entries the table has, and bytes of one.
ELF = 8
FIRST, LAST, LOW, HIGH, CODE_LOW, CODE_HIGH, COUNT, _STEP = range(ELF)


def is_wide(b: Bytes) -> bool:
    """Whether an image is of 64 bits."""
    return i64(b[_CLASS]) == _WIDE


def entry_count(b: Bytes) -> int:
    """How many entries the table of sections of an image has; 0 where there is no image."""
    if len(b) < _HEADER:
        return 0
    for n in range(len(_IDENT)):
        if b[n] != _IDENT[n]:
            return 0
    if b[_CLASS] not in (1, _WIDE) or b[_CLASS + 1] != _LITTLE:
        return 0
    end = _HEADER if is_wide(b) else _NARROW_HEADER
    size = entry_size(b)
    count = u16_at(b, end - 4)
    if u16_at(b, end - 6) != size or not lies(table_of(b), size * count, len(b)):
        return 0
    if u16_at(b, end - 2) >= count:
        return 0
    names = names_of(b)
    return count if lies(start_of(b, names), size_of(b, names), len(b)) else 0


def entry_size(b: Bytes) -> int:
    """The bytes of an entry of the table of sections."""
    return _ENTRY if is_wide(b) else _NARROW_ENTRY


def names_of(b: Bytes) -> int:
    """The section with the names of sections."""
    end = _HEADER if is_wide(b) else _NARROW_HEADER
    return table_of(b) + entry_size(b) * u16_at(b, end - 2)


def machine_of(b: Bytes) -> int:
    """The machine that an image is for; 0 where its class is not that of the machine."""
    machine = u16_at(b, 18)
    return machine if is_wide(b) != (machine in (I386, ARM32)) else 0


def table_of(b: Bytes) -> int:
    """Where the table of sections of an image begins."""
    return i64_at(b, 40) if is_wide(b) else u32_at(b, 32)


def section(elf: Ints, n: int) -> int:
    """The section whose entry has number ``n``."""
    return i64(elf[FIRST]) + n * i64(elf[_STEP])


def type_of(b: Bytes, s: int) -> int:
    """The type of a section."""
    return u32_at(b, s + 4)


def flags_of(b: Bytes, s: int) -> int:
    """The flags of a section."""
    return u32_at(b, s + 8)


def address_of(b: Bytes, s: int) -> int:
    """Where a section lies in memory."""
    return i64_at(b, s + 16) if is_wide(b) else u32_at(b, s + 12)


def start_of(b: Bytes, s: int) -> int:
    """Where a section lies in the blob."""
    return i64_at(b, s + 24) if is_wide(b) else u32_at(b, s + 16)


def size_of(b: Bytes, s: int) -> int:
    """The bytes of a section."""
    return i64_at(b, s + 32) if is_wide(b) else u32_at(b, s + 20)


def link_of(b: Bytes, s: int) -> int:
    """The number of the section that a section goes with."""
    return u32_at(b, s + (40 if is_wide(b) else 24))


def is_section(b: Bytes, s: int) -> bool:
    """Whether an entry counts."""
    size = size_of(b, s)
    if size == 0 or not lies(address_of(b, s), size, _MAX_ADDRESS):
        return False
    return type_of(b, s) == NOBITS or lies(start_of(b, s), size, len(b))


def is_loaded(b: Bytes, s: int) -> bool:
    """Whether a section has addresses."""
    return flags_of(b, s) & ALLOC != 0 and is_section(b, s)


def is_code(b: Bytes, s: int) -> bool:
    """Whether it is a section of code."""
    return flags_of(b, s) & EXEC != 0 and type_of(b, s) != NOBITS and is_loaded(b, s)


def is_constant(b: Bytes, s: int) -> bool:
    """Whether it is a section of constants."""
    flags = flags_of(b, s) & (WRITE | EXEC)
    return type_of(b, s) == PROGBITS and flags == 0 and is_loaded(b, s)


def read_elf(b: Bytes, elf: Ints) -> int:
    """Describe the image in ``b`` by the numbers of ``elf``; how many sections are loaded."""
    for n in range(ELF):
        elf[n] = 0
    count = entry_count(b)
    if count == 0:
        return 0
    elf[FIRST] = table_of(b)
    elf[COUNT], elf[_STEP] = count, entry_size(b)
    elf[LAST] = section(elf, count)
    loaded = 0
    content = 0
    for n in range(count):
        s = section(elf, n)
        if is_section(b, s):
            if type_of(b, s) != NOBITS:
                content += size_of(b, s)
            if is_loaded(b, s):
                loaded += 1
                widen(elf, LOW, address_of(b, s), size_of(b, s))
            if is_code(b, s):
                widen(elf, CODE_LOW, address_of(b, s), size_of(b, s))
    return loaded if content <= _SHARED * len(b) else 0


def widen(elf: Ints, low: int, address: int, size: int) -> None:
    """Make the span at ``elf[low]`` hold so many bytes more."""
    if elf[low + 1] == 0 or address < elf[low]:
        elf[low] = address
    elf[low + 1] = max(elf[low + 1], address + size)


def is_named(b: Bytes, s: int, name: int) -> bool:
    """Whether a section has one of the names above."""
    names = names_of(b)
    at = start_of(b, names) + u32_at(b, s)
    return spells(b, at, start_of(b, names) + size_of(b, names), name)


def spells(b: Bytes, at: int, end: int, name: int) -> bool:
    """Whether ``b[at:end]``, up to a byte that is 0, is one of the names above."""
    while _NAMES[name] != 0:
        if at >= end or b[at] != _NAMES[name]:
            return False
        at += 1
        name += 1
    return at >= end or b[at] == 0


def named(b: Bytes, name: int) -> int:
    """The first section with a name that has content; 0 where there is none."""
    count = entry_count(b)
    for n in range(count):
        s = table_of(b) + n * entry_size(b)
        if is_named(b, s, name) and type_of(b, s) != NOBITS and is_section(b, s):
            return s
    return 0


def holds(elf: Ints, address: int) -> bool:
    """Whether something is loaded at an address, or might be; not at 0."""
    return address != 0 and elf[LOW] <= address < elf[HIGH]

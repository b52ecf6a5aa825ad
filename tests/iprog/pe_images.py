"""PE images built by hand."""

from __future__ import annotations

import struct
from dataclasses import dataclass

BASE, NARROW_BASE = 0x140000000, 0x10000000
HEADERS = 0x400
CODE, DATA, CONSTANTS = 0x60000020, 0xC0000040, 0x40000040


@dataclass
class Part:
    """A section. ``memory`` is its size there, if it is not that of the content."""

    name: str
    flags: int
    offset: int
    content: bytes
    memory: int | None = None


AMD64, ARM64 = 0x8664, 0xAA64


def pe(
    parts: list[Part], directories: dict[int, tuple[int, int]] | None = None, *, narrow: bool = False,
    machine: int = AMD64,
) -> bytes:  # fmt: skip
    """An image: header at 80, optional header of 240 bytes, or of 224 in a narrow one, as Microsoft's
    specification has them."""
    listed = [(directories or {}).get(number, (0, 0)) for number in range(16)]
    optional = struct.pack("<HBBIIIII", 0x10B if narrow else 0x20B, 14, 0, 0, 0, 0, 0, 0x1000)
    optional += struct.pack("<II", 0, NARROW_BASE) if narrow else struct.pack("<Q", BASE)
    optional += struct.pack("<IIHHHHHHIIIIHH", 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0, 0, 0, 3, 0)
    optional += struct.pack("<IIIIII" if narrow else "<QQQQII", 0, 0, 0, 0, 0, 16)
    optional += b"".join(struct.pack("<II", *directory) for directory in listed)
    assert len(optional) == (224 if narrow else 240)
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 80)
    head = head.ljust(80, b"\0") + b"PE\0\0"
    head += struct.pack(
        "<HHIIIHH", 0x14C if narrow else machine, len(parts), 0, 0, 0, len(optional), 0x22
    )
    head += optional
    body = b""
    for part in parts:
        size = len(part.content) if part.memory is None else part.memory
        head += struct.pack(
            "<8sIIIIIIHHI", part.name.encode(), size, part.offset, len(part.content), HEADERS + len(body),
            0, 0, 0, 0, part.flags,
        )  # fmt: skip
        body += part.content
    return head.ljust(HEADERS, b"\0") + body


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def text(code: bytes) -> Part:
    return Part(".text", CODE, 0x1000, code.ljust(64, b"\x90"))

"""Mach-O images built by hand."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.iprog.images import i32

BASE = 1 << 32
AMD, ARM = 0x1000007, 0x100000C
CODE, READ, WRITE = 0x80000400, 5, 3
HEADERS = 0x800
TEXT, DATA = BASE + HEADERS, BASE + 0x4000


@dataclass
class Part:
    """A section. ``memory`` is its size there, if it is not that of the content."""

    name: str
    protection: int
    address: int
    content: bytes
    flags: int = 0
    memory: int | None = None


def command(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, 8 + len(content)) + content


def macho(parts: list[Part], more: bytes = b"", machine: int = AMD, base: int = BASE) -> bytes:
    """An image, as Apple's headers have them: each section has a segment of its own; before them is one
    without content and one of the header. ``more`` are commands behind those."""
    commands = [
        segment("__PAGEZERO", 0, base, 0, 0, 0), segment("__HEADER", base, HEADERS, 0, HEADERS, READ),
    ]  # fmt: skip
    body = b""
    for part in parts:
        size = len(part.content) if part.memory is None else part.memory
        place = HEADERS + len(body)
        listed = struct.pack(
            "<16s16sQQIIIIIIII", part.name.encode(), b"__SEG", part.address, size, place, 3, 0, 0,
            part.flags, 0, 0, 0,
        )  # fmt: skip
        commands.append(
            segment("__SEG", part.address, size, place, len(part.content), part.protection, listed)
        )
        body += part.content
    listed = b"".join(commands) + more
    number = len(commands)
    at = 0
    while at < len(more):
        at += struct.unpack_from("<I", more, at + 4)[0]
        number += 1
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, machine, 0, 6, number, len(listed), 0, 0) + listed
    assert len(head) <= HEADERS
    return head.ljust(HEADERS, b"\0") + body


def segment(
    name: str, address: int, memory: int, place: int, size: int, protection: int, sections: bytes = b""
) -> bytes:  # fmt: skip
    about = struct.pack("<16sQQQQ", name.encode(), address, memory, place, size)
    about += struct.pack("<IIII", 7, protection, len(sections) // 80, 0)
    return command(0x19, about + sections)


def text(code: bytes = b"") -> Part:
    return Part("__text", READ, TEXT, code.ljust(64, b"\x90"), CODE)


ROOM = Part("__data", WRITE, DATA, bytes(16))
AFTER = HEADERS + 64  # the place of what follows the code


def symbol(name: int, section: int, value: int) -> bytes:
    return struct.pack("<IBBHQ", name, 0xF, section, 0, value)


def frames() -> bytes:
    """A common record that gives functions and data in 8 bytes, one about a function, one without data
    and one that refers to nothing."""
    common = b"\1zPLR\0\1\x78\x10\7\x9b" + i32(9) + b"\x10\x10\x0c\7\x08\x90\1"
    common = struct.pack("<II", len(common) + 4, 0) + common
    at = len(common)
    about = struct.pack("<IIqqBq", 4 + 25, at + 4, -0x100, 32, 8, 0x20)
    bare = struct.pack("<IIqqB", 4 + 17, at + len(about) + 4, -0x80, 32, 0)
    return common + about + bare + struct.pack("<IIqq", 20, 7, -0x80, 32)


def unwinding() -> tuple[bytes, list[int]]:
    """A table: two personalities, an index of three, two pairs about data, a page of two functions and
    one of another kind; and where the numbers are that are offsets."""
    header = struct.pack("<7I", 1, 28, 0, 28, 2, 36, 3)
    people = struct.pack("<2I", 0x4000, 0x4008)
    index = struct.pack("<9I", 0x800, 88, 72, 0x820, 112, 88, 0x840, 0, 88)
    data = struct.pack("<4I", 0x800, 0x900, 0x820, 0x908)
    page = struct.pack("<IHHIIII", 2, 8, 2, 0x800, 9, 0x810, 9)
    return header + people + index + data + page + struct.pack("<IHHI", 3, 8, 1, 0x820), [
        28, 32, 36, 48, 60, 72, 76, 80, 84, 96, 104,
    ]  # fmt: skip

"""Programs built by hand, for finders of sites to look at."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.iprog.forge import number

ALLOC, WRITE, EXEC = 2, 1, 4
CODE, DATA, CONSTANTS = ALLOC | EXEC, ALLOC | WRITE, ALLOC


@dataclass
class Part:
    """A section. ``address`` of a loaded one is where it is in memory."""

    name: str
    flags: int
    address: int
    content: bytes
    type: int = 1
    size: int | None = None  # of one without content


def elf(parts: list[Part], *, machine: int = 62, kind: int = 3) -> tuple[bytes, dict[str, int]]:
    """An ELF image, and the place of each section in it."""
    names = b"\0" + b"".join(part.name.encode() + b"\0" for part in parts) + b".names\0"
    body = bytearray(64)
    places: dict[str, int] = {}
    rows = [bytes(64)]
    for part in (*parts, Part(".names", 0, 0, names, 3)):
        while (len(body) - part.address) % 16:
            body.append(0)
        places[part.name] = len(body)
        size = len(part.content) if part.size is None else part.size
        rows.append(struct.pack(
            "<IIQQQQIIQQ", names.index(b"\0" + part.name.encode() + b"\0") + 1, part.type,
            part.flags, part.address, len(body), size, 0, 0, 16, 0,
        ))  # fmt: skip
        body += part.content
    while len(body) % 8:
        body.append(0)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, 0, 0, len(body), 0, 64, 0, 0, 64, len(rows), len(rows) - 1
    )  # fmt: skip
    body[:64] = header
    return bytes(body) + b"".join(rows), places


def elf32(parts: list[Part], *, machine: int = 40, kind: int = 3) -> tuple[bytes, dict[str, int]]:
    """The same of 32 bits."""
    names = b"\0" + b"".join(part.name.encode() + b"\0" for part in parts) + b".names\0"
    body = bytearray(52)
    places: dict[str, int] = {}
    rows = [bytes(40)]
    for part in (*parts, Part(".names", 0, 0, names, 3)):
        body += bytes((part.address - len(body)) % 16)
        places[part.name] = len(body)
        size = len(part.content) if part.size is None else part.size
        name = names.index(b"\0" + part.name.encode() + b"\0") + 1
        rows.append(struct.pack(
            "<10I", name, part.type, part.flags, part.address, len(body), size, 0, 0, 4, 0
        ))  # fmt: skip
        body += part.content
    body += bytes(-len(body) % 4)
    body[:52] = b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIIIIIHHHHHH", kind, machine, 1, 0, 0, len(body), 0, 52, 0, 0, 40, len(rows), len(rows) - 1
    )  # fmt: skip
    return bytes(body) + b"".join(rows), places


def module(sections: list[tuple[int, bytes]]) -> tuple[bytes, list[int]]:
    """A WebAssembly module, and where the content of each section begins."""
    whole = b"\0asm\1\0\0\0"
    places = []
    for kind, content in sections:
        whole += bytes([kind]) + number(len(content))
        places.append(len(whole))
        whole += content
    return whole, places


def i32(value: int) -> bytes:
    return struct.pack("<i", value)


def u64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)

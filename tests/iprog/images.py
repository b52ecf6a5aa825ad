"""Programs built by hand, for finders of sites to look at."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pcpu.iprog.finders import FINDERS, find_sites
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
    link: int = 0
    info: int = 0


def elf(
    parts: list[Part], *, machine: int = 62, kind: int = 3, narrow: bool = False
) -> tuple[bytes, dict[str, int]]:
    """An ELF image, of 32 bits if it is narrow, and the place of each section in it."""
    entry, head, entry_size = ("<IIIIIIIIII", "<HHIIIIIHHHHHH", 40) if narrow else (
        "<IIQQQQIIQQ", "<HHIQQQIHHHHHH", 64
    )  # fmt: skip
    names = b"\0" + b"".join(part.name.encode() + b"\0" for part in parts) + b".names\0"
    body = bytearray(64)
    places: dict[str, int] = {}
    rows = [bytes(entry_size)]
    for part in (*parts, Part(".names", 0, 0, names, 3)):
        while (len(body) - part.address) % 16:
            body.append(0)
        places[part.name] = len(body)
        size = len(part.content) if part.size is None else part.size
        rows.append(struct.pack(
            entry, names.index(b"\0" + part.name.encode() + b"\0") + 1, part.type,
            part.flags, part.address, len(body), size, part.link, part.info, 16, 0,
        ))  # fmt: skip
        body += part.content
    while len(body) % 8:
        body.append(0)
    header = b"\x7fELF" + bytes([1 if narrow else 2, 1, 1]) + bytes(9)
    header += struct.pack(
        head, kind, machine, 1, 0, 0, len(body), 0, entry_size, 0, 0, entry_size, len(rows), len(rows) - 1
    )  # fmt: skip
    body[: len(header)] = header
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


Site = tuple[int, int, int, int]


def sites(blob: bytes, *finders: int) -> list[Site]:
    """Place, form, target and e of what finders find."""
    found = find_sites(blob, finders or tuple(FINDERS))
    return list(zip(*(array.tolist() for array in found.arrays), strict=True))

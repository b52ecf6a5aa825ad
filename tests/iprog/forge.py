"""Plans written by hand, field by field, with nothing of pCPU but its CRC: what the specification
says, and not what our writer does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import google_crc32c
import zstandard


class Windows(Protocol):
    """The bytes of windows, which need not all be in memory."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


MAGIC = bytes.fromhex("8949 5052 4f47 0d0a")


def check(data: bytes) -> bytes:
    value: int = google_crc32c.value(data)
    return value.to_bytes(4, "little")


def number(value: int) -> bytes:
    found = b""
    while value >= 128:
        found += bytes([value % 128 + 128])
        value //= 128
    return found + bytes([value])


def signed(value: int) -> bytes:
    return number(2 * value if value >= 0 else -2 * value - 1)


def content(data: bytes, name: str = "") -> bytes:
    text = name.encode()
    return number(len(data)) + hashlib.sha256(data).digest() + number(len(text)) + text


@dataclass
class Frames:
    """A frame group: the streams, and how many share each frame; ``codecs`` are by frame."""

    streams: Sequence[bytes]
    shares: Sequence[int] = ()
    codecs: dict[int, int] = field(default_factory=dict)
    prefix: Sequence[tuple[int, int]] = ()
    prefix_bytes: bytes = b""
    stored: dict[int, bytes] = field(default_factory=dict)  # by frame, where it is not made here

    def build(self) -> tuple[bytes, bytes]:
        """What the header says, and the stored bytes."""
        shares = list(self.shares) or [len(self.streams)]
        header = b"".join(map(number, map(len, self.streams))) + number(len(shares))
        stored = b""
        first = 0
        for n, share in enumerate(shares):
            inside = b"".join(self.streams[first : first + share])
            first += share
            codec = self.codecs.get(n, 0)
            if n in self.stored:
                inside = self.stored[n]
            elif codec:
                inside = self.compress(inside, self.prefix_bytes if codec == 2 else None)
            header += number(share) + number(codec)
            if codec == 2:
                assert self.prefix
                header += number(len(self.prefix))
                end = 0
                for start, length in self.prefix:
                    header += number(start - end) + number(length)
                    end = start + length
            header += number(len(inside)) + check(inside)
            stored += inside
        return header, stored

    @staticmethod
    def compress(data: bytes, prefix: bytes | None) -> bytes:
        dictionary = prefix and zstandard.ZstdCompressionDict(
            prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT
        )
        return zstandard.ZstdCompressor(level=3, dict_data=dictionary or None).compress(data)


def plan(
    file: bytes,
    blobs: Sequence[bytes],
    blocks: Sequence[tuple[int, Frames]],
    *,
    bits: int = 12,
    version: int = 1,
    relocation: bytes = b"\0",
    map_stored: bytes = b"",
    name: str = "",
    after: bytes = b"",
) -> bytes:
    """A plan of these blocks: each how many windows it has, and its frames."""
    header = number(version) + content(file, name) + number(bits) + number(len(blobs))
    header += b"".join(content(blob) for blob in blobs) + relocation + number(len(blocks))
    stored = map_stored
    for windows, frames in blocks:
        described, inside = frames.build()
        header += number(windows) + described
        stored += inside
    return sealed(header) + stored + after


def sealed(header: bytes) -> bytes:
    whole = MAGIC + len(header).to_bytes(4, "little") + header
    return whole + check(whole)


def streams(
    windows: Windows,
    covers: Sequence[Sequence[tuple[int, int, int]]],
    literals: Sequence[bytes],
    *,
    fixes: Sequence[Sequence[tuple[int, int]]] = (),
    skews: Sequence[int] = (),
) -> list[bytes]:
    """The eight streams of a block. For each window its bytes, its covers (gap, length, turn), its
    literals, its fixes (step, what is added) and its first skew."""
    fixes = fixes or [[]] * len(windows)
    skews = skews or [0] * len(windows)
    columns = [
        [b"".join(number(cover[0]) for cover in own) for own in covers],
        [b"".join(number(cover[1]) for cover in own) for own in covers],
        [b"".join(signed(cover[2]) for cover in own) for own in covers],
        [b"".join(number(fix[0]) for fix in own) for own in fixes],
        [bytes(fix[1] for fix in own) for own in fixes],
        list(literals),
    ]
    index = b"".join(number(len(part)) for column in columns for part in column)
    turns = [skew - before for skew, before in zip(skews, [0, *skews], strict=False)]
    index += b"".join(map(signed, turns))
    return [index, b"".join(map(check, windows)), *(b"".join(column) for column in columns)]

"""Plans written by hand, field by field, with nothing of pCPU but its CRC: what the specification
says, and not what our writer does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import google_crc32c
import zstandard


class Windows(Protocol):
    """The bytes of windows, which need not all be in memory."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


MAGIC = bytes.fromhex("89 4950")


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


def content(data: bytes, name: str | None = None) -> bytes:
    """Hash and name, where there are names."""
    text = (name or "").encode()
    named = b"" if name is None else number(len(text)) + text
    return hashlib.sha256(data).digest() + named


@dataclass
class Frames:
    """A frame group: the streams, and how many share each frame; ``codecs`` are by frame. Before
    the frames stands ``head``."""

    streams: Sequence[bytes]
    shares: Sequence[int] = ()
    codecs: dict[int, int] = field(default_factory=dict)
    prefix: Sequence[tuple[int, int]] = ()
    prefix_bytes: bytes = b""
    stored: dict[int, bytes] = field(default_factory=dict)  # by frame, where it is not made here
    head: bytes = b""

    def build(self) -> tuple[bytes, bytes]:
        """What the header says, and the stored bytes."""
        shares = list(self.shares) or [len(self.streams)] * any(self.streams)
        sizes = [*map(len, self.streams)]
        usual = [sizes[n - 1] if n in (1, 2, 3, 5) else 0 for n in range(len(sizes))]
        stated = [n for n, size in enumerate(sizes) if size != usual[n]]
        header = number(sum(1 << n for n in stated))
        header += b"".join(number(len(self.streams[n])) for n in stated)
        stored = self.head or getattr(self.streams, "checks", b"")
        first = 0
        for n, share in enumerate(shares):
            inside = b"".join(self.streams[first : first + share])
            first += share
            codec = self.codecs.get(n, 0)
            if n in self.stored:
                inside = self.stored[n]
            elif codec:
                inside = self.compress(inside, self.prefix_bytes if codec == 2 else None)
            header += number(8 * (share - 1) + codec)
            if codec in (2, 4, 5):
                header += number(len(self.prefix))
                end = 0
                for start, length in self.prefix:
                    header += number(start - end) + number(length)
                    end = start + length
            header += number(len(inside)) if codec else b""
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
    relocation: bytes = b"",
    map_stored: bytes = b"",
    name: str | None = None,
    after: bytes = b"",
    flags: int = 0,
) -> bytes:
    """A plan of these blocks: each how many windows it has, and its frames. ``flags`` are added to
    those that follow from the rest."""
    several = len(blocks) > 1 or (len(file) > 0) != bool(blocks)
    flags |= bits - 12 | 16 * (name is not None) | 32 * (len(blobs) != 1)
    flags |= 64 * (relocation != b"") | 128 * several
    header = number(flags) + number(len(file)) + content(file, name)
    header += number(len(blobs)) if len(blobs) != 1 else b""
    before = len(file)
    for blob in blobs:
        header += signed(len(blob) - before) + content(blob, None if name is None else "")
        before = len(blob)
    header += relocation + (number(len(blocks)) if several else b"")
    stored = map_stored
    for n, (windows, frames) in enumerate(blocks, 1):
        described, inside = frames.build()
        header += (number(windows) if n < len(blocks) else b"") + described
        stored += inside
    return sealed(header, version) + stored + after


def header_of(made: bytes) -> slice:
    """Where the header of a plan lies."""
    length = at = 0
    while True:
        byte = made[4 + at]
        length |= (byte & 127) << 7 * at
        at += 1
        if byte < 128:
            return slice(4 + at, 4 + at + length)


def sealed(header: bytes, version: int = 1) -> bytes:
    whole = MAGIC + bytes([version]) + number(len(header)) + header
    return whole + check(whole)


class Streams(list[bytes]):
    """The seven streams of a block, and the checks of its windows."""

    checks: bytes = b""


def streams(
    windows: Windows,
    covers: Sequence[Sequence[tuple[int, int, int]]],
    literals: Sequence[bytes],
    *,
    fixes: Sequence[Sequence[tuple[int, int]]] = (),
    skews: Sequence[int] = (),
) -> Streams:
    """The streams of a block. For each window its bytes, its covers (gap, length, turn), its
    literals, its fixes (step, what is added) and its first skew. That of the first one is 0 in a
    plan, so that the turn of its first cover has what is given here."""
    fixes = fixes or [[]] * len(windows)
    skews = [*(skews or [0] * len(windows))]
    if covers and covers[0]:
        (gap, length, turn), *others = covers[0]
        covers = [[(gap, length, turn + skews[0]), *others], *covers[1:]]
    skews[:1] = [0]
    columns = [
        [b"".join(number(cover[0]) for cover in own) for own in covers],
        [b"".join(number(cover[1]) for cover in own) for own in covers],
        [b"".join(signed(cover[2]) for cover in own) for own in covers],
        [b"".join(number(fix[0]) for fix in own) for own in fixes],
        [bytes(fix[1] for fix in own) for own in fixes],
        list(literals),
    ]
    index = b"".join(number(len(part)) for column in columns for part in column[:-1])
    index += b"".join(signed(skew - before) for before, skew in pairwise(skews))
    found = Streams([index, *(b"".join(column) for column in columns)])
    found.checks = b"".join(map(check, windows))
    return found

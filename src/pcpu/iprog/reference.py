"""The blobs, one after the other (spec/iprog.md G8)."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence

from pcpu.errors import WrongBlobError, plural
from pcpu.iprog.format import Content
from pcpu.iprog.numbers import Bytes

PIECE = 1 << 20


def digest(data: Bytes) -> bytes:
    """The SHA-256 of ``data``, which may be a mapped file that is larger than memory."""
    found, view = hashlib.sha256(), memoryview(data)
    for start in range(0, len(view), PIECE):
        found.update(view[start : start + PIECE])
    return found.digest()


class Reference:
    """Blobs that were compared with what a plan says about them. Raises WrongBlobError."""

    def __init__(self, blobs: Sequence[Bytes], wanted: Sequence[Content]) -> None:
        if len(blobs) != len(wanted):
            raise WrongBlobError(
                f"the plan needs {plural(len(wanted), 'blob')}, {len(blobs)} given"
            )
        for number, (blob, content) in enumerate(zip(blobs, wanted, strict=True)):
            _compare(blob, content, f"blob {number}" if len(wanted) > 1 else "the blob")
        self.blobs = [memoryview(blob) for blob in blobs]
        self.starts = [sum(map(len, self.blobs[:number])) for number in range(len(blobs))]
        self.size = sum(map(len, self.blobs))

    def read(self, start: int, length: int) -> bytes:
        """The bytes from ``start`` on; all of them are there."""
        number = bisect_right(self.starts, start) - 1
        first = self.blobs[number][start - self.starts[number] :][:length]
        if len(first) == length:
            return bytes(first)
        return bytes(first) + self.read(start + len(first), length - len(first))


def _compare(blob: Bytes, content: Content, what: str) -> None:
    name = f" {content.name!r}" if content.name else ""
    if len(blob) != content.size:
        raise WrongBlobError(
            f"{what} has {len(blob)} bytes; the plan was made for one{name} of {content.size}"
        )
    found = digest(blob)
    if found != content.sha256:
        raise WrongBlobError(
            f"{what} is not the one that the plan was made for{name}: its SHA-256 is "
            f"{found.hex()}, not {content.sha256.hex()}"
        )

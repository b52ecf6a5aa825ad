"""The blobs, one after the other (spec/iprog.md G8)."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from pcpu.errors import WrongBlobError, plural
from pcpu.iprog.format import Content
from pcpu.iprog.numbers import Bytes

PIECE = 1 << 20
_NAMED = 4  # blobs in a message


def digest(data: Bytes) -> bytes:
    """The SHA-256 of ``data``, which may be a mapped file that is larger than memory."""
    found, view = hashlib.sha256(), memoryview(data)
    for start in range(0, len(view), PIECE):
        found.update(view[start : start + PIECE])
    return found.digest()


class Reference:
    """Blobs that have the sizes that a plan says. Raises WrongBlobError."""

    def __init__(self, blobs: Sequence[Bytes], wanted: Sequence[Content]) -> None:
        if len(blobs) != len(wanted):
            names = ", ".join(repr(content.name) for content in wanted[:_NAMED] if content.name)
            called = f" ({names})" if names else ""
            raise WrongBlobError(
                f"the plan needs {plural(len(wanted), 'blob')}{called}, {len(blobs)} given"
            )
        self._wanted = wanted
        self.blobs = [memoryview(blob) for blob in blobs]
        for what, blob, content in self._described():
            if len(blob) != content.size:
                name = f" {content.name!r}" if content.name else ""
                raise WrongBlobError(
                    f"{what} has {len(blob)} bytes; the plan was made for one{name} of "
                    f"{content.size}"
                )
        self.starts = [sum(map(len, self.blobs[:number])) for number in range(len(blobs))]
        self.size = sum(map(len, self.blobs))

    def compare(self) -> None:
        """See that the SHA-256 of each blob is the one that the plan says. Raises
        WrongBlobError."""
        for what, blob, content in self._described():
            found = digest(blob)
            if found != content.sha256:
                name = f" {content.name!r}" if content.name else ""
                raise WrongBlobError(
                    f"{what} is not the one that the plan was made for{name}: its SHA-256 is "
                    f"{found.hex()}, not {content.sha256.hex()}"
                )

    def _described(self) -> Iterator[tuple[str, memoryview, Content]]:
        """What each blob is called in messages, its bytes, and what the plan says of it."""
        for number, (blob, content) in enumerate(zip(self.blobs, self._wanted, strict=True)):
            yield f"blob {number}" if len(self.blobs) > 1 else "the blob", blob, content

    def read(self, start: int, length: int) -> bytes:
        """The bytes from ``start`` on; all of them are there."""
        number = bisect_right(self.starts, start) - 1
        first = self.blobs[number][start - self.starts[number] :][:length]
        if len(first) == length:
            return bytes(first)
        return bytes(first) + self.read(start + len(first), length - len(first))

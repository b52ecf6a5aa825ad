"""Stores of published files, written by hand: with nothing of pCPU but its CRC."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from tests.iprog.forge import Frames, number, sealed, streams

MIB = 1 << 20
BITS = 16
WINDOW = 1 << BITS
LITERALS = 100


def put(store: Path, name: str, plan: bytes, blobs: Sequence[bytes] = ()) -> None:
    """Publish a plan and blobs."""
    for folder in ("blobs", "objects"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    (store / "objects" / f"{name}.iprog").write_bytes(plan)
    for blob in blobs:
        (store / "blobs" / hashlib.sha256(blob).hexdigest()).write_bytes(blob)


class Large:
    """A blob of so many MiB and a file of the same size: in each window a hundred literals, and the
    rest from a bit further on in the blob, but of every eighth window from anywhere."""

    def __init__(self, mib: int, seed: int = 1) -> None:
        self.size = mib * MIB
        random = Random(seed)
        self._pattern = random.randbytes(MIB + 997)
        self._count = self.size // WINDOW
        most = self.size - WINDOW
        self._sources = [
            random.randrange(most) if n % 8 == 7 else min(n * WINDOW + 1234, most)
            for n in range(self._count)
        ]
        self._literals = [random.randbytes(LITERALS) for _ in range(self._count)]

    def blob(self, start: int, length: int) -> bytes:
        """Bytes of the blob, which repeats with a period that no page has."""
        at = start % len(self._pattern)
        copies = 1 + (at + length) // len(self._pattern)
        return (self._pattern * copies)[at : at + length]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> bytes:
        """A window of the file."""
        copied = self.blob(self._sources[number], WINDOW - LITERALS)
        return self._literals[number] + copied

    def __iter__(self) -> Iterator[bytes]:
        return (self[n] for n in range(self._count))

    def read(self, start: int, stop: int) -> bytes:
        """Bytes of the file."""
        first = start // WINDOW
        inside = b"".join(self[n] for n in range(first, (stop - 1) // WINDOW + 1))
        return inside[start - first * WINDOW : stop - first * WINDOW]

    def publish(self, store: Path, name: str) -> bytes:
        """Write the blob and the plan; the plan."""
        put(store, name, b"")
        with (store / "blobs" / "new").open("wb") as file:
            hashed = hashlib.sha256()
            for start in range(0, self.size, MIB):
                hashed.update(self.blob(start, MIB))
                file.write(self.blob(start, MIB))
        (store / "blobs" / "new").rename(store / "blobs" / hashed.hexdigest())
        plan = self._plan(hashed.digest())
        put(store, name, plan)
        return plan

    def _plan(self, blob: bytes) -> bytes:
        hashed = hashlib.sha256()
        for window in self:
            hashed.update(window)
        covers = [[(LITERALS, 0, 0)]] * self._count
        skews = [s - n * WINDOW - LITERALS for n, s in enumerate(self._sources)]
        described, stored = Frames(streams(self, covers, self._literals, skews=skews)).build()
        header = [
            number(1), number(self.size), hashed.digest(), number(0), number(BITS),
            number(1), number(self.size), blob, number(0), number(0),
            number(1), number(self._count), described,
        ]  # fmt: skip
        return sealed(b"".join(header)) + stored

"""Small files and what they are planned from."""

from __future__ import annotations

from random import Random


def edited(seed: int = 1, size: int = 40_000) -> tuple[bytes, bytes]:
    """A blob, and a file with insertions, deletions, scattered changes and moved pieces."""
    random = Random(seed)
    words = [random.randbytes(random.randint(2, 12)) for _ in range(300)]
    blob = b"".join(random.choice(words) for _ in range(size // 7))
    file = bytearray(blob)
    for _ in range(12):
        at = random.randrange(len(file))
        file[at:at] = random.randbytes(random.randint(1, 90))
        at = random.randrange(len(file))
        del file[at : at + random.randint(1, 200)]
    for _ in range(150):
        at = random.randrange(len(file))
        file[at] = (file[at] + random.choice([1, 4, 255])) & 255
    third = len(file) // 3
    return blob, bytes(file[third:] + file[:third])


PAIRS = {
    "empty": (b"", b""),
    "from nothing": (b"", b"all of this is new " * 9),
    "to nothing": (b"something", b""),
    "one byte": (b"x", b"y"),
    "same": (bytes(range(256)) * 99, bytes(range(256)) * 99),
    "edited": edited(),
    "edited, large": edited(2, 400_000),
    "unlike": (Random(3).randbytes(9000), Random(4).randbytes(12_345)),
    "zeros": (bytes(70_000), bytes(200_001)),
    "one more": (bytes(65_536), bytes(65_537)),
    "added to": (bytes(range(200)) * 50, bytes((b + 7) & 255 for b in range(200)) * 50),
}

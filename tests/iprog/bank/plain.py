"""Chunks and their names, written from spec/bank.md K3 to K6 and slow: what ours is compared with."""

from __future__ import annotations

FULL = (1 << 64) - 1


def mix(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & FULL
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & FULL
    return x ^ x >> 31


GEARS = [mix((b + 1) * 0x9E3779B97F4A7C15 & FULL) for b in range(256)]


def fnv(values: list[int]) -> int:
    state = 0xCBF29CE484222325
    for value in values:
        state = (state ^ value) * 0x100000001B3 & FULL
    return state


def ends(view: bytes) -> list[list[int]]:
    """Where the chunks of each level end."""
    rolling, rollings = 0, []
    for byte in view:
        rolling = (rolling * 2 + GEARS[byte]) & FULL
        rollings.append(rolling >> 16)
    found: list[list[int]] = []
    candidates = list(range(1, len(view) + 1))
    for bits, least, most in ((5, 16, 256), (8, 0, 2048), (11, 0, 16384)):
        level = [0]
        for end in candidates:
            size = end - level[-1]
            falls = size >= least and rollings[end - 1] % (1 << bits) == 0
            if falls or size >= most or end == len(view):
                level.append(end)
        found.append(level[1:])
        candidates = level[1:]
    return found


def names(view: bytes) -> list[dict[int, int]]:
    """The name of each distinct chunk of each level, and its bytes."""
    lower = {n + 1: byte for n, byte in enumerate(view)}  # what ends where
    found = []
    for level in ends(view):
        start, hashes = 0, {}
        chunks: dict[int, int] = {}
        for end in level:
            inside = [lower[at] for at in range(start + 1, end + 1) if at in lower]
            hashes[end] = mix(fnv(inside))
            chunks.setdefault(hashes[end] >> 32, end - start)
            start = end
        found.append(chunks)
        lower = hashes
    return found

"""Files that were damaged, for what has to bear with any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

_LIKELY = (0, 1, 2, 16, 127, 128, 255)


def damaged(
    whole: bytes,
    random: Random,
    count: int,
    *,
    within: Sequence[range] = (),
    most: int = 6,
    cut: bool = False,
) -> Iterator[bytes]:
    """``count`` times the same with up to ``most`` other bytes, which are ``within`` it or anywhere;
    with ``cut`` half of these end too early."""
    places = within or [range(len(whole))]
    for _ in range(count):
        other = bytearray(whole)
        for _ in range(random.randint(1, most)):
            at = random.choice(random.choice(places))
            other[at] = random.choice((*_LIKELY, random.randrange(256)))
        stops = len(other), random.randrange(len(other) + 1)
        yield bytes(other[: random.choice(stops)] if cut else other)

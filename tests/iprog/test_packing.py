"""Which frames streams are stored in, and about how large these are."""

from __future__ import annotations

from itertools import pairwise, product
from random import Random

import pytest
import zstandard

from pcpu.iprog.adapting import encode, sizes
from pcpu.iprog.format import Codec
from pcpu.iprog.packing import Packer, total

CUTS = 3  # places where four streams may be cut


def streams_of(seed: int) -> list[bytes]:
    """Four streams of few or many kinds of bytes, some of which repeat."""
    random = Random(seed)
    return [
        bytes(random.choices(range(random.choice((2, 5, 256))), k=random.randrange(1, 120)))
        * random.choice((1, 1, 2))
        for _ in range(CUTS + 1)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_sizes_of_adaptive_frames(seed: int) -> None:
    streams = streams_of(seed)
    assert sizes(streams) == [
        [len(encode(streams[first : last + 1])) for last in range(first, len(streams))]
        for first in range(len(streams))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_no_other_frames_are_smaller(seed: int) -> None:
    streams, packer = streams_of(seed), Packer()
    best = total(packer.group(streams))
    for cuts in product((False, True), repeat=CUTS):
        edges = [0, *(n + 1 for n, cut in enumerate(cuts) if cut), CUTS + 1]
        assert best <= total([packer.frame(streams[a:b]) for a, b in pairwise(edges)])


@pytest.mark.parametrize("seed", range(20))
def test_about_how_large_frames_are(seed: int) -> None:
    streams = streams_of(seed)
    literals = Packer().frame(streams[-1:]).frame.stored
    about = Packer(literals=literals).group(streams, CUTS)
    assert sum(stored.frame.streams for stored in about) == CUTS + 1
    assert not any(stored.content for stored in about)
    exactly = total(Packer().group(streams, CUTS))
    assert abs(total(about) - exactly) < 0.2 * exactly + 20


def test_frames_hold_all_streams_in_order() -> None:
    random = Random(1)
    streams = [b"", random.randbytes(90_000), b"a" * 50, b"", b"b" * 30_000, b""]
    found = Packer().group(streams)
    held = sum(stored.frame.streams for stored in found)
    assert not any(streams[held:])
    raw = next(stored for stored in found if stored.frame.codec is Codec.RAW and stored.content)
    assert raw.content == streams[1]
    assert total(found) < 90_000 + 200


def test_adaptive_bits_are_worth_their_time() -> None:
    random, flat = Random(2), [0]
    while len(flat) < 20_000:  # with a little order, which alone Huffman codes do not see
        plain = random.choices(range(16), range(1, 17))[0]
        flat.append(flat[-1] + 1 & 15 if random.randrange(100) < 14 else plain)
    long, short = bytes(flat), bytes(flat[:8000])
    assert 0 < len(zstandard.compress(long, 19)) - len(encode([long])) < len(long) // 64
    assert Packer().frame([long]).frame.codec is Codec.ZSTD
    assert Packer().frame([short]).frame.codec is Codec.ADAPTIVE
    # In a large plan it is nothing that they save.
    for other, codec in (([], Codec.ADAPTIVE), ([random.randbytes(1 << 20)], Codec.ZSTD)):
        assert Packer().group([short, *other])[0].frame.codec is codec

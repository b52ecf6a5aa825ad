"""Foreseen frames: spec/iprog.md G105."""

from __future__ import annotations

from random import Random

import pytest

from pcpu.errors import DamagedPlanError
from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.foreseeing import Learnt, encode
from pcpu.iprog.foreseen import decode
from pcpu.iprog.format import MAX_FORESEEN, Codec, read_header
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.undocument import from_json
from tests.iprog.forge import Frames, plan, streams
from tests.iprog.module import AnyPlan, RefusedError, rebuilt_alone

WORDS = (
    b"window header blob plan sites cover literal frame stream prefix of the a is and 0 1".split()
)


def text(seed: int, words: int) -> bytes:
    random = Random(seed)
    return b" ".join(random.choice(WORDS) for _ in range(words))


def test_the_first_bits_g105() -> None:
    # As with G33: 2047 of 4096 are left to begin with, up to 7FEFFFFF.
    assert decode(bytes.fromhex("7fefffff"), 1, b"")[0] & 0x80
    assert not decode(bytes.fromhex("7ff00000"), 1, b"")[0] & 0x80
    # Numbers as low as possible are ones, and as high as possible zeros.
    assert decode(b"", 3, b"") == b"\xff" * 3
    assert decode(b"\xff" * 4, 2, b"") == bytes(2)


@pytest.mark.parametrize("seed", range(30))
def test_contents_come_back_g105(seed: int) -> None:
    random = Random(seed)
    content = text(seed, random.randrange(40)) + random.randbytes(random.randrange(30))
    prefix = random.choice((b"", b"x", text(seed + 1, 60), content, random.randbytes(50)))
    assert decode(encode(content, prefix), len(content), prefix) == content


def test_what_is_learnt_once_serves_all_contents() -> None:
    learnt = Learnt.of(text(7, 80))
    contents = text(8, 50), b"", Random(2).randbytes(99), text(8, 50)
    assert [learnt.encode(own) for own in contents] == [
        encode(own, text(7, 80)) for own in contents
    ]


def test_what_a_prefix_has_becomes_short() -> None:
    content = text(3, 300)
    assert len(encode(content, content)) < len(encode(content, b"")) / 5
    assert len(encode(Random(1).randbytes(5000), b"")) < 6000


def test_stored_bytes_are_used_to_the_last_g105() -> None:
    stored = encode(b"abc", b"ab")
    with pytest.raises(DamagedPlanError, match="used to its end"):
        decode(stored + bytes(9), 3, b"ab")


def pair() -> tuple[bytes, bytes]:
    """A blob and a file with new words in it."""
    blob = text(5, 900)
    return blob, blob[:2000] + text(6, 120).upper().lower() + blob[2300:] + text(7, 40)


def test_all_decoders_agree_g105() -> None:
    blob, file = pair()
    made = make_plan(file, [blob]).plan
    frames = [frame for group in read_header(made).groups for frame in group.frames]
    assert Codec.FORESEEN in {frame.codec for frame in frames}
    assert Reader(made, [blob]).rebuild() == file
    assert NativeReader(made, [blob]).rebuild() == file
    assert from_json(to_json(Reader(made, [blob])), [blob]) == made
    assert rebuilt_alone(made, blob) == file
    assert len(made) < len(make_plan(file, [b"none"]).plan)


def of_pages(prefix: list[tuple[int, int]], content: bytes, stored: bytes) -> Frames:
    """What is told in pages, as it is written."""
    parts = streams([content], [[]], [content])
    return Frames(parts, [6, 1], {1: 4}, prefix, stored={1: stored})


def test_a_prefix_is_told_in_pages_g12_g105() -> None:
    blob, content = text(8, 400)[:1000], text(9, 30)
    # Pages 1 and 3; the last has what is left of 1000 bytes.
    stored = encode(content, blob[256:512] + blob[768:])
    made = plan(content, [blob], [(1, of_pages([(1, 1), (3, 1)], content, stored))])
    assert read_header(made).blocks[0].group.frames[1].prefix == ((256, 256), (768, 232))
    assert Reader(made, [blob]).rebuild() == NativeReader(made, [blob]).rebuild() == content
    for spans in ([(4, 1)], [(1, 0)], [(0, 4), (4, 1)]):
        wrong = plan(content, [blob], [(1, of_pages(spans, content, stored))])
        with pytest.raises(DamagedPlanError, match=r"prefix|length of a span"):
            read_header(wrong)
        with pytest.raises(RefusedError, match="damaged: open, rule 13"):
            AnyPlan().open(wrong, blob, None)


def test_long_ones_are_refused_g105() -> None:
    blob, content = bytes(MAX_FORESEEN + 1), b"abc"
    for pages, match in ((256, ""), (257, r"at most|length of a span")):
        made = plan(content, [blob], [(1, of_pages([(0, pages)], content, b""))])
        if not match:
            read_header(made)
            continue
        with pytest.raises(DamagedPlanError, match=match):
            read_header(made)
        with pytest.raises(RefusedError, match="damaged: open, rule 13"):
            AnyPlan().open(made, blob, None)

"""Matched frames: spec/iprog.md G119 to G123."""

from __future__ import annotations

from random import Random

import pytest

from pcpu.errors import DamagedPlanError
from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder.parts import decoder as built
from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.document import to_json
from pcpu.iprog.format import Codec, read_header
from pcpu.iprog.frames import compress, match
from pcpu.iprog.matched import decode
from pcpu.iprog.native import NativeReader
from pcpu.iprog.packing import is_worth_matching
from pcpu.iprog.plan import make_plan
from pcpu.iprog.undocument import from_json
from tests.conftest import ROOT
from tests.iprog.forge import Frames, plan, streams
from tests.iprog.matched_steps import Coder, Step, coded
from tests.iprog.module import AnyPlan, Module, OnePlan, RefusedError

PREFIX = b"0123456789abcdef"
TEXT = b"".join(path.read_bytes() for path in sorted((ROOT / "docs").rglob("*.md")))


def of_literals(content: bytes, blob: bytes, stored: bytes) -> bytes:
    """A plan of literals alone, behind all of the blob."""
    parts = streams([content], [[]], [content])
    frames = Frames(parts, [6, 1], {1: 5}, [(0, len(blob))], stored={1: stored})
    return plan(content, [blob], [(1, frames)], bits=max(12, (len(content) - 1).bit_length()))


def everywhere(content: bytes, blob: bytes, stored: bytes) -> None:
    """All decoders make the content."""
    assert decode(stored, len(content), blob) == content
    made = of_literals(content, blob, stored)
    assert NativeReader(made, [blob]).rebuild() == content
    module = AnyPlan()
    module.open(made, blob, None)
    assert module.window(0) == content


def refused(size: int, blob: bytes, stored: bytes, match: str | None) -> None:
    """No decoder makes so many bytes."""
    with pytest.raises(DamagedPlanError, match=match):
        decode(stored, size, blob)
    made = of_literals(bytes(size), blob, stored)
    with pytest.raises(DamagedPlanError):
        NativeReader(made, [blob]).rebuild()
    module = AnyPlan()
    module.open(made, blob, None)
    with pytest.raises(RefusedError, match="damaged: want, rule 119"):
        module.window(0)


def test_the_first_bit_g120() -> None:
    # 2047 of 4096 are left to begin with, 2^20 * 2047 is 7FF00000: below it is a match.
    assert decode(bytes.fromhex("ffffffffffffffff"), 2, PREFIX) == bytes(2)
    content, stored = coded([(3, -1)], PREFIX)
    assert content == b"fff"
    assert stored < b"\x7f\xf0"
    assert coded([0x66], PREFIX)[1] >= b"\x7f\xf0"


def random_steps(random: Random, reach: int) -> list[Step]:
    steps: list[Step] = []
    size = 0
    for _ in range(random.randrange(300)):
        length = random.choice((1, 2, 3, 9, 16, 17, 18, 40, random.randrange(1, 3000)))
        if random.random() < 0.5:
            steps.append(random.choice((0, 65, 255, random.randrange(256))))
            length = 1
        elif random.random() < 0.5:
            steps.append((length, -random.randint(1, 4)))
        else:
            length = max(2, length)
            most = reach + size
            steps.append((length, random.choice((1, most, random.randint(1, most)))))
        size += length
    return steps


@pytest.mark.parametrize("seed", range(25))
def test_any_steps_can_be_told_g119_g120_g121_g122_g123(seed: int) -> None:
    random = Random(seed)
    blob = random.choice((PREFIX, PREFIX[:8], random.randbytes(70_000), TEXT[:300_000]))
    content, stored = coded(random_steps(random, len(blob)), blob)
    if content:
        everywhere(content, blob, stored)


def test_long_matches_and_far_ones_g122_g123() -> None:
    blob = Random(1).randbytes(1 << 20)
    steps: list[Step] = [(200_000, 1 << 20), 7, (70_000, 1), (2, 1 << 20), 1, 2, (14, -2), (17, 5)]
    content, stored = coded(steps, blob)
    everywhere(content, blob, stored)


@pytest.mark.parametrize("seed", range(25))
def test_contents_come_back_g119(seed: int) -> None:
    random = Random(seed)
    at = random.randrange(len(TEXT) - 9000)
    blob = random.choice((PREFIX[:8], TEXT[at : at + 5000], random.randbytes(3000)))
    pieces = [
        random.choice(
            (b"a", b"", TEXT[at + n : at + n + 200], random.randbytes(30), bytes(n), blob)
        )
        for n in random.choices(range(700), k=8)
    ]
    content = b"x" + b"".join(pieces)
    everywhere(content, blob, match(content, blob))


def test_it_is_smaller_than_zstandard() -> None:
    own, before = TEXT[:100_000], TEXT[100_000:]
    assert len(match(own, before)) < 0.99 * len(compress(own, before))
    noise = Random(3).randbytes(20_000)
    assert len(match(noise, PREFIX)) < 21_500


def test_what_steps_may_not_be_g119_g122_g123() -> None:
    matches: list[tuple[list[Step], int, str]] = [
        ([1, (5, -1)], 5, "leaves its frame"),
        ([1, (100_000, -1)], 5, "leaves its frame"),
        ([1, (3, 18)], 4, "before the prefix"),
        ([(3, 1 << 30)], 3, "before the prefix"),
    ]
    for steps, size, what in matches:
        refused(size, PREFIX, coded(steps, PREFIX)[1], what)
    content, stored = coded([1, (3, 17)], PREFIX)
    everywhere(content, PREFIX, stored)


def test_a_length_has_at_most_24_bits_g122() -> None:
    coder = Coder(bytearray(PREFIX), len(PREFIX))
    coder.bit(1, ("step", (0, 0, 0), 0), ("byte", PREFIX[-1], True))
    coder.bit(1, ("kept", (0, 0, 0)))
    coder.bit(0, ("which", 0))
    coder.tree(15, 4, "length", True, 0)
    coder.tree(25, 5, "long", True)
    refused(9, PREFIX, coder.stored() + b"\1", "leaves its frame")


def test_even_bits_are_no_more_than_they_are_g120() -> None:
    coder = Coder(bytearray(PREFIX), len(PREFIX))
    coder.bit(1, ("step", (0, 0, 0), 0), ("byte", PREFIX[-1], True))
    coder.bit(1, ("kept", (0, 0, 0)))
    coder.bit(0, ("which", 0))
    coder.tree(15, 4, "length", True, 0)
    coder.tree(24, 5, "long", True)
    assert coder.range % (1 << 24)  # something is left above the largest number
    coder.low += coder.range - 1
    refused(9, PREFIX, coder.stored(), "too large|leaves its frame")


def test_stored_bytes_are_used_to_the_last_g119() -> None:
    content, stored = coded([1, 2, 3], PREFIX)
    assert decode(stored.ljust(8, b"\0"), 3, PREFIX) == content
    refused(3, PREFIX, stored.ljust(8, b"\0") + bytes(5), "used to its end")


@pytest.mark.parametrize("seed", range(60))
def test_damaged_ones_give_the_same_everywhere_g119(seed: int) -> None:
    random = Random(seed)
    content, stored = coded(random_steps(random, len(PREFIX)), PREFIX)
    damaged = bytearray(random.choice((stored, random.randbytes(len(stored)))))
    for _ in range(random.randint(0, 3)):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    size = max(1, random.choice((len(content), len(content) + 900, len(content) // 2)))
    try:
        found = decode(bytes(damaged), size, PREFIX)
    except DamagedPlanError:
        refused(size, PREFIX, bytes(damaged), None)
    else:
        everywhere(found, PREFIX, bytes(damaged))


def test_a_prefix_of_few_bytes_is_refused_g13_g119() -> None:
    for size, match_ in ((8, ""), (7, "at least 8 bytes")):
        made = of_literals(b"x", PREFIX[:size], coded([120], PREFIX[:size])[1])
        if not match_:
            assert Reader(made, [PREFIX[:8]]).rebuild() == b"x"
            continue
        with pytest.raises(DamagedPlanError, match=match_):
            read_header(made)
        with pytest.raises(RefusedError, match="damaged: open, rule 13"):
            AnyPlan().open(made, PREFIX[:size], None)


def new_text() -> tuple[bytes, bytes]:
    """A blob, and a file of which most is new."""
    return TEXT[:60_000], TEXT[60_000:160_000]


def codecs(made: bytes) -> set[Codec]:
    return {frame.codec for group in read_header(made).groups for frame in group.frames}


def test_all_decoders_agree_g119() -> None:
    blob, file = new_text()
    made = make_plan(file, [blob]).plan
    assert Codec.MATCHED in codecs(made)
    assert Reader(made, [blob]).rebuild() == NativeReader(made, [blob]).rebuild() == file
    document = to_json(Reader(made, [blob]))
    assert from_json(document, [blob]) == made
    module = OnePlan(reconstructor(made))
    module.hold(blob)
    assert module.rebuild() == file
    every = AnyPlan()
    every.open(made, blob, None)
    size = read_header(made).window_size
    for number in reversed(range(-(-len(file) // size))):
        assert every.window(number) == file[number * size : (number + 1) * size]
    document["blocks"][0]["frames"][-1]["prefix"] = [[0, 7]]
    with pytest.raises(DamagedPlanError, match="at least 8 bytes"):
        from_json(document, [blob])


def test_what_is_wrong_with_much_is_told_by_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain decoder, which words it, would take minutes for some MB."""
    blob, file = new_text()
    made = of_literals(bytes(len(file)), blob, match(file, blob))
    monkeypatch.setattr(Reader, "window", None)
    with pytest.raises(DamagedPlanError, match="window 0 breaks rule G22 of plans"):
        NativeReader(made, [blob]).rebuild()


def test_where_it_is_worth_its_time() -> None:
    """Where much is new, or few literals are most of a plan; not in what is packed."""
    blob, file = new_text()
    assert Codec.MATCHED in codecs(make_plan(file[:30_000], [blob]).plan)
    # Few enough to be foreseen, which makes them smaller still.
    assert Codec.MATCHED not in codecs(make_plan(blob + file[:3000] + blob, [blob]).plan)
    assert is_worth_matching(5000, 6000, 1 << 24)
    assert not is_worth_matching(9000, 6000, 1 << 24)
    assert not is_worth_matching(9000, 60_000, 1 << 24)
    for size in (10_000, 100_000):
        noise = Random(5).randbytes(size)
        assert Codec.MATCHED not in codecs(make_plan(noise, [blob]).plan)


def test_a_core_without_matched_frames_d19() -> None:
    """It refuses plans that have some, with foreseen frames too, until it is given the part."""
    blob, file = new_text()
    made = make_plan(file, [blob]).plan
    for parts in (("foreseen", "matched"), ("matched",)):
        core = Module(built().core.code)
        core.put(core.done("hold", 0, len(made)), made)
        for rule, part in zip((105, 119), parts, strict=False):
            assert (core.call("open", len(made)), core.call("rule")) == (-2, rule)
            core.give(built().given[part].code)
        assert core.call("open", len(made)) == 0
        core.put(core.done("hold", 1, len(blob)), blob)
        size = core.call("window_size")
        for number in range(core.call("windows")):
            assert core.call("want", number) == core.call("make", number) == 0
            assert core.made() == file[number * size : (number + 1) * size]

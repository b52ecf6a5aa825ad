"""Damaged and hostile plans: a named error, and no other bytes than the file's."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest
import zstandard

from pcpu.errors import DamagedPlanError, IprogError
from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.undocument import from_json
from tests.iprog.damage import damaged
from tests.iprog.forge import Frames, check, header_of, number, plan, streams
from tests.iprog.pairs import edited

BLOB, FILE = edited(11, 6000)


@pytest.fixture(scope="module")
def planned() -> bytes:
    return make_plan(FILE, [BLOB], window_bits=12).plan


def rebuilt(plan: bytes) -> bytes | None:
    """What a plan gives; None where it is refused with an error of its own."""
    try:
        return Reader(plan, [BLOB]).rebuild()
    except IprogError:
        return None


def test_every_truncation_is_refused(planned: bytes) -> None:
    assert rebuilt(planned) == FILE
    for size in range(len(planned)):
        with pytest.raises(DamagedPlanError):
            Reader(planned[:size], [BLOB])


def test_every_flipped_bit_is_found_or_does_nothing(planned: bytes, share: int) -> None:
    for place in range(len(planned)):
        for bit in range(place % share, 8, share):
            other = planned[:place] + bytes([planned[place] ^ 1 << bit]) + planned[place + 1 :]
            assert rebuilt(other) in (None, FILE), (place, bit)


def resealed(made: bytes) -> bytes:
    """A plan whose header's check holds again."""
    end = header_of(made).stop
    return made[:end] + check(made[:end]) + made[end + 4 :]


def test_headers_that_are_damaged_and_sealed_again(planned: bytes, share: int) -> None:
    """What gets past the check is refused for what it says, or means the same."""
    start, end = header_of(planned).start, header_of(planned).stop
    for other in damaged(planned, Random(1), 8000 // share, within=[range(start, end)], most=3):
        assert rebuilt(resealed(other)) in (None, FILE)


def test_random_bytes_are_no_plan(planned: bytes) -> None:
    random = Random(2)
    for size in range(200):
        assert rebuilt(random.randbytes(size)) is None
        assert rebuilt(planned[:6] + random.randbytes(size)) is None
        body = random.randbytes(size)
        whole = planned[:4] + number(size) + body
        assert rebuilt(whole + check(whole)) is None


def test_documents_that_are_damaged(planned: bytes) -> None:
    """Whatever a document holds: a plan, or an error that says where."""
    text = json.dumps(to_json(Reader(planned, [BLOB])))
    random = Random(3)
    values: list[object] = [
        None,
        True,
        -1,
        1 << 70,
        1.5,
        "0x",
        "0xzz",
        "abc",
        [],
        {},
        [[0, 1]],
        "00" * 32,
    ]

    def damage(value: object) -> object:
        if isinstance(value, dict) and value and random.random() < 0.9:
            key = random.choice(list(value))
            if random.random() < 0.1:
                return {k: v for k, v in value.items() if k != key}
            return value | {key: damage(value[key])}
        if isinstance(value, list) and value and random.random() < 0.9:
            place = random.randrange(len(value))
            return [*value[:place], damage(value[place]), *value[place + 1 :]]
        return random.choice(values)

    for _ in range(1500):
        document = damage(json.loads(text))
        try:
            made = from_json(document, [BLOB])
        except IprogError as error:
            assert str(error)
        else:
            assert rebuilt(made) in (None, FILE)


@pytest.mark.parametrize(("path", "value", "message"), [
    (("type",), "patch", '/type: "iprog" is wanted here'),
    (("version",), 2, "the document is of another version"),
    (("window_size",), 5000, "/window_size: a power of two is wanted here"),
    (("size",), -1, "/size: a number from 0 to"),
    (("sha256",), "12", "/sha256: 64 digits are wanted here"),
    (("blob", "sha256"), "zz", "/blob/sha256: HEX is wanted here"),
    (("windows", 0, "hash"), 5, "/windows/0/hash: a string is wanted here"),
    (("windows", 0, "instructions", 0, "op"), "jump", "/windows/0/instructions/0/op: copy, copyadd, adddiff or lit"),
    (("windows", 0, "instructions"), [], "/windows/0: the instructions give 0 of 4096 bytes"),
    (("blocks", 0, "frames", 0, "codec"), "lzma", "/blocks/0/frames/0/codec: one of raw, zstd, zstd-prefix"),
    (("blocks", 0, "frames"), [], "/blocks/0/frames: frames hold 0 of 7 streams"),
])  # fmt: skip
def test_errors_in_documents_have_pointers_g32(
    planned: bytes, path: tuple[str | int, ...], value: object, message: str
) -> None:
    document = to_json(Reader(planned, [BLOB]))
    inner = document
    for key in path[:-1]:
        inner = inner[key]  # type: ignore[index]
    inner[path[-1]] = value  # type: ignore[index]
    with pytest.raises(IprogError) as caught:
        from_json(document, [BLOB])
    assert str(caught.value).startswith(message)


# A block of 612 literals in four streams of Huffman's, of which one has a byte more than it needs:
# some readers of Zstandard look at that, and some do not.
UNUSED = base64.b85decode(
    "D77#BU}OPx3IIl?QW>zNkPa+p7={&1(tD{Hb9$KJEI<PGrU4R907(Ez0AsAHhP8IGicH*HFd+r3s60EE73QHO6Y*"
    "e37saz}8V#XBI*jBr$aotoE8?vb!X~IgM3rX`#z6l?5T-o_@tDs4B!B<`0Kve3AP9mWc2p8yNU$?aCJq!c^_!rnV"
    "Z+B7(|{64f{fy<!D)L`m=du9I*dnZk#xyDZT<-<bI9*gt}=EytoyZ8Q5dyeA%*poH#{g@15{&K7+m)e8N@~~CGKY"
    "QjHEd-J&oCOInR0-zsnMNWKiXMg5hV*s&cPxtB53pv>rRv$gxGq?`1-cE5bS^(JtmJ%Yu60f*1cWC$v-$7VE}w^0"
    "o;i4U2`)`PC^@OneRL61m7U>u(BT{idM|S!dYEEbn*CGT%#z99DCa_;i+;t>PLC{oR~+l^GRS7kr`s"
)


def test_a_bitstream_that_is_not_used_up_g13() -> None:
    file = zstandard.decompress(UNUSED)
    frames = Frames(streams([file], [[]], [file]), codecs={0: 1}, stored={0: UNUSED})
    made = plan(file, [], [(1, frames)])
    assert Reader(made, []).rebuild() == file
    with pytest.raises(DamagedPlanError, match="window 0 is no valid Zstandard"):
        NativeReader(made, []).rebuild()

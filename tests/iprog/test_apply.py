"""The plain decoder against plans written by hand (spec/iprog.md)."""

from __future__ import annotations

import pytest

from pcpu.errors import DamagedPlanError, UnsupportedPlanError, WrongBlobError
from pcpu.iprog.adapting import encode
from pcpu.iprog.apply import Reader
from pcpu.iprog.format import read_header
from pcpu.iprog.native import NativeReader
from pcpu.iprog.numbers import Numbers, unzigzag, varint, zigzag
from tests.iprog.forge import Frames, check, number, plan, sealed, signed, streams

BLOB = bytes(range(256)) * 40
FILE = BLOB[100:200] + b"new" + BLOB[500:9000]


def simple(**changes: object) -> bytes:
    """A plan of three windows of 4096 bytes."""
    windows = [FILE[:4096], FILE[4096:8192], FILE[8192:]]
    parts = streams(
        windows,
        [[(0, 100, 0), (3, 0, 297)], [(0, 0, 0)], [(0, 0, 0)]],
        [b"new", b"", b""],
        skews=[100, 397, 397],
    )
    return plan(FILE, [BLOB], [(3, Frames(parts))], **changes)  # type: ignore[arg-type]


def test_numbers_g1_g2_g3() -> None:
    for value, written in ((0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02")):
        assert varint(value) == bytes.fromhex(written)
        assert Numbers(bytes.fromhex(written), "x").varint() == value
    assert [unzigzag(z) for z in range(5)] == [0, -1, 1, -2, 2]
    assert [zigzag(v) for v in (0, -1, 1, -2, 2)] == list(range(5))
    assert Numbers(bytes.fromhex("8000"), "x").varint() == 0  # longer than it has to be
    assert Numbers(b"\xff" * 8 + b"\x7f", "x").varint() == 2**63 - 1
    with pytest.raises(DamagedPlanError, match="more than 9 bytes"):
        Numbers(b"\x80" * 9 + b"\0", "x").varint()
    assert Numbers(b"\x01\x02\x03\x04", "x").u32() == 0x04030201


def test_a_check_is_crc_32c_g4() -> None:
    assert check(b"123456789").hex() == "839206e3"  # the check value of CRC-32/ISCSI
    assert read_header(simple()).file.size == len(FILE)


def test_covers_literals_and_skews_g16_g17_g19() -> None:
    reader = Reader(simple(), [BLOB])
    assert reader.rebuild() == FILE
    assert reader.window(1) == FILE[4096:8192]


def test_skews_are_added_modulo_2_64_g15() -> None:
    file = bytes(range(256)) * 96
    windows = [file[at : at + 4096] for at in range(0, len(file), 4096)]
    skews = [n * (2**62 - 1) for n in range(5)] + [2**64]
    parts = streams(windows, [[(0, 0, 0)]] * 6, [b""] * 6, skews=skews)
    made = plan(file, [file], [(6, Frames(parts))])
    for reader in (Reader(made, [file]), NativeReader(made, [file])):
        assert reader.window(5) == file[20480:]


def test_any_window_alone_g15() -> None:
    for number_ in (2, 0, 1):
        assert Reader(simple(), [BLOB]).window(number_) == FILE[4096 * number_ :][:4096]


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (90, 110), (4095, 4097), (0, 99999), (8603, 8603), (5, 3), (8000, 8300)],
)
def test_ranges(start: int, stop: int) -> None:
    assert b"".join(Reader(simple(), [BLOB]).read(start, stop)) == FILE[start:stop]


def test_fixes_g21() -> None:
    file = bytearray(BLOB[:5000])
    file[0] += 5
    file[7] = (file[7] - 1) & 255
    file[4095] ^= 255
    file[4096] += 1
    windows = [bytes(file[:4096]), bytes(file[4096:])]
    added = (file[4095] - BLOB[4095]) & 255
    parts = streams(
        windows, [[(0, 0, 0)]] * 2, [b"", b""],
        fixes=[[(0, 5), (6, 255), (4087, added)], [(0, 1)]],
    )  # fmt: skip
    assert Reader(plan(bytes(file), [BLOB], [(2, Frames(parts))]), [BLOB]).rebuild() == file


def test_several_blobs_are_one_reference_g8() -> None:
    parts = streams([b"defg"], [[(0, 4, 0)]], [b""], skews=[3])
    made = plan(b"defg", [b"abcde", b"", b"fgh"], [(1, Frames(parts))])
    assert Reader(made, [b"abcde", b"", b"fgh"]).rebuild() == b"defg"
    with pytest.raises(WrongBlobError, match="needs 3 blobs, 1 given"):
        Reader(made, [b"abcdefgh"])


def test_an_empty_file_has_no_windows_g10() -> None:
    assert Reader(plan(b"", [], []), []).rebuild() == b""
    with pytest.raises(DamagedPlanError, match="has 0 windows, and the blocks others"):
        read_header(plan(b"", [], [(1, Frames(streams([b""], [[]], [b""])))]))


def test_codecs_and_shared_frames_g11_g12_g13_g14() -> None:
    file = b"hello, hello, hello! " * 30
    parts = streams([file], [[]], [file])
    for frames in (
        Frames(parts),
        Frames(parts, [1] * 7),
        Frames(parts, [6, 1], {1: 1}),
        Frames(parts, [6, 1], {1: 3}, stored={1: encode([file])}),
        Frames(parts, [6, 1], {1: 2}, [(10, 500)], BLOB[10:510]),
        Frames(parts, [6, 1], {1: 2}, [(10, 50), (60, 9), (99, 1)], BLOB[10:69] + BLOB[99:100]),
    ):
        assert Reader(plan(file, [BLOB], [(1, frames)]), [BLOB]).rebuild() == file


def test_names_are_for_people_g5() -> None:
    assert read_header(simple(name="grüße.bin")).file.name == "grüße.bin"
    for name in ("a/b", "a\nb", "\x7f"):
        with pytest.raises(DamagedPlanError, match="slash or a control character"):
            read_header(simple(name=name))
    with pytest.raises(DamagedPlanError, match="name's length is 0 to 255"):
        read_header(simple(name="x" * 256))


def test_wrong_blobs_are_named_g8_g31() -> None:
    with pytest.raises(
        WrongBlobError, match="has 4 bytes; the plan was made for one of 10240"
    ) as caught:
        Reader(simple(), [b"none"])
    assert caught.value.kind == "wrong-blob"
    with pytest.raises(WrongBlobError, match="its SHA-256 is"):
        Reader(simple(), [BLOB[:-1] + b"x"])


def test_versions_and_codecs_that_are_not_known_g7_g31() -> None:
    with pytest.raises(UnsupportedPlanError, match="version 2, and this pCPU reads 1") as caught:
        read_header(simple(version=2))
    assert caught.value.kind == "unsupported"
    parts = streams([b"x"], [[]], [b"x"])
    with pytest.raises(UnsupportedPlanError, match="codec 7"):
        read_header(plan(b"x", [], [(1, Frames(parts, codecs={0: 7}))]))


def damaged(made: bytes, blobs: list[bytes] | None = None) -> str:
    with pytest.raises(DamagedPlanError) as caught:
        Reader(made, [BLOB] if blobs is None else blobs).rebuild()
    assert caught.value.kind == "damaged"
    return str(caught.value)


def window(
    data: bytes, cover: list[tuple[int, int, int]], literals: bytes, **more: object
) -> bytes:
    """A plan of one window, which may be wrong."""
    parts = streams([data], [cover], [literals], **more)  # type: ignore[arg-type]
    return plan(data, [BLOB], [(1, Frames(parts))])


def test_covers_stay_in_window_and_reference_g18() -> None:
    data = BLOB[:100]
    assert damaged(window(data, [(0, 101, 0)], b"")) == "a cover leaves its window"
    assert damaged(window(data, [(100, 0, 0)], data)) == "a cover leaves its window"
    assert damaged(window(data, [(0, 100, -1)], b"")) == "a cover's source leaves the reference"
    assert "leaves the reference" in damaged(window(data, [(0, 100, len(BLOB) - 99)], b""))


def test_streams_are_used_up_g22() -> None:
    data = BLOB[:100]
    assert "not as many literals" in damaged(window(data, [(0, 100, 0)], b"x"))
    assert "not as many literals" in damaged(window(data, [(1, 99, 0)], b""))
    assert (
        damaged(window(data, [(0, 100, 0)], b"", fixes=[[(100, 1)]])) == "a fix leaves its window"
    )
    for parts, message in (
        ([b"", b"\0", b"\0\0", b"\0", b"", b"", b""], "more lengths or turns than gaps"),
        ([b"", b"\0", b"\0", b"\0", b"\0", b"", b""], "more steps than fixes"),
    ):
        frames = Frames(parts, head=check(data))
        assert message in damaged(plan(data, [BLOB], [(1, frames)]))


def test_the_checks_of_windows_and_the_hash_g22_g23() -> None:
    assert damaged(window(BLOB[:100], [(0, 100, 1)], b"")) == (
        "the check of window 0 does not hold: the plan is damaged"
    )
    parts = streams([BLOB[:5]], [[(0, 5, 0)]], [b""])
    made = bytearray(plan(BLOB[1:6], [BLOB], [(1, Frames(parts))]))
    assert "has not the plan's SHA-256" in damaged(bytes(made))


def test_the_index_fits_its_streams_g15() -> None:
    data = BLOB[:5000]
    windows = [data[:4096], data[4096:]]
    good = streams(windows, [[(0, 0, 0)]] * 2, [b""] * 2)
    assert good[0] == bytes([1, 1, 1, 0, 0, 0, 0])
    for wrong, message in (
        (good[0] + b"\0", "does not fit"),
        (good[0][:-1], "shorter than its windows need"),
        (b"\x03" + good[0][1:], "does not fit"),
        (b"\x80" * 7, "ends within a number"),
    ):
        frames = Frames([wrong, *good[1:]], head=good.checks)
        assert message in damaged(plan(data, [BLOB], [(2, frames)]))


def test_the_first_window_of_a_block_begins_with_skew_0_g15() -> None:
    data = BLOB[7:5000]
    blocks = [
        (1, Frames(streams([own], [[(0, 0, 0)]], [b""], skews=[7])))
        for own in (data[:4096], data[4096:])
    ]
    made = plan(data, [BLOB], blocks)
    assert Reader(made, [BLOB]).rebuild() == data
    assert NativeReader(made, [BLOB]).rebuild() == data


def test_layout_g6() -> None:
    made = simple()
    assert "does not begin as one" in damaged(b"\x7fELF" + made[4:])
    assert "does not begin as one" in damaged(b"")
    assert damaged(made + b"\0") == "1 bytes follow the plan"
    assert "cut off: 1 bytes are missing" in damaged(made[:-1])
    assert "length is 0 to 8388608" in damaged(made[:4] + number(2**23 + 1) + made[5:])
    assert "check does not hold" in damaged(made[:20] + bytes([made[20] ^ 1]) + made[21:])


def test_what_is_usual_is_not_stated_g7_g10_g11_g12() -> None:
    """A file of one window that is its blob: a plan has its hashes and 23 bytes besides."""
    data = BLOB[:5000]
    made = plan(data, [data], [(1, Frames(streams([data], [[(0, 0, 0)]], [b""])))], bits=13)
    assert len(made) == 64 + 23
    header = read_header(made)
    assert header.blocks[0].group.sizes == (0, 1, 1, 1, 0, 0, 0)
    for flags, message in (
        (11 - 1, "a window has at most 2\\^22 bytes"),
        (512, "flags is 0 to 511"),
    ):
        with pytest.raises(DamagedPlanError, match=message):
            read_header(
                plan(
                    data, [data], [(1, Frames(streams([data], [[]], [b""])))], bits=13, flags=flags
                )
            )


def test_limits_are_looked_at_first_g30() -> None:
    """Sizes that would need much memory are refused before anything is reserved or decoded."""
    header = number(32) + number(4096) + bytes(32) + b"\0"
    sizes = number(2) + number(2**24 + 1)
    assert "at most 16777216 bytes together" in damaged(sealed(header + sizes), [])
    for size in (2**40 + 1, 2**61):
        assert "size is 0 to 1099511627776" in damaged(sealed(number(0) + number(size)), [])
        about = number(0) + number(3) + bytes(32) + signed(size) + bytes(32)
        assert "at most 1099511627776 are possible" in damaged(sealed(about), [])
    # A frame that decodes to more than it may.
    bomb = Frames.compress(bytes(1 << 26), None)
    good = streams([b"abc"], [[]], [b"abc"])
    frames = Frames(good, [6, 1], {1: 1}, stored={1: bomb})
    assert "does not say that it holds 3 bytes" in damaged(plan(b"abc", [], [(1, frames)]), [])


def test_zstd_frames_g13() -> None:
    file = b"hello, hello! " * 20
    good = streams([file], [[]], [file])
    packed = Frames.compress(file, None)
    for stored, message in (
        (packed + packed, "zstd frame is damaged"),
        (packed + b"\0", "zstd frame is damaged"),
        (packed[:-2], "zstd frame is damaged"),
        (b"\0" * 20, "zstd frame is damaged"),
    ):
        frames = Frames(good, [6, 1], {1: 1}, stored={1: stored})
        assert message in damaged(plan(file, [], [(1, frames)]), [])


def test_groups_and_frames_fit_g11_g12() -> None:
    good = streams([b"abc"], [[]], [b"abc"])
    assert "a frame has more streams than there are" in damaged(
        plan(b"abc", [], [(1, Frames(good, [6, 2]))]), []
    )
    # What is not needed: no stream that holds something is left.
    covered = streams([BLOB[:9]], [[(0, 0, 0)]], [b""])
    assert "of the header mean nothing" in damaged(
        plan(BLOB[:9], [BLOB], [(1, Frames(covered, [4, 3]))])
    )
    assert "a frame without content is compressed" in damaged(
        plan(b"abc", [], [(1, Frames(good, [4, 1, 1, 1], {1: 1}))]), []
    )
    short = Frames(good, [6, 1], {1: 2}, [(3, 7)], BLOB[3:11])
    assert "a prefix has at least 8 bytes" in damaged(plan(b"abc", [BLOB], [(1, short)]))
    outside = Frames(good, [6, 1], {1: 2}, [(3, 3), (len(BLOB) - 5, 6)], b"123456789")
    assert "a prefix leaves the reference" in damaged(plan(b"abc", [BLOB], [(1, outside)]))

"""Files that go to where nobody looks before all of them is there."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import pytest

from pcpu.errors import DamagedPlanError, WrongBlobError
from pcpu.iprog.apply import Reader
from pcpu.iprog.format import read_header
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.writing import write_header

_BLOB = random.Random(5).randbytes(9 << 20)  # several steps, and large pages
_FILE = _BLOB[5:4_000_000] + b"new" * 40_000 + _BLOB[3_000_000:]


@cache
def _plan() -> bytes:
    return make_plan(_FILE, [_BLOB], "instant").plan


@pytest.mark.parametrize("reader", [Reader, NativeReader])
def test_pieces_are_the_file_in_order_g23(reader: type[Reader]) -> None:
    pieces: list[bytes] = []
    reader(_plan(), [_BLOB], compare=False).send(lambda piece: pieces.append(bytes(piece)))
    assert b"".join(pieces) == _FILE
    assert bytes(reader(_plan(), [_BLOB], compare=False).rebuild()) == _FILE


@pytest.mark.parametrize("reader", [Reader, NativeReader])
def test_another_blob_gives_no_file_g8(reader: type[Reader]) -> None:
    """Whether a window is refused, or the blob differs where no cover looks."""
    for place in (100, 5 << 20):
        blob = bytearray(_BLOB)
        blob[place] ^= 1
        with pytest.raises(WrongBlobError if reader is NativeReader else DamagedPlanError):
            reader(_plan(), [bytes(blob)], compare=False).rebuild()
    unused = bytes([_BLOB[0] ^ 1]) + _BLOB[1:]
    with pytest.raises(WrongBlobError, match="its SHA-256 is"):
        reader(_plan(), [unused])
    assert bytes(reader(_plan(), [unused], compare=False).rebuild()) == _FILE


def test_another_hash_is_refused_g23() -> None:
    header = read_header(_plan())
    about = write_header(replace(header, file=replace(header.file, sha256=bytes(32))))
    made = about + _plan()[len(about) :]
    for reader in (Reader, NativeReader):
        with pytest.raises(DamagedPlanError, match="has not the plan's SHA-256"):
            reader(made, [_BLOB], compare=False).rebuild()


def test_what_takes_pieces_may_fail() -> None:
    def full(piece: memoryview) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        NativeReader(_plan(), [_BLOB], compare=False).send(full)

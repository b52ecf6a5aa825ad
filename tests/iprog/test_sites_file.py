"""Sites files, read by their layout (spec/iprog-abi.md D13)."""

from __future__ import annotations

import hashlib
import io
import struct

import pytest

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog.finders import find_sites
from pcpu.iprog.sites_file import write_sites
from tests.iprog.golden.make import program


@pytest.mark.parametrize("finders", [(1, 2, 4), (4, 1), (13,)])
def test_the_layout_of_sites_files_d13(finders: tuple[int, ...]) -> None:
    blob = program(0, 62) + bytes(200_000)
    out = io.BytesIO()
    count = write_sites(blob, finders, out)
    content = out.getvalue()
    wanted = find_sites(blob, finders)
    assert count == len(wanted)
    magic, version, bits, told, size = struct.unpack_from("<8sIIQQ", content)
    assert (magic, version, told, size) == (b"\x89SITES\r\n", 1, count, len(blob))
    assert content[32:64] == hashlib.sha256(blob).digest()
    assert struct.unpack_from(f"<I{len(finders)}I", content, 64) == (len(finders), *finders)
    at = -(-(68 + 4 * len(finders)) // 32) * 32
    pages = -(-len(blob) // (1 << bits))
    before = struct.unpack_from(f"<{pages + 1}Q", content, at)
    at += -(-8 * (pages + 1) // 32) * 32
    records = [struct.unpack_from("<4q", content, at + 32 * n) for n in range(count)]
    assert len(content) == at + 32 * count
    assert [r[0] for r in records] == wanted.place.tolist()
    assert [r[2] for r in records] == wanted.target.tolist()
    for page in range(pages + 1):
        assert before[page] == sum(r[0] < page << bits for r in records)


def test_finders_that_are_not_known() -> None:
    with pytest.raises(UnsupportedPlanError):
        write_sites(b"", (99,), io.BytesIO())

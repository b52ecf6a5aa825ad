"""Sites files, read by hand: spec/iprog-abi.md D13."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Sequence

import pytest

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog.finders import find_sites
from pcpu.iprog.sites_file import write_sites
from tests.iprog.test_explain import program

BLOB = program(256) + bytes(100_000)


def written(blob: bytes, finders: Sequence[int]) -> bytes:
    out = io.BytesIO()
    write_sites(blob, finders, out)
    return out.getvalue()


@pytest.mark.parametrize("finders", [[1], [7, 1, 4], [4], [13, 10], []])
@pytest.mark.parametrize("blob", [BLOB, BLOB[:65536], b"no image", b""], ids=len)
def test_d13_layout(blob: bytes, finders: list[int]) -> None:
    content = written(blob, finders)
    assert content[:8] == bytes.fromhex("8953495445530d0a")
    version, bits, count, size = struct.unpack_from("<IIQQ", content, 8)
    assert (version, size) == (1, len(blob))
    assert 12 <= bits <= 30
    assert content[32:64] == hashlib.sha256(blob).digest()
    assert struct.unpack_from("<I", content, 64)[0] == len(finders)
    assert list(struct.unpack_from(f"<{len(finders)}I", content, 68)) == finders
    at = -(-(68 + 4 * len(finders)) // 32) * 32
    assert not any(content[68 + 4 * len(finders) : at])
    pages = -(-len(blob) // (1 << bits))
    table = struct.unpack_from(f"<{pages + 1}Q", content, at)
    records = -(-(at + 8 * (pages + 1)) // 32) * 32
    assert not any(content[at + 8 * (pages + 1) : records])
    assert len(content) == records + 32 * count
    rows = [struct.unpack_from("<4q", content, records + 32 * n) for n in range(count)]
    expected = find_sites(blob, finders)
    assert rows == list(zip(*(column.tolist() for column in expected.arrays), strict=True))
    assert table[-1] == count
    for number, before in enumerate(table[:-1]):
        assert before == sum(1 for row in rows if row[0] < number << bits)


def test_d13_other_finders_are_other_files() -> None:
    """What overlaps is dropped among the finders that were chosen."""
    assert written(BLOB, [1])[256:] != written(BLOB, [4])[256:]
    assert len(find_sites(BLOB, [1])) > 400


def test_finders_that_are_not_known() -> None:
    with pytest.raises(UnsupportedPlanError):
        written(BLOB, [99])

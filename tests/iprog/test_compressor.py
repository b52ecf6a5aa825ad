"""Zstandard with a prefix, as planners compress: what Zstandard's own library reads back."""

from __future__ import annotations

import random
import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu import disk_cache
from pcpu.errors import EngineError, InternalError
from pcpu.iprog import compressor
from pcpu.iprog.compressor import compress, match
from pcpu.iprog.native import NativeReader
from tests.conftest import ROOT
from tests.iprog.test_matched import of_literals

TEXT = b"".join(path.read_bytes() for path in sorted((ROOT / "docs").rglob("*.md")))
CODE = b"".join(path.read_bytes() for path in sorted((ROOT / "src").rglob("*.py")))
# Window, tree, roots, search, least match, target, strategy.
TREES, CHAINS = (22, 20, 16, 5, 3, 256, 9), (22, 20, 16, 6, 4, 64, 5)
NAMES = (
    "window_log", "chain_log", "hash_log", "search_log", "min_match", "target_length", "strategy",
)  # fmt: skip
pieces = st.lists(
    st.one_of(st.binary(max_size=40), st.builds(lambda b, n: bytes([b]) * n, st.integers(0, 3),
                                                st.integers(0, 900))),
    max_size=30,
)  # fmt: skip


def octets(data: bytes) -> compressor.Octets:
    return np.frombuffer(data, np.uint8)


def made(content: bytes, prefix: bytes, parameters: tuple[int, ...]) -> bytes:
    return compress(octets(content), octets(prefix), parameters)


def read(frame: bytes, prefix: bytes) -> bytes:
    before = zstd.ZstdDict(prefix, is_raw=True).as_prefix
    return zstd.decompress(frame, zstd_dict=before)


def by_library(content: bytes, prefix: bytes, parameters: tuple[int, ...]) -> bytes:
    pairs = zip(NAMES, parameters, strict=True)
    options: dict[int, int] = {zstd.CompressionParameter[name]: value for name, value in pairs}
    before = zstd.ZstdDict(prefix, is_raw=True).as_prefix
    return zstd.compress(content, options=options, zstd_dict=before)


def mixed(size: int) -> bytes:
    """Pieces of text that were shuffled, some of them changed."""
    rng = random.Random(7)
    cuts = range(0, min(size, len(TEXT)), 700)
    found = [bytearray(TEXT[at : at + 700]) for at in cuts]
    rng.shuffle(found)
    for piece in found[::3]:
        piece[rng.randrange(len(piece))] ^= 1
    return b"".join(found)


@pytest.mark.parametrize("parameters", [TREES, CHAINS])
def test_the_library_reads_frames(parameters: tuple[int, ...]) -> None:
    content = mixed(200_000)
    frame = made(content, TEXT, parameters)
    assert zstd.get_frame_info(frame).decompressed_size == len(content)
    assert read(frame, TEXT) == content


@pytest.mark.parametrize("first", [0, 1])
def test_what_begins_at_any_place_of_a_prefix_is_found(first: int) -> None:
    """Every second place is in no tree."""
    rng = random.Random(first)
    prefix = rng.randbytes(30_000)
    places = [2 * rng.randrange(14_000) + first for _ in range(300)]
    content = b"".join(prefix[at : at + 9] for at in places)
    frame = made(content, prefix, TREES)
    assert read(frame, prefix) == content
    assert len(frame) < len(content) // 2  # of 9 bytes one that is not found costs 9
    assert len(match(octets(content), octets(prefix), TREES)) < len(content) // 2


def test_without_trees_frames_are_those_of_the_library() -> None:
    """The same code has the same to say there."""
    content = mixed(100_000)
    ours, theirs = (write(content, TEXT, CHAINS) for write in (made, by_library))
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("tree", [16, 18, 22])
def test_trees_find_what_those_of_the_library_do(tree: int) -> None:
    """Also where a prefix is longer than a tree, so that what is far back is forgotten."""
    parameters = (22, tree, 16, 5, 3, 256, 9)
    content = CODE[100_000:300_000]
    prefix = CODE[:90_000] + TEXT[:300_000] + CODE[320_000:400_000]
    ours, theirs = (write(content, prefix, parameters) for write in (made, by_library))
    assert read(ours, prefix) == content
    assert len(ours) <= 1.003 * len(theirs)


@pytest.mark.parametrize("tree", [12, 17, 22])
def test_frames_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch, tree: int) -> None:
    parameters = (22, tree, 14, 5, 3, 256, 9)
    content = mixed(150_000)
    found = {made(content, TEXT, parameters) for _ in range(4)}
    monkeypatch.setattr(compressor, "ThreadPoolExecutor", lambda threads: ThreadPoolExecutor(1))
    assert found == {made(content, TEXT, parameters)}


@settings(deadline=None)
@given(pieces, pieces, st.sampled_from([(11, 6, 6, 5, 3, 256, 9), TREES, CHAINS]))
def test_any_content_comes_back(
    content: list[bytes], prefix: list[bytes], parameters: tuple[int, ...]
) -> None:
    before, behind = b"".join(prefix) + b"12345678", b"".join(content)  # the least that is read
    bits = max(parameters[0], (len(before) + len(behind)).bit_length())
    frame = made(behind, before, (bits, *parameters[1:]))
    assert read(frame, before) == behind


def large(prefix: bytes, size: int, seed: int) -> bytes:
    """Runs, periods, text, noise and copies, short and long, of all before and of the prefix."""
    rng = random.Random(seed)
    made = bytearray()
    while len(made) < size:
        length = rng.choice((3, 9, 40, 300, 5000, 70_000))
        all_before = prefix + made
        at = rng.randrange(len(all_before))
        made += rng.choice((
            bytes([rng.randrange(4)]) * length,
            (rng.randbytes(rng.randrange(1, 50)) * length)[:length],
            rng.randbytes(min(length, 500)),
            all_before[at : at + length],
            (all_before[-at:] * length)[:length] if at < 100 else TEXT[at : at + length],
        ))  # fmt: skip
    return bytes(made[:size])


@pytest.mark.parametrize(("size", "before", "tree"), [
    ((1 << 17) + 3, 90_000, 19), ((1 << 18) - 1, 8, 19), (1 << 18, 60_000, 12), (400_000, 8, 20),
])  # fmt: skip
def test_what_takes_several_batches_comes_back(size: int, before: int, tree: int) -> None:
    prefix = TEXT[:before]
    content = large(prefix, size, tree)
    parameters = (22, tree, 14, 5, 3, 256, 9)
    frame = made(content, prefix, parameters)
    assert read(frame, prefix) == content
    assert len(frame) <= 1.01 * len(by_library(content, prefix, parameters))
    stored = match(octets(content), octets(prefix), parameters)
    assert NativeReader(of_literals(content, prefix, stored), [prefix]).rebuild() == content


@pytest.mark.parametrize("period", [1, 3, 5000])
def test_what_repeats_takes_nothing(period: int) -> None:
    prefix = (TEXT[:period] * (2_000_000 // period + 1))[:2_000_000]
    frame = made(prefix, prefix, (23, 22, 18, 5, 3, 256, 9))
    assert read(frame, prefix) == prefix
    assert len(frame) < 500
    assert len(match(octets(prefix), octets(prefix), (23, 22, 18, 5, 3, 256, 9))) < 16


def test_memory_is_taken_where_trees_have_something() -> None:
    """A tree for 2^26 places takes half a gigabyte, if it is filled."""
    before = _peak()
    frame = made(TEXT[:50_000], TEXT[50_000:100_000], (27, 27, 16, 5, 3, 256, 9))
    assert read(frame, TEXT[50_000:100_000]) == TEXT[:50_000]
    assert _peak() - before < 64 << 10


def _peak() -> int:
    """The most memory that this process had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_parameters_that_zstandard_refuses_are_an_error_of_ours() -> None:
    with pytest.raises(InternalError, match="parameters"):
        made(TEXT, TEXT, (22, 40, 16, 5, 3, 256, 9))


def test_a_library_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "fetch", lambda name, make: ROOT / "README.md")
    compressor.load.cache_clear()
    with pytest.raises(EngineError, match="compressor does not load"):
        made(TEXT, TEXT, TREES)
    compressor.load.cache_clear()

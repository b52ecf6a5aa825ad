"""Zstandard's decoder as it is compiled for decoders of plans, natively and on WebAssembly."""

from __future__ import annotations

import ctypes
import mmap
import multiprocessing
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
import wasmtime as _wasmtime
from backports import zstd

from pcpu import targets
from pcpu.errors import DamagedPlanError, ToolchainError
from pcpu.iprog.format import Codec, Frame, Group
from pcpu.iprog.frames import read_group
from pcpu.iprog.zstd import zstd_object
from tests.conftest import ROOT

wasmtime: Any = _wasmtime  # its types name too many kinds of exports
EXPORTS = ("pcpu_zstd", "pcpu_zstd_workspace")
GUARD = b"\xa5" * 64
DICTIONARY = bytes.fromhex("37a430ec")  # how a dictionary begins
TEXT = b"".join(path.read_bytes() for path in sorted((ROOT / "docs").rglob("*.md")))
RANDOM = random.Random(1).randbytes(1 << 16)


class Decoder(Protocol):
    workspace: int  # bytes

    def decode(self, stored: bytes, size: int, prefix: bytes = b"") -> bytes | None:
        """The content of a frame, None where the decoder refuses. To read behind the frame, or to
        write beside the content, fails."""


class Wasm:
    ROOM = 48 << 20

    def __init__(self) -> None:
        target = targets.find("wasm")
        self._store: Any = wasmtime.Store()
        module = wasmtime.Module(self._store.engine, target.link(zstd_object(target), EXPORTS))
        self._exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._base = self._exports["memory"].data_len(self._store)
        self._exports["memory"].grow(self._store, self.ROOM >> 16)
        self.workspace = self._exports["pcpu_zstd_workspace"](self._store)

    def decode(self, stored: bytes, size: int, prefix: bytes = b"") -> bytes | None:
        memory, store = self._exports["memory"], self._store
        source = memory.data_len(store) - len(stored)  # what lies behind it traps
        before = self._base + self.workspace + 64
        out = before + len(prefix) + len(GUARD)
        assert out + size + len(GUARD) <= source - len(GUARD)
        memory.write(store, prefix, before)
        memory.write(store, GUARD + bytes(size) + GUARD, out - len(GUARD))
        memory.write(store, GUARD + stored, source - len(GUARD))
        got = self._exports["pcpu_zstd"](
            store, out, size, source, len(stored), before, len(prefix), self._base
        )
        assert memory.read(store, before, out - len(GUARD)) == prefix
        assert memory.read(store, out - len(GUARD), out) == GUARD
        assert memory.read(store, out + size, out + size + len(GUARD)) == GUARD
        return _content(got, size, lambda: bytes(memory.read(store, out, out + size)))


class Native:
    def __init__(self, folder: Path) -> None:
        target = targets.find("host")
        path = folder / "zstd.so"
        path.write_bytes(target.link(zstd_object(target), EXPORTS))
        library = ctypes.CDLL(str(path))
        self._function = library.pcpu_zstd
        pairs: list[Any] = [ctypes.c_void_p, ctypes.c_size_t] * 3
        self._function.argtypes = [*pairs, ctypes.c_void_p]
        self._function.restype = ctypes.c_ssize_t
        library.pcpu_zstd_workspace.restype = ctypes.c_size_t
        self.workspace = library.pcpu_zstd_workspace()

    def decode(self, stored: bytes, size: int, prefix: bytes = b"") -> bytes | None:
        regions = [_Region(bytes(size)), _Region(stored), _Region(prefix)]
        room = (ctypes.c_uint64 * (self.workspace // 8 + 1))()
        spans = [number for region in regions for number in (region.address, region.size)]
        got = self._function(*spans, ctypes.addressof(room))
        return _content(got, size, regions[0].read)


class _Region:
    """Bytes that end where memory ends: to touch what follows is a fault."""

    def __init__(self, content: bytes) -> None:
        whole = -(-len(content) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._map = mmap.mmap(-1, whole + mmap.PAGESIZE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + whole), mmap.PAGESIZE, 0) != 0:
            raise OSError("mprotect failed")
        self.size, self.address = len(content), start + whole - len(content)
        ctypes.memmove(self.address, content, len(content))

    def read(self) -> bytes:
        return ctypes.string_at(self.address, self.size)


def _content(got: int, size: int, read: Callable[[], bytes]) -> bytes | None:
    assert got == size or got < 0
    return None if got < 0 else read()


@pytest.fixture(scope="module", params=["wasm", "native"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return Wasm() if request.param == "wasm" else Native(tmp_path_factory.mktemp("zstd"))


def compress(content: bytes, level: int = 3, prefix: bytes = b"", **options: int) -> bytes:
    given: dict[int, int] = {getattr(zstd.CompressionParameter, n): v for n, v in options.items()}
    given[zstd.CompressionParameter.compression_level] = level
    dictionary = zstd.ZstdDict(prefix, is_raw=True).as_prefix if prefix else None
    return zstd.compress(content, options=given, zstd_dict=dictionary)


def oracle(stored: bytes, size: int, prefix: bytes = b"") -> bytes | None:
    """What the decoder of backports.zstd says of the same bytes."""
    dictionary = zstd.ZstdDict(prefix, is_raw=True).as_prefix if prefix else None
    try:
        info = zstd.get_frame_info(stored)
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 30}
        found = zstd.ZstdDecompressor(zstd_dict=dictionary, options=options)
        content = found.decompress(stored, size + 1)
    except zstd.ZstdError:
        return None
    whole = found.eof and not found.unused_data and info.decompressed_size == len(content) == size
    return content if whole and not info.dictionary_id else None


@pytest.mark.parametrize("level", [-5, *range(1, 23)])
def test_G13_levels(decoder: Decoder, level: int) -> None:
    for content in (TEXT, RANDOM, bytes(300_000), TEXT[:5000] + RANDOM + TEXT[2000:9000]):
        assert decoder.decode(compress(content, level), len(content)) == content


def test_G13_every_small_size(decoder: Decoder) -> None:
    for size in range(301):
        for content in (TEXT[:size], RANDOM[:size], b"ab" * (size // 2) + b"c" * (size % 2)):
            assert decoder.decode(compress(content, 19), size) == content


@pytest.mark.parametrize("size", [1 << 20, (8 << 20) + 1])
def test_G13_large_contents(decoder: Decoder, size: int) -> None:
    content = (TEXT + RANDOM + bytes(70_000)) * 40
    content = content[:size]
    assert decoder.decode(compress(content, 5), len(content)) == content


@pytest.mark.parametrize("start", [b"", DICTIONARY, DICTIONARY + b"\1\0\0\0"])
@pytest.mark.parametrize("length", [8, 9, 1000, 200_000])
def test_G13_a_prefix_is_content(decoder: Decoder, start: bytes, length: int) -> None:
    prefix = (start + TEXT)[:length].ljust(length, b"x")
    for content in (prefix, prefix[5:] + RANDOM[:500], TEXT[300:700], RANDOM[:9], b"q"):
        for level in (1, 19):
            stored = compress(content, level, prefix)
            assert decoder.decode(stored, len(content), prefix) == content


def test_G13_a_frame_needs_its_prefix(decoder: Decoder) -> None:
    stored = compress(RANDOM[:2000], 19, RANDOM)
    assert len(stored) < 100
    assert decoder.decode(stored, 2000) is None
    assert decoder.decode(stored, 2000, RANDOM[:1000]) is None


def test_G13_one_frame_that_says_its_size(decoder: Decoder) -> None:
    content = TEXT[:1000]
    stored = compress(content)
    skippable = bytes.fromhex("502a4d18 04000000 01020304")
    dictionary = zstd.train_dict([TEXT[i : i + 500] for i in range(0, len(TEXT), 500)], 4096)
    named = zstd.compress(content, zstd_dict=dictionary)
    assert zstd.get_frame_info(named).dictionary_id
    for bad in (
        b"", stored[:-1], stored + b"\0", stored + stored, stored + skippable,
        skippable + stored, skippable, skippable[:8], named,
        compress(content, content_size_flag=0), compress(content, checksum_flag=1),
    ):  # fmt: skip
        for size in (1000, 0):
            assert decoder.decode(bad, size) is None
    assert decoder.decode(skippable[:4] + bytes(4), 0) is None
    for size in (0, 999, 1001, 5000):
        assert decoder.decode(stored, size) is None
    assert decoder.decode(stored, 1000) == content


def no_prefix(start: int, length: int) -> bytes:
    raise AssertionError


def test_G13_a_window_has_a_limit(decoder: Decoder) -> None:
    """A frame by RFC 8878: a descriptor that says 4 bytes of size and a window of 2^exponent, and
    one raw block."""
    for exponent, known in ((27, True), (28, False)):
        window = bytes([(exponent - 10) << 3])
        block = (1 | len(TEXT[:500]) << 3).to_bytes(3, "little") + TEXT[:500]
        stored = b"\x28\xb5\x2f\xfd\x80" + window + (500).to_bytes(4, "little") + block
        assert decoder.decode(stored, 500) == (TEXT[:500] if known else None)
        frame = Frame(1, Codec.ZSTD, len(stored))
        if known:
            assert read_group(stored, Group((500,), (frame,)), no_prefix) == [TEXT[:500]]
        else:
            with pytest.raises(DamagedPlanError, match="a window of more than"):
                read_group(stored, Group((500,), (frame,)), no_prefix)


def test_G13_a_frame_has_no_checksum() -> None:
    stored = compress(TEXT, checksum_flag=1)
    with pytest.raises(DamagedPlanError, match="has a checksum"):
        read_group(
            stored,
            Group((len(TEXT),), (Frame(1, Codec.ZSTD, len(stored)),)),
            no_prefix,
        )


def damaged(stored: bytes, count: int) -> list[bytes]:
    rng = random.Random(2)
    found = [stored[: rng.randrange(len(stored))] for _ in range(count // 4)]
    for _ in range(count):
        bad = bytearray(stored)
        for _ in range(rng.choice((1, 1, 2, 8))):
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        found.append(bytes(bad))
    return found


def _damage(decoder: Decoder, count: int) -> None:
    prefix = DICTIONARY + TEXT[:3000]
    kinds = TEXT[2000:4000], TEXT[:600] + RANDOM[:600], b"a" * 1000, bytes(range(40)) * 30
    for content in kinds:
        for level in (1, 19):
            for before in (b"", prefix):
                for bad in damaged(compress(content, level, before), count):
                    got = decoder.decode(bad, len(content), before)
                    # Zstandard's other ways to read Huffman codes miss some that are damaged.
                    assert got in (None, oracle(bad, len(content), before))


def test_G13_damaged_frames_natively(tmp_path: Path) -> None:
    native = Native(tmp_path)
    # In a process of its own, which a fault would end.
    process = multiprocessing.get_context("fork").Process(target=_damage, args=(native, 150))
    process.start()
    process.join()
    assert process.exitcode == 0


def test_G13_damaged_frames_on_wasmtime() -> None:
    _damage(Wasm(), 60)


def test_the_object_is_reproducible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = targets.find("wasm")
    first = zstd_object(target)
    monkeypatch.setenv("PCPU_CACHE", str(tmp_path))
    assert zstd_object(target) == first
    assert str(Path.cwd()).encode() not in first
    assert b"/tmp" not in first


def test_missing_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(
        ToolchainError, match="the sources of Zstandard are missing; run 'make setup'"
    ):
        zstd_object(targets.find("wasm"))

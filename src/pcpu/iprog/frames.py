"""Frames: streams of bytes as they are stored (spec/iprog.md G11-G13)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from pcpu.errors import DamagedPlanError
from pcpu.iprog import adaptive, compressor, foreseen, matched
from pcpu.iprog.format import Codec, Frame, Group
from pcpu.iprog.numbers import Bytes

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Prefix = Callable[[int, int], bytes]  # the bytes of the (moved) reference: start, length
Parameter = zstd.CompressionParameter

_MAX_WINDOW = 1 << 27
_CHECKSUM, _SINGLE_SEGMENT = 4, 32  # bits of a frame header's descriptor
_THOROUGH, _LONG, _QUICK = 22, 19, 3  # levels
_SOME = 1 << 20  # bytes that the first of them is worth it for
_FEW = 256  # a content of less than this part of its prefix is looked up more coarsely
_FEW_ROWS = 16  # the same, where half as many chains are as good
_SAMPLES, _SAMPLE = 8, 1 << 13  # pieces of a content that are looked at, and bytes of each
_PACKED = 32  # what packing saves no such part of is packed already
_LESS = 8  # the part of what is packed that need not be kept
_SMALL = 10  # the least logarithm of a window that zstd takes
_MUCH = 1 << 18  # bytes of a content for which levels have roots of search trees as many as bytes
_FEWER, _ROOTS = 3, 19  # logarithms: how many times fewer are as good, and of how many
_MANY, _MANY_ROOTS = 23, 20  # for so many bytes more of them are faster (logarithms)
_LEAST_ROOTS = 8  # a logarithm, too
_HEADS = 20  # the logarithm of how many chains there are at most, where there are no trees
_PACKED_ROOTS = 22  # the same of trees of what is packed
_LITTLE = 8  # the part of all places of trees that is little
_LARGE = 27  # the most that is of use: a prefix of 2^26 bytes and a content of 2^24
_PLAIN: Mapping[int, int] = MappingProxyType({
    Parameter.content_size_flag: 1,
    Parameter.checksum_flag: 0,
    Parameter.dict_id_flag: 0,
})  # fmt: skip
# As pcpu.iprog.compressor takes them.
_ORDER = (
    Parameter.window_log, Parameter.chain_log, Parameter.hash_log, Parameter.search_log,
    Parameter.min_match, Parameter.target_length, Parameter.strategy,
)  # fmt: skip


def read_group(plan: Bytes, group: Group, prefix: Prefix) -> list[memoryview]:
    """The streams of a group. Raises DamagedPlanError."""
    streams: list[memoryview] = []
    for frame in group.frames:
        sizes = group.sizes[len(streams) : len(streams) + frame.streams]
        content = memoryview(_read_frame(plan, frame, sizes, prefix))
        for size in sizes:
            streams.append(content[:size])
            content = content[size:]
    return streams + [memoryview(b"")] * (len(group.sizes) - len(streams))


def _read_frame(plan: Bytes, frame: Frame, sizes: Sequence[int], prefix: Prefix) -> bytes:
    stored = bytes(memoryview(plan)[frame.at : frame.at + frame.stored])
    if frame.codec is Codec.RAW:
        return stored
    if frame.codec is Codec.ADAPTIVE:
        return adaptive.decode(stored, sizes)
    before = None if frame.prefix is None else b"".join(prefix(*span) for span in frame.prefix)
    if frame.codec is Codec.MATCHED:
        return matched.decode(stored, sum(sizes), before or b"")
    if frame.codec is Codec.FORESEEN:
        return foreseen.decode(stored, sum(sizes), before or b"")
    return _decompress(stored, sum(sizes), before)


def _decompress(stored: bytes, size: int, prefix: bytes | None) -> bytes:
    """A zstd frame whose content has ``size`` bytes, which is looked at before memory is taken."""
    try:
        info = zstd.get_frame_info(stored)
        if info.decompressed_size != size or info.dictionary_id:
            raise DamagedPlanError(f"a zstd frame does not say that it holds {size} bytes")
        if stored[4] & _CHECKSUM:
            raise DamagedPlanError("a zstd frame has a checksum, which those of plans do not have")
        if _window(stored) > _MAX_WINDOW:
            raise DamagedPlanError("a zstd frame asks for a window of more than 2^27 bytes")
        before = None if prefix is None else zstd.ZstdDict(prefix, is_raw=True).as_prefix
        decoder = zstd.ZstdDecompressor(zstd_dict=before)
        content = decoder.decompress(stored, size)
    except zstd.ZstdError as error:
        raise DamagedPlanError(f"a zstd frame is damaged: {error}") from None
    if not decoder.eof or decoder.unused_data or len(content) != size:
        raise DamagedPlanError("a zstd frame is damaged: it is cut off, or more follows it")
    return content


def _window(stored: bytes) -> int:
    """The window that a frame asks for (RFC 8878, 3.1.1.1.2); 0 where it is the content."""
    if stored[4] & _SINGLE_SEGMENT:
        return 0
    size = 1 << 10 + (stored[5] >> 3)
    return size + size // 8 * (stored[5] & 7)


def compress(content: Bytes, prefix: Bytes | None = None, *, quick: bool = False) -> bytes:
    """``content`` as a zstd frame of G13. With a prefix it raises ToolchainError, EngineError."""
    if prefix is None:
        level = _QUICK if quick else _THOROUGH if len(content) <= _SOME else _LONG
        plain = {Parameter.compression_level: level, **_PLAIN}
        if not quick and len(content) > _MUCH:
            plain |= _trees(content, len(content), len(content).bit_length())
        return zstd.compress(content, options=plain)
    options = _options(content, len(prefix), quick=quick)
    parameters = [int(options[name]) for name in _ORDER]
    own, before = np.frombuffer(content, np.uint8), np.frombuffer(prefix, np.uint8)
    return compressor.compress(own, before, parameters)


def match(content: Bytes, prefix: Bytes) -> bytes:
    """``content`` as a matched frame (G119) behind a prefix of at least 8 bytes. Raises
    ToolchainError and EngineError."""
    options = _options(content, len(prefix), quick=False, trees=True)
    parameters = [int(options[name]) for name in _ORDER]
    own, before = np.frombuffer(content, np.uint8), np.frombuffer(prefix, np.uint8)
    return compressor.match(own, before, parameters)


def at_level(content: Bytes, level: int) -> bytes:
    """A frame without a prefix, as zstd makes it at a level; it says how long its content is."""
    return zstd.compress(content, level)


def is_packed(content: Bytes) -> bool:
    """Whether a content seems to be packed already."""
    view, step = memoryview(content), max(1, len(content) // _SAMPLES)
    some = b"".join(view[at : at + _SAMPLE] for at in range(0, len(view), step))
    packed = zstd.compress(some, options={Parameter.compression_level: 1, **_PLAIN})
    return len(packed) * _PACKED > len(some) * (_PACKED - 1)


def tables_size(content: Bytes, prefix: Bytes, *, quick: bool = False) -> int:
    """Bytes that are taken to compress a content with a prefix, besides these, about."""
    options = _options(content, len(prefix), quick=quick)
    trees = options[Parameter.strategy] >= zstd.Strategy.btlazy2
    return (4 << options[Parameter.hash_log]) + trees * (4 << options[Parameter.chain_log])


def _roots(bits: int) -> int:
    if bits >= _MANY:
        return _MANY_ROOTS
    return max(min(bits - _FEWER, _ROOTS), _LEAST_ROOTS)


def _trees(content: Bytes, size: int, bits: int) -> dict[int, int]:
    """The size of search trees for ``size`` bytes, of which ``bits`` is the logarithm."""
    if size <= _SOME or not is_packed(content):
        return {Parameter.hash_log: _roots(bits)}
    # Little is found again: hardly any root has more than one place, so that many roots and small
    # trees say it in half of the time.
    return {
        Parameter.chain_log: (size - size // _LESS).bit_length() - 1,
        Parameter.hash_log: min(bits, _PACKED_ROOTS),
    }


def _options(content: Bytes, prefix: int, *, quick: bool, trees: bool = False) -> dict[int, int]:
    # Levels do not know what a prefix is for: to index it takes longer than all the rest, and
    # is worth a search tree only where there is much to look for in it.
    size = len(content) + prefix
    bits = min(max(size.bit_length(), _SMALL), _LARGE)
    if quick or (len(content) < prefix // _FEW and not trees):
        # In a small file tables are what takes most memory.
        is_little = prefix <= _SOME and len(content) < prefix // _FEW_ROWS
        return {
            Parameter.strategy: zstd.Strategy.lazy2,
            Parameter.window_log: bits,
            Parameter.chain_log: min(bits, 23),
            Parameter.hash_log: min(bits - 1 - is_little, _HEADS),
            Parameter.search_log: 6,
            Parameter.min_match: 4,
            Parameter.target_length: 64,
        }
    places = compressor.places(len(content), prefix)
    return {
        Parameter.strategy: zstd.Strategy.btultra2,
        Parameter.window_log: bits,
        # A little more than fits into a tree is not worth one of twice the size.
        Parameter.chain_log: max((places - places // _LITTLE).bit_length(), _SMALL),
        **_trees(content, size, bits),
        Parameter.search_log: 4,
        Parameter.min_match: 3,
        Parameter.target_length: 256,
    }

"""Frames: streams of bytes as they are stored (spec/iprog.md G11-G13)."""

from __future__ import annotations

from collections.abc import Callable

import zstandard

from pcpu.errors import DamagedPlanError
from pcpu.iprog.format import Codec, Frame, Group, check
from pcpu.iprog.numbers import Bytes

Prefix = Callable[[int, int], bytes]  # the bytes of the (moved) reference: start, length

_THOROUGH, _LONG = 22, 19  # levels
_SOME = 1 << 20  # bytes that the first of them is worth it for
_FEW = 256  # a content of less than this part of its prefix is looked up more coarsely
_SMALL = 10  # the least logarithm of a window that zstd takes
_LARGE = 27  # the most that is of use: a prefix of 2^26 bytes and a content of 2^24


def read_group(plan: Bytes, group: Group, prefix: Prefix) -> list[memoryview]:
    """The streams of a group. Raises DamagedPlanError."""
    streams: list[memoryview] = []
    for frame in group.frames:
        sizes = group.sizes[len(streams) : len(streams) + frame.streams]
        content = memoryview(_read_frame(plan, frame, sum(sizes), prefix))
        for size in sizes:
            streams.append(content[:size])
            content = content[size:]
    return streams


def _read_frame(plan: Bytes, frame: Frame, size: int, prefix: Prefix) -> bytes:
    stored = bytes(memoryview(plan)[frame.at : frame.at + frame.stored])
    if check(stored) != frame.check:
        raise DamagedPlanError("the check of a frame does not hold: the plan is damaged")
    if frame.codec is Codec.RAW:
        return stored
    dictionary = None
    if frame.prefix is not None:
        dictionary = _dictionary(b"".join(prefix(*span) for span in frame.prefix))
    return _decompress(stored, size, dictionary)


def _dictionary(prefix: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _decompress(
    stored: bytes, size: int, dictionary: zstandard.ZstdCompressionDict | None
) -> bytes:
    """A zstd frame whose content has ``size`` bytes, which is looked at before memory is taken."""
    try:
        parameters = zstandard.get_frame_parameters(stored)
        if parameters.content_size != size or parameters.dict_id:
            raise DamagedPlanError(f"a zstd frame does not say that it holds {size} bytes")
        return zstandard.ZstdDecompressor(dict_data=dictionary).decompress(
            stored, read_across_frames=False, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise DamagedPlanError(f"a zstd frame is damaged: {error}") from None


def compress(content: bytes, prefix: bytes | None = None, *, quick: bool = False) -> bytes:
    """``content`` as a zstd frame of G13."""
    dictionary = None if prefix is None else _dictionary(prefix)
    parameters = _parameters(len(content), len(prefix or b""), quick=quick)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)
    return compressor.compress(content)


def _parameters(content: int, prefix: int, *, quick: bool) -> zstandard.ZstdCompressionParameters:
    bits = min(max((content + prefix).bit_length(), _SMALL), _LARGE)
    plain = {"write_checksum": 0, "write_content_size": 1, "write_dict_id": 0}
    if not prefix:
        level = 3 if quick else _THOROUGH if content <= _SOME else _LONG
        return zstandard.ZstdCompressionParameters.from_level(level, source_size=content, **plain)
    # Levels do not know what a prefix is for: to index it takes longer than all the rest, and
    # is worth a search tree only where there is much to look for in it.
    if quick or content < prefix // _FEW:
        searches = {"strategy": zstandard.STRATEGY_LAZY2, "search_log": 6, "min_match": 4}
        return zstandard.ZstdCompressionParameters(
            window_log=bits, chain_log=bits, hash_log=min(bits, 22), target_length=64, **searches,
            **plain,
        )  # fmt: skip
    return zstandard.ZstdCompressionParameters(
        window_log=bits, chain_log=bits, hash_log=min(bits, 24), search_log=5, min_match=3,
        target_length=256, strategy=zstandard.STRATEGY_BTULTRA, **plain,
    )  # fmt: skip

"""Zstandard with a prefix, as planners want it: zstd_writer.c, compiled.

The library of Python is given a copy of the prefix, writes zeros to all of a search tree before it
begins, and indexes the prefix in one thread, which is half of the work where much of it is looked
through. Here a tree takes memory where it has something, in large pages, and two threads index.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.errors import EngineError, InternalError
from pcpu.iprog.decoder import adaptive
from pcpu.iprog.memory import Room, ask_for_large_pages
from pcpu.run import disk_cache

Octets = npt.NDArray[np.uint8]
_PARTS = 2  # that zstd_writer.c does trees in
_STRETCHES = 16  # of a prefix, that take room from one another in trees
_LAZY2 = 5  # the last strategy without trees
_FEW = 1 << 16  # bytes of a prefix that are not worth a thread
_MUCH = 1 << 23  # bytes that are worth large pages
_EXPORTS = (
    "pcpu_room", "pcpu_begin", "pcpu_index", "pcpu_end", "pcpu_matcher_room", "pcpu_match",
)  # fmt: skip
_WIDEST, _SLACK = 14, 256  # bytes that one takes in a matched frame, at most, and all frames
# Of the tables of matched frames: chances, bits of a part of odds, what half a chance costs.
_CHANCES, _UNIT, _PRICE = 4096, 8, 64
_POINTER, _SIZE, _COUNT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_ssize_t
_Reach = Callable[[int, int, int], int]  # a part, and where to begin and end; where to go on


def compress(content: Octets, prefix: Octets, parameters: Sequence[int]) -> bytes:
    """``content`` as a frame behind ``prefix``. ``parameters`` are those that Zstandard calls
    ZSTD_compressionParameters, in its order; its strategy is lazy2 or one with trees.

    It is the same for any number of processors. Raises ToolchainError and EngineError.
    """
    with _began(content, prefix, parameters) as begin:
        to = np.empty(_bound(len(content)), np.uint8)
        length = _load().pcpu_end(begin, to.ctypes.data, len(to), content.ctypes.data, len(content))
    if length < 0:
        raise InternalError("Zstandard does not compress what it is given")
    return to[:length].tobytes()


def match(content: Octets, prefix: Octets, parameters: Sequence[int]) -> bytes:
    """The same as a matched frame (spec/iprog.md G119) behind a prefix of at least 8 bytes; the
    strategy has trees, and the least match 3 bytes."""
    library = _load()
    matcher = _room(library.pcpu_matcher_room())
    with _began(content, prefix, parameters) as begin:
        to = np.empty(_WIDEST * len(content) + _SLACK, np.uint8)
        length = library.pcpu_match(
            begin, np.frombuffer(matcher, np.uint8).ctypes.data, to.ctypes.data, len(to),
            content.ctypes.data, len(content), prefix.ctypes.data, len(prefix),
            *(table.ctypes.data for table in _tables()),
        )  # fmt: skip
    if length < 0:
        raise InternalError("a matched frame is larger than any can be")
    return to[:length].tobytes()


@cache
def _tables() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], Octets]:
    """How likely a 1 is by odds, what a bit costs by how likely it is, and rates."""
    chances = [adaptive.likely((n - _CHANCES // 2) << _UNIT) for n in range(_CHANCES)]
    costs = -_PRICE * np.log2(np.arange(1, _CHANCES) / _CHANCES)
    return np.array(chances, np.uint16), np.array([0, *costs.round()], np.uint16), adaptive.RATES


@contextmanager
def _began(content: Octets, prefix: Octets, parameters: Sequence[int]) -> Iterator[int]:
    """The address of a frame that is begun, with its prefix in trees."""
    library, given = _load(), (ctypes.c_int * len(parameters))(*parameters)
    size = library.pcpu_room(given)
    room = _room(size)
    begin = np.frombuffer(room, np.uint8).ctypes.data
    before = prefix.ctypes.data, len(prefix)
    if not size or library.pcpu_begin(begin, size, given, *before, len(content)):
        raise InternalError(f"Zstandard does not take the parameters {tuple(parameters)}")
    _, tree, *_, strategy = parameters
    if strategy > _LAZY2:
        _index(lambda *span: int(library.pcpu_index(begin, *span)), len(prefix), 1 << (tree - 1))
    yield begin


def _room(size: int) -> Room:
    """So many bytes to work in."""
    try:
        room = Room(size)
    except OSError as error:  # there is a limit, as of ulimit -v
        raise EngineError(f"compressing wants {size} bytes of memory: {error}") from None
    if size >= _MUCH:
        ask_for_large_pages(room)
    return room


def _index(reach: _Reach, size: int, places: int) -> None:
    """Put a prefix of so many bytes into trees of so many places, parts beside each other."""
    step = size if size <= places else places // _STRETCHES
    at = [0] * _PARTS
    with ThreadPoolExecutor(_PARTS if size > _FEW else 1) as pool:
        for last in range(step, size + step, step) if size else ():
            at = [*pool.map(reach, range(_PARTS), at, [min(last, size)] * _PARTS)]


def _bound(size: int) -> int:
    """How long a frame may be (ZSTD_COMPRESSBOUND)."""
    return size + (size >> 8) + (max(0, (1 << 17) - size) >> 11) + 64


@cache
def _load() -> Any:
    key = hashlib.sha256(f"compressor {disk_cache.compiler_digest()}".encode()).hexdigest()
    path = disk_cache.fetch(f"{key}.so", _compiled)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"the compiled compressor does not load: {error}") from None
    library.pcpu_room.argtypes = [_POINTER]
    library.pcpu_begin.argtypes = [_POINTER, _SIZE, _POINTER, _POINTER, _SIZE, _SIZE]
    library.pcpu_index.argtypes = [_POINTER, _SIZE, _SIZE, _SIZE]
    library.pcpu_end.argtypes = [_POINTER, _POINTER, _SIZE, _POINTER, _SIZE]
    library.pcpu_room.restype = library.pcpu_index.restype = _SIZE
    library.pcpu_match.argtypes = [
        _POINTER, _POINTER, _POINTER, _SIZE, _POINTER, _SIZE, _POINTER, _SIZE, *[_POINTER] * 3,
    ]  # fmt: skip
    library.pcpu_matcher_room.restype, library.pcpu_match.restype = _SIZE, _COUNT
    library.pcpu_begin.restype = library.pcpu_end.restype = _COUNT
    return library


def _compiled() -> bytes:
    from pcpu import targets  # the compiler, which is rarely needed
    from pcpu.iprog.zstd import writer_object

    target = targets.find("host")
    return target.link(writer_object(target), _EXPORTS)

"""Zstandard with a prefix, as planners want it: zstd_writer.c, compiled.

The library of Python is given a copy of the prefix, writes zeros to all of a search tree before it
begins, and searches in one thread, from one place after the other, which waits for memory most of
the time. Here a tree takes memory where it has something, in large pages; searches from several
places are done beside each other; two threads index the prefix, and then one of them finds while
the other one chooses of what is found.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu import disk_cache
from pcpu.errors import EngineError, InternalError
from pcpu.iprog.decoder import adaptive
from pcpu.iprog.memory import Room, ask_for_large_pages

Octets = npt.NDArray[np.uint8]
_PARTS = 2  # that zstd_writer.c does trees in
_EVERY = 2  # places of a prefix of which one is put into trees; divides NEAR of finding.c
_STRETCHES = 16  # of a prefix, that take room from one another in trees
# What is found in at once, the logarithm of bytes of content, and how many such are kept, at most
# BATCHES of finding.c: for Zstandard one block and the next one; for matched frames more, as these
# look up to AHEAD (matching.c) beyond an end.
_BLOCKS, _BATCHES = (17, 2), (13, 4)
_LAZY2 = 5  # the last strategy without trees
_FEW = 1 << 16  # bytes of a prefix that are not worth a thread
_MUCH = 1 << 23  # bytes that are worth large pages
_EXPORTS = (
    "pcpu_room", "pcpu_begin", "pcpu_write",
    "pcpu_finder_room", "pcpu_finder", "pcpu_index", "pcpu_find",
    "pcpu_matcher_room", "pcpu_matcher", "pcpu_match",
)  # fmt: skip
_WIDEST, _SLACK = 14, 256  # bytes that one takes in a matched frame, at most, and all frames
# Of the tables of matched frames: chances, bits of a part of odds, what half a chance costs.
_CHANCES, _UNIT, _PRICE = 4096, 8, 64
_POINTER, _SIZE, _COUNT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_ssize_t
_Reach = Callable[[int, int, int], None]  # a part, and where to begin and end


def compress(content: Octets, prefix: Octets, parameters: Sequence[int]) -> bytes:
    """``content`` as a frame behind ``prefix``. ``parameters`` are those that Zstandard calls
    ZSTD_compressionParameters, in its order; its strategy is lazy2 or one with trees.

    It is the same for any number of processors. Raises ToolchainError and EngineError.
    """
    library = load()
    to = np.empty(_bound(len(content)), np.uint8)
    with _began(content, prefix, parameters, _BLOCKS) as (context, finder):
        written, begin = 0, 0
        for end in _pieces(finder, content, _BLOCKS):
            left, piece = to[written:], content[begin:end]
            length = library.pcpu_write(
                context, left.ctypes.data, len(left), piece.ctypes.data, len(piece),
                end == len(content),
            )  # fmt: skip
            if length < 0:
                raise InternalError("Zstandard does not compress what it is given")
            written, begin = written + length, end
    return to[:written].tobytes()


def match(content: Octets, prefix: Octets, parameters: Sequence[int]) -> bytes:
    """The same as a matched frame (spec/iprog.md G119) behind a prefix of at least 8 bytes; the
    strategy has trees, and the least match 3 bytes."""
    library = load()
    room = _room(library.pcpu_matcher_room())
    matcher = np.frombuffer(room, np.uint8).ctypes.data
    to = np.empty(_WIDEST * len(content) + _SLACK, np.uint8)
    tables = [table.ctypes.data for table in _tables()]
    length = 0
    with _began(content, prefix, parameters, _BATCHES) as (_, finder):
        library.pcpu_matcher(matcher, finder, to.ctypes.data, len(to), *tables)
        for end in _pieces(finder, content, _BATCHES):
            length = library.pcpu_match(matcher, end)
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
def _began(
    content: Octets, prefix: Octets, parameters: Sequence[int], batches: tuple[int, int]
) -> Iterator[tuple[int, int | None]]:
    """The address of a frame that is begun, and that of its finder, with the prefix in trees; none
    where the strategy has no trees."""
    library, given = load(), (ctypes.c_int * len(parameters))(*parameters)
    size = library.pcpu_room(given)
    room = _room(size)
    begin = np.frombuffer(room, np.uint8).ctypes.data
    before = prefix.ctypes.data, len(prefix)
    if not size or library.pcpu_begin(begin, size, given, *before, len(content)):
        raise InternalError(f"Zstandard does not take the parameters {tuple(parameters)}")
    _, tree, *_, strategy = parameters
    if strategy <= _LAZY2:
        yield begin, None
        return
    place = _room(library.pcpu_finder_room(*batches), sparse=True)
    finder = np.frombuffer(place, np.uint8).ctypes.data
    own = content.ctypes.data, len(content)
    library.pcpu_finder(finder, *batches, begin, *before, *own)
    _index(lambda *span: library.pcpu_index(finder, *span), len(prefix), _EVERY << (tree - 1))
    yield begin, finder


def _pieces(finder: int | None, content: Octets, batches: tuple[int, int]) -> Iterator[int]:
    """Where pieces of a content end, in which all is found by then; in the next one meanwhile."""
    size = len(content)
    if finder is None:
        yield size
        return
    ends = [*range(1 << batches[0], size, 1 << batches[0]), size]
    find = partial(load().pcpu_find, finder)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(find, 0, ends[0])
        for end, later in pairwise([*ends, size]):
            found.result()
            found = pool.submit(find, end, later)
            yield end


def places(content: int, prefix: int) -> int:
    """How many places a content and a prefix of so many bytes have in trees."""
    return content + -(-prefix // _EVERY)


def _room(size: int, *, sparse: bool = False) -> Room:
    """So many bytes to work in; ``sparse`` is whether few of them are used."""
    try:
        room = Room(size)
    except OSError as error:  # there is a limit, as of ulimit -v
        raise EngineError(f"compressing wants {size} bytes of memory: {error}") from None
    if size >= _MUCH and not sparse:
        ask_for_large_pages(room)
    return room


def _index(reach: _Reach, size: int, places: int) -> None:
    """Put a prefix of so many bytes, that trees take so many of, into them, parts beside each
    other."""
    step = size if size <= places else places // _STRETCHES
    with ThreadPoolExecutor(_PARTS if size > _FEW else 1) as pool:
        for first in range(0, size, step) if size else ():
            last = min(first + step, size)
            [*pool.map(reach, range(_PARTS), [first] * _PARTS, [last] * _PARTS)]


def _bound(size: int) -> int:
    """How long a frame may be (ZSTD_COMPRESSBOUND)."""
    return size + (size >> 8) + (max(0, (1 << 17) - size) >> 11) + 64


@cache
def load() -> Any:
    """The library, which is compiled when it is first asked for. Raises EngineError and
    ToolchainError."""
    path = disk_cache.fetch(disk_cache.key("compressor") + ".so", _compiled)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"the compiled compressor does not load: {error}") from None
    library.pcpu_room.argtypes = [_POINTER]
    library.pcpu_begin.argtypes = [_POINTER, _SIZE, _POINTER, _POINTER, _SIZE, _SIZE]
    library.pcpu_write.argtypes = [_POINTER, _POINTER, _SIZE, _POINTER, _SIZE, ctypes.c_int]
    library.pcpu_finder_room.argtypes = [ctypes.c_uint] * 2
    library.pcpu_finder.argtypes = [
        _POINTER, *[ctypes.c_uint] * 2, _POINTER, _POINTER, _SIZE, _POINTER, _SIZE,
    ]  # fmt: skip
    library.pcpu_index.argtypes = [_POINTER, _SIZE, _SIZE, _SIZE]
    library.pcpu_find.argtypes = [_POINTER, _SIZE, _SIZE]
    library.pcpu_matcher.argtypes = [_POINTER, _POINTER, _POINTER, _SIZE, *[_POINTER] * 3]
    library.pcpu_match.argtypes = [_POINTER, _SIZE]
    for name in ("pcpu_room", "pcpu_finder_room", "pcpu_matcher_room"):
        getattr(library, name).restype = _SIZE
    for name in ("pcpu_begin", "pcpu_write", "pcpu_match"):
        getattr(library, name).restype = _COUNT
    for name in ("pcpu_finder", "pcpu_index", "pcpu_find", "pcpu_matcher"):
        getattr(library, name).restype = None
    return library


def _compiled() -> bytes:
    from pcpu import targets  # the compiler, which is rarely needed
    from pcpu.iprog.zstd import writer_object

    target = targets.find("host")
    return target.link(writer_object(target, _EVERY), _EXPORTS)

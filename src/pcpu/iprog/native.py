"""The decoder in native code: what the commands rebuild files with."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from pcpu import disk_cache
from pcpu.errors import DamagedPlanError, EngineError, InternalError, IprogError
from pcpu.iprog.apply import SLICED, Part, Reader
from pcpu.iprog.decoder import state as S
from pcpu.iprog.format import CHECK, Codec, Header
from pcpu.iprog.memory import LARGE, Room, ask_for_large_pages
from pcpu.iprog.numbers import Bytes

# Linux's flag, which Python has no name for; other systems set nothing aside.
_NORESERVE = 0x4000 if sys.platform == "linux" else 0
_ROOM = 1 << 36  # bytes of addresses; memory is taken where it is touched
# The rule about Zstandard (G13), which not every reader of it looks at as closely.
_ZSTANDARD = 13
# Bytes of frames of adaptive bits, of which the plain decoder takes a second for 100 KB or less: it
# is not asked what is wrong with more.
_WORDED = 1 << 16
_BITS = (Codec.ADAPTIVE, Codec.FORESEEN, Codec.MATCHED)
_HASHED = 1 << 20  # bytes of the file that are hashed at a time
_STEP = 1 << 20  # bytes that are made in one call, at least a window
_STEPS = 4  # that are held at a time


class NativeReader(Reader):
    """A Reader whose windows are made by compiled code. What that refuses the plain decoder looks
    at again, which says in words what is wrong; it makes the windows too where the system gives no
    addresses to work in. Raises EngineError besides."""

    def __init__(self, plan: Bytes, blobs: Sequence[Bytes], *, compare: bool = True) -> None:
        # Copies where there are several: they have to be in one piece.
        whole = blobs[0] if len(blobs) == 1 else b"".join(memoryview(blob) for blob in blobs)
        self._held = [np.frombuffer(data, np.uint8) for data in (plan, whole)]
        self._begun = self._is_native = False
        super().__init__(plan, blobs, compare=False)
        if not compare:
            self._begin()
            return
        # Sites are found while the hashes of the blobs are compared, which takes as long.
        with ThreadPoolExecutor(1) as beside:
            begun = beside.submit(self._begin)
            self.reference.compare()
            begun.result()

    def _begin(self) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        try:
            memory = mmap.mmap(-1, _ROOM, flags)
        except OSError:  # there is a limit, as of ulimit -v
            return
        if len(self._held[1]) >= LARGE:
            ask_for_large_pages(memory)
        self._memory = np.frombuffer(memory, np.uint8)
        self._is_native = True
        self._state = (ctypes.c_int64 * S.STATE_LENGTH)()
        start = self._memory.ctypes.data
        self._state[S.TOP], self._state[S.LIMIT] = start, start + _ROOM
        self._begun = call("pcpu_begin", self._state, *self._held) >= 0

    def window(self, number: int) -> bytes:
        """The bytes of a window."""
        if not self._is_native:
            return super().window(number)
        if not self._begun or call("pcpu_window", self._state, number) < 0:
            self._explain(number)
        return ctypes.string_at(self._state[S.OUT], self._state[S.OUT_LENGTH])

    def part(self, number: int) -> Part:
        """What belongs to a window, which is made for it: then its streams are there."""
        if not self._is_native:
            return super().part(number)
        self.window(number)
        streams = {}
        for column, name in enumerate(SLICED):
            start, stop = self._state[S.START + column], self._state[S.STOP + column]
            streams[name] = memoryview(ctypes.string_at(start, stop - start))
        stated = self._state[S.CONTENT] + CHECK * (number - self._state[S.BLOCK_FIRST])
        check = int.from_bytes(ctypes.string_at(stated, CHECK), "little")
        return Part(streams, self._state[S.STOP + len(SLICED)], check)

    def _explain(self, number: int) -> None:
        """Raise what is wrong with a window that was refused."""
        self.reference.compare()
        self._is_native = False
        if _of_bits(self.header) > _WORDED:
            raise DamagedPlanError(f"window {number} breaks rule G{self._state[S.RULE]} of plans")
        super().window(number)
        if self._state[S.RULE] == _ZSTANDARD:
            raise DamagedPlanError(f"a frame of window {number} is no valid Zstandard")
        raise InternalError(f"only one decoder can make window {number}")

    def send(self, use: Callable[[memoryview], None]) -> None:
        """Windows are made while those before are hashed, and used."""
        if not self._is_native:
            self.reference.compare()
            super().send(use)
            return
        away = self._step + mmap.PAGESIZE  # as a window is followed by bytes that are no file's
        self._send(use, Room(_STEPS * away), range(0, _STEPS * away, away))

    def rebuild(self) -> bytes:
        """The whole file."""
        return bytes(self.whole())

    def whole(self) -> memoryview:
        """The whole file, in memory that is nobody else's."""
        if not self._is_native:
            self.reference.compare()
            return memoryview(super().rebuild())
        size = self.header.file.size
        room = Room(size + S.SLACK)
        if size >= LARGE:
            ask_for_large_pages(room)
        self._send(lambda piece: None, room, range(0, size, self._step))
        return memoryview(room)[:size]

    @property
    def _step(self) -> int:
        """Bytes of the file that are made in one call."""
        return max(_STEP, self.header.window_size)

    def _send(self, use: Callable[[memoryview], None], room: Room, places: Sequence[int]) -> None:
        """Make steps of the file at places of a room, one after the other, and again from the first
        place on."""
        found, size = hashlib.sha256(), self.header.file.size

        def done(piece: memoryview) -> None:
            found.update(piece)
            use(piece)

        if size <= self._step:
            done(self._made(0, room, 0))
        else:
            waiting: deque[Future[None]] = deque()
            with ThreadPoolExecutor(1) as beside:
                for number, start in enumerate(range(0, size, self._step)):
                    if len(waiting) == len(places):
                        waiting.popleft().result()
                    piece = self._made(start, room, places[number % len(places)])
                    waiting.append(beside.submit(done, piece))
                for future in waiting:
                    future.result()
        self.compare(found.digest())

    def _made(self, start: int, room: Room, place: int) -> memoryview:
        """The step of the file that begins at ``start``, made at a place of a room."""
        bits, size = self.header.window_bits, min(self._step, self.header.file.size - start)
        first, last = start >> bits, -(-(start + size) >> bits)
        address = np.frombuffer(room, np.uint8).ctypes.data + place
        done = first
        if self._begun:
            done = call("pcpu_windows", self._state, first, last, address)
        if done < last:
            self._explain(done)
        return memoryview(room)[place : place + size]

    def pieces(self) -> Iterator[bytes]:
        """All windows in order; their hash is compared with the plan's at the end (G23). It is
        made beside the windows that follow."""
        found, some = hashlib.sha256(), []

        def update(pieces: list[bytes]) -> None:
            for piece in pieces:
                found.update(piece)

        with ThreadPoolExecutor(1) as beside:
            last: Future[None] = beside.submit(update, [])
            for piece in self.read(0, self.header.file.size):
                some.append(piece)
                if len(some) * len(piece) >= _HASHED:
                    last.result()  # so that no more than this waits in memory
                    last, some = beside.submit(update, some), []
                yield piece
            last.result()
        update(some)
        self.compare(found.digest())


def _of_bits(header: Header) -> int:
    """How many bytes those frames of a plan become that are decoded bit by bit."""
    found = 0
    for group in header.groups:
        sizes = iter(group.sizes)
        for frame in group.frames:
            content = sum(islice(sizes, frame.streams))
            found += content if frame.codec in _BITS else 0
    return found


def call(symbol: str, *arguments: Any) -> int:
    """Call a function of decoder/host.py. An array of numpy is passed as a pointer and a length, a
    state as a pointer. Raises ToolchainError and EngineError."""
    passed: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            passed += [ctypes.c_void_p(argument.ctypes.data), ctypes.c_int64(len(argument))]
        elif isinstance(argument, ctypes.Array):
            passed.append(argument)
        else:
            passed.append(ctypes.c_int64(argument))
    function = getattr(load(), symbol)
    function.restype = ctypes.c_int64
    result: int = function(*passed)
    return result


@cache
def load() -> ctypes.CDLL:
    """The library, which is compiled when it is first asked for. Raises EngineError and
    ToolchainError."""
    path = disk_cache.fetch(disk_cache.key("decoder") + ".so", _compiled)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"the compiled decoder does not load: {error}") from None


def _compiled() -> bytes:
    from pcpu.iprog.decoder.host import shared_object  # the compiler, which is rarely needed

    return shared_object()


def check_plan(plan: bytes, file: Bytes, blobs: Sequence[Bytes]) -> None:
    """Apply a new plan as ``pcpu apply`` does, and compare. Raises InternalError."""
    wanted, at = memoryview(file), 0

    def compare(piece: memoryview) -> None:
        nonlocal at
        if bytes(piece) != bytes(wanted[at : at + len(piece)]):  # views are compared slowly
            raise InternalError(f"a new plan rebuilds other bytes from {at} on")
        at += len(piece)

    try:
        NativeReader(plan, blobs, compare=False).send(compare)
    except IprogError as error:
        raise InternalError(f"a new plan does not rebuild: {error}") from None
    if at != len(wanted):
        raise InternalError(f"a new plan rebuilds {at} of {len(wanted)} bytes")

"""The decoder in native code: what the commands rebuild files with."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from pcpu.errors import EngineError, InternalError
from pcpu.iprog.apply import Reader
from pcpu.iprog.decoder import state as S
from pcpu.iprog.numbers import Bytes

# Linux's flag, which Python has no name for; other systems set nothing aside.
_NORESERVE = 0x4000 if sys.platform == "linux" else 0
_ROOM = 1 << 36  # bytes of addresses; memory is taken where it is touched


class NativeReader(Reader):
    """A Reader whose windows are made by compiled code. What that refuses the plain decoder looks
    at again, which says in words what is wrong. Raises EngineError besides."""

    def __init__(self, plan: Bytes, blobs: Sequence[Bytes]) -> None:
        super().__init__(plan, blobs)
        # Copies where there are several: they have to be in one piece.
        whole = blobs[0] if len(blobs) == 1 else b"".join(self.reference.blobs)
        self._held = [np.frombuffer(data, np.uint8) for data in (plan, whole)]
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        self._memory = np.frombuffer(mmap.mmap(-1, _ROOM, flags), np.uint8)
        self._state = (ctypes.c_int64 * S.STATE_LENGTH)()
        start = self._memory.ctypes.data
        self._state[S.TOP], self._state[S.LIMIT] = start, start + _ROOM
        self._library = _load()
        spans = [number for data in self._held for number in (data.ctypes.data, len(data))]
        self._begun = self._library.pcpu_begin(self._state, *spans) >= 0

    def window(self, number: int) -> bytes:
        """The bytes of a window."""
        if not self._begun or self._library.pcpu_window(self._state, number) < 0:
            super().window(number)
            raise InternalError(f"only one decoder can make window {number}")
        return ctypes.string_at(self._state[S.OUT], self._state[S.OUT_LENGTH])


@cache
def _load() -> Any:
    from pcpu.iprog.decoder.host import library

    path = library()
    try:
        found = ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineError(f"the compiled decoder does not load: {error}") from None
    for name, numbers in (("pcpu_begin", 4), ("pcpu_window", 1)):
        function = getattr(found, name)
        function.argtypes = [ctypes.c_void_p, *[ctypes.c_int64] * numbers]
        function.restype = ctypes.c_int64
    return found
